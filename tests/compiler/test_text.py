"""The text form: one golden graph, what `resolved` adds, and every spec that ships."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.compiler.reading.document import shipped_models
from archwright.compiler.check import build_graph
from archwright.compiler.text import graph_text, ranges

GOLDEN = """\
model small
in input_ids: int[batch, seq]
in attention_mask?: bool[batch, seq]
in position_ids?: int[batch, seq] = range
tokens = embedding(num=$vocab_size, dim=$d_model) <- input_ids -> float[batch, seq, d_model]
positions = embedding(num=20, dim=$d_model) <- first(position_ids, range) -> float[batch, seq, d_model]
encoder = layer(rate=$dropout) <- x=tokens + positions, valid=attention_mask \
-> x: float[batch, seq, d_model], probs: list(float[batch, num_heads, seq, seq] x 3)
  repeat i < $num_layers
    in x: float[batch, seq, d]
    in valid?: bool[batch, seq]
    core = attention($num_heads) <- q=x, k=x, v=x, valid \
-> x: float[batch, seq, d], probs: float[batch, num_heads, seq, seq]
    up = linear(d_out=$d_ff) <- x + core -> float[batch, seq, d_ff]
    down = linear(d_out=$d, bias=false) <- up -> float[batch, seq, d]
    dropped = dropout(p=$rate) <- down -> float[batch, seq, d]
    out x = x + 2 * dropped
    out probs = core.probs
again = reuse tokens <- input_ids[:, :1] -> float[batch, 1, d_model]
out last_hidden_state = encoder
out first = again
out hidden_states = encoder.x[*] when $output_hidden_states
"""

TASK = """\
tagging = head <- x=encoder, labels -> loss: float[], logits: float[batch, seq, vocab_size] \
tie logits.weight=tokens.weight
  in x: float[batch, seq, d]
  in labels?: int[batch, seq]
  logits = linear(d_out=$vocab_size) <- x -> float[batch, seq, vocab_size]
  loss = cross_entropy <- logits, labels -> float[] when labels
  out loss = loss when labels
  out logits = logits
out loss = tagging when labels
out logits = tagging.logits
"""


def test_golden(small: Path) -> None:
    assert graph_text(build_graph(small)) == GOLDEN


def test_task(small: Path) -> None:
    text = build_graph(small, "tagging").text()
    assert text.startswith("model small, task tagging\n")
    assert TASK in text
    assert "again" not in text  # no output of the task reads it


def test_resolved_has_values_and_where_they_come_from(small: Path) -> None:
    lines = graph_text(build_graph(small, size="tiny", overrides={"d_ff": 6}), resolved=True).splitlines()
    assert lines[0] == "model small, size tiny"
    assert lines[1:8] == [
        "param vocab_size = 11  # default",
        "param d_model = 8  # default",
        "param d_ff = 6  # override",
        "param num_layers = 2  # size tiny",
        "param num_heads = 2  # default",
        "param dropout = 0.1  # default",
        "param gated = false  # default",
    ]
    inner = [line.strip() for line in lines if line.startswith("    ")]
    assert inner[:4] == [
        "param d_ff = 6  # caller",
        "param num_heads = 2  # caller",
        "param rate = 0.1  # call",
        "param gated = false  # caller",
    ]
    assert "up = linear(d_out=6, bias=true, stays_float32=false) <- x + core -> float[batch, seq, 6]" in inner
    assert "  repeat i < 2" in lines


def test_a_switch_of_a_part_shows_the_node(small: Path) -> None:
    text = graph_text(build_graph(small, overrides={"gated": True}))
    assert "gate = linear(d_out=$d_ff) <- x -> float[batch, seq, d_ff]" in text


def test_rounds_that_differ_stand_apart(tmp_path: Path) -> None:
    spec = tmp_path / "widths.yaml"
    spec.write_text(
        """\
model: widths
params: {widths: [4, 4, 6, 4]}
inputs: {x: "float[batch, d_in]"}
graph:
  stack: {repeat: {i: $len(widths)}, part: step, in: x, d_out: "$widths[$i]"}
outputs: {x: stack}
parts:
  step:
    params: {d_out: int}
    inputs: {x: "float[batch, d]"}
    graph: {map: {block: linear, in: x, d_out: $d_out}}
    outputs: {x: map}
""".replace("$len(widths)", "len($widths)").replace("float[batch, d_in]", "float[batch, 3]")
    )
    text = graph_text(build_graph(spec), resolved=True)
    rounds = [line.strip() for line in text.splitlines() if "repeat" in line]
    assert rounds == ["repeat i in 0", "repeat i in 1", "repeat i in 2", "repeat i in 3"]
    assert "map = linear(d_out=6, bias=true, stays_float32=false) <- x -> float[batch, 6]" in text


def test_ranges() -> None:
    assert ranges([0, 1, 2, 5, 7, 8]) == "0..2, 5, 7..8"


@pytest.mark.parametrize("name", shipped_models())
def test_every_spec_reads_the_same_twice(name: str) -> None:
    first, second = build_graph(name, size="tiny"), build_graph(name, size="tiny")
    for resolved in (False, True):
        text = graph_text(first, resolved=resolved)
        assert text == graph_text(second, resolved=resolved)
        assert "?," not in text
        assert "never" not in text
