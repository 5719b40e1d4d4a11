"""What is marked moved to the front, and the diagonals of squares."""

from __future__ import annotations

import pytest
import torch

from archwright.backends.torch.modules.selection import compact, diagonals


def test_compact_keeps_the_order() -> None:
    x = torch.arange(1.0, 13).view(2, 2, 3)
    marked = torch.tensor([[1, 0, 1], [0, 1, 0]]).bool()
    moved, filled = compact(x, marked, axis=2)
    assert moved.tolist() == [[[1, 3], [4, 6]], [[8, 0], [11, 0]]]
    assert filled.tolist() == [[True, True], [True, False]]


def test_compact_of_nothing_is_empty() -> None:
    moved, filled = compact(torch.randn(2, 4, 3), torch.zeros(2, 4, dtype=torch.bool), axis=1)
    assert moved.shape == (2, 0, 3)
    assert filled.shape == (2, 0)


def test_compact_wants_a_mark_for_each_place() -> None:
    x = torch.randn(2, 4, 3)
    for marked in (torch.ones(2, 4), torch.ones(2, 2), torch.ones(1, 3)):
        with pytest.raises(ValueError, match="marks of"):
            compact(x, marked.bool(), axis=2)


def test_diagonals_are_zero_outside() -> None:
    x = torch.arange(1.0, 10).view(3, 3)
    assert diagonals(x, reach=1).tolist() == [[0, 1, 2], [4, 5, 6], [8, 9, 0]]
    assert diagonals(x, reach=4).shape == (3, 9)
    assert diagonals(x[None, None], reach=0).flatten().tolist() == [1, 5, 9]
