"""`model.generate` gives Hugging Face's ids, for every system that writes and every way to choose tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from .systems import SYSTEMS, inputs, models, theirs


def assert_same(name: str, **options: Any) -> torch.Tensor:
    """Both write the same ids, which are returned."""
    expected = theirs(name, **options)
    found = models(name)[1].generate(**options)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()
    return found


@pytest.mark.parametrize("name", SYSTEMS)
def test_greedy(name: str) -> None:
    found = assert_same(name, **inputs(name), max_new_tokens=8)
    assert len(found.unique()) > 4, "one token again and again shows nothing"


@pytest.mark.parametrize("name", SYSTEMS)
def test_beams(name: str) -> None:
    assert_same(name, **inputs(name), max_new_tokens=8, num_beams=3, num_return_sequences=2)
