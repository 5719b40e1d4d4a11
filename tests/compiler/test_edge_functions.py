"""Functions of edge expressions, by the text and type they give."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

import archwright as aw


def built(folder: Path, inputs: str, outputs: str) -> Any:
    """A model of edges alone."""
    spec = folder / "edges.yaml"
    spec.write_text(f"model: edges\nsizes: {{tiny: {{}}}}\ninputs: {inputs}\noutputs: {outputs}\n")
    return aw.compile(str(spec), backend="eager")


def test_argsort_gives_whole_numbers_along_its_axis(tmp_path: Path) -> None:
    outputs = "{order: 'argsort(x, 1)', back: 'argsort(argsort(x, -1), -1)'}"
    model = built(tmp_path, "{x: 'float[batch, length]'}", outputs)
    assert str(model.graph.outputs["order"].type) == "int[batch, length]"
    x = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]])
    found = model(x=x)
    assert torch.equal(found["order"], x.argsort(1))
    assert torch.equal(x.gather(1, found["order"]).gather(1, found["back"]), x)


def test_a_choice_of_two_of_a_kind_is_of_that_kind(tmp_path: Path) -> None:
    outputs = "{a: 'where(m, n, m)', b: 'max(m, n)', c: 'where(m, n, x)', d: 'where(m, x, 0.5)'}"
    model = built(tmp_path, "{m: 'bool[batch]', n: 'bool[batch]', x: 'int[batch]'}", outputs)
    kinds = [str(model.graph.outputs[name].type) for name in "abcd"]
    assert kinds == ["bool[batch]", "bool[batch]", "int[batch]", "float[batch]"]
    m, n, x = torch.tensor([True, False]), torch.tensor([False, False]), torch.tensor([3, 4])
    found = model(m=m, n=n, x=x)
    assert [found[name].dtype for name in "abcd"] == [torch.bool, torch.bool, torch.int64, torch.float32]
