"""Expressions as text again: in the notation of specs, the inverse of `expressions.parse`, and as Python."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from .dims import Dim
from .expressions import (
    LEVELS, Binary, Call, Conditional, Dots, Expr, ExpressionError, Index, ListOf, Literal, Name, Param, Slice, Star,
    Table, Unary,
)  # fmt: skip

RANK = {op: rank for rank, ops in enumerate(LEVELS, start=1) for op in ops}
"""How tightly a binary operator binds; ``not`` stands between ``and`` and comparisons, ``-x`` above ``*``."""
NOT, NEGATIVE, POWER, ATOM = 2.5, 6, 7, 9
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*")
_WORDS = {"true", "false", "null", "None", "and", "or", "not", "in", "if", "else", "yes", "no"}


def to_text(tree: Expr, rank: float = 0) -> str:
    """The expression as a spec has it, in parentheses where its operator binds less than `rank`.

    Reading the text again gives the same tree, offsets aside.
    """
    return _Writer().text(tree, rank)


def to_python(tree: Expr, name_of: Callable[[str], str]) -> str:
    """The option expression `tree` as Python source; `name_of` turns a parameter's name into a Python name or text."""
    return _PythonWriter(name_of).text(tree)


class _Writer:
    """Writes expressions as a spec has them; an exponent and what follows ``else`` have ranks of their own."""

    exponent, other = NEGATIVE, 0

    def text(self, tree: Expr, rank: float = 0) -> str:
        match tree:
            case Unary(op="not", operand=operand):
                return wrapped(f"not {self.text(operand, NOT)}", rank > NOT)
            case Unary(operand=operand):
                return wrapped(f"-{self.text(operand, NEGATIVE)}", rank > NEGATIVE)
            case Binary(op="**", left=left, right=right):
                return wrapped(f"{self.text(left, POWER + 1)}**{self.text(right, self.exponent)}", rank > POWER)
            case Binary(op=op, left=left, right=right):
                own = RANK[op]
                first = own + 0.5 if own == RANK["=="] else own  # Python reads comparisons in a row as a chain
                text = f"{self.text(left, first)} {self.operator(tree)} {self.text(right, own + 0.5)}"
                return wrapped(text, rank > own)
            case Conditional(test=test, then=then, other=other):
                text = f"{self.text(then, 1)} if {self.text(test, 1)} else {self.text(other, self.other)}"
                return wrapped(text, rank > 0)
            case Call(function=function, args=args):
                return self.call(function, [self.text(arg) for arg in args])
            case Index(base=base, items=items):
                return f"{self.text(base, ATOM)}[{self.row(items)}]"
            case Slice(first=first, last=last, step=step):
                ends = [self.text(part) if part is not None else "" for part in (first, last)]
                return ":".join(ends) + (f":{self.text(step)}" if step is not None else "")
            case ListOf(items=items):
                return f"[{self.row(items)}]"
            case Table(pairs=pairs):
                return "{" + ", ".join(f"{self.text(key)}: {self.text(value)}" for key, value in pairs) + "}"
            case Dots():
                return "..."
        return self.word(tree)

    def row(self, items: Iterable[Expr]) -> str:
        return ", ".join(map(self.text, items))

    def word(self, tree: Expr) -> str:
        match tree:
            case Literal(value=value):
                return plain_text(value, quoted=True)
            case Name(text=text):
                return text
            case Param(text=text):
                return f"${text}"
            case Star():
                return "*"
        raise AssertionError(f"no text for {type(tree).__name__}")

    def operator(self, tree: Binary) -> str:
        return tree.op

    def call(self, function: str, args: list[str]) -> str:
        return f"{function}({', '.join(args)})"


class _PythonWriter(_Writer):
    """Writes option expressions as Python."""

    exponent, other = POWER, 1

    def __init__(self, name_of: Callable[[str], str]) -> None:
        self.name_of = name_of

    def word(self, tree: Expr) -> str:
        match tree:
            case Literal(value=value):
                return literal(value)
            case Name(text=text):
                return literal(text)
            case Param(text=text):
                return self.name_of(text)
        raise ExpressionError(f"`{type(tree).__name__}` has no place in an option", start=tree.start, end=tree.end)

    def operator(self, tree: Binary) -> str:
        is_null = isinstance(tree.right, Literal) and tree.right.value is None
        return {"==": "is", "!=": "is not"}.get(tree.op, tree.op) if is_null else tree.op

    def call(self, function: str, args: list[str]) -> str:
        match function, args:
            case "table", [value, table]:
                return f"{table}.get({value}, {value})"
            case "split", [text, by]:
                return f"[word.strip() for word in {text}.split({by})]"
            case "lower", [text]:
                return f"{text}.lower()"
            case "is_list", [value]:
                return f"isinstance({value}, list)"
            case "ceil" | "floor" | "log", _:
                return super().call(f"math.{function}", args)
        return super().call(function, args)


def literal(value: Any) -> str:
    """A constant as Python source, texts in double quotes."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return f"[{', '.join(map(literal, value))}]"
    return repr(value) if not isinstance(value, float) or math.isfinite(value) else f'float("{value}")'


def plain_text(value: Any, *, quoted: bool = False) -> str:
    """A literal as YAML would have it; a text in quotes where `quoted`, or where it would read as something else."""
    match value:
        case None:
            return "null"
        case Dim():
            return str(value.expanded())
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
