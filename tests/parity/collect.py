"""Every case of the `cases_*.py` files beside this one."""

from __future__ import annotations

import importlib
from collections import Counter
from pathlib import Path

from .case import Case


def all_cases() -> list[Case]:
    """Returns the cases of all files, and refuses two of one id."""
    files = sorted(Path(__file__).parent.glob("cases_*.py"))
    cases = [case for file in files for case in importlib.import_module(f".{file.stem}", __package__).CASES]
    twice = [name for name, count in Counter(case.id for case in cases).items() if count > 1]
    if twice:
        raise ValueError(f"two cases of one id: {', '.join(twice)}")
    return cases


def one_of_each_checkpoint(cases: list[Case]) -> list[Case]:
    """Returns the first case of each class and config."""
    return list({case.checkpoint: case for case in reversed(cases)}.values())[::-1]


def one_of_each_class(cases: list[Case]) -> list[Case]:
    """Returns the first case of each class."""
    return list({case.hf_class: case for case in reversed(cases)}.values())[::-1]
