"""Connectionist temporal classification as one operator that `torch.compile` takes whole.

Torch's own gives back a table whose width depends on the longest label, which is data, so that no graph can hold it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

_Losses = tuple[torch.Tensor, torch.Tensor]


def _compute(
    log_probs: torch.Tensor, targets: torch.Tensor, lengths: torch.Tensor, counts: torch.Tensor, blank: int,
    zero_infinity: bool, with_slope: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """What each row costs, ``[batch]``, and if asked for the slope by `log_probs`, in its shape.

    Args:
        log_probs: ``[frames, batch, classes]``.
        targets: ``[batch, label]``; the first `counts` ``[batch]`` of each row are labels.
        lengths: ``[batch]`` frames that count.
    """
    given = (targets, lengths, counts)
    costs, table = torch.ops.aten._ctc_loss.Tensor(log_probs, *given, blank, zero_infinity)
    if not with_slope:
        return costs, log_probs.new_empty(0)
    ones = torch.ones_like(costs)
    slope = torch.ops.aten._ctc_loss_backward.Tensor(ones, log_probs, *given, costs, table, blank, zero_infinity)
    return costs, slope.contiguous()  # whatever layout each device's kernel chose


def _shapes(
    log_probs: torch.Tensor, targets: torch.Tensor, lengths: torch.Tensor, counts: torch.Tensor, blank: int,
    zero_infinity: bool, with_slope: bool,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    costs = log_probs.new_empty(log_probs.shape[1])
    return costs, log_probs.new_empty(log_probs.shape if with_slope else 0)


def _keep(ctx: Any, inputs: tuple[Any, ...], output: _Losses) -> None:
    ctx.save_for_backward(output[1])
    ctx.mark_non_differentiable(output[1])


def _backward(ctx: Any, by_costs: torch.Tensor, by_slope: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
    (slope,) = ctx.saved_tensors
    return (slope * by_costs[None, :, None], None, None, None, None, None, None)


def _operator(name: str, compute: Callable[..., Any]) -> Callable[..., Any]:
    made = torch.library.custom_op(name, compute, mutates_args=())
    made.register_fake(_shapes)
    made.register_autograd(_backward, setup_context=_keep)
    return made


_ctc = _operator("archwright::ctc", _compute)


def ctc_costs(
    log_probs: torch.Tensor, targets: torch.Tensor, lengths: torch.Tensor, counts: torch.Tensor, *, blank: int,
    zero_infinity: bool,
) -> torch.Tensor:  # fmt: skip
    """Minus the log-likelihood of each row's labels over all alignments, ``[batch]``.

    Args:
        log_probs: ``[frames, batch, classes]`` in float32 or float64.
        targets: ``[batch, label]``; the first `counts` ``[batch]`` of each row are labels.
        lengths: ``[batch]`` frames that count.
        blank: the class of frames without a label.
        zero_infinity: labels that do not fit into their frames cost nothing, instead of infinity.
    """
    with_slope = torch.is_grad_enabled() and log_probs.requires_grad
    costs = _ctc(log_probs, targets, lengths, counts, blank, zero_infinity, with_slope)[0]
    return torch.where(costs.isinf(), 0.0, costs) if zero_infinity else costs
