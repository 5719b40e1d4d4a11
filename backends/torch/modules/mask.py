"""Masks over positions."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def prefix_mask(lengths: torch.Tensor, like: torch.Tensor, *, axis: int = 1) -> torch.Tensor:
    """``position < lengths[b]`` for the positions of `like` along `axis`: ``[batch, length]``.

    Below one a length is counted from the end, so that of nothing all count: Hugging Face looks for the last position
    as a list does.
    """
    size = like.shape[axis]
    return torch.arange(size, device=like.device) < torch.where(lengths < 1, lengths + size, lengths)[:, None]


def random_spans(room: torch.Tensor, size: int, *, p: float, length: int, min_spans: int) -> torch.Tensor:
    """Random spans in sequences of `room` ``[batch]`` positions, padded to `size`: ``[batch, size]``.

    A row gets ``p * room / length`` spans, rounded up or down at random, at least `min_spans`, and not more than fit;
    they start at different positions and may overlap.
    """
    count = (p * room / length + torch.rand((), device=room.device)).long().clamp(min=min_spans, max=size // length)
    starts = (room - (length - 1)).clamp(min=0)
    draws = torch.rand(room.shape[0], size, device=room.device)
    draws = torch.where(torch.arange(size, device=room.device) < starts[:, None], draws, -1.0)
    rank = draws.argsort(1, descending=True).argsort(1)
    begins = rank < torch.minimum(count, starts)[:, None]
    passed = F.pad(begins.long().cumsum(1), (length, 0))
    return passed[:, length:] > passed[:, :-length]


def span_mask(
    x: torch.Tensor, value: torch.Tensor | None = None, given: torch.Tensor | None = None,
    valid: torch.Tensor | None = None, *, p: float, length: int, min_spans: int = 0, axis: int = 1,
    training: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Overwrites positions of ``[batch, ., .]`` along `axis`: those `given`, else in training random spans.

    Args:
        value: what is written, one number for each place of the other axis; None writes zeros.
        given: ``[batch, n]``, the positions.
        valid: ``[batch, n]``, the positions that count, which stand in front.
    """
    if given is None:
        if not training or not p:
            return x
        size = x.shape[axis]
        room = valid.sum(1) if valid is not None else torch.full((x.shape[0],), size, device=x.device)
        given = random_spans(room, size, p=p, length=length, min_spans=min_spans)
    chosen = given[:, :, None] if axis == 1 else given[:, None, :]
    if value is None:
        return x.masked_fill(chosen, 0.0)
    return torch.where(chosen, (value if axis == 1 else value[:, None]).to(x.dtype), x)
