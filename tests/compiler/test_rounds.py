"""Rounds of a repeat: which of them are one body."""

from __future__ import annotations

from pathlib import Path

from archwright.compiler.check import build_graph

SPEC = """\
model: narrowing
params: {width: 3}
inputs: {x: "float[batch, 5]"}
parts:
  step:
    params: {width: int}
    inputs: {x: "float[batch, d]"}
    graph: {map: {block: linear, in: x, d_out: $width}}
    outputs: {x: map}
graph:
  steps: {repeat: {i: 4}, part: step, in: {x: x}}
  all: {expr: "steps.x[$chosen]"}
  joined: {block: concat, in: {parts: all}, axis: 1}
outputs: {y: steps, z: joined}
let: {chosen: "[$width - 2, $width - 1]"}
"""


def test_a_first_round_that_changes_the_width_is_apart_from_the_others(tmp_path: Path) -> None:
    path = tmp_path / "narrowing.yaml"
    path.write_text(SPEC)
    graph = build_graph(path)
    assert [entry.shape for entry in graph.weights() if entry.path.endswith("weight")] == [(3, 5), *[(3, 3)] * 3]
    first, second, *rest = graph.root.nodes["steps"].rounds
    assert first is not second
    assert rest == [second, second]


def test_a_list_picks_several_by_expressions_over_parameters(tmp_path: Path) -> None:
    path = tmp_path / "narrowing.yaml"
    path.write_text(SPEC)
    assert str(build_graph(path).outputs["z"].type) == "float[batch, 2*width]"
