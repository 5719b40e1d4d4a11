"""Plans: tokens of numbers, and the search among the trajectories that a model imagines."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import torch

import archwright as aw
from archwright.backends.torch.generation.plan import Bins, plan, transitions


class Known:
    """A model that knows the world: an action's reward is itself, and so is the next observation; values are zero."""

    graph = SimpleNamespace(
        params={"observation_dim": 1, "action_dim": 1, "transition_dim": 4, "block_size": 40, "vocab_size": 5}
    )

    def __init__(self) -> None:
        self.seen: list[torch.Size] = []

    def __call__(self, trajectories: torch.Tensor) -> Any:
        self.seen.append(trajectories.shape)
        batch, count = trajectories.shape
        logits = torch.full((batch, count, 6), -30.0)
        logits[..., -1] = 50.0  # to stop is never chosen
        column = (count - 1) % 4 + 1
        if column == 1:
            logits[:, -1, :5] = 0.0
        elif column == 2:
            logits[:, -1].scatter_(1, trajectories[:, -1:], 30.0)
        elif column == 3:
            logits[:, -1, 2] = 30.0
        else:
            logits[:, -1].scatter_(1, trajectories[:, -3:-2], 30.0)
        return SimpleNamespace(logits=logits)


BINS = Bins(torch.linspace(-2.5, 2.5, 6).expand(4, -1).contiguous())


def test_numbers_as_tokens_and_back() -> None:
    torch.manual_seed(0)
    rows = torch.stack([torch.randn(1000), 100 + 5 * torch.rand(1000)], 1)
    bins = Bins.of(rows, 50)
    tokens = bins.encode(rows)
    assert tokens.min() == 0 and tokens.max() == 49
    counts = torch.bincount(tokens[:, 0], minlength=50)
    assert counts.min() >= 18 and counts.max() <= 22
    assert ((bins.decode(tokens) - rows)[:, 1].abs() < 0.2).all()
    torch.testing.assert_close(bins.encode(rows[:, 1:], first=1), tokens[:, 1:])
    torch.testing.assert_close(bins.decode(tokens[:, 1:], first=1), bins.decode(tokens)[:, 1:])
    torch.testing.assert_close(bins.encode(rows.view(10, 100, 2)), tokens.view(10, 100, 2))
    assert bins.encode(torch.tensor([-99.0, 999.0])).tolist() == [0, 49]


def test_the_best_actions_are_found() -> None:
    generator = torch.Generator().manual_seed(0)
    found = plan(Known(), BINS, torch.zeros(0, 4, dtype=torch.long), torch.tensor([0.0]), horizon=3, beams=8, expand=8,
                 generator=generator, discount=0.5)  # fmt: skip
    assert found.actions.tolist() == [[2.0], [2.0], [2.0]]
    assert abs(found.value - 2 * (1 + 0.5 + 0.25)) < 1e-4
    assert found.tokens.tolist() == [4, 4, 2, 4, 4, 4, 2, 4, 4, 4, 2]


def test_the_last_transitions_that_fit_are_read() -> None:
    known = Known()
    plan(known, BINS, torch.zeros(30, 4, dtype=torch.long), torch.tensor([0.0]), horizon=2, beams=2, expand=2)
    assert max(shape[1] for shape in known.seen) == 39 and known.seen[0][1] % 4 == 1


def test_few_tokens_may_be_drawn_from() -> None:
    torch.manual_seed(0)
    model = aw.compile("trajectory_transformer", size="tiny", backend="eager")
    for one in model.parameters():
        torch.nn.init.normal_(one, std=0.3)
    bins = Bins(torch.linspace(-1, 1, 20).expand(7, -1).contiguous())
    first = [
        plan(model, bins, torch.zeros(0, 7, dtype=torch.long), torch.zeros(3), horizon=1, top_k=1).tokens.tolist()
        for _ in range(2)
    ]
    assert first[0] == first[1] and len(first[0]) == 4


def test_what_comes_after_is_worth_less_later() -> None:
    rows = transitions(torch.zeros(1, 3, 2), torch.ones(1, 3, 1), torch.tensor([[1.0, 2.0, 4.0]]), discount=0.5)
    assert rows.shape == (1, 3, 5)
    assert rows[0, :, 3].tolist() == [1, 2, 4] and rows[0, :, 4].tolist() == [4, 4, 0]
