"""A small spec that has one of everything the text form and the costs know, its parts its own."""

from __future__ import annotations

from pathlib import Path

import pytest

SPEC = """\
archwright: 1
model: small
params: {vocab_size: 11, d_model: 8, d_ff: 12, num_layers: 3, num_heads: 2, dropout: 0.1, gated: false}
sizes: {tiny: {num_layers: 2}}
inputs:
  input_ids: "int[batch, seq]"
  attention_mask: {type: "bool[batch, seq]", optional: true}
  position_ids: {type: "int[1 | batch, seq]", default: range}
graph:
  tokens: {block: embedding, in: input_ids, num: $vocab_size, dim: $d_model}
  positions: {block: embedding, in: position_ids, num: 20, dim: $d_model}
  encoder:
    repeat: {i: $num_layers}
    part: layer
    in: {x: tokens + positions, valid: attention_mask}
    rate: $dropout
  again: {reuse: tokens, in: "input_ids[:, :1]"}
outputs:
  last_hidden_state: encoder
  first: again
  hidden_states: {from: "encoder.x[*]", when: $output_hidden_states}
tasks:
  tagging: {part: head, in: {x: encoder}, tie: {logits.weight: tokens.weight}}
parts:
  layer:
    params: {d_ff: int, num_heads: int, rate: 0.0, gated: bool}
    inputs: {x: "float[batch, seq, d]", valid: {type: "bool[batch, seq]", optional: true}}
    graph:
      core: {block: attention, in: {q: x, k: x, v: x, valid: valid}, num_heads: $num_heads}
      up: {block: linear, in: x + core, d_out: $d_ff}
      gate: {block: linear, in: x, d_out: $d_ff, when: $gated}
      down: {block: linear, in: up, d_out: $d, bias: false}
      dropped: {block: dropout, p: $rate}
      out: {expr: x + 2 * dropped}
    outputs: {x: out, probs: core.probs}
  head:
    params: {vocab_size: int}
    inputs: {x: "float[batch, seq, d]", labels: {type: "int[batch, seq]", optional: true}}
    graph:
      logits: {block: linear, in: x, d_out: $vocab_size}
      loss: {block: cross_entropy, in: {logits: logits, labels: labels}}
    outputs: {loss: loss, logits: logits}
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """The spec in a file."""
    path = tmp_path / "small.yaml"
    path.write_text(SPEC)
    return path
