"""Choosing among several."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from .assignment import solve_assignment


def one_hot(index: torch.Tensor, *, num: int) -> torch.Tensor:
    """Which of `num` classes each of ``[*]`` integers is: ``[*, num]`` truth values."""
    return index[..., None] == torch.arange(num, device=index.device)


def top_k(x: torch.Tensor, *, k: int, axis: int = -1) -> tuple[torch.Tensor, torch.Tensor]:
    """The `k` largest along `axis`, the largest first, and their places."""
    values, places = x.topk(k, dim=axis)
    return values, places


def gather_rows(rows: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """``rows[index]``: ``[num, d]`` and ``[*]`` to ``[*, d]``."""
    return rows[index]


def places_of(marked: torch.Tensor, *, least: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Where ``[batch, n]`` truth values are true, in at least so many columns.

    Returns:
        ``[batch, kept]`` places, `kept` being the largest number of marks in a sample, unmarked ones where one has
        fewer; and ``[batch, kept]``, which of them are marked.
    """
    counts = marked.sum(1)
    kept: Any = counts.max().clamp(min=least).item()
    torch._check(kept >= least)  # for compilers, which do not know the number
    torch._check(kept <= marked.shape[1])
    places = (~marked).long().argsort(dim=1, stable=True)[:, :kept]
    return places, torch.arange(kept, device=marked.device) < counts[:, None]


def compact(
    x: torch.Tensor, marked: torch.Tensor, *, axis: int, rest: str = "zero"
) -> tuple[torch.Tensor, torch.Tensor]:
    """What is marked along an axis of ``[batch, ..., n, ...]`` moved to the front, by ``[batch, n]`` truth values.

    Returns:
        ``[batch, ..., kept, ...]``, `kept` being the largest number of marks in a sample, and zero (or what is left)
        where one has fewer; and ``[batch, kept]``, which places hold something.

    Raises:
        ValueError: there is not one mark for each place.
    """
    if marked.shape != (x.shape[0], x.shape[axis]):  # `gather` reads the beginning of what is longer
        raise ValueError(f"{list(marked.shape)} marks of {list(x.shape)} along the axis {axis}")
    index, filled = places_of(marked)
    shape = [1] * x.dim()
    shape[0], shape[axis] = index.shape
    extents = [*x.shape[:axis], index.shape[1], *x.shape[axis + 1 :]]
    moved = x.gather(axis, index.view(shape).expand(extents))
    return moved if rest == "unmarked" else moved * filled.view(shape), filled


def diagonals(x: torch.Tensor, *, reach: int) -> torch.Tensor:
    """``x[..., i, i + d]`` for ``-reach <= d <= reach``: ``[*, n, n]`` to ``[*, n, 2*reach + 1]``, zero if outside."""
    at = torch.arange(x.shape[-1], device=x.device)[:, None] + torch.arange(2 * reach + 1, device=x.device)
    return F.pad(x, (reach, reach)).gather(-1, at.expand(*x.shape[:-1], -1))


def uniform_noise(like: torch.Tensor) -> torch.Tensor:
    """Random numbers in [0, 1) for ``[batch, length, d]``: ``[batch, length]``."""
    return torch.rand(like.shape[:2], device=like.device)


def assign(cost: torch.Tensor, valid: torch.Tensor | None = None) -> torch.Tensor:
    """The pairs of rows and columns of the least total cost: ``[batch, rows, columns]`` truth values.

    Args:
        cost: ``[batch, rows, columns]``; what is not finite counts as large.
        valid: ``[batch, columns]``, the columns that may be paired.
    """
    if valid is None:
        valid = cost.new_ones(cost.shape[0], cost.shape[2], dtype=torch.bool)
    return solve_assignment(cost.detach(), valid)


def gumbel_choice(
    scores: torch.Tensor, *, temperature: float = 1.0, training: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """A one-hot choice among ``[*, num]`` scores, and the probabilities behind it.

    In training the choice is a Gumbel sample whose gradient is that of its soft form; otherwise it is the largest, for
    the probabilities too.
    """
    if training:
        return F.gumbel_softmax(scores.float(), tau=temperature, hard=True).type_as(scores), scores.float().softmax(-1)
    largest = one_hot(scores.argmax(-1), num=scores.shape[-1]).type_as(scores)
    return largest, largest
