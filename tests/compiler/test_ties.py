"""`tie:` of weights in every round of a repeat, of rounds that there are none of, and of what is tied itself."""

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


CHAIN = """\
model: chain
inputs: {ids: "int[batch, seq]"}
graph:
  tokens: {block: embedding, in: ids, num: 9, dim: 4}
  a: {block: linear, in: tokens, d_out: 9, bias: false, tie: {weight: b.weight}}
  b: {block: linear, in: tokens, d_out: 9, bias: false, tie: {weight: OWNER}}
  c: {block: linear, in: tokens, d_out: 9, bias: false, tie: {weight: a.weight}}
outputs: {x: a + b + c}
"""


def test_what_is_tied_to_a_tied_weight_has_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "chain.yaml"
    path.write_text(CHAIN.replace("OWNER", "tokens.weight"))
    net = aw.compile(path, backend="eager").net
    assert len({id(node.weight) for node in (net.tokens, net.a, net.b, net.c)}) == 1
    assert [entry.tied_to for entry in aw.check(path).weights()] == [None, *["tokens.weight"] * 3]


@pytest.mark.parametrize("owner", ["a.weight", "b.weight", "c.weight"])
def test_a_ring_of_ties_has_no_owner(tmp_path: Path, owner: str) -> None:
    path = tmp_path / "chain.yaml"
    path.write_text(CHAIN.replace("OWNER", owner))
    with pytest.raises(SpecError, match=r"cycle.*`a.weight` is tied to itself"):
        build_graph(path)


INSIDE = """\
model: inside
inputs: {x: "float[batch, 4]"}
graph:
  steps: {repeat: {i: 2}, part: step, in: x}
outputs: {x: steps}
parts:
  step:
    inputs: {x: "float[batch, d]"}
    graph:
      up: {block: linear, in: x, d_out: $d}
      down: {block: linear, d_out: $d, tie: {weight: OTHER}}
"""


def test_a_tie_inside_a_part_counts_from_the_root(tmp_path: Path) -> None:
    path = tmp_path / "inside.yaml"
    path.write_text(INSIDE.replace("OTHER", "steps.1.up.weight"))
    steps = aw.compile(path, backend="eager").net.steps
    assert {id(step.down.weight) for step in steps} == {id(steps[1].up.weight)}
    path.write_text(INSIDE.replace("OTHER", "up.weight"))
    with pytest.raises(SpecError, match=r"there are no weights at `up\.weight` to tie") as caught:
        build_graph(path)
    assert len(caught.value.diagnostics) == 1
