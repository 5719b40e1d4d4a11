"""Expressions as text again: reading the text gives the same tree."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.blocks.notation.expressions import Binary, Conditional, Expr, Literal, Name, Param, Unary, parse
from archwright.blocks.notation.unparse import RANK, plain_text, to_python, to_text


def bare(tree: Any) -> Any:
    """A tree without its offsets."""
    if isinstance(tree, tuple):
        return tuple(map(bare, tree))
    if not isinstance(tree, Expr):
        return tree
    fields = [one.name for one in dataclasses.fields(tree) if one.name not in ("start", "end")]
    return (type(tree).__name__, *(bare(getattr(tree, name)) for name in fields))


LEAVES = st.one_of(
    st.integers(0, 99).map(lambda number: Literal(0, 0, number)),
    st.sampled_from([True, False, None, "a b", 1e-12]).map(lambda value: Literal(0, 0, value)),
    st.sampled_from(["x", "encoder.x"]).map(lambda text: Name(0, 0, text)),
    st.sampled_from(["d", "vision.d"]).map(lambda text: Param(0, 0, text)),
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(lambda op, one: Unary(0, 0, op, one), st.sampled_from(["-", "not"]), inner),
        st.builds(lambda op, a, b: Binary(0, 0, op, a, b), st.sampled_from([*RANK, "**"]), inner, inner),
        st.builds(lambda test, then, other: Conditional(0, 0, test, then, other), inner, inner, inner),
    ),
    max_leaves=12,
)


@given(TREES)
def test_any_tree_is_read_as_it_was(tree: Expr) -> None:
    assert bare(parse(to_text(tree))) == bare(tree)


def test_comparisons_of_comparisons_are_no_chain_in_python() -> None:
    values = {"a": 3, "b": 2, "c": False}
    for text, expected in (("($a < $b) == $c", True), ("$c == ($a < $b)", True), ("($a > $b) != $c", True)):
        assert eval(to_python(parse(text), str), values) is expected


@pytest.mark.parametrize(
    "text",
    [
        "x[:, 1:, ..., null]",
        "encoder.x[:-1]",
        "x[*]",
        "table($kind, {a: 1, 'b c': [2, 3]})",
        "min($window, $height) // 2",
        "($a if $b else $c) + 1",
        "not ($a == 1) and $b not in [1, 2]",
        "2**-$n",
    ],
)
def test_text(text: str) -> None:
    assert bare(parse(to_text(parse(text)))) == bare(parse(text))


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (True, "true"),
        (1e-12, "1e-12"),
        ("gelu_new", "gelu_new"),
        ("true", "'true'"),
        ("two words", "'two words'"),
        ("it's", '"it\'s"'),
        ("\x1b[31m", '"\\u001b[31m"'),
        ([1, "a", None], "[1, a, null]"),
        ({"a": False}, "{a: false}"),
    ],
)
def test_plain_values_as_yaml(value: object, text: str) -> None:
    assert plain_text(value) == text
