"""A `when:` over extents that a call gives: what it asks, of which nodes, and how often the graph is told apart."""

from __future__ import annotations

from pathlib import Path

import pytest

import archwright as aw

SPEC = """\
archwright: 1
model: pick
params: {d_model: 4, num_layers: 2}
inputs: {x: "float[batch, seq, $d_model]", side: "float[batch, seq, $d_model]?"}
parts:
  layer:
    inputs: {x: "float[batch, n, d]", side: "float[batch, n, d]?"}
    graph:
      p: {block: linear, in: x, d_out: $d}
      doubled: {expr: p * 2, when: $n < 4, else: p}
      summed: {expr: doubled + side, when: $n % 2, else: doubled}
    outputs: {x: summed}
graph:
  layers: {repeat: {i: $num_layers}, part: layer, in: {x: x, side: side}}
  rest: {repeat: {i: 2}, part: layer, in: {x: "layers[:, 1:]"}}
  long: {block: activation, kind: gelu, in: x, when: $seq >= 4 and not has(side)}
outputs: {y: layers, rest: rest, long: {from: long, optional: true}, x: {from: x, when: $batch == $seq}}
"""


def spec(folder: Path, text: str = SPEC) -> str:
    file = folder / "pick.yaml"
    file.write_text(text)
    return str(file)


def test_each_question_is_an_atom_in_the_words_of_the_call(tmp_path: Path) -> None:
    graph = aw.check(spec(tmp_path))
    assert list(graph.conditions) == ["seq > 3", "seq%2 == 0", "seq > 4", "seq%2 == 1", "batch - seq == 0"]
    assert graph.atoms[-5:] == tuple(graph.conditions)
    assert graph.met({"batch": 5, "seq": 5}) == {"seq > 3", "seq > 4", "seq%2 == 1", "batch - seq == 0"}
    assert graph.met({"batch": 2, "seq": 4}) == {"seq > 3", "seq%2 == 0"}
    assert "long = activation(kind=gelu) <- x -> float[batch, seq, d_model] when not side and seq > 3" in graph.text()


def test_the_text_of_a_choice_says_which_calls_make_it(tmp_path: Path) -> None:
    text = aw.check(spec(tmp_path)).text()
    doubled = "first(p * 2 when not seq > 3, p)"
    assert f"    out x = first({doubled} + side when not seq%2 == 0, {doubled})\n" in text
    assert "    out x = first(p * 2 when not seq > 4, p)\n" in text


def test_what_is_found_behind_a_condition_is_asked_too(tmp_path: Path) -> None:
    text = SPEC.replace("$n < 4,", "$n >= 4,").replace(
        "rest: {repeat: {i: 2}, part: layer, in", "rest: {part: outer, in"
    )
    outer = '  outer: {inputs: {x: "float[b, m, d]"}, graph: {y: {part: inner, in: x, when: not ($m > 9), else: x}}}\n'
    inner = '  inner: {inputs: {x: "float[b, k, d]"}, graph: {y: {expr: x + 1, when: $k == 7, else: x}}}\n'
    graph = aw.check(spec(tmp_path, text.replace("graph:\n  layers", f"{outer}{inner}graph:\n  layers")))
    assert {"seq > 10", "seq == 8"} <= graph.conditions.keys()


@pytest.mark.parametrize(
    ("old", "new", "label"),
    [
        ("p: {block: linear, in: x, d_out: $d}", "p: {block: linear, in: x, d_out: $d, when: $n > 2, else: x}",
         "expected a condition over parameters and optional inputs"),
        ("when: $seq >= 4 and", "when: $seq > 2 ** $seq and", "expected true or false"),
        ("kind: gelu, in: x,", "kind: gelu, in: found.x,", "expected true or false"),
    ],
)  # fmt: skip
def test_what_nobody_may_ask(tmp_path: Path, old: str, new: str, label: str) -> None:
    """Of a node with weights, by what is no comparison of extents, or of an axis that numbers decide."""
    text = SPEC.replace(old, new)
    if "found" in new:
        text = text.replace("{block: activation, kind: gelu, in: found.x, when: $seq >= 4 and not has(side)}",
                            "{part: kept, in: found.x}")  # fmt: skip
        text = text.replace(
            "  long:", '  found: {block: compact, in: {x: x, marked: "x[:, :, 0] > 0"}, axis: 1}\n  long:'
        )
        kept = '  kept: {inputs: {x: "float[b, k, d]"}, graph: {y: {expr: x + 1, when: $k > 2, else: x}}}\n'
        text = text.replace("graph:\n  layers", f"{kept}graph:\n  layers")
    with pytest.raises(aw.SpecError) as raised:
        aw.check(spec(tmp_path, text))
    (found,) = raised.value.diagnostics
    assert found.code == "bad-condition"
    assert label in found.label.text


def test_a_choice_in_an_edge_or_an_option_is_told_where_it_may_stand(tmp_path: Path) -> None:
    text = SPEC.replace("doubled: {expr: p * 2,", 'doubled: {expr: "p * 2 if $n > 3 else p",')
    with pytest.raises(aw.SpecError, match="choose by a node's `when:`"):
        aw.check(spec(tmp_path, text))


def test_too_many_questions(tmp_path: Path) -> None:
    nodes = "".join(f"  n{at}: {{expr: x + {at}, when: $seq > {at + 3}, else: x}}\n" for at in range(18))
    text = SPEC.replace("  long:", f"{nodes}  long:").replace(
        "y: layers", f"y: {' + '.join(f'n{at}' for at in range(18))}"
    )
    with pytest.raises(aw.SpecError, match="what is asked of extents among them"):
        aw.check(spec(tmp_path, text))
