"""The page docs/family.md: ``python -m tests.docs.family`` writes it from the specs and what the tests measured.

What is measured is in family.json, which ``python -m pytest -n 2 tests/parity tests/specs --write-status`` writes; areas,
the promised classes, and why a class is absent or a cell is not green stand in family.yaml.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import yaml

from archwright.compiler.reading.document import library
from archwright.compiler.check import build_graph
from tests.status import COLUMNS, FAILED, classes, read

PAGE = Path(__file__).parents[2] / "docs" / "family.md"
DATA = Path(__file__).parent / "family.yaml"
INTRODUCTION = """\
# The family

Every system and every class of `transformers` 4.57.6 that ships as a spec, and what the tests measured of it, on random
checkpoints in which all parameters are random. A test keeps the page current: after
`python -m pytest -n 2 tests/parity tests/specs --write-status`, `python -m tests.docs.family` writes it.

| column | ✓ says that |
|---|---|
| outputs | every output of every call agrees: padded or not, each optional input, hidden states, attention maps, each switch of the config |
| loss | so does the loss; – where the class has none |
| load | a folder that Hugging Face saved is loaded, with no key missing and none left |
| save | what is saved is that folder again, byte for byte, and Hugging Face loads it |
| train | ten steps lower the loss, and every parameter's gradient is the one that Hugging Face's gets, none included |
| compile | `torch.compile` takes the forward whole (`fullgraph`), a second call compiles nothing anew, and the numbers are those of eager |
| difference | the largest relative difference of any output or loss, as a power of ten that leaves room for other machines; a test holds it |
"""


@cache
def data() -> dict[str, Any]:
    """What family.yaml says."""
    return yaml.safe_load(DATA.read_text(encoding="utf-8"))


@cache
def has_loss(hf_class: str) -> bool:
    """Whether the task of a class has a loss."""
    return "loss" in build_graph(*classes()[hf_class], "tiny").outputs


def cells(hf_class: str) -> dict[str, str]:
    """The cells of a class's row, by column."""
    measured = read().get(hf_class, {})
    reasons = data()["reasons"].get(hf_class, {})
    found = {}
    for column in COLUMNS:
        value = measured.get(column)
        usual = "–" if column == "loss" and not has_loss(hf_class) else "✓" if value not in (None, FAILED) else "✗"
        found[column] = reasons.get(column, usual)
    bounds = [measured[column] for column in ("outputs", "loss") if measured.get(column, FAILED) != FAILED]
    return found | {"difference": max(bounds, key=lambda text: float(text[1:]), default="")}


def page() -> str:
    """The text of the page."""
    lines = [INTRODUCTION]
    by_spec: dict[str, list[str]] = {}
    for hf_class, (name, _) in classes().items():
        by_spec.setdefault(name, []).append(hf_class)
    for area, names in data()["areas"].items():
        lines += [
            f"## {area}",
            "",
            _row("system", "class", *COLUMNS, "difference"),
            _row(*["---"] * (len(COLUMNS) + 3)),
        ]
        for name in names:
            system = f"[{library().spec(name).model.model}](../specs/{name}.yaml)"
            lines += [_row(system, f"`{one}`", *cells(one).values()) for one in by_spec.get(name, ())]
        lines.append("")
    lines += ["## Classes that are not here", "", _row("class", "why"), _row("---", "---")]
    lines += [_row(f"`{hf_class}`", why) for hf_class, why in data()["absent"].items()]
    return "\n".join(lines) + "\n"


def _row(*texts: str) -> str:
    return f"| {' | '.join(texts)} |"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
