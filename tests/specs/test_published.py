"""Every size that ships has the parameters that its paper or model card says, to the digits that are stated."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

import archwright as aw
from archwright.compiler.reading.document import library
from archwright.compiler.check import build_graph

UNPUBLISHED = yaml.safe_load(Path(__file__).with_name("unpublished.yaml").read_text(encoding="utf-8"))
UNITS = {"k": 1e3, "M": 1e6, "B": 1e9}
EXAMPLES = sorted(map(str, (Path(aw.__file__).parent / "docs" / "examples").glob("*.yaml")))
NAMES = [*aw.list_models(), *EXAMPLES]
STATED = [
    pytest.param(name, size, id=f"{Path(name).stem}-{size}")
    for name in NAMES
    for size in library().spec(name).model.published.sizes
]


def rounds_to(number: int, stated: str) -> bool:
    """Whether a number is the stated one within half of the last digit that counts; zeros before the unit do not."""
    digits, value = stated[:-1], number / UNITS[stated[-1]]
    _, point, decimals = digits.partition(".")
    last = 10.0 ** -len(decimals) if point else 10.0 ** (len(digits) - len(digits.rstrip("0")))
    return abs(value - float(digits)) <= last / 2


@pytest.mark.parametrize(("name", "size"), STATED)
def test_a_size_is_as_published(name: str, size: str) -> None:
    published = library().spec(name).model.published
    counted = build_graph(name, published.task, size, published.params).num_parameters()
    assert rounds_to(counted, published.sizes[size]), f"counted {counted:,}, published {published.sizes[size]}"


@pytest.mark.parametrize("name", NAMES, ids=lambda name: Path(name).stem)
def test_every_size_is_published_or_says_why(name: str) -> None:
    spec = library().spec(name).model
    assert not set(spec.published.sizes) & set(UNPUBLISHED.get(name, {}))
    assert {*spec.published.sizes, *UNPUBLISHED.get(name, {}), "tiny"} == set(spec.sizes)


def test_rounding() -> None:
    assert rounds_to(109_482_240, "110M") and rounds_to(109_482_240, "109M") and rounds_to(109_482_240, "109.5M")
    assert not rounds_to(109_482_240, "108M") and not rounds_to(116_000_000, "110M") and rounds_to(23_490, "23.5k")
