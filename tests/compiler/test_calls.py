"""Calls: what one must give, and how long its axes are."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.compiler.calls import extents, free_extents, inner_extents, is_conditional, lacking, plain_call
from archwright.compiler.check import build_graph
from archwright.compiler.diagnosing.diagnostics import SpecError


def test_the_fewest_inputs() -> None:
    assert plain_call(build_graph("bert", size="tiny")) == {"input_ids"}
    assert plain_call(build_graph("t5", size="tiny")) == {"input_ids", "decoder_input_ids"}


def test_what_is_given_says_the_extents_of_what_is_not(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    text = (
        'model: own\ninputs: {x: "float[batch, seq, 8]", y: "float[batch, 4, 8]", mask: "bool[batch, MASK]"}\ngraph:\n'
        "  a: {part: self_attention, in: {x: INPUT, valid: mask}, num_heads: 2}\noutputs: {a: a}\n"
    )
    path.write_text(text.replace("MASK", "seq").replace("INPUT", "x"))
    assert build_graph(path).notes == []
    path.write_text(text.replace("MASK", "5").replace("INPUT", "y"))
    with pytest.raises(SpecError, match="`valid` of `self_attention` does not fit"):
        build_graph(path)


@pytest.mark.parametrize(
    ("joined", "mask", "told"),
    [
        (
            "a: {block: rearrange, in: x, pattern: (b n) s d -> b (n s) d, n: 2}",
            "other, 2 * seq",
            "`batch//2` and `other`",
        ),
        ("a: {block: concat, in: {parts: [x, 'x[:, :1]']}, axis: 1}", "batch, total", "`seq + 1` and `total`"),
    ],
)
def test_extents_that_meet_in_a_part_are_told_as_its_caller_has_them(
    joined: str, mask: str, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        f'model: own\ninputs: {{x: "float[batch, seq, 8]", mask: "bool[{mask}]"}}\ngraph:\n  {joined}\n'
        "  b: {part: self_attention, in: {x: a, valid: mask}, num_heads: 2}\noutputs: {b: b}\n"
    )
    assert f"{told} are compared when the model runs" in [note.message for note in build_graph(path).notes]


def test_extents_of_one_name_that_differ_are_told_by_what_they_are(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        'model: own\ninputs: {x: "float[batch, seq, 8]", memory: "float[batch, source, 4]"}\ngraph:\n'
        "  a: {block: rearrange, in: x, pattern: (b n) s d -> n b s d, n: 2}\n"
        '  b: {part: self_attention, in: {x: "sum(a, 0)", kv: memory}, num_heads: 2}\noutputs: {b: b}\n'
    )
    with pytest.raises(SpecError, match=r"expected \[batch, source, d_source\] where `batch` is batch//2, found batch"):
        build_graph(path)


def test_a_quotient_of_extents_is_rounded(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        'model: own\ninputs: {x: "float[batch, seq, 8]"}\ngraph:\n'
        "  padded: {block: pad_to_multiple, in: x, multiple: 4, axes: [1]}\n"
        "  up: {block: rearrange, pattern: b (n w) d -> b n w d, n: ceil($seq / 4)}\n"
        '  down: {block: rearrange, in: "x[:, :$seq // 4 * 4]", pattern: b (n w) d -> b n w d, n: floor($seq / 4)}\n'
        "outputs: {up: up, down: down}\n"
    )
    graph = build_graph(path)
    assert str(graph.outputs["up"].type) == "float[batch, ceil(seq/4), 4, 8]"
    assert str(graph.outputs["down"].type) == "float[batch, seq//4, 4, 8]"


def test_nothing_where_nothing_is_needed(small: Path) -> None:
    assert plain_call(build_graph(small, "tagging")) == frozenset()


def test_what_a_call_lacks() -> None:
    graph = build_graph("bert", "masked_lm", "tiny")
    assert [name for name, _ in lacking(graph, graph.combination({"attention_mask"}))] == ["logits"]
    assert not any(lacking(graph, graph.combination({"inputs_embeds"})))
    assert is_conditional(graph, "loss")
    assert not is_conditional(graph, "logits")


def test_extents(small: Path) -> None:
    graph = build_graph(small)
    assert free_extents(graph, ()) == ["batch", "seq"]
    assert extents(graph, (), batch=3, length=9) == {"batch": 3, "seq": 9}
    assert extents(graph, (), batch=3, length=9, more=["kept"]) == {"batch": 3, "seq": 9, "kept": 9}


def test_the_first_axis_of_an_input_is_that_of_samples() -> None:
    graph = build_graph("clip", size="tiny")
    found = extents(graph, plain_call(graph), batch=3, length=9)
    assert (found["texts"], found["images"], found["seq"]) == (3, 3, 9)
    assert found["height"] == graph.params["vision"]["image_size"]


def test_a_folded_axis_is_one_of_the_call() -> None:
    graph = build_graph("bert", "multiple_choice", "tiny")
    found = extents(graph, plain_call(graph), batch=3, length=9)
    assert found == {"batch": 3, "seq": 9, "choices": 2}
    assert inner_extents(graph, found)["batch"] == 6


def test_a_second_call_has_no_weights_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text("""
model: twice
inputs: {x: "float[batch, 4]"}
parts:
  p:
    inputs: {x: "float[batch, 4]", y: "float[batch, 4]?"}
    graph:
      a: {block: linear, in: x, d_out: 4}
      b: {block: linear, in: y, d_out: 4}
      c: {first: [a + b, a]}
graph:
  one: {part: p, in: {x: x}}
  two: {reuse: one, in: {x: one, y: x}}
outputs: {o: two}
""")
    with pytest.raises(SpecError, match=r"do not fit what `two` reads(?s:.)*found what needs a `b.weight`"):
        build_graph(path)
