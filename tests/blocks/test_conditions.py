"""What comparisons of extents ask of a call, against Python's integers."""

from __future__ import annotations

import operator

from hypothesis import given, settings
from hypothesis import strategies as st

from archwright.blocks.notation.dim_condition import Condition, ask
from tests.blocks.test_dims import SMALL_TREES, SYMBOLS, A, B, Tree, dim_of, number

COMPARED = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FREE = list(SYMBOLS.values())


@settings(max_examples=150, deadline=None)
@given(SMALL_TREES, SMALL_TREES, st.sampled_from(sorted(COMPARED)))
def test_what_a_comparison_asks_has_its_answer(left: Tree, right: Tree, op: str) -> None:
    asked = ask(op, dim_of(left), dim_of(right), FREE)
    assert asked is not None
    for values in ({"a": a, "b": b} for a in range(1, 9) for b in range(1, 9)):
        expected = COMPARED[op](number(left, values), number(right, values))
        assert expected == (asked if isinstance(asked, bool) else asked[0].holds(values) == asked[1])


def test_comparisons_that_ask_the_same_are_one_condition() -> None:
    above = Condition(A, ">", 4)
    for op, left, right, answer in (
        (">", A, 4, True), (">=", A, 5, True), ("<", A, 5, False), ("<=", A, 4, False), ("<", 4, A, True),
        ("<=", 5, A, True), (">", 5, A, False), (">=", 4, A, False), (">", A + B, B + 4, True),
    ):  # fmt: skip
        assert ask(op, left, right, FREE) == (above, answer)
    assert ask("!=", B, A, FREE) == (Condition(A - B, "==", 0), False)
    assert str(ask("==", A % 4, 0, FREE)[0]) == "a%4 == 0"  # pyright: ignore


def test_what_extents_always_are_is_not_asked() -> None:
    assert [ask(op, A, 0, FREE) for op in COMPARED] == [False, True, False, False, True, True]
    assert ask(">=", A + B, A, []) is True
    assert ask(">", A, 4, [SYMBOLS["b"]]) is None  # nobody can say it


def test_what_hangs_on_an_axis_that_is_not_there_does_not_hold() -> None:
    assert not Condition(A, ">", 4).holds({"b": 9})
    assert Condition(A, ">", 4).holds({"a": 5})
