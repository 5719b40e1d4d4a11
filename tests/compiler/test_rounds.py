"""Rounds of a repeat: which of them are one body."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.compiler.check import build_graph
from archwright.compiler.diagnosing.diagnostics import SpecError
from archwright.compiler.text import graph_text

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


def test_a_list_for_what_a_round_takes_one_of_says_how(tmp_path: Path) -> None:
    path = tmp_path / "narrowing.yaml"
    spec = SPEC.replace("{width: 3}", "{width: 3, widths: [3, 3, 3, 3]}", 1)
    path.write_text(spec.replace("{x: x}}", "{x: x}, width: $widths}"))
    with pytest.raises(SpecError, match=r"found the list \[3, 3, 3, 3\](?s:.)*write `each: \{width: ...\}`"):
        build_graph(path)
    path.write_text(spec.replace("{x: x}}", "{x: x}, each: {width: $widths}}"))
    assert build_graph(path).notes == []


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


@pytest.mark.parametrize("index", ["$k + 1", "$ks[1]", "$k if $k > 1 else 2", "len($ks)", "-$k - 1", "$k"])
def test_a_round_is_named_by_any_expression_over_parameters(tmp_path: Path, index: str) -> None:
    path = tmp_path / "carried.yaml"
    path.write_text(
        CARRIED.replace("inputs: {x", "params: {k: 1, ks: [0, 2]}\ninputs: {x", 1).replace(
            "outputs: {y: steps", f'outputs: {{y: "steps.x[{index}]"'
        )
    )
    assert str(build_graph(path).outputs["y"].type) == "float[batch, 6]"


def test_each_hands_a_round_its_element_of_a_list_of_parameters(tmp_path: Path) -> None:
    path = tmp_path / "narrowing.yaml"
    path.write_text(
        SPEC.replace("{width: 3}", "{width: 3, widths: [3, 4, 5, 6]}").replace(
            "in: {x: x}}", "in: {x: x}, each: {width: $widths}}"
        )
    )
    graph = build_graph(path)
    shapes = [entry.shape for entry in graph.weights() if entry.path.endswith("weight")]
    assert shapes == [(3, 5), (4, 3), (5, 4), (6, 5)]


def test_a_parameter_that_each_hands_round_is_given_once(tmp_path: Path) -> None:
    path = tmp_path / "narrowing.yaml"
    path.write_text(SPEC.replace("in: {x: x}}", "in: {x: x}, width: 2, each: {width: $chosen}}"))
    with pytest.raises(SpecError, match="`width` is given twice"):
        build_graph(path)


EMPTY = """\
model: empty
params: {num_heads: 2, d_ff: 8, activation: gelu, n: 0}
inputs: {mask: "bool[batch, seq]?", x: "float[batch, seq, 4]"}
graph:
  layers: {repeat: {i: $n}, part: post_norm_layer, in: {valid: mask, x: x}}
outputs: {y: layers, z: READ}
"""


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        ("layers.x", "float[batch, seq, 4]"),
        ("layers.probs", ""),
        ('"layers.x[*]"', "list(float[batch, seq, 4] x 1)"),
        ('"layers.x[0]"', "float[batch, seq, 4]"),
        ('"layers.x[:-1]"', "list()"),
        ('["layers.x[:-1]", x]', "list(float[batch, seq, 4] x 1)"),
    ],
)
def test_a_repeat_of_no_rounds_is_its_input(read: str, expected: str, tmp_path: Path) -> None:
    spec = tmp_path / "empty.yaml"
    spec.write_text(EMPTY.replace("READ", read))
    graph = build_graph(spec)
    assert str(graph.outputs["y"].type) == "float[batch, seq, 4]"
    found = graph.outputs.get("z")
    assert ("" if found is None or not found.present else str(found.type)) == expected


@pytest.mark.parametrize(
    ("read", "told"),
    [
        ('"layers.x[1]"', "there is no element 1 in a list of 1"),
        ("layers.valid", "`layers` has no output `valid`"),
    ],
)
def test_a_repeat_of_no_rounds_gives_no_more(read: str, told: str, tmp_path: Path) -> None:
    spec = tmp_path / "empty.yaml"
    spec.write_text(EMPTY.replace("READ", read))
    with pytest.raises(SpecError, match=told):
        build_graph(spec)


VARYING = """\
model: varying
params: {num_layers: 4}
inputs: {x: "float[batch, 5]", more: "float[batch, 5]?"}
parts:
  step:
    inputs: {x: "float[batch, 5]", near: "float[batch, 5]?"}
    graph: {map: {block: linear, in: x, d_out: 5}, out: {expr: map + near, else: map}}
    outputs: {x: out}
