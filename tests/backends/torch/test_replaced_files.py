"""Files that are replaced while models have them mapped: each model keeps its numbers, and the folder is the last one saved."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import BertModel

import archwright as aw

IDS = torch.tensor([[3, 5, 7]])


def states(model: aw.Model) -> torch.Tensor:
    with torch.no_grad():
        return model(input_ids=IDS).last_hidden_state


@pytest.mark.parametrize("inference", [False, True])
def test_a_folder_is_replaced_while_it_is_mapped(inference: bool, tmp_path: Path) -> None:
    models, expected = [], []
    for name in ("one", "other"):
        aw.compile("bert", size="tiny", backend="eager").save_pretrained(tmp_path / name)
        models.append(aw.from_pretrained(tmp_path / name, backend="eager", inference=inference))
        expected.append(states(models[-1]))
    file = tmp_path / "one" / "model.safetensors"
    before = file.read_bytes()
    models[0].save_pretrained(tmp_path / "one")
    assert file.read_bytes() == before
    models[1].save_pretrained(tmp_path / "one")
    assert [states(model).equal(known) for model, known in zip(models, expected, strict=True)] == [True, True]
    assert file.read_bytes() == (tmp_path / "other" / "model.safetensors").read_bytes()


def test_shards_take_the_place_of_one_file(tmp_path: Path) -> None:
    one, other = (aw.compile("bert", size="tiny", backend="eager") for _ in range(2))
    one.save_pretrained(tmp_path)
    other.save_pretrained(tmp_path, max_shard_size="20KB")
    assert not (tmp_path / "model.safetensors").exists()
    with torch.no_grad():
        found = BertModel.from_pretrained(tmp_path).eval()(input_ids=IDS).last_hidden_state
    torch.testing.assert_close(found, states(other))
