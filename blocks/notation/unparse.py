"""Expressions as text again, in the notation of specs: the inverse of `expressions.parse`."""

from __future__ import annotations

import json
import re
from typing import Any

from .expressions import (
    Binary,
    Call,
    Conditional,
    Dots,
    Expr,
    Index,
    ListOf,
    Literal,
    Name,
    Param,
    Slice,
    Star,
    Table,
    Unary,
)  # fmt: skip

_COMPARE = ("==", "!=", "<", "<=", ">", ">=", "in", "not in")
_LEVELS = (("or",), ("and",), _COMPARE, ("+", "-"), ("*", "/", "//", "%", "@"))
RANK = {op: rank for rank, ops in enumerate(_LEVELS, start=1) for op in ops}
"""How tightly a binary operator binds; ``not`` stands between ``and`` and comparisons, ``-x`` above ``*``."""
NOT, NEGATIVE, POWER, ATOM = 2.5, 6, 7, 9
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_WORDS = {"true", "false", "null", "None", "and", "or", "not", "in", "if", "else", "yes", "no"}


def to_text(tree: Expr, rank: float = 0) -> str:
    """The expression as a spec has it, in parentheses where its operator binds less than `rank`.

    Reading the text again gives the same tree, offsets aside.
    """
    match tree:
        case Literal(value=value):
            return plain_text(value, quoted=True)
        case Name(text=text):
            return text
        case Param(text=text):
            return f"${text}"
        case Unary(op="not", operand=operand):
            return wrapped(f"not {to_text(operand, NOT)}", rank > NOT)
        case Unary(operand=operand):
            return wrapped(f"-{to_text(operand, NEGATIVE)}", rank > NEGATIVE)
        case Binary(op="**", left=left, right=right):
            return wrapped(f"{to_text(left, POWER + 1)}**{to_text(right, NEGATIVE)}", rank > POWER)
        case Binary(op=op, left=left, right=right):
            own = RANK[op]
            return wrapped(f"{to_text(left, own)} {op} {to_text(right, own + 0.5)}", rank > own)
        case Conditional(test=test, then=then, other=other):
            return wrapped(f"{to_text(then, 1)} if {to_text(test, 1)} else {to_text(other)}", rank > 0)
        case Call(function=function, args=args):
            return f"{function}({', '.join(map(to_text, args))})"
        case Index(base=base, items=items):
            return f"{to_text(base, ATOM)}[{', '.join(map(to_text, items))}]"
        case Slice(first=first, last=last, step=step):
            ends = [to_text(part) if part is not None else "" for part in (first, last)]
            return ":".join(ends) + (f":{to_text(step)}" if step is not None else "")
        case ListOf(items=items):
            return f"[{', '.join(map(to_text, items))}]"
        case Table(pairs=pairs):
            return "{" + ", ".join(f"{to_text(key)}: {to_text(value)}" for key, value in pairs) + "}"
        case Star():
            return "*"
        case Dots():
            return "..."
    raise AssertionError(f"no text for {type(tree).__name__}")


def plain_text(value: Any, *, quoted: bool = False) -> str:
    """A literal as YAML would have it; a text in quotes where `quoted`, or where it would read as something else."""
    match value:
        case None:
            return "null"
        case bool():
            return str(value).lower()
        case str() if not value.isprintable():
            return json.dumps(value)
        case str():
            bare = not quoted and _PLAIN.fullmatch(value) and value not in _WORDS
            return value if bare else f'"{value}"' if "'" in value else f"'{value}'"
        case list() | tuple():
            return f"[{', '.join(plain_text(item, quoted=quoted) for item in value)}]"
        case dict():
            inside = (f"{plain_text(key)}: {plain_text(item, quoted=quoted)}" for key, item in value.items())
            return "{" + ", ".join(inside) + "}"
    return str(value)


def wrapped(text: str, needed: bool) -> str:
    """The text, in parentheses where they are needed."""
    return f"({text})" if needed else text
