"""Costs: a stack of linears by hand, totals against the module's, repeats, bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

import archwright as aw
from archwright.backends.torch.example import example_inputs
from archwright.compiler.calls import extents, plain_call
from archwright.compiler.cost import NodeCost, cost
from archwright.compiler.reading.document import library, shipped_models
from archwright.compiler.check import build_graph

STACK = """\
model: stack
params: {d: 5, d_ff: 7, num_layers: 3}
inputs: {x: "float[batch, seq, $d]"}
graph:
  up: {block: linear, in: x, d_out: $d_ff}
  down: {block: linear, d_out: $d, bias: false}
  rest: {repeat: {i: $num_layers}, part: step, in: down}
outputs: {x: rest + x}
parts:
  step:
    inputs: {x: "float[batch, seq, width]"}
    graph: {map: {block: linear, in: x, d_out: $width}}
    outputs: {x: map}
"""


@pytest.fixture
def stack(tmp_path: Path) -> Path:
    path = tmp_path / "stack.yaml"
    path.write_text(STACK)
    return path


def named(total: NodeCost, name: str) -> NodeCost:
    return next(one for _, one in total.walk() if one.name == name)


def test_linears_by_hand(stack: Path) -> None:
    total = cost(build_graph(stack))
    tokens = 2 * 4  # batch and seq
    sizes = {"batch": 2, "seq": 4}
    assert named(total, "up").figures(sizes).flops == 2 * tokens * 5 * 7
    assert named(total, "up").parameters == 5 * 7 + 7
    assert named(total, "down").parameters == 7 * 5
    assert str(named(total, "rest").flops) == "150*batch*seq"  # three times 2*5*5
    figures = total.figures(sizes)
    assert figures.flops == tokens * (2 * 5 * 7 + 2 * 7 * 5 + 3 * 2 * 5 * 5 + 5)  # the last sum too
    assert figures.parameters == 42 + 35 + 3 * (25 + 5)
    assert figures.memory == 4 * tokens * (7 + 5 + 3 * 5 + 5)


ROUNDS = """\
model: rounds
params: {d: 5}
inputs: {x: "float[batch, $d]"}
graph: {layers: {repeat: {i: 2}, part: outer, in: x, rate: 0.1 * $i}}
outputs: {x: layers}
parts:
  outer:
    params: {rate: float}
    inputs: {x: "float[batch, width]"}
    graph: {dropped: {block: dropout, in: x, p: $rate}, sum: {part: doubled}}
    outputs: {x: sum}
  doubled:
    inputs: {x: "float[batch, width]"}
    graph: {same: {block: activation, in: x + x, kind: relu}}
    outputs: {x: same}
"""


def test_sums_are_counted_in_every_round(tmp_path: Path) -> None:
    (tmp_path / "rounds.yaml").write_text(ROUNDS)
    assert str(cost(build_graph(tmp_path / "rounds.yaml")).flops) == "30*batch"  # dropout, sum and relu, twice


def test_bytes_of_a_number(stack: Path) -> None:
    graph, sizes = build_graph(stack), {"batch": 1, "seq": 1}
    assert 2 * cost(graph, float_bytes=2).figures(sizes).memory == cost(graph).figures(sizes).memory


def test_rounds_are_counted_once_and_multiplied(small: Path) -> None:
    three, two = (cost(build_graph(small, overrides={"num_layers": count})) for count in (3, 2))
    encoders = [named(total, "encoder") for total in (three, two)]
    assert [one.times for one in encoders] == [3, 2]
    assert [child.name for child in encoders[0].children] == ["core", "up", "down", "dropped"]
    assert encoders[0].parameters * 2 == encoders[1].parameters * 3
    flops = [one.figures({"batch": 5, "seq": 7}).flops for one in encoders]
    assert flops[0] - 3 * (flops[0] - flops[1]) == 5 * 7 * 8  # the sum that it reads, once
    assert named(three, "again").parameters == 0
    assert encoders[0].children[0].path == "encoder.<i>.core"


def test_tied_weights_count_where_they_are_owned(small: Path) -> None:
    graph = build_graph(small, "tagging")
    assert named(cost(graph), "tagging").parameters == 11  # the bias alone


def test_attention_by_hand(small: Path) -> None:
    core = named(cost(build_graph(small)), "core")
    assert str(core.flops) == "32*batch*seq**2"  # two products of 2*seq*seq*8 each


def test_a_window_holds_no_more_keys_than_there_are() -> None:
    core = named(cost(build_graph("longformer", size="base_4096")), "core")
    long, short = (core.figures({"batch": 1, "seq": seq}).flops for seq in (4096, 128))
    assert (long, short) == (4 * 4096 * 768 * 513, 4 * 128 * 768 * 128)


def test_what_is_given_decides_what_is_counted(small: Path) -> None:
    graph = build_graph(small, "tagging")
    with_labels = cost(graph, given={"labels"})
    assert "loss" not in {one.name for _, one in cost(graph).walk()}
    assert "loss" in {one.name for _, one in with_labels.walk()}


def test_what_stands_in_brings_its_own_extent(tmp_path: Path) -> None:
    spec = tmp_path / "memory.yaml"
    spec.write_text("""\
