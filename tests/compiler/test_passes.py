"""What the passes for inference find in a graph; the numbers are tested in `tests/backends/torch/test_inference.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archwright as aw
from archwright.compiler.check import build_graph
from archwright.compiler.passes.report import changes, packed_changes
from archwright.compiler.passes.rewrites import rewrites
from archwright.compiler.passes.unmasked import may_leave_out

SPEC = """\
model: small
params: {d: 4, bias: true}
inputs: {x: "float[batch, seq, $d]", y: {type: "float[batch, seq, $d]", optional: true}, z: {type: "float[batch, seq, $d]", optional: true}}
graph:
  a: {block: linear, in: x, d_out: 4}
  b: {block: linear, in: x, d_out: 6, bias: false}
  c: {block: linear, in: "first(y, x)", d_out: 4}
  e: {block: linear, in: y, d_out: 4}
  f: {block: linear, in: "x + 1", d_out: 4}
  g: {block: linear, in: "x + 1", d_out: 2}
outputs: {a: a, b: b, c: c, e: e, f: f, g: g}
"""


def test_only_what_reads_one_value_under_one_condition_is_joined(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(SPEC)
    graph = aw.check(str(file))
    found = [tuple(node.name for node in one.nodes) for one in rewrites(graph, graph.root)]
    assert found == [("a", "b"), ("f", "g")]  # not c, which reads x only where y is not given


def test_a_norm_is_folded_only_where_nothing_else_reads_the_convolution() -> None:
    found = {(one.rewrite, one.nodes) for one in changes(aw.check("resnet"))}
    assert found == {("folded", ("conv", "norm"))}


def test_what_is_held_is_told_with_what_it_is_made_from() -> None:
    held = {one.path: (one.nodes, one.effect) for one in changes(aw.check("swin")) if one.rewrite == "held"}
    assert held["stages.0.blocks.0"] == (("bias",), "made once")
    held = [one for one in changes(aw.check("t5")) if one.rewrite == "held"]
    assert [one.nodes[-1] for one in held] == ["encoder_bias", "decoder_bias"]
    assert {one.effect for one in held} == {"made once for a shape"}


def _leaves_out(name: str, mask: str, *given: str, **options: Any) -> bool:
    graph = build_graph(name, options.pop("task", None), "tiny", options)
    return may_leave_out(graph, mask, graph.combination({"input_ids", "input_values", "pixel_values", mask, *given}))


def test_a_mask_that_only_hides_keys_may_be_left_out() -> None:
    assert _leaves_out("bert", "attention_mask")
    assert _leaves_out("gpt2", "attention_mask", "position_ids")
    assert _leaves_out("t5", "attention_mask", "decoder_input_ids")
    assert _leaves_out("bart", "decoder_attention_mask", "decoder_input_ids", "attention_mask")


def test_a_mask_that_is_read_for_more_stays() -> None:
    assert not _leaves_out("opt", "attention_mask")  # positions are counted by it
    assert not _leaves_out("vit", "bool_masked_pos", task="masked_image_modeling")
    assert not _leaves_out("bert", "input_ids")


MASKED = """\
model: small
params: {d: 4}
inputs: {x: "float[batch, seq, $d]", mask: {type: "bool[batch, seq]", optional: true}}
parts:
  redone:
    inputs: {x: "float[*, d]", y: "float[*, d]"}
    graph: {up: {block: linear, in: y, d_out: $d}}
    outputs: {x: up}
graph:
  places: {block: token_positions, in: x}
  counted: {expr: "where(mask, places, 0)", else: places}
  doubled: {expr: "2 * x * float(mask)[..., None]", else: x}
  layers: {repeat: {i: 2}, part: redone, in: {x: doubled, y: x}}
outputs: {y: LEFT}
"""


@pytest.mark.parametrize("left", ["sum(counted)", "counted", '"layers.x[*]"'])
def test_a_mask_stays_that_makes_more_of_a_value_or_another_beginning(tmp_path: Path, left: str) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(MASKED.replace("LEFT", left))
    graph = build_graph(str(file), None, None, {})
    assert not may_leave_out(graph, "mask", graph.combination({"x", "mask"}))


def test_what_is_packed_is_told() -> None:
    found = {(one.path, one.nodes, one.effect) for one in packed_changes(aw.check("bert", size="tiny"))}
    assert ("encoder.1.attention", ("q", "k", "v", "o"), "real tokens alone") in found
    assert ("encoder.0.attention", ("core",), "a sample at a time") in found
    assert not list(packed_changes(aw.check("vit", size="tiny")))
    (refused,) = packed_changes(aw.check("clip", size="tiny"))
    assert refused.effect.startswith("`pooled` cannot run on the real tokens alone")
