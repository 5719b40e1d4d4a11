"""Forecasts: the same futures as the reference draws from the same random numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import TimeSeriesTransformerConfig, TimeSeriesTransformerForPrediction

import archwright as aw
from archwright.backends.torch.generation.forecast import forecast

SMALL = {"prediction_length": 5, "context_length": 7, "lags_sequence": [1, 2, 4], "num_time_features": 2, "d_model": 16,
         "encoder_layers": 1, "decoder_layers": 2, "encoder_ffn_dim": 8, "decoder_ffn_dim": 8}  # fmt: skip
VARIANTS: dict[str, dict[str, Any]] = {
    "student_t": {},
    "normal": {"distribution_output": "normal"},
    "counts": {"distribution_output": "negative_binomial"},
    "unscaled": {"scaling": None},
    "two-values": {"input_size": 2},
    "static": {"num_static_real_features": 1, "num_static_categorical_features": 1, "cardinality": [3],
               "embedding_dimension": [2]},
}  # fmt: skip


@pytest.mark.parametrize("name", VARIANTS)
def test_futures_are_the_references(name: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    config = TimeSeriesTransformerConfig(**SMALL, **VARIANTS[name], num_parallel_samples=6)
    reference = TimeSeriesTransformerForPrediction(config).eval()
    for one in reference.parameters():
        torch.nn.init.normal_(one, std=0.2)
    reference.save_pretrained(tmp_path)
    model = aw.from_pretrained(tmp_path, backend="eager")
    past = config.context_length + max(config.lags_sequence)
    sizes = (config.input_size,) if config.input_size > 1 else ()
    inputs = {
        "past_values": torch.randint(0, 9, (3, past, *sizes)).float(),
        "past_time_features": torch.randn(3, past, 2),
        "past_observed_mask": torch.rand(3, past, *sizes) > 0.2,
        "future_time_features": torch.randn(3, config.prediction_length, 2),
    }
    if config.num_static_real_features:
        inputs["static_real_features"] = torch.randn(3, 1)
        inputs["static_categorical_features"] = torch.randint(0, 3, (3, 1))
    torch.manual_seed(1)
    expected = reference.generate(**inputs).sequences
    torch.manual_seed(1)
    found = forecast(model, samples=6, **inputs)
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_model_without_distributions_is_refused() -> None:
    model = aw.compile("time_series_transformer", size="tiny", backend="eager")
    with pytest.raises(aw.ArgumentError, match="needs the task `prediction`"):
        forecast(model, past_values=torch.zeros(1, 11))