model: memory
inputs:
  ids: "int[batch, seq]"
  states: {type: "float[batch, source, 4]", default: table}
graph:
  table: {block: embedding, in: ids, num: 9, dim: 4}
  map: {block: linear, in: states, d_out: 3, bias: false}
outputs: {x: map}
""")
    graph = build_graph(spec)
    assert str(cost(graph).flops) == "24*batch*seq"
    assert str(cost(graph, given={"states"}).flops) == "24*batch*source"


def test_what_stands_in_for_a_batch_leaves_the_batch(tmp_path: Path) -> None:
    spec = tmp_path / "places.yaml"
    spec.write_text("""\
model: places
inputs:
  ids: "int[batch, seq]"
  shift: {type: "float[batch, seq, 4]", optional: true}
graph:
  table: {block: embedding, in: ids, num: 9, dim: 4}
  here: {block: parameter, shape: [1, 1, 4]}
  map: {block: linear, in: "table + first(shift, here)", d_out: 3, bias: false}
outputs: {x: map}
""")
    assert str(cost(build_graph(spec)).flops) == "28*batch*seq"  # 2*4*3, and the sum


def test_what_a_join_leaves_out_costs_nothing(tmp_path: Path) -> None:
    spec = tmp_path / "joined.yaml"
    spec.write_text("""\
model: joined
inputs:
  x: "float[batch, seq, 4]"
  more: {type: "float[batch, more, 4]", optional: true}
graph:
  mark: {block: parameter, shape: [1, 1, 4]}
  own: {block: expand_batch, in: {x: mark, like: more}}
  framed: {block: concat, axis: 1, in: [own, more]}
  both: {block: concat, axis: 1, in: [x, framed]}
  map: {block: linear, d_out: 3, bias: false}
outputs: {x: map}
""")
    graph = build_graph(spec)
    assert str(cost(graph).flops) == "24*batch*seq"
    assert str(cost(graph, given={"more"}).flops) == "24*batch*seq + 24*batch + 24*batch*more"


def test_what_no_output_reads_has_parameters_alone(tmp_path: Path) -> None:
    spec = tmp_path / "halves.yaml"
    spec.write_text("""\
model: halves
inputs:
  x: "float[batch, 4]"
  wish: {type: "float[batch, 1]", optional: true}
parts:
  pair:
    inputs: {x: "float[batch, d]"}
    graph:
      one: {block: linear, in: x, d_out: 3, bias: false}
      other: {block: linear, in: x, d_out: 3, bias: false}
    outputs: {one: one, other: other}
graph:
  both: {part: pair, in: x}
outputs: {one: both.one, other: both.other * wish}
""")
    total = cost(build_graph(spec), given=())
    assert [named(total, name).parameters for name in ("one", "other", "both")] == [12, 12, 24]
    assert [str(named(total, name).flops) for name in ("one", "other")] == ["24*batch", "0"]
    assert str(total.flops) == "24*batch"
    assert str(total.memory) == "12*batch"


@pytest.mark.parametrize("name", shipped_models())
def test_totals_are_the_modules(name: str) -> None:
    for task in (None, *library().spec(name).model.tasks):
        graph = build_graph(name, task, "tiny")
        given = plain_call(graph)
        total = cost(graph, given=given)
        figures = total.figures(extents(graph, given, batch=2, length=16, more=total.axes()))
        assert figures.flops > 0
        assert figures.memory > 0
        counted = sum(child.parameters for child in total.children)
        assert counted <= figures.parameters  # what only other calls need is in the total alone


@pytest.mark.parametrize("name", shipped_models())
def test_figures_are_the_modules(name: str) -> None:
    """Torch counts products and convolutions alone: what else there is comes to less than a tenth of these."""
    module = aw.compile(name, size="tiny", backend="eager").eval()
    total = cost(module.graph)
    assert total.parameters == sum(one.numel() for one in module.parameters())
    if name == "time_series_transformer":
        return  # its decoder has one step or `prediction_length`, both numbers: the longer is counted
    sizes = extents(module.graph, plain_call(module.graph), batch=2, length=12, more=total.axes())
    module.requires_grad_(False)  # with gradients there are products more, for rows that may see nothing
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        module(**example_inputs(module.graph, dims=sizes))
    flops = counter.get_total_flops()
    assert flops <= total.figures(sizes).flops < 1.1 * flops
