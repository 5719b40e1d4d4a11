"""Values made from others while a graph is built: lists, choices, conditions, and where several are there together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ...blocks.notation.dim_compare import compare
from ...blocks.notation.dims import Dim
from ...blocks.notation.expressions import Expr
from ...blocks.notation.types import AnyType, ListType, Type
from ..graph import Apply, Constant, FirstOf, Gathered, OutputValue, Picked, Rounds, Value

STANDS_IN = "what stands in for a value is of its kind"


def together(values: Iterable[Value], full: int) -> int:
    """The combinations, of those of the truth table `full`, under which all the values are there."""
    for value in values:
        full &= value.present
    return full


def any_of(values: Iterable[Value]) -> int:
    """The combinations under which one of the values is there."""
    table = 0
    for value in values:
        table |= value.present
    return table


def rounds_that_give(value: Value | None) -> list[str]:
    """The rounds of a repeat that give a value which is absent, as others never do; none where it is not so."""
    if not isinstance(value, (Rounds, OutputValue)) or value.present or not value.node.present:
        return []
    given = [str(at) for at, body in enumerate(value.node.rounds) if body.outputs[value.port].present]
    return given if len(given) < len(value.node.rounds) else []


def types_in(kind: AnyType | None) -> tuple[AnyType | None, ...]:
    """The types of a list's elements, or the one type of what is no list."""
    return kind.items if isinstance(kind, ListType) else (kind,)


def gathered(values: Sequence[Value], full: int) -> Gathered:
    """A list of values; one that is a list itself brings its elements."""
    kinds = [kind for value in values for kind in types_in(value.type)]
    known = tuple(kind for kind in kinds if kind is not None)
    return Gathered(ListType(known) if len(known) == len(kinds) else None, together(values, full), tuple(values))


def in_rounds(values: Sequence[Value]) -> Gathered:
    """What an input is in each round: a list, in which some may be absent."""
    kinds = [kind for value in values for kind in types_in(value.type) if kind is not None]
    return Gathered(ListType(tuple(kinds)), any_of(values), tuple(values))


def element(value: Value, at: int) -> Value:
    """One element of a list."""
    if isinstance(value, Gathered) and _is_flat(value) and -len(value.items) <= at < len(value.items):
        return value.items[at]
    kinds = value.type.items if isinstance(value.type, ListType) else None
    return Picked(kinds[at] if kinds else None, value.present, value, at)


def stretch(value: Value, part: slice, full: int) -> Value:
    """Elements of a list, as a list."""
    if isinstance(value, Gathered) and _is_flat(value):
        return gathered(value.items[part], full)
    kinds = value.type.items if isinstance(value.type, ListType) else None
    return Picked(None if kinds is None else ListType(kinds[part]), value.present, value, part)


def _is_flat(value: Gathered) -> bool:
    return not any(isinstance(item.type, ListType) for item in value.items)


def history(rounds: Rounds, full: int) -> Value:
    """The first input and every round's value; as a list of values where a call may lack the first alone."""
    first, kind = rounds.initial, rounds.type
    if first is None or not isinstance(kind, ListType) or not rounds.present & ~first.present:
        return rounds
    made = Rounds(ListType(kind.items[1:]), rounds.present, rounds.node, rounds.port, None)
    return gathered([first, *(element(made, at) for at in range(len(rounds.node.rounds)))], full)


def spread(value: Value) -> list[Value]:
    """A list as the values of a port that takes many; it stays whole where its length is the caller's."""
    return list(value.items) if isinstance(value, Gathered) else [value]


def number(value: bool | int | float | Dim, tree: Expr, full: int) -> Constant:
    """What an expression gives that holds no values, as a tensor without axes."""
    kind = "bool" if isinstance(value, bool) else "float" if isinstance(value, float) else "int"
    return Constant(Type(kind, ()), full, value, tree)


def first_of(choices: list[Value]) -> Value:
    """The first that is present: one value where that is settled, else a `FirstOf`."""
    present, kept = 0, []
    for choice in choices:
        if choice.present & ~present:
            kept.append(choice)
            present |= choice.present
    if len(kept) == 1:
        return kept[0]
    if not kept:
        return choices[0]
    return FirstOf(kept[0].type, present, tuple(kept))


def unlike(value: Value) -> str:
    """What is wrong with choices of two kinds; their extents may differ, as those of two sequences attended do."""
    choices = value.choices if isinstance(value, FirstOf) else ()
    known = [(one, one.type) for one in choices if one.type is not None]
    for other, kind in known[1:]:
        first = known[0][1]
        if not isinstance(first, Type) or not isinstance(kind, Type):
            if type(first) is not type(kind):
                return f"expected {first}, found {kind}"
            continue
        is_whole = isinstance(other, Constant) and (first.kind, kind.kind) == ("float", "int")
        if kind.kind != first.kind and not is_whole:
            return f"expected {first}, found {kind}"
    return ""


def is_uneven(value: Value) -> bool:
    """Whether it is a choice of several extents."""
    kinds = [one.type for one in value.choices if isinstance(one.type, Type)] if isinstance(value, FirstOf) else []
    pairs = [pair for kind in kinds[1:] for pair in zip(kinds[0].dims, kind.dims, strict=False)]
    return any(compare(*pair) != "equal" for pair in pairs) or len({len(kind.dims) for kind in kinds}) > 1


def conditional(value: Value, present: int) -> Value:
    """A value that is there under `present` alone."""
    if value.present & ~present:
        return Apply(value.type, value.present & present, "when", (value,))
    return value
