"""`tie:` of weights in every round of a repeat, and of rounds that there are none of."""

from __future__ import annotations

from pathlib import Path

import pytest

import archwright as aw
from archwright.compiler.diagnosing.diagnostics import SpecError
from archwright.compiler.check import build_graph

SPEC = """\
model: tied
inputs: {x: "float[batch, 4]"}
graph:
  norm: {block: layer_norm, in: x}
  steps: {repeat: {i: 3}, part: step, in: x, tie: {"<i>.norm": norm}}
outputs: {x: norm + steps}
parts:
  step:
    inputs: {x: "float[batch, d]"}
    graph:
      map: {block: linear, in: x, d_out: $d}
      norm: {block: layer_norm}
    outputs: {x: norm}
"""


def test_every_round_is_tied(tmp_path: Path) -> None:
    path = tmp_path / "tied.yaml"
    path.write_text(SPEC)
    model = aw.compile(path, backend="eager")
    assert {id(step.norm.weight) for step in model.net.steps} == {id(model.net.norm.weight)}
    assert model.num_parameters() == 3 * 20 + 8


@pytest.mark.parametrize("own", ["<i>.morn", "3.norm", "norm"])
def test_what_is_not_there(tmp_path: Path, own: str) -> None:
    path = tmp_path / "tied.yaml"
    path.write_text(SPEC.replace("<i>.norm", own))
    with pytest.raises(SpecError, match="unknown-tie"):
        build_graph(path)
