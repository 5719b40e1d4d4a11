"""The assignment problem, solved exactly on the host; compiled graphs hold it as one operation.

A loop that runs until a path is found has no place in a graph, so that a library operator stands for it. The solver is
some lines: no dependency is worth them, as it takes a millisecond for a hundred rows and ten columns.
"""

from __future__ import annotations

from collections.abc import Callable

import torch


def least_cost(cost: list[list[float]]) -> list[int]:
    """The column of each row at the least total cost, by shortest augmenting paths (Jonker and Volgenant 1987).

    Args:
        cost: no more rows than columns, all finite.
    """
    num_columns = len(cost[0]) if cost else 0
    columns = range(num_columns)
    row_of, column_of = [-1] * num_columns, [-1] * len(cost)
    row_price, column_price = [0.0] * len(cost), [0.0] * num_columns
    for start in range(len(cost)):
        distance, before = [float("inf")] * num_columns, [-1] * num_columns
        reached: list[int] = []
        open_, row, length = set(columns), start, 0.0
        while True:
            for column in open_:
                found = length + cost[row][column] - row_price[row] - column_price[column]
                if found < distance[column]:
                    distance[column], before[column] = found, row
            end = min(open_, key=lambda column: (distance[column], row_of[column] >= 0))
            length = distance[end]
            open_.remove(end)
            if row_of[end] < 0:
                break
            reached.append(end)
            row = row_of[end]
        row_price[start] += length
        for column in reached:
            row_price[row_of[column]] += length - distance[column]
            column_price[column] -= length - distance[column]
        while end >= 0:
            row = before[end]
            row_of[end], column_of[row], end = row, end, column_of[row]
    return column_of


def _solve(cost: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """``[batch, rows, columns]`` costs and ``[batch, columns]`` truth values to the pairs."""
    pairs = torch.zeros(cost.shape, dtype=torch.bool)
    costs = cost.double().nan_to_num(nan=1e12, posinf=1e12, neginf=-1e12).cpu()
    for sample, here in enumerate(valid.cpu()):
        columns = here.nonzero()[:, 0]
        own = costs[sample][:, columns]
        is_wide = own.shape[0] <= own.shape[1]
        found = torch.tensor(least_cost((own if is_wide else own.t()).tolist()), dtype=torch.long)
        counted = torch.arange(len(found))
        rows, chosen = (counted, found) if is_wide else (found, counted)
        pairs[sample, rows, columns[chosen]] = True
    return pairs.to(cost.device)


def _unsolved(cost: torch.Tensor, valid: torch.Tensor) -> torch.Tensor:
    """What `_solve` gives, without its values."""
    return torch.empty_like(cost, dtype=torch.bool)


def _opaque(
    name: str, run: Callable[..., torch.Tensor], trace: Callable[..., torch.Tensor]
) -> Callable[..., torch.Tensor]:
    """A library operator that compiled graphs call as a whole; the one of that name, where there is one."""
    namespace, _, own = name.partition("::")
    if hasattr(getattr(torch.ops, namespace), own):  # a copy of this file was there first
        return getattr(getattr(torch.ops, namespace), own)
    operator = torch.library.custom_op(name, mutates_args=(), schema="(Tensor cost, Tensor valid) -> Tensor")(run)
    operator.register_fake(trace)
    return operator


solve_assignment = _opaque("archwright::assign", _solve, _unsolved)
"""The pairs of least total cost of ``[batch, rows, columns]`` costs and ``[batch, columns]`` valid columns."""
