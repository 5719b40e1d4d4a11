"""Functions of edge expressions, by the text and type they give."""

from __future__ import annotations

from pathlib import Path

import torch

import archwright as aw


def test_argsort_gives_whole_numbers_along_its_axis(tmp_path: Path) -> None:
    spec = tmp_path / "sorting.yaml"
    spec.write_text(
        "model: sorting\nsizes: {tiny: {}}\ninputs: {x: 'float[batch, length]'}\n"
        "outputs: {order: 'argsort(x, 1)', back: 'argsort(argsort(x, -1), -1)'}\n"
    )
    model = aw.compile(str(spec), backend="eager")
    assert str(model.graph.outputs["order"].type) == "int[batch, length]"
    x = torch.tensor([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]])
    found = model(x=x)
    assert torch.equal(found["order"], x.argsort(1))
    assert torch.equal(x.gather(1, found["order"]).gather(1, found["back"]), x)


def test_a_choice_of_two_of_a_kind_is_of_that_kind(tmp_path: Path) -> None:
    spec = tmp_path / "choosing.yaml"
    spec.write_text(
        "model: choosing\nsizes: {tiny: {}}\ninputs: {m: 'bool[batch]', n: 'bool[batch]', x: 'int[batch]'}\n"
        "outputs: {a: 'where(m, n, m)', b: 'max(m, n)', c: 'where(m, n, x)', d: 'where(m, x, 0.5)'}\n"
    )
    model = aw.compile(str(spec), backend="eager")
    kinds = [str(model.graph.outputs[name].type) for name in "abcd"]
    assert kinds == ["bool[batch]", "bool[batch]", "int[batch]", "float[batch]"]
    m, n, x = torch.tensor([True, False]), torch.tensor([False, False]), torch.tensor([3, 4])
    found = model(m=m, n=n, x=x)
    assert [found[name].dtype for name in "abcd"] == [torch.bool, torch.bool, torch.int64, torch.float32]
