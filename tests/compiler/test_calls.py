"""Calls: what one must give, and how long its axes are."""

from __future__ import annotations

from pathlib import Path

from archwright.compiler.calls import extents, free_extents, inner_extents, is_conditional, lacking, plain_call
from archwright.compiler.check import build_graph


def test_the_fewest_inputs() -> None:
    assert plain_call(build_graph("bert", size="tiny")) == {"input_ids"}
    assert plain_call(build_graph("t5", size="tiny")) == {"input_ids", "decoder_input_ids"}


def test_nothing_where_nothing_is_needed(small: Path) -> None:
    assert plain_call(build_graph(small, "tagging")) == frozenset()


def test_what_a_call_lacks() -> None:
    graph = build_graph("bert", "masked_lm", "tiny")
    assert lacking(graph, {"attention_mask"}) == "logits"
    assert lacking(graph, {"inputs_embeds"}) is None
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
