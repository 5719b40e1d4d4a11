"""Windows in bands, and a few queries alone, give what attention with a mask gives."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.backends.torch.generation.decoder import Decoder
from archwright.backends.torch.modules.attention import attention
from archwright.backends.torch.modules.windowed import global_attention, windowed_attention

HEADS, BATCH = 2, 3


def inputs(length: int, marks: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor | None]:
    """Queries, keys and values; which keys count, none of the last sample's first window; which stand everywhere."""
    torch.manual_seed(0)
    qkv = torch.randn(3, BATCH, length, 8)
    valid = torch.ones(BATCH, length, dtype=torch.bool)
    valid[0, -5:], valid[-1, :7] = False, False
    marked = torch.zeros_like(valid)
    if marks == "some":
        marked[0, [0, 4, length - 1]], marked[1, 3] = True, True
    return qkv, valid, None if marks == "not given" else marked


def masked(
    qkv: torch.Tensor, valid: torch.Tensor, marked: torch.Tensor | None, window: int, causal: bool
) -> torch.Tensor:
    offset = torch.arange(qkv.shape[2]) - torch.arange(qkv.shape[2])[:, None]
    allow = ((offset.abs() <= window) & ((offset <= 0) | (not causal))).expand(BATCH, -1, -1)
    allow = allow if marked is None else allow | marked[:, None]
    return attention(*qkv, num_heads=HEADS, valid=valid, allow=allow)


@pytest.mark.parametrize("marks", ["not given", "none", "some"])
@pytest.mark.parametrize(
    ("length", "window", "causal"), [(9, 3, False), (9, 0, False), (33, 4, True), (34, 3, False), (40, 2, True)]
)
def test_windows(length: int, window: int, causal: bool, marks: str) -> None:
    qkv, valid, marked = inputs(length, marks)
    found, expected = qkv.clone().requires_grad_(), qkv.clone().requires_grad_()
    one = windowed_attention(*found, num_heads=HEADS, window=window, causal=causal, valid=valid, everywhere=marked)
    two = masked(expected, valid, marked, window, causal)
    torch.testing.assert_close(one, two)
    for value in (one, two):
        value.sin().sum().backward()
    torch.testing.assert_close(found.grad, expected.grad)


@pytest.mark.parametrize("marks", ["none", "some"])
def test_few_queries(marks: str) -> None:
    qkv, valid, marked = inputs(12, marks)
    assert marked is not None
    expected = attention(*qkv, num_heads=HEADS, valid=valid) * marked[..., None]
    torch.testing.assert_close(global_attention(*qkv, marked, num_heads=HEADS, valid=valid), expected)


@torch.no_grad()
def test_how_many_are_marked_is_found_by_compiled_code() -> None:
    def both(qkv: torch.Tensor, valid: torch.Tensor, marked: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        few = global_attention(*qkv, marked, num_heads=HEADS, valid=valid)
        return windowed_attention(*qkv, num_heads=HEADS, window=3, valid=valid, everywhere=marked), few

    with torch._dynamo.config.patch(capture_scalar_outputs=True, error_on_recompile=True):
        run = torch.compile(both, fullgraph=True, dynamic=False)
        for marks in ("some", "none"):
            given = inputs(34, marks)
            torch.testing.assert_close(run(*given), both(*given))


SPEC = """\
model: sliding
params: {vocab_size: 20}
sizes: {tiny: {}}
inputs: {input_ids: "int[batch, seq]"}
graph:
  tokens: {block: embedding, in: input_ids, num: $vocab_size, dim: 8}
  q: {block: linear, in: tokens, d_out: 8}
  k: {block: linear, in: tokens, d_out: 8}
  v: {block: linear, in: tokens, d_out: 8}
  core: {block: windowed_attention, in: {q: q, k: k, v: v}, num_heads: 2, window: 2, causal: true}
  head: {block: linear, in: tokens + core, d_out: $vocab_size}
outputs: {logits: head}
"""


@torch.no_grad()
def test_a_window_slides_over_what_is_remembered(tmp_path: Path) -> None:
    path = tmp_path / "sliding.yaml"
    path.write_text(SPEC)
    model = aw.compile(str(path), size="tiny", backend="eager")
    ids = torch.randint(20, (2, 12))
    expected = model(input_ids=ids).logits
    decoder = Decoder(model, {}, length=12)
    found = [decoder.step(ids[:, :9]), *(decoder.step(ids[:, at : at + 1]) for at in range(9, 12))]
    torch.testing.assert_close(torch.cat(found, 1), expected)
