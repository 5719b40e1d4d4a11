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
