"""The operator for connectionist temporal classification against torch's own, values and slopes."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from archwright.backends.torch.modules.loss import ctc_loss

LABELS = torch.tensor([[1, -100, 2, 2, -100], [3, 3, 3, 3, 3], [-100] * 5])
"""Labels with gaps, with repeats that need blanks between, and none at all."""


def _expected(logits: torch.Tensor, lengths: torch.Tensor, *, reduction: str, zero_infinity: bool) -> torch.Tensor:
    kept = LABELS >= 0
    return F.ctc_loss(
        logits.log_softmax(-1).transpose(0, 1), LABELS[kept], lengths, kept.sum(1), blank=4,
        reduction=reduction, zero_infinity=zero_infinity,
    )  # fmt: skip


@pytest.mark.parametrize("reduction", ["sum", "mean"])
@pytest.mark.parametrize("rows", [[9, 9, 4], [9, 7, 4]], ids=["fits", "too_short"])
def test_value_and_slope(reduction: str, rows: list[int]) -> None:
    logits = torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(1), requires_grad=True)
    lengths, zero_infinity = torch.tensor(rows), rows[1] == 7
    expected = _expected(logits, lengths, reduction=reduction, zero_infinity=zero_infinity)
    found = ctc_loss(logits, LABELS, lengths, blank=4, reduction=reduction, zero_infinity=zero_infinity)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, logits), torch.autograd.grad(expected, logits))
    with torch.no_grad():
        torch.testing.assert_close(
            ctc_loss(logits, LABELS, lengths, blank=4, reduction=reduction, zero_infinity=zero_infinity), expected
        )


def test_without_lengths_every_frame_counts() -> None:
    logits = torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(2))
    full = torch.tensor([9, 9, 9])
    torch.testing.assert_close(ctc_loss(logits, LABELS, blank=4), ctc_loss(logits, LABELS, full, blank=4))


def test_compiles_whole() -> None:
    logits = torch.randn(3, 9, 5, generator=torch.Generator().manual_seed(3), requires_grad=True)
    found = torch.compile(ctc_loss, backend="aot_eager", fullgraph=True)(logits, LABELS, blank=4)
    expected = ctc_loss(logits, LABELS, blank=4)
    torch.testing.assert_close(found, expected)
    torch.testing.assert_close(torch.autograd.grad(found, logits), torch.autograd.grad(expected, logits))


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # of torch 2.14's own check
@pytest.mark.parametrize("with_slope", [True, False])
def test_shapes_are_foretold(with_slope: bool) -> None:
    logits = torch.randn(2, 9, 5, generator=torch.Generator().manual_seed(4))
    log_probs = logits.log_softmax(-1).transpose(0, 1)
    targets, lengths, counts = torch.tensor([[1, 2], [3, 0]]), torch.tensor([9, 7]), torch.tensor([2, 1])
    given = (log_probs.requires_grad_(with_slope), targets, lengths, counts, 4, False, with_slope)
    found = torch.library.opcheck(torch.ops.archwright.ctc.default, given)
    assert set(found.values()) == {"SUCCESS"}, found
