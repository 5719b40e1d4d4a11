"""Types of tensors: a kind and symbolic dimensions, their notation, and matching one against the other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from .dim_compare import compare
from .dims import Dim
from .expressions import Expr, ExpressionError, Index, Name, Star, parse
from .unparse import plain_text
from .values import EvaluationError, evaluate

KINDS = ("float", "int", "bool", "any")


@dataclass(frozen=True, slots=True)
class Type:
    """A tensor's type: `kind` is float, int or bool; `dims` are its extents, outermost first."""

    kind: str
    dims: tuple[Dim, ...]

    def __str__(self) -> str:
        return f"{self.kind}{self.shape}"

    @property
    def shape(self) -> str:
        """The dimensions alone, as comments and diagrams print them."""
        return f"[{', '.join(map(str, self.dims))}]"


@dataclass(frozen=True, slots=True)
class ListType:
    """A list of values, such as what each round of a `repeat` gave."""

    items: tuple[AnyType, ...]

    def __str__(self) -> str:
        same = len({str(item) for item in self.items}) == 1
        inside = f"{self.items[0]} x {len(self.items)}" if same else ", ".join(map(str, self.items))
        return f"list({inside})"

    @property
    def shape(self) -> str:
        """As `str`, with the shapes alone."""
        return f"list of {len(self.items)}"


def kind_of_all(types: Iterable[AnyType | None]) -> str:
    """The kind of numbers of what tensors of these types are joined to; truth values count as whole numbers."""
    kinds = {one.kind for one in types if isinstance(one, Type)}
    return kinds.pop() if len(kinds) == 1 else next((one for one in ("any", "float") if one in kinds), "int")


@dataclass(frozen=True, slots=True)
class RecordType(ListType):
    """A record for each sample, fields of one name packed into one value: `items` are their types, by `names`.

    Records differ in how many entries they have; shorter ones are padded, and `filled` says which entries are real.
    """

    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"records({', '.join(f'{name}: {item}' for name, item in zip(self.names, self.items, strict=True))})"


AnyType = Type | ListType
FILLED = "filled"
"""The field of a record that the packing adds."""
_RECORDS = re.compile(r"list\[(\w+)\] of \{(.*)\}$")


