"""Exported files: what is read back computes what the model does, for other shapes too, or nothing is written."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ExportError
from archwright.backends.torch import export as exporting
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.export import export
from archwright.backends.torch.model import Model


def tiny(name: str, **options: Any) -> Model:
    return aw.compile(name, size="tiny", backend="eager", **options)


@pytest.mark.parametrize(
    ("name", "options", "dims", "taken"),
    [
        ("gpt2", {"task": "causal_lm"}, {"seq": 11}, {"input_ids": "int64[batch, seq]"}),
        ("t5", {}, {"source": 7, "target": 3},
         {"input_ids": "int64[batch, source]", "decoder_input_ids": "int64[batch, target]"}),
        ("vit_mae", {}, {}, {"pixel_values": "float32[batch, 3, height, width]"}),
    ],
)  # fmt: skip
def test_a_program_takes_other_shapes(
    tmp_path: Path, name: str, options: dict[str, Any], dims: dict[str, int], taken: dict[str, str]
) -> None:
    model = tiny(name, **options)
    report = export(model, tmp_path / "x.pt2", example_inputs(model.graph), dynamic=True)
    assert (report.inputs, report.difference, report.format) == (taken, 0.0, "export")
    assert [one.name for one in tmp_path.iterdir()] == ["x.pt2"]
    inputs = example_inputs(model.graph, dims={"batch": 3, **dims}, seed=1)
    with torch.no_grad():
        torch.manual_seed(0)
        expected = model(**inputs)
        torch.manual_seed(0)
        found = torch.export.load(tmp_path / "x.pt2").module()(**inputs)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0)


def test_a_call_with_its_flags(tmp_path: Path) -> None:
    model = tiny("bert")
    inputs = example_inputs(model.graph, extra=("attention_mask",))
    report = export(model, tmp_path / "x.pt2", inputs, flags=["output_hidden_states"])
    assert report.inputs == {"input_ids": "int64[2, 8]", "attention_mask": "int64[2, 8]"}
    assert len(torch.export.load(tmp_path / "x.pt2").module()(**inputs)["hidden_states"]) == 3


def test_what_differs_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny("bert")
    inputs = example_inputs(model.graph)
    expected = model.eval()(**inputs)
    for change in (lambda one: one * (1 + 2e-4), lambda one: one.half(), lambda one: one * float("nan")):
        found = {name: change(one) for name, one in expected.items()}

        def write(program: Any, path: str, values: Any, expected: Any, found: Any = found) -> Any:
            Path(path).write_text("half")
            return lambda values: found

        monkeypatch.setitem(exporting._WRITERS, "export", write)
        with pytest.raises(ExportError, match="is not written"):
            export(model, tmp_path / "x.pt2", inputs)
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "options", "file", "extra", "told"),
    [
        ("bert", {}, "x.bin", (), "expected a file in .pt2 or .onnx, found x.bin"),
        ("bert", {"inference": True}, "x.pt2", (), "make the model without `inference`"),
        ("detr", {"task": "object_detection"}, "x.pt2", ("labels",), "`labels` is a list of records"),
    ],
)
def test_refused(tmp_path: Path, name: str, options: dict[str, Any], file: str, extra: Any, told: str) -> None:
    model = tiny(name, **options)
    with pytest.raises(aw.ArgumentError, match=told):
        export(model, tmp_path / file, example_inputs(model.graph, extra=extra))
    assert not list(tmp_path.iterdir())


def test_onnx_names_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    model = tiny("bert")
    with pytest.raises(aw.ArgumentError, match="ONNX needs onnx, onnxscript, onnxruntime: pip install"):
        export(model, tmp_path / "x.onnx", example_inputs(model.graph))


@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")  # torch's own, while it exports
def test_onnx(tmp_path: Path) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name, reason="ONNX needs the extra `onnx`")
    import onnxruntime  # pyright: ignore[reportMissingImports]

    model = tiny("bert", task="masked_lm")
    report = export(model, tmp_path / "x.onnx", example_inputs(model.graph), dynamic=True)
    assert report.format == "onnx"
    session = onnxruntime.InferenceSession(tmp_path / "x.onnx")
    inputs = example_inputs(model.graph, dims={"batch": 3, "seq": 11})
    found = session.run(["logits"], {name: value.numpy() for name, value in inputs.items()})[0]
    with torch.no_grad():
        torch.testing.assert_close(torch.from_numpy(found), model(**inputs).logits, rtol=1e-4, atol=1e-5)
