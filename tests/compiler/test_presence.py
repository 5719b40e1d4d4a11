"""Conditions in words: what they say is what the table says, for every table over three atoms."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.compiler.presence import presence_text

WORDS = ("a", "b", "flag")
FULL = 255


def graph() -> Any:
    return SimpleNamespace(atoms=WORDS, flags={"flag": False}, full=FULL)


def table_of(text: str) -> int:
    """The table of a condition, by Python's own reading of it."""
    source = text.replace("$flag", "flag") or "True"
    values = [{word: bool(number >> at & 1) for at, word in enumerate(WORDS)} for number in range(8)]
    return sum(1 << number for number, names in enumerate(values) if eval(source, {"never": False}, names))


@pytest.mark.parametrize("table", range(256))
def test_says_the_table(table: int) -> None:
    assert table_of(presence_text(table, graph())) == table


@given(st.integers(0, FULL), st.integers(1, FULL))
def test_holds_where_it_is_asked(table: int, where: int) -> None:
    assert table_of(presence_text(table, graph(), where=where)) & where == table & where


@pytest.mark.parametrize(
    ("table", "where", "text"),
    [
        (0b10101010, FULL, "a"),
        (0b10001000, FULL, "a and b"),
        (0b11101110, FULL, "a or b"),
        (0b11110000, FULL, "$flag"),
        (0b01010101, FULL, "not a"),
        (0b11100000, 0b11101110, "$flag"),  # `a or b` goes without saying
        (0b11101110, 0b11101110, ""),
        (0, FULL, "never"),
    ],
)
def test_is_short(table: int, where: int, text: str) -> None:
    assert presence_text(table, graph(), where=where) == text
