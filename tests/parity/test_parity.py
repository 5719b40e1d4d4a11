"""Archwright against Hugging Face, from one checkpoint folder: the same outputs, and the same folder when saved again.

A difference stays below what docs/family.md says of its class; `--write-status` writes that anew.

`python -m pytest tests/parity -k "bert and masked_lm"` runs a part of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.status import largest_known

from .case import Case
from .collect import all_cases, one_of_each_checkpoint, one_of_each_class
from .compare import TOLERANCE, differences
from .reference import load, make_inputs

CASES = all_cases()


def open_checkpoint(folder: Path, case: Case) -> Any:
    """Returns our module for a case's checkpoint folder; imported here so that the cases can be collected without it."""
    import archwright

    return archwright.from_pretrained(str(folder), task=case.variant.method or None, backend="eager").eval()


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_outputs(
    case: Case,
    opened: Callable[[Case], Any],
    reference: Callable[[Case], dict[str, Any]],
    report: Callable[[Case, dict[str, float]], None],
    status: Callable[..., None],
    request: pytest.FixtureRequest,
) -> None:
    status(case.hf_class, "outputs")
    model = opened(case)
    with torch.no_grad():
        outputs = model(**make_inputs(case), **case.variant.flags)
    found = differences(case, reference(case), outputs, make_inputs(case))
    report(case, found)
    for place, value in found.items():
        status(case.hf_class, _column(place), value)
    limits = dict.fromkeys(("outputs", "loss"), TOLERANCE)
    if not request.config.getoption("--write-status"):
        limits = {column: largest_known(case.hf_class, column) for column in limits}
    wrong = {place: f"{value:.1e}" for place, value in found.items() if not value <= limits[_column(place)]}
    assert not wrong, f"{case.id}: {len(wrong)} of {len(found)} tensors differ: {wrong}"


def _column(place: str) -> str:
    """The column of the table in which an output counts."""
    return "loss" if place == "loss" else "outputs"


@pytest.mark.parametrize("case", one_of_each_checkpoint(CASES), ids=lambda case: case.id)
def test_saved_folder(
    case: Case, checkpoint: Callable[[Case], Path], tmp_path: Path, status: Callable[..., None]
) -> None:
    for column in ("load", "save"):
        status(case.hf_class, column)
    original, saved = checkpoint(case), tmp_path / "saved"
    open_checkpoint(original, case).save_pretrained(str(saved))
    configs = [json.loads((folder / "config.json").read_text()) for folder in (original, saved)]
    assert configs[1] == configs[0]
    assert (saved / "model.safetensors").read_bytes() == (original / "model.safetensors").read_bytes()


@pytest.mark.parametrize("case", one_of_each_class(CASES), ids=lambda case: case.id)
def test_loads_in_transformers(
    case: Case, checkpoint: Callable[[Case], Path], tmp_path: Path, status: Callable[..., None]
) -> None:
    """Of each class one: the others are the same bytes as the folder that `test_reloads` loads."""
    status(case.hf_class, "save")
    open_checkpoint(checkpoint(case), case).save_pretrained(str(tmp_path / "saved"))
    _, info = load(case, tmp_path / "saved", output_loading_info=True)
    if case.variant.reload_differs:  # then at least not worse than from Hugging Face's own folder
        _, known = load(case, checkpoint(case), output_loading_info=True)
        assert info == known
    else:
        assert not any(info.values()), info