graph:
  half: {expr: x * 0.5}
  steps:
    repeat: {i: $num_layers}
    part: step
    in: {x: x, near: half if $i == 0 else x if $i == 2 else more if $i == 3 else null}
outputs: {y: steps}
"""


def test_what_a_round_reads_may_depend_on_its_number(tmp_path: Path) -> None:
    path = tmp_path / "varying.yaml"
    path.write_text(VARYING)
    model = aw.compile(path, backend="eager")
    x, more = torch.randn(2, 3, 5)
    maps = [layer.map for layer in model.net.steps]
    for given in ({"x": x}, {"x": x, "more": more}):
        expected = maps[1](maps[0](x) + x * 0.5)
        expected = maps[3](maps[2](expected) + x) + given.get("more", 0)
        assert torch.equal(model(**given).y, expected)
    assert "near=each [x * 0.5, null, x, more]" in graph_text(build_graph(path))
    assert aw.compile(path, backend="eager", num_layers=0)(x=x).y is x


def test_what_rounds_read_by_their_number_has_to_be_there_where_it_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "varying.yaml"
    path.write_text(VARYING.replace(', near: "float[batch, 5]?"', ', near: "float[batch, 5]"'))
    with pytest.raises(SpecError, match="near"):
        build_graph(path)
    path.write_text(VARYING.replace("half if $i", "half if $j"))
    with pytest.raises(SpecError, match="there is no parameter `j`"):
        build_graph(path)
    path.write_text(VARYING.replace("else null", "else missing"))
    with pytest.raises(SpecError, match="nothing is called `missing` here"):
        build_graph(path)
    path.write_text(VARYING.replace("  steps:", "  both: {expr: '[half, x]'}\n  steps:").replace("half if", "both if"))
    with pytest.raises(SpecError, match="what `near` is in a round may not be several values"):
        build_graph(path)


def test_a_term_may_be_there_in_some_rounds(tmp_path: Path) -> None:
    path = tmp_path / "varying.yaml"
    spec = """\
model: alternating
params: {num_layers: 3, num_heads: 2, d_ff: 8, activation: relu}
inputs: {x: "float[batch, seq, 4]"}
graph:
  offset: {block: relative_position, in: {q: x, k: x}}
  bias: {expr: "float(offset) * 0.3"}
  layers: {repeat: {i: $num_layers}, part: pre_norm_layer, in: {x: x, terms: bias if $i == 1 else null}}
outputs: {x: layers}
"""
    path.write_text(spec)
    model = aw.compile(path, backend="eager").eval()
    x = torch.randn(2, 5, 4)
    path.write_text(spec.replace("bias if $i == 1 else null", "[bias]"))
    biased = aw.compile(path, backend="eager").eval()
    biased.load_state_dict(model.state_dict())
    bias = (torch.arange(5) - torch.arange(5)[:, None]) * 0.3
    first, _, last = model.net.layers
    assert torch.equal(model(x=x).x, last(biased.net.layers[1](first(x), terms=[bias])))


COUNTING = """\
model: counting
params: {num_taps: 4}
inputs: {x: "float[batch, longer]", shares: "float[batch, seq, $num_taps]", m: "float[batch, seq]"}
parts:
  tap:
    params: {number: int}
    inputs: {mixed: "float[batch, seq]", x: "float[batch, longer]", shares: "float[batch, seq, taps]"}
    graph: {part: {expr: "x[:, $number:$number + $seq]"}, share: {expr: "shares[..., $number]"}}
    outputs: {mixed: mixed + part * share}
graph:
  taps: {repeat: {t: $num_taps}, part: tap, in: {mixed: m, x: x, shares: shares}, number: $t}
outputs: {y: taps}
"""


def test_rounds_that_index_by_their_number_are_one_loop(tmp_path: Path) -> None:
    path = tmp_path / "counting.yaml"
    path.write_text(COUNTING)
    model = aw.compile(path, backend="eager")
    assert "x[:, self.number:self.number + seq] * shares[..., self.number]" in model.source
    assert "for layer in self.taps:" in model.source
    assert model.source.count("def forward") == 2, "of the part and of the model"
    assert "shares[..., $number]" in graph_text(model.graph)
    x, shares, m = torch.randn(2, 9), torch.randn(2, 5, 4), torch.randn(2, 5)
    expected = m + sum(x[:, at : at + 5] * shares[..., at] for at in range(4))
    torch.testing.assert_close(model(x=x, shares=shares, m=m).y, expected)
    read = next(iter(model.graph.root.nodes["taps"].rounds[3].outputs.values()))
    assert str(read.args[1].args[0].type) == "float[batch, seq]", "from the number on, as long as `seq`"
    path.write_text(COUNTING.replace("shares[..., $number]", "shares[..., $number - 5]"))
    with pytest.raises(SpecError, match="there is no element -5 in an axis of 4"):
        build_graph(path)


CARRIED = """\
model: carried
inputs: {x: "float[batch, 6]", more: {type: "float[batch, 6]", optional: true}}
parts:
  step:
    inputs: {x: "float[batch, d]", side: {type: "float[batch, d]", optional: true}}
    graph:
      map: {block: linear, in: x, d_out: $d}
      both: {expr: map + side, else: map}
    outputs: {x: both, side: x}
