"""Rollouts: what the model reads at each step, and what is left of the return."""

from __future__ import annotations

import torch

import archwright as aw
from archwright.backends.torch.generation.rollout import rollout


def model() -> aw.backends.torch.model.Model:
    torch.manual_seed(0)
    made = aw.compile("decision_transformer", backend="eager", size="tiny", state_dim=3, act_dim=2)
    for one in made.parameters():
        torch.nn.init.normal_(one, std=0.3)
    return made


def step(actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    states = torch.cat([actions, actions.sum(1, keepdim=True)], 1)
    return states, actions[:, 0], torch.zeros(len(actions), dtype=torch.bool)


def test_each_action_is_the_models_own() -> None:
    made, start, wanted = model(), torch.randn(4, 3), torch.tensor([1.0, 2.0, -1.0, 0.0])
    done = rollout(made, start, step, wanted=wanted, steps=6, context=6, scale=2.0)
    assert done.states.shape == (4, 6, 3) and done.actions.shape == (4, 6, 2) and done.rewards.shape == (4, 6)
    before = torch.cat([torch.zeros(4, 1), done.rewards.cumsum(1)[:, :-1]], 1)
    left = ((wanted[:, None] - before) / 2)[..., None]
    whole = made(
        states=done.states, actions=done.actions, returns_to_go=left, timesteps=torch.arange(6).expand(4, -1)
    ).action_preds  # an action looks at those before it alone, so that all at once gives what one by one gave
    torch.testing.assert_close(done.actions, whole, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(done.returns, done.actions[..., 0].sum(1))


def test_a_short_context_sees_the_last_steps_alone() -> None:
    made, start = model(), torch.randn(2, 3)
    done = rollout(made, start, step, wanted=torch.ones(2), steps=5, context=2)
    before = torch.cat([torch.zeros(2, 1), done.rewards.cumsum(1)[:, :-1]], 1)
    last = made(
        states=done.states[:, 3:], actions=done.actions[:, 3:], returns_to_go=(1 - before[:, 3:])[..., None],
        timesteps=torch.tensor([[3, 4], [3, 4]]),
    ).action_preds[:, -1]  # fmt: skip
    torch.testing.assert_close(done.actions[:, -1], last, rtol=1e-4, atol=1e-5)


def test_an_episode_that_is_over_brings_nothing() -> None:
    count = 0

    def ending(actions: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        nonlocal count
        count += 1
        return torch.zeros(3, 3), torch.ones(3), torch.tensor([count >= 1, count >= 3, count >= 2])

    done = rollout(model(), torch.zeros(3, 3), ending, wanted=torch.ones(3), steps=9)
    assert done.returns.tolist() == [1, 3, 2]
    assert count == 3 and done.states.shape[1] == 3
