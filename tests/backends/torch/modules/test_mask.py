"""Masks from lengths, and the spans that training overwrites."""

from __future__ import annotations

import pytest
import torch

from archwright.backends.torch.modules.mask import prefix_mask, random_spans, span_mask


def test_prefix_mask() -> None:
    found = prefix_mask(torch.tensor([2, 0, 5, -1]), torch.zeros(4, 4, 7))
    assert found.long().tolist() == [[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 1, 0]]
    assert prefix_mask(torch.tensor([2]), torch.zeros(1, 4, 7), axis=2).shape == (1, 7)


@pytest.mark.parametrize("axis", [1, 2])
def test_given_positions_count_in_evaluation_too(axis: int) -> None:
    x = torch.randn(2, 5, 5)
    given = torch.tensor([[0, 1, 0, 0, 1], [1, 0, 0, 0, 0]]).bool()
    found = span_mask(x, torch.arange(5.0), given, p=0.5, length=2, axis=axis)
    found, x = (one if axis == 1 else one.transpose(1, 2) for one in (found, x))
    assert torch.equal(found[given], torch.arange(5.0).expand(3, 5))
    assert torch.equal(found[~given], x[~given])


def test_nothing_is_drawn_in_evaluation() -> None:
    x = torch.randn(2, 5, 3)
    assert span_mask(x, p=0.5, length=2) is x
    assert span_mask(x, p=0.0, length=2, training=True) is x


def test_spans_stay_within_what_is_valid() -> None:
    torch.manual_seed(1)
    valid = prefix_mask(torch.tensor([30, 11, 2]), torch.zeros(3, 30))
    for _ in range(20):
        found = span_mask(torch.ones(3, 30, 2), valid=valid, p=0.4, length=3, min_spans=2, training=True) == 0
        assert not found[~valid].any(), "padding was overwritten"
        assert found[:2, :, 0].sum(1).ge(4).all(), "two spans of three that start apart cover four positions"
        assert not found[2].any(), "a span of three fits nowhere in two positions"


def test_the_share_is_what_was_asked_for() -> None:
    torch.manual_seed(1)
    found = random_spans(torch.full((4000,), 100), 100, p=0.3, length=10, min_spans=0).float().mean()
    # Three spans of ten among 91 starts: each leaves a position in the middle out with probability 81 / 91.
    assert 0.25 < found < 0.29
