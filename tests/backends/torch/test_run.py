"""One call with its numbers, and inputs from files."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from archwright.backends.errors import ArgumentError
from archwright.backends.torch.request import Request
from archwright.backends.torch.run import read_inputs, run_once


def test_report() -> None:
    model = Request("bert", size="tiny", seed=3).model()
    report = run_once(model, {"input_ids": torch.ones(2, 5, dtype=torch.long)}, flags=["output_hidden_states"])
    assert [one.name for one in report.outputs][:2] == ["last_hidden_state", "pooler_output"]
    assert report.outputs[2].name == "hidden_states[0]"
    assert report.outputs[0].shape == [2, 5, 32]
    assert report.outputs[0].finite
    assert report.outputs[0].std == pytest.approx(1, abs=0.05)  # after a layer norm
    assert report.parameters == model.num_parameters()
    assert report.weight_bytes == 4 * model.num_parameters()
    json.dumps(asdict(report))


def test_records_are_inputs_too() -> None:
    request = Request("detr", size="tiny", task="object_detection", inputs=["labels"])
    model = request.model()
    report = run_once(model, request.call(model))
    assert report.outputs[0].name == "loss"


def test_the_seed_decides_the_weights() -> None:
    one, two, three = (Request("bert", size="tiny", seed=seed).model().state_dict() for seed in (1, 1, 2))
    name = next(iter(one))
    assert torch.equal(one[name], two[name])
    assert not torch.equal(one[name], three[name])


def test_a_checkpoint_has_its_size(tmp_path: Path) -> None:
    folder = str(tmp_path / "saved")
    Request("bert", size="tiny", task="masked_lm").model().save_pretrained(folder)
    assert Request(folder).model().graph.task == "masked_lm"
    with pytest.raises(ArgumentError, match="leave `size` out"):
        Request(folder, size="tiny").model()


def test_devices_that_are_not_there() -> None:
    with pytest.raises(ArgumentError, match="no device"):
        Request("bert", size="tiny", device="sofa").model()
    if not torch.cuda.is_available():
        with pytest.raises(ArgumentError, match=r"is no device: .*(CUDA|NVIDIA)"):
            Request("bert", size="tiny", device="cuda").model()


def test_example_inputs() -> None:
    request = Request("bert", size="tiny")
    model = request.model()
    made = replace(request, batch=3, length=7, inputs=["token_type_ids"]).call(model)
    assert {name: list(value.shape) for name, value in made.items()} == {"input_ids": [3, 7], "token_type_ids": [3, 7]}
    assert replace(request, dims={"seq": 4}, length=7).call(model)["input_ids"].shape == (2, 4)
    with pytest.raises(ArgumentError, match="no axis"):
        replace(request, dims={"height": 4}).call(model)
    with pytest.raises(ArgumentError, match="no input"):
        replace(request, inputs=["labels"]).call(model)


def test_inputs_from_files(tmp_path: Path) -> None:
    ids = torch.tensor([[1, 2, 3]])
    (tmp_path / "x.json").write_text(json.dumps({"input_ids": ids.tolist()}))
    save_file({"input_ids": ids}, tmp_path / "x.safetensors")
    for name in ("x.json", "x.safetensors"):
        assert torch.equal(read_inputs(tmp_path / name)["input_ids"], ids)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.json", "[1"),
        ("x.json", "[1]"),
        ("x.json", '{"a": ["b"]}'),
        ("x.json", '{"a": null}'),
        ("x.json", '{"a": {"b": 1}}'),
        ("x.safetensors", "no"),
        ("x.npy", ""),
    ],
)
def test_files_that_hold_something_else(tmp_path: Path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(ArgumentError):
        read_inputs(tmp_path / name)
