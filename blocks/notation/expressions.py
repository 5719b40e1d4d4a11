"""Expressions: the small arithmetic of specs, types and edges, parsed by hand and never evaluated as Python.

One grammar serves three places: options (``$d_model // 2``), types (``float[batch, 2*d]``) and edges
(``x + attention``). What a name means is the caller's business; this file gives a tree with offsets.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn, TypeVar

MAX_LENGTH = 4096
MAX_DEPTH = 32
MAX_HEIGHT = 100
_T = TypeVar("_T")

_TOKEN = re.compile(
    r"\s*(?:(?P<number>\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+|\.\d+(?:[eE][+-]?\d+)?|\d+)"
    r"|(?P<param>\$[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<name>[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)"
    r"|(?P<text>'[^']*'|\"[^\"]*\")"
    r"|(?P<op>\*\*|//|==|!=|<=|>=|\.\.\.|[-+*/%@<>()\[\]{},:?|]))"
)


class ExpressionError(ValueError):
    """An expression that cannot be read: what was expected, and where in its text (0-based offsets)."""

    def __init__(self, message: str, *, start: int, end: int) -> None:
        super().__init__(message)
        self.start = start
        self.end = end


@dataclass(frozen=True, slots=True)
class Expr:
    """A node of the tree; ``start`` and ``end`` are offsets into the text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Literal(Expr):
    """A number, text, ``true``, ``false`` or ``null``."""

    value: int | float | bool | str | None


@dataclass(frozen=True, slots=True)
class Name(Expr):
    """A bare word, dotted where it names a port: ``encoder.x``."""

    text: str


@dataclass(frozen=True, slots=True)
class Param(Expr):
    """A parameter or a dimension: ``$d_model``, ``$vision.d_model``."""

    text: str


@dataclass(frozen=True, slots=True)
class Unary(Expr):
    """``-x`` or ``not x``."""

    op: str
    operand: Expr


@dataclass(frozen=True, slots=True)
class Binary(Expr):
    """Arithmetic, a comparison, ``in``, ``and`` or ``or``."""

    op: str
    left: Expr
    right: Expr


@dataclass(frozen=True, slots=True)
class Conditional(Expr):
    """``then if test else other``."""

    test: Expr
    then: Expr
    other: Expr


@dataclass(frozen=True, slots=True)
class Call(Expr):
    """One of the named functions over arguments; keywords only where the function takes them."""

    function: str
    args: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Index(Expr):
    """``base[items]``; an item is an expression, a `Slice`, `Star`, `Ellipsis_` or the literal null (a new axis)."""

    base: Expr
    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Slice(Expr):
    """``first:last:step`` inside an index."""

    first: Expr | None
    last: Expr | None
    step: Expr | None


@dataclass(frozen=True, slots=True)
class Star(Expr):
    """``*``: every element of a list, or any dimensions of a type."""


@dataclass(frozen=True, slots=True)
class Dots(Expr):
    """``...`` inside an index: all axes between."""


@dataclass(frozen=True, slots=True)
class ListOf(Expr):
    """``[a, b]``."""

    items: tuple[Expr, ...]


@dataclass(frozen=True, slots=True)
class Table(Expr):
    """``{a: b}``, the second argument of ``table``."""

    pairs: tuple[tuple[Expr, Expr], ...]


