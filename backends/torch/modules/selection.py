"""Choosing among several."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def one_hot(index: torch.Tensor, *, num: int) -> torch.Tensor:
    """Which of `num` classes each of ``[*]`` integers is: ``[*, num]`` truth values."""
    return index[..., None] == torch.arange(num, device=index.device)


def gather_rows(rows: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
    """``rows[index]``: ``[num, d]`` and ``[*]`` to ``[*, d]``."""
    return rows[index]


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
