"""What null decides in an expression is left out of it, and the value is the same."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from archwright.blocks.notation.expressions import Binary, Conditional, Expr, Index, Literal, Param, Unary, parse
from archwright.blocks.notation.settled import settled
from archwright.blocks.notation.unparse import to_text
from archwright.blocks.notation.values import EvaluationError, evaluate

VALUES = {"none": None, "d": 12, "wide": True}
DERIVED = {"inner": parse("$none * $d if $none else $d")}
TREES = st.recursive(
    st.one_of(
        st.sampled_from([True, None, 3]).map(lambda value: Literal(0, 0, value)),
        st.sampled_from([*VALUES, "inner"]).map(lambda text: Param(0, 0, text)),
    ),
    lambda inner: st.one_of(
        st.builds(lambda one: Unary(0, 0, "not", one), inner),
        st.builds(
            lambda op, a, b: Binary(0, 0, op, a, b), st.sampled_from(["and", "or", "==", "!=", "+"]), inner, inner
        ),
        st.builds(lambda base: Index(0, 0, base, (Literal(0, 0, 0),)), inner),
        st.builds(lambda test, then, other: Conditional(0, 0, test, then, other), inner, inner, inner),
    ),
    max_leaves=12,
)


def known(name: str) -> Expr | None:
    return DERIVED.get(name, Literal(0, 0, None) if name in VALUES and VALUES[name] is None else None)


def has_value(name: str) -> bool:
    return VALUES.get(name) is not None


def value(tree: Expr) -> object:
    return evaluate(tree, lambda name: evaluate(DERIVED[name], VALUES.__getitem__) if name in DERIVED else VALUES[name])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("$inner", "$d"),
        ("$inner // 4", "$d // 4"),
        ("1 if $none == null else $none", "1"),
        ("$d if $none != null and $none > 3 else [$d, $none]", "[$d, null]"),
        ("$wide and not $none", "$wide and true"),
        ("$none or $wide", "$wide"),
        ("$none and $wide", "null"),
        ("$wide if $d > 3 else $inner", "$wide if $d > 3 else $d"),
        ("max($inner, 3)[0]", "max($d, 3)[0]"),
        ("$wide * 2 if $d == null else $d", "$d"),
        ("$none if $d != null and $d > 3 else 1", "null if $d > 3 else 1"),
        ("2 * $d if $d > 3 else -$none[$d] // 2", "2 * $d"),
        ("$none[0] if $d > 3 else $d", "$d"),
        ("1 if $d > 3 else $d > 2 or $none[0]", "1 if $d > 3 else $d > 2 or null[0]"),
    ],
)
def test_null_is_written_in_and_what_it_decides_left_out(text: str, expected: str) -> None:
    assert to_text(settled(parse(text), known, has_value)) == expected


@given(TREES)
def test_the_value_is_the_same(tree: Expr) -> None:
    try:
        expected = value(tree)
    except EvaluationError:
        assume(False)
    assert value(settled(tree, known, has_value)) == expected
