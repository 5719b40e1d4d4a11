"""Assignments of least cost, against scipy's and by hand."""

from __future__ import annotations

import pytest
import torch
from scipy.optimize import linear_sum_assignment

from archwright.backends.torch.modules.assignment import least_cost
from archwright.backends.torch.modules.selection import assign


@pytest.mark.parametrize(("rows", "columns"), [(0, 4), (1, 1), (3, 3), (4, 9), (20, 50)])
@pytest.mark.parametrize("seed", range(4))
def test_costs_the_least(rows: int, columns: int, seed: int) -> None:
    cost = torch.randn(rows, columns, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert least_cost(cost.tolist()) == linear_sum_assignment(cost.numpy())[1].tolist()


def test_greed_does_not_pay() -> None:
    cost = torch.tensor([[[1.0, 2.0], [1.5, 9.0], [3.0, 3.0]]])
    assert assign(cost).nonzero().tolist() == [[0, 0, 1], [0, 1, 0]]


def test_columns_that_are_not_valid_stay_without() -> None:
    cost = torch.randn(2, 3, 5)
    valid = torch.tensor([[1, 0, 1, 0, 0], [1, 1, 1, 1, 1]]).bool()
    pairs = assign(cost, valid)
    assert pairs.any(1)[0].tolist() == valid[0].tolist()
    assert pairs.sum((1, 2)).tolist() == [2, 3], "all that fit"
    assert pairs.sum(1).max() == pairs.sum(2).max() == 1


def test_odd_costs_are_large() -> None:
    cost = torch.tensor([[[float("nan"), 1.0], [2.0, float("inf")]]])
    assert assign(cost)[0].tolist() == [[False, True], [True, False]]


def test_is_one_operation_of_a_compiled_graph() -> None:
    def chosen(cost: torch.Tensor) -> torch.Tensor:
        return assign(cost * 2).float().sum(1)

    cost = torch.randn(2, 4, 3)
    torch.compiler.reset()
    assert torch.equal(torch.compile(chosen, fullgraph=True, backend="eager")(cost), chosen(cost))