class MatchError(ValueError):
    """A value's type is not what a port takes; `expected` and `found` say both sides in words."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(f"expected {expected}, found {found}")
        self.expected = expected
        self.found = found


@dataclass(frozen=True, slots=True)
class Notation:
    """A type as written: ``float[*, d_in]``; `fields` are those of records."""

    kinds: tuple[str, ...]
    dims: tuple[Expr, ...]
    text: str
    fields: tuple[tuple[str, Notation], ...] = ()


@lru_cache(maxsize=4096)
def parse_type(text: str) -> Notation:
    """Parse ``int[batch, seq]``, ``float[*, d]``, ``int[batch] | float[batch, 2]`` (the first shape counts), records.

    Raises:
        ExpressionError: where the text is no type.
    """
    if text.startswith("list["):
        return _parse_records(text)
    head = text.split("[")[0]
    parts = _alternatives(text) if "|" in text and text.count("[") > 1 else [text]
    if len(parts) > 1:
        first, *rest = (parse_type(part.strip()) for part in parts)
        kinds = tuple(dict.fromkeys(kind for one in (first, *rest) for kind in one.kinds))
        return Notation(kinds, first.dims, text)
    tree = parse(head if text.endswith("[]") else text.replace("1 |", "   "))  # which keeps the places
    if isinstance(tree, Name):
        tree = Index(tree.start, tree.end, tree, ())
    if not isinstance(tree, Index) or not isinstance(tree.base, Name) or tree.base.text not in KINDS:
        raise ExpressionError("expected a type such as `float[batch, seq, d]`", start=0, end=len(text))
    return Notation((tree.base.text,), tree.items, text)


def _parse_records(text: str) -> Notation:
    """Parse ``list[batch] of {class_labels: int[objects], boxes: float[objects, 4]}``."""
    written = _RECORDS.match(text)
    places = [] if written is None else list(re.finditer(r"(\w+): *(\w+\[[^\]]+\]) *(?:,|$) *", written[2]))
    if written is None or not places or "".join(one[0] for one in places) != written[2]:
        raise ExpressionError("expected records such as `list[batch] of {boxes: float[n, 4]}`", start=0, end=len(text))
    sample = Name(written.start(1), written.end(1), written[1])
    fields: dict[str, Notation] = {}
    for one in places:
        # Spaces in front keep the places of what is inside.
        inner = parse_type(" " * (written.start(2) + one.start(2)) + one[2])
        fields[one[1]] = Notation(inner.kinds, (sample, *inner.dims), one[2])
    first = next(iter(fields.values()))
    fields[FILLED] = Notation(("bool",), first.dims[:2], FILLED)
    dims = dict.fromkeys(dim for notation in fields.values() for dim in notation.dims)
    return Notation(("record",), tuple(dims), text, fields=tuple(fields.items()))


def _alternatives(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for at, char in enumerate(text):
        depth += (char == "[") - (char == "]")
        if char == "|" and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    return [*parts, text[start:]]


@dataclass(slots=True)
class Bindings:
    """What a contract's or a scope's dimension names stand for while types are matched.

    `given` holds what bare names mean (a contract's fields), `params` gives what ``$name`` means, `dims` holds what was
    bound by matching; `unproven` collects the pairs that are neither equal nor different.
    """

    given: Mapping[str, Any]
    params: Callable[[str], Any] | None = None
    dims: dict[str, Dim | tuple[Dim, ...]] = field(default_factory=dict)
    unproven: list[tuple[Dim, Dim]] = field(default_factory=list)

    def lookup(self, name: str) -> Any:
        """The value of a bare `name`, a bound dimension or a field; KeyError where there is none."""
        return self.dims[name] if name in self.dims else self.given[name]

    def param(self, name: str) -> Any:
        """The value of ``$name``; KeyError where there is none."""
        with suppress(KeyError):
            if self.params is not None:
                return self.params(name)
        return self.lookup(name)

    def agree(self, one: Dim, other: Dim) -> bool:
        """Whether two extents may be equal; a pair of which only a call can tell is kept as unproven."""
        answer = compare(one, other)
        if answer == "unproven":
            self.unproven.append((one, other))
        return answer != "different"

    def dim(self, tree: Expr) -> Dim:
        """The dimension that `tree` denotes, every name in it already known."""
        value = evaluate(tree, self.param, bare=self.lookup)
        if not isinstance(value, (int, Dim)) or isinstance(value, bool):
            raise EvaluationError(
                f"expected a whole number, found {'nothing' if value is None else f'`{plain_text(value)}`'}", tree
            )
        return Dim.of(value)


def match(notation: Notation, actual: Type, bindings: Bindings) -> None:
    """Match `actual` against `notation`, binding the names that are new.

    Raises:
        MatchError: kind, rank or an extent differ.
    """
    if notation.text == "any":
        return
    if "any" not in notation.kinds and actual.kind not in notation.kinds:
        raise MatchError(f"{' or '.join(notation.kinds)} values", f"{actual}")
    wanted, found = list(notation.dims), list(actual.dims)
    star = next((at for at, one in enumerate(wanted) if isinstance(one, Star)), None)
    if star is not None:
        count = len(found) - len(wanted) + 1
        if count < 0:
            raise MatchError(f"`{notation.text}`", f"{actual.shape}")
        _bind_star(tuple(found[star : star + count]), bindings, actual)
        del wanted[star], found[star : star + count]
    if len(wanted) != len(found):
        raise MatchError(f"{len(wanted)} axes, `{notation.text}`", f"{len(found)} axes, {actual.shape}")
    for tree, extent in zip(wanted, found, strict=True):
        _match_dim(tree, extent, bindings, actual, notation)


def _bind_star(axes: tuple[Dim, ...], bindings: Bindings, actual: Type) -> None:
    known = bindings.dims.setdefault("*", axes)
    assert isinstance(known, tuple)
    if len(known) != len(axes) or any(compare(a, b) == "different" for a, b in zip(known, axes, strict=True)):
        raise MatchError(f"the axes [{', '.join(map(str, known))}] at `*`", f"{actual.shape}")


def _match_dim(tree: Expr, extent: Dim, bindings: Bindings, actual: Type, notation: Notation) -> None:
    if isinstance(tree, Name) and tree.text not in bindings.dims and tree.text not in bindings.given:
        bindings.dims[tree.text] = extent
        return
    if extent.known == 1 and notation.text[: tree.start].rstrip().endswith("1 |"):
        return
    expected = bindings.dim(tree)
    if not bindings.agree(expected, extent):
        wanted, found = _shape_in_words(notation, bindings), f"{actual.shape}"
        if str(expected) == str(extent):  # two parameters, or two extents, of one name
            wanted, found = f"{wanted} where `{expected}` is {expected.expanded()}", f"{extent.expanded()}"
        raise MatchError(wanted, found)


def _shape_in_words(notation: Notation, bindings: Bindings) -> str:
    words = []
    for tree in notation.dims:
        try:
            words.append("*" if isinstance(tree, Star) else str(bindings.dim(tree)))
        except EvaluationError:
            words.append(notation.text[tree.start : tree.end])
    return f"[{', '.join(words)}]"


def build_any(notation: Notation, bindings: Bindings) -> AnyType:
    """The type that `notation` denotes, records included, every name in it bound."""
    if not notation.fields:
        return build(notation, bindings)
    items = tuple(build(inner, bindings) for _, inner in notation.fields)
    return RecordType(items, tuple(name for name, _ in notation.fields))


def build(notation: Notation, bindings: Bindings, kind: str | None = None) -> Type:
    """The type that `notation` denotes, every name in it bound."""
    dims: list[Dim] = []
    for tree in notation.dims:
        if isinstance(tree, Star):
            lead = bindings.dims.get("*", ())
            dims.extend(lead if isinstance(lead, tuple) else (lead,))
        else:
            dims.append(bindings.dim(tree))
    return Type(kind or notation.kinds[0], tuple(dims))


def numel(kind: AnyType) -> Dim:
    """How many numbers a value of this type holds."""
    if isinstance(kind, ListType):
        return sum((numel(item) for item in kind.items), Dim.of(0))
    total = Dim.of(1)
    for dim in kind.dims:
        total = total * dim
    return total
