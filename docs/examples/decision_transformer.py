"""Decision Transformer (arXiv:2106.01345): learn from other people's episodes, then act for the return asked for.

Run it with ``python docs/examples/decision_transformer.py``. A ball on a line is pushed left or right for ten steps;
each step brings more the closer the ball is to 1. The episodes to learn from were played towards other goals, too.
"""

from __future__ import annotations

import torch
from torch import Tensor

import archwright as aw
from archwright.backends.torch.generation.rollout import rollout

STEPS = 10


class Line:
    """The environment, many episodes side by side; a state is the place of the ball, ``[batch, 1]``."""

    def __init__(self, batch: int) -> None:
        self.place = torch.zeros(batch, 1)
        self.count = 0

    def step(self, action: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        self.place = self.place + 0.25 * action.clamp(-1, 1)
        self.count += 1
        reward = 1 - (self.place[:, 0] - 1).abs()
        return self.place, reward, torch.full_like(reward, self.count == STEPS, dtype=torch.bool)


def played(episodes: int) -> dict[str, Tensor]:
    """Episodes of players who push towards a goal of their own, more or less steadily: ``[episodes, STEPS, ...]``."""
    line = Line(episodes)
    goal = 2 * torch.rand(episodes, 1) - 1
    states, actions, rewards = [], [], []
    for _ in range(STEPS):
        states.append(line.place)
        actions.append((3 * (goal - line.place) + 0.3 * torch.randn(episodes, 1)).clamp(-1, 1))
        rewards.append(line.step(actions[-1])[1])
    return {"states": torch.stack(states, 1), "actions": torch.stack(actions, 1), "rewards": torch.stack(rewards, 1)}


def train(data: dict[str, Tensor], *, rounds: int, d_model: int) -> torch.nn.Module:
    """A model that says what was done, from what was seen and what came of it."""
    model = aw.compile(
        "decision_transformer", backend="eager", state_dim=1, act_dim=1, max_ep_len=STEPS, d_model=d_model,
        num_layers=2, num_heads=2, dropout=0.0, embedding_dropout=0.0, attention_dropout=0.0,
    ).train()  # fmt: skip
    returns_to_go = data["rewards"].flip(1).cumsum(1).flip(1)[..., None] / STEPS
    times = torch.arange(STEPS).expand(len(returns_to_go), -1)
    optimizer = torch.optim.AdamW(model.parameters(), 1e-3)
    for _ in range(rounds):
        rows = torch.randint(0, len(times), (64,))
        told = model(
            states=data["states"][rows], actions=data["actions"][rows], returns_to_go=returns_to_go[rows],
            timesteps=times[rows],
        )  # fmt: skip
        loss = torch.nn.functional.mse_loss(told.action_preds, data["actions"][rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def main(*, rounds: int = 300, episodes: int = 2000, d_model: int = 64) -> tuple[Tensor, Tensor]:
    torch.manual_seed(0)
    data = played(episodes)
    known = data["rewards"].sum(1)
    print(
        f"{episodes} episodes with returns from {known.min():.1f} to {known.max():.1f}, on average {known.mean():.1f}"
    )
    model = train(data, rounds=rounds, d_model=d_model)
    wanted = torch.quantile(known, torch.tensor([0.02, 0.25, 0.5, 0.75, 0.98]))
    done = rollout(
        model, torch.zeros(len(wanted), 1), Line(len(wanted)).step, wanted=wanted, steps=STEPS, context=STEPS,
        scale=STEPS,
    )  # fmt: skip
    for asked, got, place in zip(wanted.tolist(), done.returns.tolist(), done.states[:, -1, 0].tolist(), strict=True):
        print(f"  asked for {asked:5.1f}: got {got:5.1f}, the ball was at {place:5.2f}")
    return wanted, done.returns


if __name__ == "__main__":
    main()
