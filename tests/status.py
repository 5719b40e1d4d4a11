"""What the suites measured of each class of Hugging Face, in `docs/family.json`; docs/family.md is written from it.

`python -m pytest -n 2 tests/parity tests/specs --write-status` measures anew (of a part of the tests, the classes that it
holds), `python -m tests.docs.family` writes the page.
"""

from __future__ import annotations

import json
import math
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import archwright as aw
from archwright.compiler.reading.document import library

FILE = Path(__file__).parent / "docs" / "family.json"
PROPERTY = "status"
COLUMNS = ("outputs", "loss", "load", "save", "train", "compile")
FAILED = "failed"
BOUNDS = ("<1e-6", "<1e-5", "<1e-4")
HEADROOM = 3
"""How much larger a difference may be on another machine than it was where the bound was taken."""


def bound(difference: float) -> str:
    """The power of ten below which a difference stays, with room for other machines."""
    for text in BOUNDS:
        if difference * HEADROOM < float(text[1:]):
            return text
    return BOUNDS[-1]


@cache
def classes() -> dict[str, tuple[str, str | None]]:
    """Every class that a spec names, with its spec and task."""
    found: dict[str, tuple[str, str | None]] = {}
    for name in aw.list_models():
        for hf_class, task in library().spec(name).model.architectures.items():
            found[hf_class] = (name, None if task == "base" else task)
    return found


@cache
def classes_of(name: str, task: str | None) -> tuple[str, ...]:
    """The classes that a task of a spec stands for."""
    return tuple(hf_class for hf_class, place in classes().items() if place == (name, task))


def read() -> dict[str, dict[str, str]]:
    """What was measured, by class and column."""
    return json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}


@cache
def largest_known(hf_class: str, column: str) -> float:
    """What a difference of a class must not exceed."""
    return float(read().get(hf_class, {}).get(column, BOUNDS[-1]).removeprefix("<"))


class Measured:
    """A plugin that gathers what tests note, from all workers, and writes the file at the end."""

    def __init__(self) -> None:
        self.found: dict[str, dict[str, float]] = defaultdict(dict)

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Take what a test noted; of a test that failed all of it has."""
        notes = [value for name, value in report.user_properties if name == PROPERTY]
        for hf_class, column, difference in notes if report.when == "call" or report.failed else ():
            row, value = self.found[hf_class], math.inf if report.failed else difference
            row[column] = max(row.get(column, 0.0), value)

    def pytest_sessionfinish(self) -> None:
        """Write what was measured over what was known."""
        known = read()
        rows = {}
        for hf_class in sorted(classes()):
            new = {column: _text(column, value) for column, value in self.found.get(hf_class, {}).items()}
            row = {**known.get(hf_class, {}), **new}
            rows[hf_class] = {column: row[column] for column in COLUMNS if column in row}
        lines = ",\n".join(f"  {json.dumps(name)}: {json.dumps(row)}" for name, row in rows.items())
        FILE.write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def _text(column: str, value: float) -> str:
    if math.isinf(value):
        return FAILED
    return bound(value) if column in ("outputs", "loss") else "passed"
