"""Where a value of the graph comes from in a drawing: boxes, through what owns no weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...blocks.notation.dims import Symbol
from ...blocks.notation.types import ListType
from ...compiler.graph import (
    Apply, Body, Constant, FirstOf, Gathered, InputValue, OutputValue, Picked, Rounds, Value, values_below,
)  # fmt: skip
from ...compiler.presence import present
from .labels import TIMES, expression, shape_text
from .scene import BoxKind, Cluster, EdgeStyle, behind

if TYPE_CHECKING:
    from .build import SceneBuilder

_SILENT = {"float", "int", "bool", "detach"}
_SIGNS = {"+": "+", "*": TIMES, "-": "\N{MINUS SIGN}", "/": "÷", "@": "@"}


@dataclass(frozen=True, slots=True)
class Source:
    """The end of an edge: a box, the shape of what it gives, and how the edge is drawn."""

    box: str
    text: str = ""
    style: EdgeStyle = "flow"
    optional: bool = False


@dataclass(slots=True, eq=False)
class Frame:
    """One body while it is drawn.

    Attributes:
        present: where the body is.
        path: what the names of its boxes begin with.
        level: how many plain parts it is inside of.
        siblings: the rounds that it stands for; `others` are those of them that lack nodes.
        differing: names, of dimensions and parameters, that do not stand for the same in all of these.
        ports: what its inputs come from; the root's are boxes of their own.
        made: what its nodes' outputs come from, by node and port; `rounds` those of each round of a repeat.
    """

    body: Body
    cluster: Cluster
    present: int
    parent: Frame | None = None
    path: str = ""
    level: int = 0
    siblings: tuple[Body, ...] = ()
    others: tuple[Body, ...] = ()
    differing: frozenset[str] = frozenset()
    ports: dict[str, list[Source]] = field(default_factory=dict)
    made: dict[tuple[str, str], list[Source]] = field(default_factory=dict)
    rounds: dict[tuple[str, str], dict[int, list[Source]]] = field(default_factory=dict)
    glue: dict[Value, list[Source]] = field(default_factory=dict)

    def shape(self, kind: Any) -> str:
        """A type's shape in the words of the outermost body that has the same dimensions in all rounds."""
        lifts: list[Iterable[Symbol]] = []
        frame, differing = self, self.differing
        while frame.parent is not None and not frame.differing & frame.body.symbols.keys():
            lifts.append(frame.body.symbols.values())
            frame = frame.parent
            differing |= frame.differing
        return shape_text(kind, lifts, differing)


