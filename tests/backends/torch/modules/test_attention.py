"""Heads of keys and values that several heads of queries read, against the same heads repeated; masks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch

from archwright.backends.torch.modules.attention import attention, attention_with_probs
from archwright.backends.torch.modules.layout import rearrange
from archwright.backends.torch.modules.packing import packed_attention, padding_of
from archwright.backends.torch.modules.windowed import (
    global_attention,
    windowed_attention,
    windowed_attention_with_probs,
)

HEADS, SHARED = 6, 2
MARKED = torch.arange(20).expand(3, -1) % 7 == 0
REAL = torch.arange(20) < torch.tensor([[20], [13], [4]])
PADDING, COMPILED = padding_of(REAL), padding_of(REAL, is_compiled=True)


@pytest.mark.parametrize(
    "run",
    [
        partial(attention, causal=True),
        lambda q, k, v, **how: attention_with_probs(q, k, v, valid=REAL, **how)[1],
        partial(windowed_attention, window=3, causal=True),
        lambda q, k, v, **how: windowed_attention_with_probs(q, k, v, window=3, **how)[0],
        lambda q, k, v, **how: global_attention(q, k, v, MARKED, **how),
        lambda q, k, v, **how: packed_attention(*(PADDING.pack(x) for x in (q, k, v)), padding=PADDING, **how),
        lambda q, k, v, **how: packed_attention(*(COMPILED.pack(x) for x in (q, k, v)), padding=COMPILED, **how),
    ],
)
def test_shared_heads_are_repeated_ones(run: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 20, HEADS * 4), torch.randn(3, 20, SHARED * 4), torch.randn(3, 20, SHARED * 5)
    repeated = (rearrange(x, pattern="b s (n d) -> b s (n r d)", n=SHARED, r=HEADS // SHARED) for x in (k, v))
    expected = run(q, *repeated, num_heads=HEADS)
    torch.testing.assert_close(run(q, k, v, num_heads=HEADS, num_kv_heads=SHARED), expected)


@pytest.mark.parametrize("run", [attention, partial(packed_attention, padding=PADDING)])
def test_products_are_kept_within_a_soft_cap(run: Callable[..., torch.Tensor]) -> None:
    torch.manual_seed(0)
    x = torch.randn(1, int(REAL.sum()), 8)
    capped = [run(x, x, x, num_heads=2, soft_cap=cap) for cap in (2.0, 1e6)]
    assert not torch.allclose(*capped, atol=1e-3)
    torch.testing.assert_close(capped[1], run(x, x, x, num_heads=2), rtol=1e-3, atol=1e-4)
    if run is attention:
        heads = x.unflatten(-1, (2, 4)).transpose(1, 2)
        scores = 2.0 * torch.tanh(heads @ heads.transpose(-1, -2) / 4**0.5 / 2.0)
        torch.testing.assert_close(capped[0], (scores.softmax(-1) @ heads).transpose(1, 2).flatten(2))


def test_masks_have_the_lowest_number_of_float64_too() -> None:
    x = torch.randn(3, 20, 8, dtype=torch.float64)
    expected = attention(x, x, x, num_heads=2, valid=REAL)
    torch.testing.assert_close(attention(x, x, x, num_heads=2, valid=REAL, empty_rows="mean"), expected)


@pytest.mark.parametrize(
    "how",
    [
        {"empty_rows": "mean"},
        {"empty_rows": "mean", "causal": True, "num_kv_heads": 1, "scale": 0.3},
        {"empty_rows": "mean", "causal": True, "fill": -1e9},
        {"empty_rows": "least", "causal": True},
        {"terms": [torch.linspace(-1, 1, 400).view(1, 1, 20, 20)]},
        {"terms": [torch.linspace(-1, 1, 400).view(1, 1, 20, 20).requires_grad_()], "causal": True},
    ],
    ids=["mean", "causal", "fill", "least", "term", "term_that_learns"],
)
def test_queries_that_look_nowhere_have_the_gradient_of_attention_written_out(how: dict[str, Any]) -> None:
    torch.manual_seed(0)
    valid = REAL.flip(1).index_fill(0, torch.tensor(2), False)  # a start of padding, and nothing but padding
    width = 4 * how.get("num_kv_heads", 2)
    given = [torch.randn(3, 20, one, requires_grad=True) for one in (8, width, width)]
    learned = [*given, *(term for term in how.get("terms", ()) if term.requires_grad)]
    weight = torch.randn(3, 20, 8)
    found, expected = (
        torch.autograd.grad((out * weight).sum(), learned)
        for out in (run(*given, num_heads=2, valid=valid, **how) for run in (attention, _written_out))
    )
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def _written_out(*given: torch.Tensor, **how: Any) -> torch.Tensor:
    return attention_with_probs(*given, **how)[0]


def test_an_axis_on_the_right_alone_repeats() -> None:
    x = torch.randn(2, 6)
    found = rearrange(x, pattern="b (n d) -> r (n s d) b", n=2, r=4, s=3)
    assert torch.equal(found, x.view(2, 2, 3).repeat_interleave(3, 1).flatten(1).t().expand(4, -1, -1))
