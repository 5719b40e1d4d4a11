"""Trajectory Transformer (arXiv:2106.02039): learn what happens, then search for what brings the most.

Run it with ``python docs/examples/trajectory_transformer.py``. A ball starts anywhere on a line and is pushed left or
right; each step brings more the closer it is to 1. The episodes to learn from were played at random; beam search over
the trajectories that the model imagines plays like the luckiest of them.
"""

from __future__ import annotations

import torch
from torch import Tensor

import archwright as aw
from archwright.backends.torch.generation.plan import Bins, plan, transitions

BINS, STEPS, DISCOUNT = 20, 8, 0.9


def moved(place: Tensor, action: Tensor) -> tuple[Tensor, Tensor]:
    """The environment: places after a push, and what they bring."""
    after = (place + 0.3 * action.clamp(-1, 1)).clamp(-2, 2)
    return after, -(after - 1).abs()


def played(episodes: int) -> tuple[Tensor, Tensor, Tensor]:
    """Random play: places and actions ``[episodes, STEPS, 1]``, rewards ``[episodes, STEPS]``."""
    place = 4 * torch.rand(episodes) - 2
    drift = 2 * torch.rand(episodes) - 1
    places, actions, rewards = [], [], []
    for _ in range(STEPS):
        action = (drift + torch.randn(episodes) * 0.7).clamp(-1, 1)
        places.append(place)
        actions.append(action)
        place, reward = moved(place, action)
        rewards.append(reward)
    return torch.stack(places, 1)[..., None], torch.stack(actions, 1)[..., None], torch.stack(rewards, 1)


def train(tokens: Tensor, *, rounds: int, d_model: int) -> torch.nn.Module:
    """A model of the tokens that come next, ``[episodes, tokens]``."""
    model = aw.compile(
        "trajectory_transformer", backend="eager", vocab_size=BINS, observation_dim=1, action_dim=1, transition_dim=4,
        block_size=tokens.shape[1], d_model=d_model, num_layers=2, num_heads=2, action_weight=1, dropout=0.0,
        embedding_dropout=0.0, attention_dropout=0.0,
    ).train()  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, rounds)
    for _ in range(rounds):
        rows = tokens[torch.randint(0, len(tokens), (64,))]
        loss = model(trajectories=rows[:, :-1], targets=rows[:, 1:]).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def main(*, rounds: int = 400, episodes: int = 2000, d_model: int = 48, beams: int = 16) -> tuple[float, float]:
    torch.manual_seed(0)
    places, actions, rewards = played(episodes)
    rows = transitions(places, actions, rewards, discount=DISCOUNT)
    bins = Bins.of(rows.flatten(0, 1), BINS)
    model = train(bins.encode(rows).flatten(1), rounds=rounds, d_model=d_model)
    place, total, past = torch.tensor([-1.0]), 0.0, torch.zeros(0, 4, dtype=torch.long)
    print("a plan is made at each step, for the four to come; its first action is done")
    for _ in range(STEPS):
        best = plan(model, bins, past, place, horizon=4, beams=beams, expand=3, discount=DISCOUNT)
        action = best.actions[0]
        after, reward = moved(place, action)
        print(f"  at {place.item():5.2f} push {action.item():5.2f}: brings {reward.item():5.2f}")
        row = torch.cat([place, action, reward, torch.zeros(1)])
        past = torch.cat([past, bins.encode(row)[None]])
        place, total = after, total + reward.item()
    near = rewards.sum(1)[(places[:, 0, 0] + 1).abs() < 0.2]
    print(f"in all {total:.1f}; episodes from there brought {near.mean():.1f} on average, {near.max():.1f} at best")
    return total, near.mean().item()


if __name__ == "__main__":
    main()
