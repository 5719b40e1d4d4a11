"""`share:` gives rounds of a repeat the same weights: paths, counts, text, modules and gradients."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.compiler.cost import cost
from archwright.compiler.check import build_graph

SPEC = """\
model: shared
params: {d: 4, num_layers: 5}
inputs: {x: "float[batch, seq, $d]"}
graph:
  steps: {repeat: {i: $num_layers}, share: int($i / 2), part: step, in: x}
outputs: {x: steps}
parts:
  step:
    inputs: {x: "float[batch, seq, width]"}
    graph: {map: {block: linear, in: x, d_out: $width, bias: false}}
    outputs: {x: map}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "shared.yaml"
    path.write_text(SPEC)
    return path


def test_first_round_owns(spec: Path) -> None:
    graph = build_graph(spec)
    owners = [entry.tied_to or entry.path for entry in graph.weights()]
    assert owners == [f"steps.{first}.map.weight" for first in (0, 0, 2, 2, 4)]
    assert graph.num_parameters() == 3 * 16
    assert "share 0, 0, 2, 2, 4" in graph.text()


def test_costs_count_weights_once(spec: Path) -> None:
    total = cost(build_graph(spec))
    steps = next(one for _, one in total.walk() if one.name == "steps")
    assert steps.parameters == total.parameters == 3 * 16
    assert str(steps.flops) == f"{5 * 2 * 16}*batch*seq"


def test_modules_are_one(spec: Path) -> None:
    model = aw.compile(spec, backend="eager")
    steps = model.net.steps
    assert steps[0] is steps[1]
    assert steps[2] is steps[3]
    assert len({id(step) for step in steps}) == len(list(model.parameters())) == 3
    x = torch.randn(2, 3, 4)
    expected = x
    for first in (0, 0, 2, 2, 4):
        expected = expected @ steps[first].map.weight.T
    torch.testing.assert_close(model(x=x).x, expected)


def test_rounds_of_other_sizes_are_apart(tmp_path: Path) -> None:
    path = tmp_path / "growing.yaml"
    path.write_text(
        SPEC.replace("share: int($i / 2), part: step", "part: feed_forward, d_ff: $i + 1, activation: relu")
    )
    widths = [entry.shape[0] for entry in build_graph(path).weights() if entry.path.endswith("up.weight")]
    assert widths == [1, 2, 3, 4, 5]


def test_rounds_that_share_with_none_are_as_without(tmp_path: Path) -> None:
    plain, own = tmp_path / "plain.yaml", tmp_path / "own.yaml"
    plain.write_text(SPEC.replace("share: int($i / 2), ", ""))
    own.write_text(SPEC.replace("int($i / 2)", "0 if $d == 3 else $i"))
    assert " share 0" not in build_graph(own).text()
    assert aw.compile(own, backend="eager").source == aw.compile(plain, backend="eager").source