_WORDS = {"true": True, "false": False, "null": None, "None": None}
LEVELS = (
    ("or",), ("and",), ("==", "!=", "<", "<=", ">", ">=", "in", "not in"), ("+", "-"), ("*", "/", "//", "%", "@"),
)  # fmt: skip
"""The binary operators, those that bind more tightly later; ``not`` stands between ``and`` and comparisons."""
_COMPARISONS = 2


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = list(_tokens(text))
        self.at = 0
        self.depth = 0

    def fail(self, message: str, token: tuple[str, str, int, int] | None = None) -> NoReturn:
        _, _, start, end = token or self.peek()
        raise ExpressionError(message, start=start, end=max(end, start + 1))

    def peek(self) -> tuple[str, str, int, int]:
        return self.tokens[self.at]

    def take(self) -> tuple[str, str, int, int]:
        token = self.tokens[self.at]
        self.at += 1
        return token

    def accept(self, *values: str) -> str | None:
        kind, value, *_ = self.peek()
        if kind in ("op", "name") and value in values:
            self.at += 1
            return value
        return None

    def expect(self, value: str) -> int:
        kind, found, _, end = self.peek()
        if kind not in ("op", "name") or found != value:
            self.fail(f"expected `{value}`, found {_describe(self.peek())}")
        self.at += 1
        return end

    def whole(self) -> Expr:
        tree = self.expression()
        if self.peek()[0] != "end":
            self.fail(f"expected the end of the expression, found {_describe(self.peek())}")
        return tree

    def deeper(self, rule: Callable[..., Expr], *args: int) -> Expr:
        """What `rule` reads, one level further in."""
        self.depth += 1
        if self.depth > MAX_DEPTH:
            self.fail("expected a shallower expression: it is nested too deeply")
        tree = rule(*args)
        self.depth -= 1
        return tree

    def expression(self) -> Expr:
        return self.deeper(self.conditional)

    def conditional(self) -> Expr:
        then = self.level(0)
        if not self.accept("if"):
            return then
        test = self.level(0)
        self.expect("else")
        other = self.expression()
        return Conditional(then.start, other.end, test, then, other)

    def level(self, rank: int) -> Expr:
        if rank == len(LEVELS):
            return self.unary()
        if rank == _COMPARISONS and self.peek()[1] == "not" and self.peek()[0] == "name":
            return self.negation()
        left = self.level(rank + 1)
        while op := self.operator(rank):
            right = self.level(rank + 1)
            left = Binary(left.start, right.end, op, left, right)
            if rank == _COMPARISONS and (chained := self.operator(rank)):
                told = f"expected one comparison, found `{chained}` too: write `a < b and b < c`, or parentheses"
                self.fail(told, self.tokens[self.at - 1])
        return left

    def operator(self, rank: int) -> str | None:
        kind, value, *_ = self.peek()
        if kind not in ("op", "name"):
            return None
        if rank == _COMPARISONS and value == "not" and self.tokens[self.at + 1][1] == "in":
            self.at += 2
            return "not in"
        if value in LEVELS[rank]:
            self.at += 1
            return value
        return None

    def negation(self) -> Expr:
        _, _, start, _ = self.take()
        operand = self.deeper(self.level, _COMPARISONS)
        return Unary(start, operand.end, "not", operand)

    def unary(self) -> Expr:
        start = self.peek()[2]
        if self.accept("-"):
            operand = self.deeper(self.unary)
            return Unary(start, operand.end, "-", operand)
        return self.power()

    def power(self) -> Expr:
        base = self.postfix()
        if self.accept("**"):
            exponent = self.deeper(self.unary)
            return Binary(base.start, exponent.end, "**", base, exponent)
        return base

    def postfix(self) -> Expr:
        tree = self.primary()
        while self.accept("["):
            items = [self.item()]
            while self.accept(","):
                items.append(self.item())
            tree = Index(tree.start, self.expect("]"), tree, tuple(items))
        return tree

    def item(self) -> Expr:
        _, value, start, end = self.peek()
        if self.accept("*"):
            return Star(start, end)
        if self.accept("..."):
            return Dots(start, end)
        parts: list[Expr | None] = [None if value == ":" else self.expression()]
        while self.accept(":"):
            parts.append(None if self.peek()[1] in (":", "]", ",") else self.expression())
        if len(parts) == 1 and parts[0] is not None:
            return parts[0]
        if len(parts) > 3:
            self.fail("expected at most two `:` in a slice")
        first, last, step = (*parts, None, None)[:3]
        return Slice(start, self.tokens[self.at - 1][3], first, last, step)

    def primary(self) -> Expr:
        token = self.take()
        kind, value, start, end = token
        if kind == "number":
            return Literal(start, end, _number(value))
        if kind == "text":
            return Literal(start, end, value[1:-1])
        if kind == "param":
            return Param(start, end, value[1:])
        if kind == "name":
            return self.word(token)
        if value == "(":
            tree = self.expression()
            self.expect(")")
            return tree
        if value == "[":
            items = self.row("]", self.expression)
            return ListOf(start, self.tokens[self.at - 1][3], items)
        if value == "{":
            pairs = self.row("}", self.pair)
            return Table(start, self.tokens[self.at - 1][3], pairs)
        self.fail(f"expected a value, found {_describe(token)}", token)

    def word(self, token: tuple[str, str, int, int]) -> Expr:
        _, value, start, end = token
        if value in _WORDS:
            return Literal(start, end, _WORDS[value])
        if value in ("and", "or", "not", "in", "if", "else"):
            self.fail(f"expected a value, found `{value}`", token)
        if not self.accept("("):
            return Name(start, end, value)
        args = self.row(")", self.expression)
        return Call(start, self.tokens[self.at - 1][3], value, args)

    def row(self, close: str, item: Callable[[], _T]) -> tuple[_T, ...]:
        """Items with commas between, one after the last allowed, up to `close`."""
        items: list[_T] = []
        while not self.accept(close):
            items.append(item())
            if not self.accept(","):
                self.expect(close)
                break
        return tuple(items)

    def pair(self) -> tuple[Expr, Expr]:
        key = self.expression()
        self.expect(":")
        return key, self.expression()


def _number(text: str) -> int | float:
    if text.isdigit():
        return int(text) if len(text) < 300 else float("inf")
    return float(text)


def _describe(token: tuple[str, str, int, int]) -> str:
    return "the end" if token[0] == "end" else f"`{token[1]}`"


def _tokens(text: str) -> Iterator[tuple[str, str, int, int]]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            rest = len(text) - len(text[at:].lstrip())
            if rest == len(text):
                break
            wanted = "`==`, or an argument by its place" if text[rest] == "=" else "a name, number or operator"
            raise ExpressionError(f"expected {wanted}, found `{text[rest]}`", start=rest, end=rest + 1)
        kind = match.lastgroup or ""
        yield kind, match[kind], match.start(kind), match.end(kind)
        at = match.end()
    yield "end", "", len(text), len(text)


@lru_cache(maxsize=65536)
def parse(text: str) -> Expr:
    """Parse one expression.

    Raises:
        ExpressionError: at the offending offset of `text`.
    """
    if len(text) > MAX_LENGTH:
        raise ExpressionError(f"expected at most {MAX_LENGTH} characters", start=0, end=1)
    tree = _Parser(text).whole()
    row, height = [tree], 0
    while row:  # what reads a tree recurses
        row, height = [child for part in row for child in _children(part)], height + 1
        if height > MAX_HEIGHT:
            raise ExpressionError("expected a shorter expression: give a part of it a name", start=0, end=len(text))
    return tree


def walk(tree: Expr) -> Iterator[Expr]:
    """Every node of `tree`, each before those below it."""
    stack = [tree]
    while stack:
        part = stack.pop()
        yield part
        stack.extend(reversed(_children(part)))


def _children(tree: Expr) -> list[Expr]:
    found: list[Expr] = []
    for field in tree.__dataclass_fields__:
        value = getattr(tree, field)
        for child in value if isinstance(value, tuple) else (value,):
            found.extend(part for part in (child if isinstance(child, tuple) else (child,)) if isinstance(part, Expr))
    return found