graph:
  none: {expr: x, when: 1 > 2}
  steps: {repeat: {i: 3}, part: step, in: {x: x}}
  copied: {first: [none, more, x]}
outputs: {y: steps, side: steps.side, sides: "steps.side[*]", copied: copied}
"""


@pytest.mark.parametrize("wired", ["{x: x}", "{x: x, side: none}", "{x: x, side: x if 1 > 2 else null}"])
def test_what_the_first_round_has_not_is_carried_from_then_on(tmp_path: Path, wired: str) -> None:
    path = tmp_path / "carried.yaml"
    path.write_text(CARRIED.replace("{x: x}}", f"{wired}}}"))
    model = aw.compile(path, backend="eager")
    x, side, sides = torch.randn(2, 6), None, []
    found = model(x=x)
    for step in model.net.steps:
        mapped = step.map(x)
        side, x = x, mapped if side is None else mapped + side
        sides.append(side)
    torch.testing.assert_close([found.y, found.side, *found.sides], [x, side, *sides])
    assert "= None" not in model.source, "nothing reads what is carried before a round gives it"


LACKING = """\
model: lacking
params: {num_rounds: 0, last: false}
inputs: {x: "float[batch, 6]"}
parts:
  step:
    params: {is_seen: true}
    inputs: {x: "float[batch, d]"}
    graph:
      map: {block: linear, in: x, d_out: $d}
      seen: {expr: map + 1, when: $is_seen}
    outputs: {x: map, seen: seen}
graph:
  head: {part: step, in: x}
  rest: {repeat: {i: $num_rounds}, part: step, in: head}
  more: {repeat: {i: 2}, part: step, in: rest, is_seen: $i < 1 or $last}
outputs:
  y: more
  both: [head.seen, rest.seen]
  after: {from: "more.seen", optional: true}
"""


def test_a_list_that_never_is_there_whole_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "lacking.yaml"
    path.write_text(LACKING)
    found = [(one.message, one.label.text.rpartition(" found ")[2]) for one in aw.check(path).notes]
    assert found == [("`both` is absent", "no `rest.seen`")]
    assert not aw.check(path, num_rounds=1, last=True).notes


PARTLY = """\
model: partly
inputs: {x: "float[batch, 4]"}
parts:
  step:
    params: {even: bool}
    inputs: {x: "float[batch, d]"}
    graph: {more: {block: linear, in: x, d_out: 2, when: $even}, twice: {expr: 2 * x}}
    outputs: {x: twice, more: more}
graph: {steps: {repeat: {i: 4}, part: step, in: x, even: $i % 2 == 0}}
outputs: {y: steps, more: {from: steps.more, optional: true}}
"""


@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_what_some_rounds_give_is_a_list_of_theirs(tmp_path: Path, backend: str) -> None:
    path = tmp_path / "partly.yaml"
    outputs = "  total: 'sum(stack(steps.more))'\n  second: 'steps.more[1]'\n  last: 'steps.more[-1:]'\n"
    path.write_text(
        PARTLY.replace(
            "outputs: {y: steps, more: {from: steps.more, optional: true}}",
            f"""\
