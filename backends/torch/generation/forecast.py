"""A Time Series Transformer forecasts: futures are drawn step by step, each from the distribution that it predicts."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.distributions import NegativeBinomial, Normal, StudentT

from ...errors import ArgumentError
from ..model import Model


@torch.no_grad()
def forecast(model: Model, *, samples: int = 100, **inputs: Tensor) -> Tensor:
    """Draw futures (ancestral sampling, arXiv:1704.04110, section 3.3).

    Args:
        model: a `time_series_transformer` with the task `prediction`.
        samples: how many futures of each series.
        **inputs: what the model takes but `future_values`, by name.

    Returns:
        ``[batch, samples, prediction_length]``, with an axis more where a series has several values a step.

    Raises:
        ArgumentError: the model predicts no distributions.
    """
    params = model.graph.params
    if "params" not in model.graph.outputs:
        raise ArgumentError(f"`{model.graph.name}` predicts no distributions: it needs the task `prediction`")
    size, length = params["input_size"], params["prediction_length"]
    past = inputs["past_values"]
    future = past.new_zeros(len(past), length, *([size] if size > 1 else []))
    seen = model(**inputs, future_values=future)
    repeated = {name: value.repeat_interleave(samples, 0) for name, value in inputs.items()}
    repeated["encoder_outputs"] = seen.encoder_last_hidden_state.repeat_interleave(samples, 0)
    loc, scale = (seen[name].repeat_interleave(samples, 0) for name in ("loc", "scale"))
    future = future.repeat_interleave(samples, 0)
    for step in range(length):  # nothing looks ahead, so that what is not drawn yet may be zero
        predicted = model(**repeated, future_values=future).params
        drawn = _draw(params["distribution_output"], [one[:, step : step + 1] for one in predicted], loc, scale)
        future = torch.cat([future[:, :step], drawn, future[:, step + 1 :]], 1)
    return future.view(len(past), samples, *future.shape[1:])


def _draw(kind: Any, params: list[Tensor], loc: Tensor, scale: Tensor) -> Tensor:
    """A value of each series; counts are drawn as they are, other values within the series' own scale."""
    if kind == "negative_binomial":
        count, logits = params
        return NegativeBinomial(count, logits=logits).sample()
    if kind == "student_t":
        df, place, width = params
        return StudentT(df, place, width).sample() * scale + loc
    place, width = params
    return Normal(place, width).sample() * scale + loc
