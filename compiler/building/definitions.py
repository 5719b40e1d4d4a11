"""What is built: definitions, and the types of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..reading import schema
from ..reading.document import Document, library
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


def part_definition(document: Document[Any], name: str, span: Span) -> Definition:
    """The part that a document calls `name`: of the spec itself, beside it, or shipped.

    Raises:
        SpecError: there is none.
    """
    own = document.model.parts if isinstance(document.model, schema.Spec) else {}
    if name in own:
        return Definition(name, own[name], document, ("parts", name))
    found = library().part(name, near=document.folder, at=span, own=own)
    return Definition(name, found.model, found)


def article(word: str) -> str:
    """A parameter's type in words."""
    return {
        "int": "a whole number",
        "float": "a number",
        "bool": "true or false",
        "text": "a text",
        "list": "a list",
    }.get(word, word)
