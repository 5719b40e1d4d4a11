"""Tensors moved about without arithmetic."""

from __future__ import annotations

import re

import torch
import torch.nn.functional as F


def _plan(pattern: str) -> tuple[list[list[str]], list[list[str]]]:
    left, right = pattern.split("->")
    return _axes(left), _axes(right)


def _axes(side: str) -> list[list[str]]:
    return [text.strip("()").split() for text in re.findall(r"\([^)]*\)|\S+", side)]


def rearrange(x: torch.Tensor, *, pattern: str, **sizes: int) -> torch.Tensor:
    """An einops pattern of splits, permutations, joins and repeats: ``b c h w -> b (h w) c``.

    Args:
        sizes: the sizes of axes that are split, all but one of each group, and of axes that the left side lacks.
    """
    left, right = _plan(pattern)
    sized: dict[str, int] = dict(sizes)
    for group, extent in zip(left, x.shape, strict=True):
        known = _product(group, sized)
        rest = extent if known == 1 else extent // known
        sized.update((name, rest) for name in group if name not in sized and not name.isdigit())
    names = [name for group in left for name in group if not name.isdigit()]
    wanted = [name for group in right for name in group if not name.isdigit()]
    new = [name for name in wanted if name not in names]
    if not _is_plain(left):
        x = x.reshape([sized[name] for name in names])
    if new:
        x = x[(..., *[None] * len(new))].expand(*x.shape, *(sized[name] for name in new))
    order = [[*names, *new].index(name) for name in wanted]
    x = x.permute(order)
    return x if _is_plain(right) else x.reshape([_product(group, sized) for group in right])


def _is_plain(side: list[list[str]]) -> bool:
    """Whether a side has one name for each axis."""
    return all(len(group) == 1 and not group[0].isdigit() for group in side)


def _product(group: list[str], sized: dict[str, int]) -> int:
    """The extent of a group, the names without a size left out."""
    extent = 1
    for name in group:
        size = int(name) if name.isdigit() else sized.get(name, 1)
        extent = size if extent == 1 else extent * size
    return extent


def concat(parts: list[torch.Tensor], *, axis: int) -> torch.Tensor:
    """Join along an axis."""
    return torch.cat(parts, dim=axis)


def expand_batch(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """Repeat `x`, without a batch or with a batch of one, for each sample of `like`."""
    if x.dim() == like.dim() and x.shape[0] == 1:
        return x.expand(like.shape[0], *x.shape[1:])
    return x.expand(like.shape[0], *x.shape)


def pad_to_multiple(x: torch.Tensor, *, multiple: int, axes: list[int]) -> torch.Tensor:
    """Zeros after the end of `axes`, up to a multiple of `multiple`."""
    pads = [0] * (2 * x.dim())
    for axis in axes:
        # Written as a difference, so that a symbolic extent becomes a product that `rearrange` can split.
        pads[2 * (x.dim() - 1 - axis % x.dim()) + 1] = -(-x.shape[axis] // multiple) * multiple - x.shape[axis]
    return F.pad(x, pads)


def crop_like(x: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """The first rows and columns of ``[batch, h, w, d]``, as many as `like` has."""
    return x[:, : like.shape[1], : like.shape[2]]


def roll(x: torch.Tensor, *, by: list[int], axes: list[int]) -> torch.Tensor:
    """A cyclic shift along axes."""
    return torch.roll(x, by, axes) if any(by) else x


def channel_axis(x: torch.Tensor) -> torch.Tensor:
    """``[batch, length, d]`` as it is, ``[batch, length]`` with an axis of 1 behind."""
    return x if x.dim() == 3 else x[..., None]


def lagged(x: torch.Tensor, *, lags: list[int], start: int, rows: int) -> torch.Tensor:
    """`rows` rows of ``[batch, length, d]`` from ``start - lag`` on for each lag: ``[batch, rows, d * lags]``."""
    return torch.stack([x[:, start - lag : start - lag + rows] for lag in lags], dim=-1).flatten(2)


def pick(x: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """``x[b, index[b]]``: ``[batch, length, d]`` and ``[batch, *]`` to ``[batch, *, d]``."""
    return x[torch.arange(x.shape[0], device=x.device).view(-1, *[1] * (index.dim() - 1)), index]


def last_tokens(x: torch.Tensor, count: int) -> torch.Tensor:
    """The last `count` rows of ``[batch, length, d]``; all of them where it is 0."""
    return x[:, -count:]


def shift_right(ids: torch.Tensor, *, start: int | None, pad: int) -> torch.Tensor:
    """``[batch, seq]`` integers moved one to the right: `start` in front, the last gone, -100 replaced by `pad`.

    Without `start` the last that is no padding is in front, none of it being on the left.
    """
    ids = ids.masked_fill(ids == -100, pad)
    if start is not None:
        return F.pad(ids[:, :-1], (1, 0), value=start)
    last = (ids != pad).sum(1, keepdim=True) - 1
    return torch.cat([ids.gather(1, last), ids[:, :-1]], dim=1)
