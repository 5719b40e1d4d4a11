"""A Trajectory Transformer plans: beam search over trajectories of discrete numbers, for the return they promise."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..model import Model
from .sampling import draw


@dataclass(frozen=True, slots=True)
class Bins:
    """Numbers as tokens, each column in bins that hold equally many (arXiv:2106.02039, section 3.1).

    Attributes:
        edges: ``[columns, bins + 1]``, from the least number of a column to its greatest.
    """

    edges: Tensor

    @classmethod
    def of(cls, rows: Tensor, num: int) -> Bins:
        """The bins of data ``[rows, columns]``."""
        return cls(torch.quantile(rows, torch.linspace(0, 1, num + 1, dtype=rows.dtype), 0).T.contiguous())

    def encode(self, values: Tensor, first: int = 0) -> Tensor:
        """Tokens of numbers ``[..., columns]``; `first` is the column of the first of them."""
        inner = self.edges[first : first + values.shape[-1], 1:-1].contiguous()
        moved = values.reshape(-1, values.shape[-1]).T.contiguous()
        return torch.searchsorted(inner, moved, right=True).T.reshape(values.shape)

    def decode(self, tokens: Tensor, first: int = 0) -> Tensor:
        """The middles of the bins of tokens ``[..., columns]``."""
        middles = self.middles[first : first + tokens.shape[-1]]
        moved = tokens.reshape(-1, tokens.shape[-1]).T
        return middles.gather(1, moved).T.reshape(tokens.shape)

    @property
    def middles(self) -> Tensor:
        """``[columns, bins]``."""
        return (self.edges[:, 1:] + self.edges[:, :-1]) / 2


@dataclass(frozen=True, slots=True)
class Plan:
    """The best trajectory that was found.

    Attributes:
        actions: ``[horizon, action_dim]``.
        tokens: what the model wrote, ``[new]``.
        value: the return that it promises.
    """

    actions: Tensor
    tokens: Tensor
    value: float


@torch.no_grad()
def plan(
    model: Model, bins: Bins, past: Tensor, state: Tensor, *, horizon: int = 5, beams: int = 16, expand: int = 4,
    top_k: int = 0, discount: float = 0.99, generator: torch.Generator | None = None,
) -> Plan:  # fmt: skip
    """Search for the actions with the greatest return (arXiv:2106.02039, section 3.2, algorithm 1).

    Each trajectory is continued in `expand` ways: actions are drawn, the reward and the value that follow are the
    likeliest. Those are kept whose rewards so far, with the value that remains, promise the most.

    Args:
        model: a `trajectory_transformer`.
        bins: the bins of a transition's columns: observation, action, reward, value.
        past: tokens of the transitions so far, ``[steps, transition_dim]``; the last ones that fit are read.
        state: the observation now, ``[observation_dim]``.
        horizon: how many transitions are planned.
        beams: how many trajectories are kept.
        expand: how many ways each is continued in.
        top_k: actions are drawn from this many likeliest tokens; 0 is all.
        discount: what a reward is worth a step later.
        generator: of the draws.
    """
    params = model.graph.params
    observed, width = params["observation_dim"], params["transition_dim"]
    acted = params["action_dim"]
    fits = max((params["block_size"] - width * horizon) // width, 0)
    past = past[max(len(past) - fits, 0) :]
    start = torch.cat([past.reshape(-1), bins.encode(state)])
    tokens, rewards = start[None], torch.zeros(1, device=state.device)
    promised = rewards
    writer = _Writer(model, bins, generator)
    for step in range(horizon):
        tokens, rewards = tokens.repeat_interleave(expand, 0), rewards.repeat_interleave(expand, 0)
        if step == 0:
            tokens, rewards = tokens.repeat_interleave(beams, 0), rewards.repeat_interleave(beams, 0)
        for _ in range(acted):
            tokens = writer.drawn(tokens, top_k)
        tokens, reward = writer.likeliest(tokens, observed + acted)
        tokens, value = writer.likeliest(tokens, observed + acted + 1)
        rewards = rewards + discount**step * reward
        promised, kept = (rewards + discount ** (step + 1) * value).topk(min(beams, len(tokens)))
        tokens, rewards = tokens[kept], rewards[kept]
        for column in range(observed if step + 1 < horizon else 0):
            tokens, _ = writer.likeliest(tokens, column)
    new = tokens[0, len(start) - observed :].view(horizon, width)
    actions = bins.decode(new[:, observed : observed + acted], observed)
    return Plan(actions, tokens[0, len(start) :], float(promised[0]))


@dataclass(frozen=True, slots=True)
class _Writer:
    """Continues trajectories ``[beams, length]`` by a token."""

    model: Model
    bins: Bins
    generator: torch.Generator | None

    def probs(self, tokens: Tensor) -> Tensor:
        """Of each next token, the last of the vocabulary aside, which stops: ``[beams, vocab]``."""
        return self.model(trajectories=tokens).logits[:, -1, :-1].softmax(-1)

    def drawn(self, tokens: Tensor, top_k: int) -> Tensor:
        """The tokens with one that is drawn."""
        probs = self.probs(tokens)
        if top_k:
            probs = probs * (probs >= probs.topk(min(top_k, probs.shape[1])).values[:, -1:])
        return torch.cat([tokens, draw(probs, 1, self.generator)], 1)

    def likeliest(self, tokens: Tensor, column: int) -> tuple[Tensor, Tensor]:
        """The tokens with the likeliest next one, and the number that is expected."""
        probs = self.probs(tokens)
        expected = probs @ self.bins.middles[column].to(probs)
        return torch.cat([tokens, probs.argmax(1, keepdim=True)], 1), expected


def transitions(observations: Tensor, actions: Tensor, rewards: Tensor, *, discount: float = 0.99) -> Tensor:
    """Episodes as rows for training: each step's observation, action, reward, and the return that comes after it.

    Args:
        observations: ``[episodes, steps, observation_dim]``.
        actions: ``[episodes, steps, action_dim]``.
        rewards: ``[episodes, steps]``.
        discount: what a reward is worth a step later.

    Returns:
        ``[episodes, steps, observation_dim + action_dim + 2]``.
    """
    values = torch.zeros_like(rewards)
    for step in reversed(range(rewards.shape[1] - 1)):
        values[:, step] = rewards[:, step + 1] + discount * values[:, step + 1]
    return torch.cat([observations, actions, rewards[..., None], values[..., None]], -1)
