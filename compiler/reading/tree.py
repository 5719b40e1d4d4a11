"""The tree of a YAML text: scalars, sequences and mappings that know where they stand."""

from __future__ import annotations

from collections.abc import Sequence as Path
from dataclasses import dataclass
from typing import Any, TypeAlias

from .span import Source, Span

Value: TypeAlias = bool | int | float | str | None
Place: TypeAlias = tuple[Source, int, int]


class Placed:
    """What stands somewhere. A place is two offsets until someone asks for line and column, which is rare."""

    __slots__ = ("place",)
    place: Span | Place

    @property
    def span(self) -> Span:
        """The stretch of the source, without what follows the last child."""
        if isinstance(self.place, tuple):
            self.place = self.place[0].span(*self.place[1:])
        return self.place

    def __repr__(self) -> str:
        held = next(name for name in ("value", "items", "entries") if hasattr(self, name))
        return f"{type(self).__name__}({getattr(self, held)!r})"


@dataclass(slots=True, eq=False, repr=False)
class Scalar(Placed):
    """A leaf.

    Attributes:
        value: what the text means in the core schema of YAML 1.2; the text itself where quoted.
        quoted: whether the text stood in quotes or in a block, so that it is a text whatever it looks like.
        text: the text, unquoted.
    """

    value: Value
    place: Span | Place
    quoted: bool
    text: str


@dataclass(slots=True, eq=False, repr=False)
class Sequence(Placed):
    """A list of trees."""

    items: list[Tree]
    place: Span | Place


@dataclass(slots=True, eq=False, repr=False)
class Entry(Placed):
    """A key's place and its value."""

    place: Span | Place
    value: Tree

    @property
    def key_span(self) -> Span:
        """The stretch of the key."""
        return self.span


@dataclass(slots=True, eq=False, repr=False)
class Mapping(Placed):
    """Entries by key; a key is the text that was written, whatever it looks like."""

    entries: dict[str, Entry]
    place: Span | Place


Tree: TypeAlias = Scalar | Sequence | Mapping


def plain(tree: Tree) -> Any:
    """The tree as dicts, lists and scalars, without places."""
    if isinstance(tree, Scalar):
        return tree.value
    if isinstance(tree, Sequence):
        return [plain(item) for item in tree.items]
    return {
        key: entry.value.value if type(entry.value) is Scalar else plain(entry.value)
        for key, entry in tree.entries.items()
    }


def entries_of(tree: Tree | None) -> dict[str, Entry]:
    """The entries of a mapping, none of what is no mapping."""
    return tree.entries if isinstance(tree, Mapping) else {}


def child(tree: Tree, part: str | int) -> Tree | None:
    """What stands under a key or at an index, if anything."""
    if isinstance(tree, Mapping):
        entry = tree.entries.get(str(part))
        return None if entry is None else entry.value
    if isinstance(tree, Sequence) and isinstance(part, int) and 0 <= part < len(tree.items):
        return tree.items[part]
    return None


def locate(tree: Tree, path: Path[str | int], *, key: bool = False) -> Span:
    """The place of a path, or of its nearest ancestor that exists.

    Args:
        tree: the root.
        path: keys and indices from the root down.
        key: give the key's place instead of the value's, where what was found is the value of a key.
    """
    found: Tree = tree
    named: Placed = tree
    for part in path:
        below = child(found, part)
        if below is None:
            break
        named = found.entries[str(part)] if isinstance(found, Mapping) else below
        found = below
    return named.span if key else found.span
