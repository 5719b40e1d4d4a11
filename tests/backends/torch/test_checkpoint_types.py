"""Folders whose weights are of several types, that have no labels, whose heads were pruned, or whose config is misread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import archwright as aw

IDS = torch.tensor([[3, 5, 7]])


def folder_of(name: str, folder: Path, halved: str, **fields: Any) -> Path:
    """A tiny checkpoint whose tensors of a word in their key are halved; `fields` are put into its config."""
    torch.manual_seed(0)
    aw.compile(name, size="tiny", backend="eager").save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text()) | fields
    (folder / "config.json").write_text(json.dumps(config))
    tensors = load_file(folder / "model.safetensors")
    save_file({key: one.half() if halved in key else one for key, one in tensors.items()}, folder / "model.safetensors")
    return folder


@pytest.mark.parametrize(
    ("halved", "fields", "expected"),
    [
        ("attention", {}, torch.float32),
        ("layer", {"dtype": "float16"}, torch.float16),
        ("", {"dtype": "float32"}, torch.float16),  # one type stays what it is
    ],
)
def test_weights_of_several_types_become_one(
    halved: str, fields: dict[str, Any], expected: torch.dtype, tmp_path: Path
) -> None:
    model = aw.from_pretrained(folder_of("bert", tmp_path, halved, **fields), backend="eager")
    assert {one.dtype for one in model.parameters()} == {expected}
    assert model(input_ids=IDS).last_hidden_state.dtype == expected


def test_what_stays_float32_does_so_in_a_file_of_halves(tmp_path: Path) -> None:
    folder = folder_of("t5", tmp_path, "", dtype="float16")
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {key: one.float() if ".wo." in key else one for key, one in tensors.items()}, folder / "model.safetensors"
    )
    aw.from_pretrained(folder, backend="eager").save_pretrained(tmp_path / "saved")
    saved = load_file(tmp_path / "saved" / "model.safetensors")
    assert {key: one.dtype for key, one in saved.items()} == {
        key: torch.float32 if ".wo." in key else torch.float16 for key in tensors
    }


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("bert", {"pruned_heads": {"0": [1]}}, r"`pruned_heads` is {'0': \[1\]}"),
        ("bart", {"tie_encoder_decoder": True, "is_encoder_decoder": True}, "`tie_encoder_decoder` makes one"),
    ],
)
def test_what_no_spec_reads_is_named(name: str, fields: dict[str, Any], message: str, tmp_path: Path) -> None:
    folder = folder_of(name, tmp_path, "none", **fields)
    with pytest.raises(aw.CheckpointError, match=message):
        aw.from_pretrained(folder, backend="eager")


def test_a_slip_in_the_field_of_a_parameter_is_named(tmp_path: Path) -> None:
    folder = folder_of("bert", tmp_path / "folder", "none")
    spec = tmp_path / "mine.yaml"
    spec.write_text("model: mine\nextends: bert\ncheckpoint: {config: {norm_eps: layer_norm_epps}}\n")
    with pytest.raises(aw.CheckpointError, match=r"`layer_norm_epps`.*`mine` reads: expected `layer_norm_eps`"):
        aw.from_pretrained(folder, spec=spec, backend="eager")
    spec.write_text("model: mine\nextends: bert\ncheckpoint: {config: {norm_eps: no_such_field}}\n")
    assert aw.from_pretrained(folder, spec=spec, backend="eager").graph.params["norm_eps"] == 1e-12


def test_what_a_file_lacks_has_the_type_of_the_rest(tmp_path: Path) -> None:
    options = {"task": "conditional_generation", "size": "tiny", "backend": "eager"}
    aw.compile("transformer", dtype="bfloat16", **options).save_pretrained(tmp_path)
    model = aw.from_pretrained(tmp_path, backend="eager")
    assert {one.dtype for one in model.parameters()} == {torch.bfloat16}
    assert model(input_ids=torch.arange(6)[None], decoder_input_ids=torch.arange(4)[None]).logits.isfinite().all()


def test_a_model_without_labels_is_written_and_read(tmp_path: Path) -> None:
    aw.compile("deit", size="tiny", num_labels=None, backend="eager").save_pretrained(str(tmp_path))
    assert json.loads((tmp_path / "config.json").read_text())["id2label"] == {}
    assert aw.from_pretrained(str(tmp_path), backend="eager").graph.params["num_labels"] == 0
