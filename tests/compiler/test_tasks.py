"""Tasks: which outputs of the base stay."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.compiler.check import build_graph

SPEC = """\
model: small
inputs: {x: "float[batch, 4]"}
graph: {a: {block: linear, in: x, d_out: 4}, b: {expr: a * 2}}
outputs: {y: b, early: a, hidden_states: [x, a, b]}
parts:
  head: {params: {n: int}, inputs: {x: "float[*, d]"}, graph: {logits: {block: linear, in: x, d_out: $n}}, outputs: {logits: logits}}
tasks:
  one: {part: head, in: y, n: 3}
"""


@pytest.mark.parametrize(
    ("task", "expected"),
    [
        ("{graph: {b: {expr: a * 3}}}", ["y", "early", "hidden_states"]),
        ("{graph: {b: {expr: a * 3}}, keep: [y]}", ["y"]),
        ("{extends: one}", ["logits", "hidden_states"]),
        ("{extends: one, keep: [early]}", ["logits", "early"]),
        ("{extends: one, keep: all}", ["logits", "y", "early", "hidden_states"]),
        ("{extends: one, outputs: {z: one.logits * 2}}", ["z", "hidden_states"]),
        ("{extends: one, outputs: {z: one.logits * 2}, keep: [y]}", ["z", "y"]),
    ],
)
def test_which_outputs_of_the_base_stay_is_said_of_every_task(task: str, expected: list[str], tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    path.write_text(f"{SPEC}  two: {task}\n  three: {{extends: two}}\n")
    for name in ("two", "three"):
        assert list(build_graph(path, task=name).outputs) == expected