outputs:
  y: steps
  more: steps.more
{outputs}""",
        )
    )
    model, x = aw.compile(path, backend=backend), torch.randn(3, 4)
    expected = [model.net.steps[at].more(2**at * x) for at in (0, 2)]
    found = model(x=x)
    assert not aw.check(path).notes
    torch.testing.assert_close([found.y, *found.more], [16 * x, *expected])
    torch.testing.assert_close([found.second, *found.last], [expected[1], expected[1]])
    torch.testing.assert_close(found.total, sum(one.sum() for one in expected))


def test_a_list_that_a_part_reads_as_one_value_is_told(tmp_path: Path) -> None:
    path = tmp_path / "listed.yaml"
    path.write_text(PARTLY.replace("in: x, even: $i % 2 == 0", "in: '[x, x]', even: true"))
    with pytest.raises(SpecError, match=r"`x` of `step` is one value(?s:.)*expected `float\[batch, d\]`, found list"):
        aw.check(path)


@pytest.mark.parametrize(("word", "given"), [("list", "1"), ("list", 3), ("text", 3), ("text", [1])])
def test_a_parameter_that_is_a_list_or_a_text_takes_no_other(tmp_path: Path, word: str, given: object) -> None:
    path = tmp_path / "typed.yaml"
    path.write_text(
        f"model: typed\nparams: {{some: {word}}}\ninputs: {{x: 'float[batch, 4]'}}\n"
        'graph: {y: {expr: "x if $some == 2 else 2 * x"}}\noutputs: {y: y}\n'
    )
    with pytest.raises(SpecError, match=rf"`some` is a {word}(?s:.)*expected a {word}, found"):
        aw.check(path, some=given)


HEADLESS = """\
model: headless
inputs: {x: "float[batch, 6]?", z: "float[batch, 6]"}
parts:
  step:
    inputs: {x: "float[batch, d]?", z: "float[batch, d]"}
    graph:
      map: {block: linear, in: z, d_out: $d}
      both: {expr: x + map, else: map}
    outputs: {x: both}
graph:
  steps: {repeat: {i: 3}, part: step, in: {x: x, z: z}}
  joined: {block: concat, in: {parts: "steps.x[*]"}, axis: 0}
outputs:
  joined: joined
  second: "steps.x[1]"
  later: "steps.x[1:]"
  first: {from: "steps.x[0]", optional: true}
  all: {from: "steps.x[*]", optional: true}
  back: {from: "steps.x[::-1]", optional: true}
"""


def test_a_list_of_rounds_has_a_place_for_the_first_input_that_a_call_may_lack(tmp_path: Path) -> None:
    path = tmp_path / "headless.yaml"
    path.write_text(HEADLESS)
    model = aw.compile(path, backend="eager")
    x, z = torch.randn(2, 6), torch.randn(2, 6)
    for first in ([x], []):
        found = model(z=z, **({"x": x} if first else {}))
        made = list(first)
        for step in model.net.steps:
            made.append(step.map(z) + made[-1] if made else step.map(z))
        expected = {"joined": torch.cat(made), "second": made[-3], "later": made[-3:]}
        expected |= {"first": x, "all": made, "back": made[::-1]} if first else {}
        assert sorted(found) == sorted(expected)
        for name, value in expected.items():
            torch.testing.assert_close(found[name], tuple(value) if isinstance(value, list) else value)


INDEXED = """\
model: indexed
params: {k: 2}
inputs: {x: "float[batch, 5]", table: "float[4, batch, 5]"}
parts:
  step: {inputs: {x: "float[batch, d]", y: "float[1 | batch, d]?"}, graph: {sum: {expr: x * y, else: x}}, outputs: {x: sum}}
graph:
  steps: {repeat: {i: 3}, part: step, in: {x: x, y: EDGE}}
outputs: {y: steps}
"""


@pytest.mark.parametrize(
    ("edge", "each"),
    [
        ("table[$i]", lambda table: [table[0], table[1], table[2]]),
        ("table[$i + 1] if $i < $k else null", lambda table: [table[1], table[2], 1]),
        ("table[-$i, $i:$i + 1]", lambda table: [table[0, :1], table[-1, 1:2], table[-2, 2:3]]),
        ("table[0] * ($i + $k) - $i", lambda table: [table[0] * 2, table[0] * 3 - 1, table[0] * 4 - 2]),
    ],
)
def test_what_a_round_reads_may_be_computed_from_its_number(edge: str, each: Any, tmp_path: Path) -> None:
    path = tmp_path / "indexed.yaml"
    path.write_text(INDEXED.replace("EDGE", f'"{edge}"'))
    model = aw.compile(path, backend="eager")
    x, table = torch.randn(3, 5), torch.randn(4, 3, 5)
    expected = x
    for factor in each(table):
        expected = expected * factor
    torch.testing.assert_close(model(x=x, table=table).y, expected)


def test_a_list_that_reads_the_number_of_its_round_is_told(tmp_path: Path) -> None:
    path = tmp_path / "indexed.yaml"
    path.write_text(INDEXED.replace("EDGE", '["table[$i]", "table[0]"]'))
    with pytest.raises(SpecError, match=r"what `y` is in a round may not be several values(?s:.)*`number: \$i`"):
        build_graph(path)
