"""Training with dropout as in Hugging Face: each rate of a config drops at the same places.

Instead of some numbers being zero, all are smaller by what would be lost on average, so that nothing is random: a rate
that is not read, or is read elsewhere, changes the outputs. What attention drops of its probabilities makes its result
smaller by as much.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from transformers import PretrainedConfig

from .case import Case, merged
from .collect import all_cases
from .compare import TOLERANCE, differences
from .reference import build, first_draws, make_config, make_inputs, present, quiet
from .test_gradients import CASES as ONE_OF_EACH_CLASS
from .test_parity import open_checkpoint

UNDECLARED = [case for case in all_cases() if case.variant.name == "undeclared_dropout"]
DRAWS = ("Wav2Vec2ForPreTraining",)
"""Classes that draw other things too in training (a Gumbel quantizer)."""
CASES = [case for case in [*ONE_OF_EACH_CLASS, *UNDECLARED] if case.hf_class not in DRAWS]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_dropout(case: Case, tmp_path: Path) -> None:
    # What attentions show of dropout differs: some are shown before it, some after.
    shown = {name: value for name, value in case.variant.flags.items() if name != "output_attentions"}
    case = replace(case, config=merged(case.config, _rates(make_config(case))))
    reference = build(case).train()
    with quiet():
        reference.save_pretrained(tmp_path)
    with _average_dropout(), torch.no_grad():
        with quiet():
            expected = present(reference(**make_inputs(case), **shown, return_dict=True))
        found = open_checkpoint(tmp_path, case).train()(**make_inputs(case), **shown)
    theirs = {name: found[name] for name in expected}  # in training some show less
    apart = differences(case, expected, theirs, make_inputs(case))
    assert max(apart.values()) <= TOLERANCE, f"{case.id}: {apart}"


def _rates(config: PretrainedConfig, start: int = 1) -> dict[str, Any]:
    """Fields that give each dropout a rate of its own, and nothing else of training: layers and spans stay."""
    rates: dict[str, Any] = {}
    for name, value in sorted(vars(config).items()):
        if isinstance(value, PretrainedConfig):
            rates[name] = _rates(value, start + len(rates))
        elif re.search("layer_?drop|^mask_.*_prob", name):
            rates[name] = 0.0
        elif "drop" in name and isinstance(value, int | float | None) and not isinstance(value, bool):
            rates[name] = round(0.04 + 0.03 * (start + len(rates)), 2)
    return rates


@contextmanager
def _average_dropout() -> Iterator[None]:
    """Dropout that makes all numbers smaller, wherever it is called from; whole samples are kept, and so larger."""
    attention = F.scaled_dot_product_attention

    def dropout(x: Tensor, p: float = 0.5, training: bool = True, inplace: bool = False) -> Tensor:
        return x * (1 - p) if training else x

    def attention_with_dropout(*given: Any, dropout_p: float = 0.0, **options: Any) -> Tensor:
        return attention(*given, **options) * (1 - dropout_p)

    def rand(*shape: Any, **options: Any) -> Tensor:
        return torch.full(shape[0] if shape and not isinstance(shape[0], int) else shape, 0.5)

    with (
        mock.patch.object(torch, "rand", rand),
        mock.patch.object(F, "dropout", dropout),
        mock.patch.object(torch, "dropout", dropout),
        mock.patch.object(F, "scaled_dot_product_attention", attention_with_dropout),
        mock.patch("torch.multinomial", first_draws),
    ):
        yield
