"""Losses, means over what counts."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from .ctc import ctc_costs


def cross_entropy(
    logits: torch.Tensor, labels: torch.Tensor, *, shift: bool = False, reduction: str = "mean", ignored: int = -100
) -> torch.Tensor:
    """Cross entropy of ``[*, classes]`` against ``[*]`` but `ignored`; `shift` compares a token with the next label."""
    if shift:
        labels = F.pad(labels, (0, 1), value=ignored)[..., 1:]
    rows, targets = logits.flatten(0, -2).float(), _indices(labels).flatten().to(logits.device)
    return F.cross_entropy(rows, targets, reduction=reduction, ignore_index=ignored)


def classification_loss(
    logits: torch.Tensor, labels: torch.Tensor, *, problem_type: str | None = None, soft: bool = False
) -> torch.Tensor:
    """The loss that `problem_type` names; without one, what the labels' type and the number of classes ask for.

    Args:
        soft: without a `problem_type`, ``[batch, classes]`` labels are distributions and negative classes are ignored.
    """
    if problem_type is None and soft and logits.shape[-1] > 1:
        if labels.dim() > 1:
            return -(logits.log_softmax(-1) * labels).sum(-1).mean()
        summed = F.cross_entropy(logits.float(), _indices(labels.where(labels >= 0, -100)), reduction="sum")
        return summed / (labels >= 0).sum().clamp(min=1)
    if problem_type is None:
        integral = labels.dtype in (torch.long, torch.int)
        problem_type = "regression" if logits.shape[-1] == 1 else "single" if integral else "multi"
    if problem_type == "regression":
        squeezed = logits.shape[-1] == 1
        return F.mse_loss(logits.squeeze(), labels.squeeze()) if squeezed else F.mse_loss(logits, labels)
    if problem_type.startswith("single"):
        return F.cross_entropy(logits.view(-1, logits.shape[-1]), _indices(labels).view(-1))
    return F.binary_cross_entropy_with_logits(logits, labels)


def _indices(labels: torch.Tensor) -> torch.Tensor:
    """Whole numbers as torch's losses take them; what is none of them is left for these to refuse."""
    return labels if labels.is_floating_point() else labels.long()


def span_loss(
    start: torch.Tensor, end: torch.Tensor, start_positions: torch.Tensor, end_positions: torch.Tensor
) -> torch.Tensor:
    """The mean of both ends' cross entropies: ``[batch, seq]`` logits, ``[batch]`` positions, ignored where outside."""
    length = start.shape[1]
    losses = [
        F.cross_entropy(logits, _indices(positions).reshape(-1).clamp(0, length), ignore_index=length)
        for logits, positions in ((start, start_positions), (end, end_positions))
    ]
    return (losses[0] + losses[1]) / 2


def ctc_loss(
    logits: torch.Tensor, labels: torch.Tensor, lengths: torch.Tensor | None = None, *, blank: int = 0,
    reduction: str = "mean", zero_infinity: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Connectionist temporal classification of ``[batch, frames, classes]``, in float32.

    Args:
        labels: ``[batch, label]``; negative ones are left out, wherever they stand.
        lengths: ``[batch]`` frames that count; None counts all.
    """
    if lengths is None:
        lengths = torch.full((logits.shape[0],), logits.shape[1], device=logits.device)
    counts = labels >= 0
    # What counts moves to the front: a selection would have a length that depends on the data.
    targets = labels.gather(1, (~counts).long().argsort(dim=1, stable=True)).clamp(min=0)
    log_probs = logits.log_softmax(-1, dtype=torch.float32).transpose(0, 1)
    num = counts.sum(-1)
    costs = ctc_costs(log_probs, targets, lengths.long(), num, blank=blank, zero_infinity=zero_infinity)
    return costs.sum() if reduction == "sum" else (costs / num.clamp(min=1)).mean()
