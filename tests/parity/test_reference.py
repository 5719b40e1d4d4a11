"""The suite's own half: every case builds, saves, loads and runs in Hugging Face, and its numbers can show mistakes."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from .case import Case
from .collect import all_cases, one_of_each_checkpoint
from .compare import differences, leaves
from .reference import load, make_inputs, run

LABELS_WITHOUT_LOSS = "labels_alone"
"""End of the ids of cases that give labels from which Hugging Face makes no `loss`, as it wants others beside them."""
LABELS = (
    "labels",
    "targets",
    "start_positions",
    "next_sentence_label",
    "mc_labels",
    "sampled_negative_indices",
    "bool_masked_pos",
)
"""Inputs from which a loss is made."""
SELF_SUPERVISED = ("vit_mae-pre_training", "time_series_transformer-prediction-loss")
"""Start of the ids of cases whose loss needs no labels."""
CONSTANT = (
    (r"time_series", r"loc|scale"),  # where a series is not scaled
    (r"detr", r"decoder_hidden_states\[0\]"),  # the decoder begins with zeros
    (r"vit_mae-.*-all$", r"mask"),  # of which nothing is left
)
"""Starts of the ids of cases, and fields of theirs that may be the same everywhere."""


@pytest.mark.parametrize("case", all_cases(), ids=lambda case: case.id)
def test_runs(case: Case, reference: Callable[[Case], dict[str, Any]]) -> None:
    outputs = dict(leaves(reference(case)))
    for place, tensor in outputs.items():
        assert torch.isfinite(tensor).all(), place
        known = any(re.match(ids, case.id) and re.fullmatch(places, place) for ids, places in CONSTANT)
        assert tensor.numel() == 1 or known or tensor.double().std() > 1e-4, f"{place} is constant"
    for flag, field in (("output_attentions", "attentions["), ("output_hidden_states", "hidden_states[")):
        assert not case.variant.flags.get(flag) or any(field in place for place in outputs), f"{flag} gives nothing"
    if is_labelled(case):
        assert outputs["loss"] > 0
    else:
        assert "loss" not in outputs


def is_labelled(case: Case) -> bool:
    """Whether a case gives what Hugging Face makes a loss of."""
    given = any(name in make_inputs(case) for name in LABELS) or case.variant.flags.get("return_loss", False)
    return (given and not case.id.endswith(LABELS_WITHOUT_LOSS)) or case.id.startswith(SELF_SUPERVISED)


@pytest.mark.parametrize("case", one_of_each_checkpoint(all_cases()), ids=lambda case: case.id)
def test_reloads(case: Case, checkpoint: Callable[[Case], Path], reference: Callable[[Case], dict[str, Any]]) -> None:
    options = {"attn_implementation": "eager"} if case.eager else {}
    model, info = load(case, checkpoint(case), output_loading_info=True, **options)
    assert any(info.values()) == bool(case.variant.reload_differs), info
    if not case.variant.reload_differs:
        found = differences(case, reference(case), run(case, model), make_inputs(case))
        assert max(found.values()) <= 1e-6, found
