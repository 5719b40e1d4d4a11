"""Where a value comes from, and what it is, in the words of a diagnostic: the second half of a contradiction."""

from __future__ import annotations

from collections.abc import Iterable

from ...blocks.notation.expressions import ExpressionError, Literal, parse
from ...blocks.notation.unparse import plain_text
from ...blocks.notation.values import EvaluationError, evaluate, simplest
from ..graph import Apply, FirstOf, OutputValue, Picked, Rounds, Value, flat
from ..diagnosing.diagnostics import clip
from ..reading.span import Span
from ..value_text import type_text


def makers(values: Iterable[Value | list[Value] | None]) -> list[tuple[Span, str]]:
    """The nodes that make the values, each with the type that it makes; inputs are not among them."""
    found: dict[str, tuple[Span, str]] = {}
    for value in values:
        for one in flat(value):
            made = _output(one)
            if made is not None and one.type is not None:
                found.setdefault(str(made.node.span), (made.node.span, f"makes {type_text(one.type)}"))
    return list(found.values())


def _output(value: Value) -> OutputValue | Rounds | None:
    """The output that a value is, through conditions and choices."""
    while True:
        match value:
            case OutputValue() | Rounds():
                return value
            case Apply(op="when", args=args) | FirstOf(choices=args):
                value = args[0]
            case Picked(base=base):
                value = base
            case _:
                return None


def in_words(value: object) -> str:
    """A value of an option as a label names it."""
    value = simplest(value)
    words = {None: "nothing", True: "`true`", False: "`false`"}
    if value is None or isinstance(value, bool):
        return words[value]
    if isinstance(value, (list, tuple)):
        return f"the list {clip(plain_text(value))}"
    if isinstance(value, (int, float)):
        return str(value)
    return "a mapping" if isinstance(value, dict) else f"`{clip(str(value))}`"


def not_computed(value: object) -> str | None:
    """The help for a text that would be a number if it were computed, where a number is expected."""
    try:
        tree = parse(value) if isinstance(value, str) else None
        number = evaluate(tree, {}.__getitem__) if tree is not None else None
    except (ExpressionError, EvaluationError):
        return None
    if not isinstance(number, (int, float)) or isinstance(number, bool):
        return None
    how = "without quotes" if isinstance(tree, Literal) else "as only what holds a `$` is computed"
    return f"write `{number}`, {how}"


def listed(names: Iterable[str], *, most: int = 12) -> str:
    """``a, b, c``, and how many more."""
    kept = list(names)
    return ", ".join(kept[:most]) + (f" and {len(kept) - most} more" if len(kept) > most else "")


def quoted(names: Iterable[str]) -> str:
    """The names in backticks, joined by commas and `and`."""
    *first, last = [f"`{name}`" for name in names]
    return f"{', '.join(first)} and {last}" if first else last
