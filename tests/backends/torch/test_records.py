"""Records of samples: packed for the graph, read by fields, given back as outputs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.example import example_inputs
from archwright.compiler.diagnosing.diagnostics import SpecError
from archwright.compiler.check import build_graph

SPEC = """\
model: recorded
params: {num: 3, width: 4}
inputs:
  x: "float[batch, $width]"
  labels: {type: "list[batch] of {kinds: int[objects], masks: float[objects, rows, 2]}", optional: true}
graph:
  kind: {block: embedding, in: labels.kinds, num: $num, dim: $width}
  rounds: {repeat: {i: 3}, part: step, in: x}
  sums: {expr: "rounds.x[1:]", when: has(labels)}
  again: {block: activation, each: {x: sums}, kind: relu}
  folded: {block: rearrange, in: labels.masks, pattern: b n r c -> b (n r) c}
outputs:
  x: rounds
  filled: {from: labels.filled, when: true}
  folded: {from: folded, when: true}
  kind: {from: kind, when: true}
  record: {total: sum(labels.masks), sum_<i>: sums, relu_<i>: again, last: rounds}
  steps: {each: {sum: sums, relu: again}}
parts:
  step:
    inputs: {x: "float[batch, d]"}
    graph: {more: {expr: x + 1}}
    outputs: {x: more}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "recorded.yaml"
    path.write_text(SPEC)
    return path


def record(count: int, rows: int = 2, **more: Any) -> dict[str, Any]:
    """A sample with `count` entries."""
    return {"kinds": torch.arange(count) % 3, "masks": torch.ones(count, rows, 2, dtype=torch.bool), **more}


def test_are_padded_to_the_longest(spec: Path) -> None:
    model = aw.compile(spec, backend="eager")
    found = model(x=torch.zeros(3, 4), labels=[record(2), record(0), record(1, rows=3, image_id="left alone")])
    assert found.filled.tolist() == [[True, True], [False, False], [True, False]]
    assert found.folded.shape == (3, 2 * 3, 2)
    assert found.kind.shape == (3, 2, 4)
    assert found.record["total"] == 2 * 2 * 2 + 3 * 2


def test_one_entry_stands_where_no_sample_has_any(spec: Path) -> None:
    labels = [record(0), {"kinds": torch.tensor([]), "masks": torch.tensor([])}]
    found = aw.compile(spec, backend="eager")(x=torch.zeros(2, 4), labels=labels)
    assert found.filled.tolist() == [[False], [False]]


def test_outputs_of_lists(spec: Path) -> None:
    model = aw.compile(spec, backend="eager")
    found = model(x=torch.zeros(1, 4), labels=[record(1)])
    assert list(found.record) == ["total", "sum_0", "relu_0", "sum_1", "relu_1", "sum_2", "relu_2", "last"]
    assert [list(one) for one in found.steps] == [["sum", "relu"]] * 3
    assert [one["sum"][0, 0].item() for one in found.steps] == [1, 2, 3]
    without = model(x=torch.zeros(1, 4))
    assert list(without.record) == ["last"]
    assert without.steps is None


def test_examples_have_them_when_asked(spec: Path) -> None:
    graph = build_graph(spec)
    assert list(example_inputs(graph)) == ["x"]
    labels = example_inputs(graph, dims={"objects": 5}, extra=("labels",))["labels"]
    assert [one["kinds"].shape for one in labels] == [(5,), (5,)]
    assert aw.compile(spec, backend="eager")(**example_inputs(graph, extra=("labels",))).filled.all()


@pytest.mark.parametrize(("labels", "message"), [
    ({"kinds": torch.zeros(2)}, "expected a list with a mapping for each sample, found dict"),
    ([], "expected a list with a mapping"),
    ([{"kinds": torch.zeros(2)}], r"`labels\[0\]` expected a tensor `masks`, found none"),
    ([record(2), record(1, kinds=torch.zeros(2))], r"`labels\[1\]` expected as many entries in each field"),
    ([record(2, masks=torch.zeros(2, 3))], r"expected `masks` of the shape \[objects, rows, 2\], found \[2, 3\]"),
    ([record(2, masks=torch.zeros(2, 3, 5))], r"found \[2, 3, 5\]"),
])  # fmt: skip
def test_mistakes_in_a_call(spec: Path, labels: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        aw.compile(spec, backend="eager")(x=torch.zeros(1, 4), labels=labels)


@pytest.mark.parametrize("count", [1, 3])
@pytest.mark.parametrize("is_traced", [False, True])
@pytest.mark.filterwarnings("ignore:Dynamo does not know")  # what it leaves to Python: the refusal
def test_there_is_one_for_each_sample(spec: Path, count: int, is_traced: bool) -> None:
    model = aw.compile(spec, backend="eager")
    call = torch.compile(model, backend="eager") if is_traced else model
    call(x=torch.zeros(2, 4), labels=[record(2)] * 2)
    with pytest.raises(ArgumentError, match=f"`labels` expected a mapping for each of 2 samples, found {count}"):
        call(x=torch.zeros(2, 4), labels=[record(2)] * count)


@pytest.mark.parametrize(("old", "new", "code"), [
    ("labels.filled", "labels.filed", "unknown-port"),
    ("from: labels.filled", "from: labels + 1", "list-value"),
    ("from: labels.filled", 'from: "labels[0]"', "list-value"),
    ("of {kinds: int[objects], ", "of {kinds, ", "bad-type"),
    ("list[batch] of", "list of", "bad-type"),
])  # fmt: skip
def test_mistakes_in_a_spec(spec: Path, old: str, new: str, code: str) -> None:
    spec.write_text(spec.read_text().replace(old, new))
    with pytest.raises(SpecError) as caught:
        build_graph(spec)
    assert code in {one.code for one in caught.value.diagnostics}