class Sources:
    """Reads the values of one frame."""

    def __init__(self, builder: SceneBuilder, frame: Frame) -> None:
        self.builder = builder
        self.frame = frame

    def of(self, value: Value | Sequence[Value]) -> list[Source]:
        """The sources of a value, or of several; none where it is a constant, or never there."""
        if isinstance(value, Sequence):
            return list(dict.fromkeys(source for one in value for source in self.of(one)))
        if not self.builder.shown.has(value):
            return []
        match value:
            case InputValue(name=name):
                return self.frame.ports.get(name, []) if self.frame.parent is not None else [self.builder.input(value)]
            case OutputValue(node=node, port=port) | Rounds(node=node, port=port):
                return self.shaped(self.frame.made.get((node.name, port), []), value)
            case Gathered(items=items):
                return self.of(items)
            case Picked(base=base, at=int() as at) if (each := self.each(base)) is not None:
                return self.shaped(each[at], value)
            case Picked(base=base):
                return self.shaped(self.of(base), value)
            case FirstOf(choices=choices):
                return self.first(choices)
            case Apply(args=args) if self.is_silent(value):
                return self.shaped(self.of(args), value)
            case Apply():
                if value not in self.frame.glue:
                    self.frame.glue[value] = self.applied(value)
                return self.frame.glue[value]
        return []

    def each(self, value: Value | Sequence[Value]) -> list[list[Source]] | None:
        """The sources of a list's elements, one by one; None where they are drawn as one."""
        match value:
            case Gathered(items=items):
                rows = [self.each(item) if isinstance(item.type, ListType) else [self.of(item)] for item in items]
                return None if None in rows else [found for row in rows for found in row or []]
            case Picked(base=base, at=slice() as at):
                found = self.each(base)
                return None if found is None else found[at]
            case Rounds(node=node, port=port, initial=initial):
                made = self.frame.rounds.get((node.name, port), {})
                if len({tuple(found) for found in made.values()}) < 2:
                    return None
                before = [] if initial is None else [self.of(initial)]
                after = [made[number] for number in sorted(made)]
                assert isinstance(value.type, ListType)
                if len(before) + len(after) != len(value.type.items):
                    return None  # what is drawn is a sibling, with another number of rounds
                shapes = map(self.frame.shape, value.type.items)
                rows = zip([*before, *after], shapes, strict=True)
                return [[replace(one, text=text) for one in found] for found, text in rows]
        return None

    def is_silent(self, value: Apply) -> bool:
        """Whether an operation goes without saying; in folded views also what only moves numbers about."""
        moves = value.op == "transpose" or (
            value.op == "slice" and all(one in (None, ..., slice(None)) for one in value.attrs)
        )
        return value.op in _SILENT or (moves and self.builder.depth < 2)

    def shaped(self, found: Sequence[Source], value: Value) -> list[Source]:
        """The sources with the value's own shape."""
        text = self.frame.shape(value.type)
        style: EdgeStyle = "mask" if kind_of(value) == "bool" else "flow"
        return [replace(one, text=text, style=style if one.style == "flow" else one.style) for one in found]

    def conditional(self, value: Apply, only: Value) -> list[Source]:
        """What is there under a condition; the box of an expression that nothing else reads says which."""
        found, shown = self.of(only), self.builder.shown
        if isinstance(only, Apply) and not self.is_silent(only) and shown.readers[only] < 2:
            for box in {one.box for one in found}:
                self.builder.boxes[box].lines += shown.asked(value, self.frame.present)
        return self.shaped(found, value)

    # What owns no weights

    def applied(self, value: Apply) -> list[Source]:
        """A sign in a circle between floats, else one small box for the whole expression."""
        if value.op == "when":
            return self.conditional(value, value.args[0])
        sign = _SIGNS.get(value.op)
        if sign and kind_of(value) == "float" and len(value.args) == 2:
            found = [self.of(term) for term in self.terms(value, value.op)]
            if sum(map(bool, found)) > 1:
                return self.glue(value, "sign", sign, found)
        leaves = list(dict.fromkeys(self.leaves(value)))
        found = [self.of(leaf) for leaf in leaves]
        return self.glue(value, "glue", expression(value, leaves), found) if any(found) else []

    def terms(self, value: Value, op: str, *, inner: bool = False) -> list[Value]:
        """``a + b + c`` as three terms; what has another reader stays whole."""
        if not isinstance(value, Apply) or value.op != op or (inner and self.builder.shown.readers[value] > 1):
            return [value]
        if op not in ("+", "*"):
            return [value] if inner else list(value.args)
        return [term for arg in value.args for term in self.terms(arg, op, inner=True)]

    def leaves(self, value: Value) -> Iterator[Value]:
        """What an expression reads: nodes and inputs, and expressions that others read too."""
        for part in values_below(value):
            if isinstance(part, (Apply, Gathered)) and self.builder.shown.readers[part] < 2:
                yield from self.leaves(part)
            elif not isinstance(part, Constant):
                yield part

    def glue(self, value: Apply, kind: BoxKind, text: str, found: Sequence[Sequence[Source]]) -> list[Source]:
        """A box for an operation."""
        box = self.builder.box(
            self.frame, f"{self.frame.path}{'+' if kind == 'sign' else '~'}", kind, "operation", [text]
        )
        for sources in found:
            self.builder.connect(sources, box)
        return self.shaped([Source(box.id)], value)

    # Choices

    def first(self, choices: Sequence[Value]) -> list[Source]:
        """The choice that a paper would draw; what may stand in for it is dashed, an input from depth 2 on.

        An input that has to be given, or holds integers, comes before what is computed, and that before other inputs.
        """
        builder = self.builder
        found = [(choice, sources) for choice in choices if (sources := self.of(choice))]
        if len(found) < 2:
            return [source for _, sources in found for source in sources]
        given = [one for one in found if isinstance(one[0], InputValue) and self.is_given(one[1])]
        first = [one for one in given if self.comes_first(one[0])]
        made = [one for one in found if one not in given]
        chosen, *others = [*first, *made, *(one for one in given if one not in first)]
        if builder.depth < 2:
            others = [] if first else [one for one in others if one in made]
        if present(chosen[0], builder.shown.always):
            others = [one for one in others if one in given]
        dashed = [
            replace(source, optional=True)
            for _, sources in others
            if not self.leads(sources, chosen[1])
            for source in sources
        ]
        return list(dict.fromkeys([*chosen[1], *dashed]))

    def is_given(self, sources: Sequence[Source]) -> bool:
        """Whether sources are inputs of the model, perhaps where these enter a cluster."""
        boxes, before = self.builder.boxes, self.builder.before
        ends = [end for one in sources for end in (before[one.box] if boxes[one.box].kind == "dot" else [one.box])]
        return all(boxes[end].kind == "input" for end in ends)

    def comes_first(self, value: Value) -> bool:
        """Whether an input comes before what could stand in for it."""
        return isinstance(value, InputValue) and (value.name in self.builder.shown.needed or kind_of(value) == "int")

    def leads(self, before: Sequence[Source], after: Sequence[Source]) -> bool:
        """Whether what comes from `before` reaches `after` in any case."""
        reached = behind((source.box for source in after), self.builder.before)
        return any(source.box in reached for source in before)


def kind_of(value: Value) -> str:
    """``float``, ``int`` or ``bool``; empty for a list."""
    return getattr(value.type, "kind", "")
