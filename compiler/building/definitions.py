"""What is built: definitions, and the types of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..reading import schema
from ..reading.document import Document
from ..reading.span import Span

TYPE_WORDS: dict[str, Any] = {
    "int": int, "float": (int, float), "bool": bool, "text": str, "list": (list, tuple), "any": object
}  # fmt: skip


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


def article(word: str) -> str:
    """A parameter's type in words."""
    return {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "text": "a text",
        "list": "a list",
    }.get(word, word)
