"""Activations, beside those that Hugging Face's configs and torch call by the same names."""

from __future__ import annotations

import typing

import pytest
import torch
import torch.nn.functional as F
from transformers.activations import ACT2FN

from archwright.backends.torch.modules.elementwise import activation
from archwright.blocks.base import Activation


@pytest.mark.parametrize("kind", typing.get_args(Activation))
def test_activations_are_those_of_their_names(kind: str) -> None:
    x = torch.linspace(-12, 12, 97)
    expected = ACT2FN[kind](x) if kind in ACT2FN else getattr(F, kind)(x)
    torch.testing.assert_close(activation(x, kind=kind), expected)
