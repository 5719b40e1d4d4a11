"""What is built and what builders share: definitions, their parameters' types, and bodies that were built before."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Any

from ...blocks.notation.dims import Dim, Symbol
from ..graph import Body
from ..reading import schema
from ..reading.document import Document
from ..reading.span import Span

TYPE_WORDS: dict[str, Any] = {"int": int, "float": (int, float), "bool": bool, "text": str, "list": list, "any": object}


@dataclass(slots=True)
class Definition:
    """A spec or part to be built, and where it is written."""

    name: str
    model: schema.Spec | schema.InlinePart
    document: Document[Any]
    base: tuple[str, ...] = ()
    is_root: bool = False
    dropped: frozenset[str] = frozenset()

    def span(self, *path: str | int, key: bool = False) -> Span:
        """The place of a path below the definition."""
        return self.document.span(*self.base, *path, key=key)


@dataclass(frozen=True, slots=True)
class Built:
    """A body, the node that calls it, whose identity is part of the key, what it left unproven, how many it holds."""

    body: Body
    node: schema.Node
    unproven: list[tuple[Span, Dim, Dim]]
    bodies: int


@dataclass(slots=True)
class Shared:
    """What the graphs of a spec's tasks have alike when one call site serves them all: symbols, and parts' bodies."""

    symbols: dict[tuple[str, Dim | None], Symbol] = field(default_factory=dict)
    bodies: dict[Hashable, Built] = field(default_factory=dict)

    def symbol(self, symbol: Symbol) -> Symbol:
        """The symbol of that name and definition that is known already, or this one."""
        return self.symbols.setdefault((symbol.name, symbol.definition), symbol)

    def named(self, name: str, value: Any) -> Any:
        """A whole number as the symbol of that name; anything else as it is."""
        value = named(name, value)
        return Dim.of(self.symbol(*value.symbols())) if isinstance(value, Dim) else value


def named(name: str, value: Any) -> Any:
    """A whole number as a symbol of that name, so that shapes print by name; anything else as it is."""
    if isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool)):
        return Dim.of(Symbol(name, Dim.of(value)))
    return value


def article(word: str) -> str:
    """A parameter's type in words."""
    return {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "text": "a text",
        "list": "a list",
    }.get(word, word)
