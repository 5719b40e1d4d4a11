"""Weights in pickles, which are read where that is allowed, by torch's unpickler that makes nothing but tensors."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

import archwright as aw
from tests.backends.folders import logits, reworded


@pytest.fixture
def pickled(folder: Path) -> Path:
    """The same weights as Hugging Face wrote them once, with what is tied there twice."""
    tensors = load_file(folder / "model.safetensors")
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"]
    torch.save(tensors, folder / "pytorch_model.bin")
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    return folder


def test_a_pickle_is_read_where_that_is_allowed(pickled: Path, folder: Path) -> None:
    with pytest.raises(aw.CheckpointError, match=r"pytorch_model\.bin is a pickle, which only .*allow_pickle=True"):
        aw.from_pretrained(folder)
    given = logits(folder, allow_pickle=True)
    tensors = torch.load(folder / "pytorch_model.bin", weights_only=True)
    torch.save(tensors, folder / "pytorch_model.bin", _use_new_zipfile_serialization=False)  # as before torch 1.6
    assert torch.equal(logits(folder, allow_pickle=True), given)
    aw.from_pretrained(folder, backend="eager", allow_pickle=True).save_pretrained(folder)
    assert (folder / "model.safetensors").read_bytes() == (folder.parent / "model.safetensors").read_bytes()


def test_a_pickle_in_shards(pickled: Path) -> None:
    given = logits(pickled, allow_pickle=True)
    tensors = torch.load(pickled / "pytorch_model.bin", weights_only=True)
    (pickled / "pytorch_model.bin").unlink()
    files = {key: f"pytorch_model-0000{1 + at % 2}-of-00002.bin" for at, key in enumerate(tensors)}
    for file in set(files.values()):
        torch.save({key: tensors[key] for key in tensors if files[key] == file}, pickled / file)
    (pickled / "pytorch_model.bin.index.json").write_text(json.dumps({"weight_map": files}))
    assert torch.equal(logits(pickled, allow_pickle=True), given)


def test_weights_that_a_pickle_ties_and_a_spec_does_not_lie_apart(pickled: Path) -> None:
    reworded(pickled, tie_word_embeddings=False)
    model = aw.from_pretrained(pickled, backend="eager", allow_pickle=True)
    large = [one for one in model.parameters() if one.shape == (99, 32)]
    assert len({one.data_ptr() for one in large}) == len(large) == 2
    assert torch.equal(*large)


@pytest.mark.parametrize("content", [b"", b"\x80", b"not a pickle", pickle.dumps(Path("/"))])
def test_a_pickle_of_anything_else_is_refused(pickled: Path, content: bytes) -> None:
    (pickled / "pytorch_model.bin").write_bytes(content)
    with pytest.raises(aw.CheckpointError, match=r"pytorch_model\.bin holds no weights that are safe to read: "):
        aw.from_pretrained(pickled, allow_pickle=True)


def test_a_pickle_of_other_values_is_refused(pickled: Path) -> None:
    for content in ({"state_dict": {}, "epoch": 3}, {1: torch.zeros(2)}):
        torch.save(content, pickled / "pytorch_model.bin")
        with pytest.raises(aw.CheckpointError, match="expected tensors by name, found other values"):
            aw.from_pretrained(pickled, allow_pickle=True)


def test_why_a_pickle_is_not_safe_is_told_without_advice_to_read_it(pickled: Path) -> None:
    torch.save({"weight": _Runs()}, pickled / "pytorch_model.bin")
    with pytest.raises(aw.CheckpointError, match=r"safe to read: .*GLOBAL (os|posix)\.mkdir") as caught:
        aw.from_pretrained(pickled, allow_pickle=True)
    assert "weights_only" not in str(caught.value)
    assert not (pickled / "made").exists()


class _Runs:
    def __reduce__(self) -> Any:
        return os.mkdir, ("made",)
