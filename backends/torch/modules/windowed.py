"""Attention to a window, and of a few queries (arXiv:2004.05150, 3.1)."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any

import torch
import torch.nn.functional as F

from .attention import attention, attention_with_probs
from .decoding import Place
from .layout import pick
from .selection import places_of

_LEAST = 2
"""As how many a few count at least: of 0 or 1 compilers would ask what else follows, and cannot know."""


def windowed_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    window: int,
    causal: bool = False,
    scale: float | None = None,
    dropout: float = 0.0,
    valid: torch.Tensor | None = None,
    everywhere: torch.Tensor | None = None,
    training: bool = False,
    place: Place | None = None,
) -> torch.Tensor:
    """Attention to keys at most `window` places away, and to those that stand `everywhere`.

    Args:
        q: ``[batch, query, heads*d]``, the last of the keys or in their `place`; `k` ``[batch, key, heads*d]``; `v`
            ``[batch, key, heads*d_v]``.
        valid: ``[batch, key]``, the keys that count; `everywhere` likewise.

    Returns:
        ``[batch, query, heads*d_v]``; zero where a query may look nowhere.
    """
    how: dict[str, Any] = {"num_heads": num_heads, "num_kv_heads": num_kv_heads, "scale": scale, "dropout": dropout,
                           "training": training}  # fmt: skip
    is_long = place is None and q.shape[1] == k.shape[1] and 0 < 4 * window < k.shape[1]
    if is_long and (everywhere is None or _may_count()):
        return _banded(q, k, v, window, causal, valid, everywhere, how)
    return attention(q, k, v, valid=valid, allow=_near(q, k, window, causal, everywhere, place), **how)


def windowed_attention_with_probs(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, *, window: int, causal: bool = False,
    everywhere: torch.Tensor | None = None, place: Place | None = None, **how: Any,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """As `windowed_attention`, written out, with the probabilities ``[batch, heads, query, key]``."""
    return attention_with_probs(q, k, v, allow=_near(q, k, window, causal, everywhere, place), **how)


def global_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    marked: torch.Tensor,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    scale: float | None = None,
    dropout: float = 0.0,
    valid: torch.Tensor | None = None,
    training: bool = False,
) -> torch.Tensor:
    """Attention of the queries that ``[batch, query]`` marks, to all keys; zero for the others."""
    how: dict[str, Any] = {"num_heads": num_heads, "num_kv_heads": num_kv_heads, "scale": scale, "dropout": dropout,
                           "training": training}  # fmt: skip
    if not _may_count():
        return attention(q, k, v, valid=valid, **how) * marked[..., None]
    index, filled = places_of(marked, least=min(_LEAST, q.shape[1]))
    few = attention(pick(q, index), k, v, valid=valid, **how) * filled[..., None]
    return few.new_zeros(*q.shape[:2], few.shape[-1]).scatter(1, index[..., None].expand_as(few), few)


def global_attention_with_probs(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, marked: torch.Tensor, **how: Any
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `global_attention`, written out, with the probabilities of all queries ``[batch, heads, query, key]``."""
    found, probs = attention_with_probs(q, k, v, **how)
    return found * marked[..., None], probs


COUNTS = ContextVar("counts", default=False)
"""Whether extents may depend on data in what is exported: not every kind of file can hold that."""


def _may_count() -> bool:
    """Whether extents may depend on data: inductor (2.13) takes that forward only."""
    if not torch.compiler.is_compiling():
        return True
    return not torch.is_grad_enabled() and (torch.compiler.is_dynamo_compiling() or COUNTS.get())


def _near(
    q: torch.Tensor,
    k: torch.Tensor,
    window: int,
    causal: bool,
    everywhere: torch.Tensor | None,
    place: Place | None,
) -> torch.Tensor:
    """Which keys each query may see: ``[query, key]``, or with samples in front."""
    keys = torch.arange(k.shape[1], device=k.device)
    queries = keys[k.shape[1] - q.shape[1] :] if place is None else place.positions()
    near = _is_near(keys - queries[:, None], window, causal)
    return near if everywhere is None else near | everywhere[:, None, :]


def _is_near(offset: torch.Tensor, window: int, causal: bool) -> torch.Tensor:
    near = offset.abs() <= window
    return near & (offset <= 0) if causal else near


def _banded(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    window: int,
    causal: bool,
    valid: torch.Tensor | None,
    everywhere: torch.Tensor | None,
    how: dict[str, Any],
) -> torch.Tensor:
    """The queries in blocks of `window`, each with its own keys, those of the blocks beside it, and the others."""
    batch, length, _ = q.shape
    blocks = -(-length // window)
    behind = blocks * window - length
    counted = q.new_ones(batch, length, dtype=torch.bool) if valid is None else valid
    shared = None if everywhere is None else everywhere & counted
    own = counted if shared is None else counted & ~shared
    queries = F.pad(q, (0, 0, 0, behind)).unflatten(1, (blocks, window)).flatten(0, 1)
    keys, values = (_bands(x, window, behind) for x in (k, v))
    offset = torch.arange(3 * window, device=q.device) - window - torch.arange(window, device=q.device)[:, None]
    near = _is_near(offset, window, causal)
    seen = F.pad(own, (window, window + behind)).unfold(1, 3 * window, window)
    allow = (near & seen[:, :, None]).flatten(0, 1)
    if shared is not None:
        index, filled = places_of(shared, least=_LEAST)
        keys, values = (
            torch.cat([band, _of_blocks(pick(x, index), blocks)], 1) for band, x in ((keys, k), (values, v))
        )
        allow = torch.cat([allow, _of_blocks(filled[:, None].expand(-1, window, -1), blocks)], 2)
    found = attention(queries, keys, values, allow=allow, **how)
    return found.unflatten(0, (batch, blocks)).flatten(1, 2)[:, :length]


def _bands(x: torch.Tensor, window: int, behind: int) -> torch.Tensor:
    """``[batch, length, d]`` as ``[batch*blocks, 3*window, d]``: each block with those beside it."""
    padded = F.pad(x, (0, 0, window, window + behind))
    return padded.unfold(1, 3 * window, window).transpose(2, 3).flatten(0, 1)


def _of_blocks(x: torch.Tensor, blocks: int) -> torch.Tensor:
    """The same of every sample for each of its blocks: ``[batch, ...]`` to ``[batch*blocks, ...]``."""
    return x[:, None].expand(-1, blocks, *x.shape[1:]).flatten(0, 1)
