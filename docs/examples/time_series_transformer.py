"""Time Series Transformer: forecasts with their spread, for series with a season and a level of their own.

Run it with ``python docs/examples/time_series_transformer.py``. The model gives a distribution for each step; futures
are drawn from it one step after the other, and their quantiles are the forecast.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

import archwright as aw
from archwright.backends.torch.generation.forecast import forecast

SEASON, LENGTH, CONTEXT, LAGS = 8, 8, 16, [1, 2, 7, 8, 16]
PAST = CONTEXT + max(LAGS)


def series(count: int) -> dict[str, Tensor]:
    """Waves of one season with levels, heights and shifts of their own, and noise: ``[count, PAST + LENGTH]``."""
    time = torch.arange(PAST + LENGTH).expand(count, -1)
    level, height = 5 + 20 * torch.rand(count, 1), 0.2 + torch.rand(count, 1)
    phase = 2 * math.pi * torch.rand(count, 1)
    trend = 0.02 * (torch.rand(count, 1) - 0.5) * time
    wave = torch.sin(2 * math.pi * time / SEASON + phase)
    values = level * (1 + 0.3 * height * wave + trend + 0.03 * torch.randn(time.shape))
    ages = (time / (PAST + LENGTH))[..., None]
    return {
        "past_values": values[:, :PAST], "past_time_features": ages[:, :PAST],
        "future_values": values[:, PAST:], "future_time_features": ages[:, PAST:],
    }  # fmt: skip


def train(data: dict[str, Tensor], *, rounds: int, d_model: int) -> torch.nn.Module:
    """A model that says how likely what came was."""
    model = aw.compile(
        "time_series_transformer", task="prediction", backend="eager", prediction_length=LENGTH,
        context_length=CONTEXT, lags_sequence=LAGS, num_time_features=1, d_model=d_model, dropout=0.0,
        attention_dropout=0.0, activation_dropout=0.0, encoder_layerdrop=0.0, decoder_layerdrop=0.0,
    ).train()  # fmt: skip
    optimizer = torch.optim.AdamW(model.parameters(), 3e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 3e-3, rounds)
    for _ in range(rounds):
        rows = torch.randint(0, len(data["past_values"]), (64,))
        loss = model(**{name: value[rows] for name, value in data.items()}).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model.eval()


def main(*, rounds: int = 600, count: int = 2000, d_model: int = 32, samples: int = 50) -> dict[str, float]:
    torch.manual_seed(0)
    model = train(series(count), rounds=rounds, d_model=d_model)
    new = series(32)
    came = new.pop("future_values")
    futures = forecast(model, samples=samples, **new)
    low, middle, high = torch.quantile(futures, torch.tensor([0.1, 0.5, 0.9]), 1)
    naive = {
        "the last value": new["past_values"][:, -1:].expand_as(came),
        "the last season": new["past_values"][:, -SEASON:][:, :LENGTH],
    }
    errors = {name: (guess - came).abs().mean().item() for name, guess in {"the model": middle, **naive}.items()}
    for name, error in errors.items():
        print(f"{name:16} errs by {error:.2f} on average")
    within = ((low <= came) & (came <= high)).float().mean().item()
    print(f"{within:.0%} of what came lay between the quantiles 10% and 90%; the first series:")
    for name, row in (("10%", low), ("50%", middle), ("90%", high), ("came", came)):
        print(f"  {name:5}" + "".join(f"{value:7.1f}" for value in row[0].tolist()))
    return {**errors, "within": within}


if __name__ == "__main__":
    main()
