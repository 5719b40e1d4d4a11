"""docs/family.md is current, and every class that a spec names or the family promises has its row."""

from __future__ import annotations

import importlib

import pytest
import transformers

import archwright as aw
from tests.docs.family import PAGE, cells, data, has_loss, page
from tests.parity.collect import all_cases
from tests.status import BOUNDS, COLUMNS, FAILED, bound, classes, read


def test_the_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run python -m tests.docs.family"


def test_every_spec_is_in_an_area() -> None:
    assert sorted(name for names in data()["areas"].values() for name in names) == aw.list_models()


def test_what_is_promised_is_here_or_says_why() -> None:
    promised = {name for names in data()["promised"].values() for name in names}
    assert promised <= {*classes(), *data()["absent"]}
    assert not {*classes()} & {*data()["absent"]}


def test_every_class_of_its_modules_is_here_or_says_why() -> None:
    homes = {getattr(transformers, name).__module__ for name in classes()}
    for home in map(importlib.import_module, sorted(homes)):
        models = {name for name in home.__all__ if _is_model(getattr(home, name))}
        assert models <= {*classes(), *data()["absent"]}, home.__name__


def _is_model(value: object) -> bool:
    is_base = isinstance(value, type) and ("PreTrained" in value.__name__ or "Pretrained" in value.__name__)
    return isinstance(value, type) and issubclass(value, transformers.PreTrainedModel) and not is_base


def test_every_class_has_parity_cases() -> None:
    compared = {case.hf_class for case in all_cases()}
    assert compared == {*classes()}


@pytest.mark.parametrize("hf_class", classes())
def test_a_row_is_measured(hf_class: str) -> None:
    columns = [column for column in COLUMNS if column != "loss" or has_loss(hf_class)]
    measured = read().get(hf_class, {})
    assert list(measured) == columns, "run the tests with --write-status"
    reasons = data()["reasons"].get(hf_class, {})
    assert {column for column in columns if measured[column] == FAILED} == {*reasons}
    assert all(cells(hf_class)[column] in ("✓", "–", reasons.get(column)) for column in COLUMNS)
    assert {measured[column] for column in ("outputs", "loss") if column in measured} <= {*BOUNDS, FAILED}


def test_bounds_leave_room() -> None:
    assert [bound(value) for value in (0.0, 3e-7, 4e-7, 3e-6, 4e-6, 1e-4)] == [
        "<1e-6", "<1e-6", "<1e-5", "<1e-5", "<1e-4", "<1e-4",
    ]  # fmt: skip
