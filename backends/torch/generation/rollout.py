"""A Decision Transformer acts: it is told the return that is wanted, and says one action at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import pad

from ..model import Model


@dataclass(frozen=True, slots=True)
class Rollout:
    """Episodes side by side.

    Attributes:
        states: ``[batch, steps, state_dim]``, each as it was when its action was chosen.
        actions: ``[batch, steps, act_dim]``.
        rewards: ``[batch, steps]``, zero after an episode's end.
    """

    states: Tensor
    actions: Tensor
    rewards: Tensor

    @property
    def returns(self) -> Tensor:
        """What each episode brought: ``[batch]``."""
        return self.rewards.sum(1)


@torch.no_grad()
def rollout(
    model: Model, start: Tensor, step: Callable[[Tensor], tuple[Tensor, Tensor, Tensor]], *, wanted: Tensor,
    steps: int, context: int = 20, scale: float = 1.0,
) -> Rollout:  # fmt: skip
    """Act in an environment, conditioned on a return (arXiv:2106.01345, algorithm 1).

    After each step, what it brought is taken off what is still wanted. The model reads the last `context` steps, padded
    on the left, so that all calls have one shape.

    Args:
        model: a `decision_transformer`.
        start: the first states, ``[batch, state_dim]``.
        step: does actions ``[batch, act_dim]`` and gives the next states ``[batch, state_dim]``, the rewards
            ``[batch]`` and which episodes are over ``[batch]``.
        wanted: the return that each episode shall bring, ``[batch]``.
        steps: how many actions an episode has at most.
        context: how many steps the model reads.
        scale: what returns were divided by in training.
    """
    batch = len(start)
    act_dim = model.graph.params["act_dim"]
    states, left = start[:, None], (wanted / scale)[:, None]
    actions, rewards = start.new_zeros(batch, 0, act_dim), start.new_zeros(batch, 0)
    over = torch.zeros(batch, dtype=torch.bool, device=start.device)
    for count in range(1, steps + 1):
        gap = max(context - count, 0)
        times = torch.arange(count, device=start.device)[-context:].expand(batch, -1)
        chosen = model(
            states=_last(states, context),
            actions=_last(pad(actions, (0, 0, 0, 1)), context),  # the last one is what is asked for
            returns_to_go=_last(left[..., None], context),
            timesteps=pad(times, (gap, 0)),
            attention_mask=pad(torch.ones_like(times, dtype=torch.bool), (gap, 0)),
        ).action_preds[:, -1]
        after, reward, ended = step(chosen)
        reward = torch.where(over, 0.0, reward)
        over = over | ended
        actions, rewards = torch.cat([actions, chosen[:, None]], 1), torch.cat([rewards, reward[:, None]], 1)
        if count == steps or bool(over.all()):
            break
        states = torch.cat([states, after[:, None]], 1)
        left = torch.cat([left, left[:, -1:] - reward[:, None] / scale], 1)
    return Rollout(states, actions, rewards)


def _last(values: Tensor, count: int) -> Tensor:
    """The last steps of ``[batch, steps, d]``, padded on the left with zeros."""
    return pad(values[:, -count:], (0, 0, max(count - values.shape[1], 0), 0))
