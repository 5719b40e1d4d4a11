"""Presence: under which combinations of optional inputs and flags a value is there, asked and put in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from ..blocks.notation.unparse import wrapped
from .graph import Apply, Body, FirstOf, Graph, Node, OutputValue, Rounds, Value, values_below

if TYPE_CHECKING:
    from .building.scope import CallSite


def present(value: Value | Node, combination: int) -> bool:
    """Whether a value or node is there under a combination."""
    return bool(value.present >> combination & 1)


def made(body: Body, combination: int) -> dict[str, Value]:
    """What a body gives under a combination, by port; of a repeat one round may give what another does not."""
    return {port: value for port, value in body.outputs.items() if present(value, combination)}


def where_given(at: int, full: int) -> int:
    """The truth table, as wide as `full`, of the combinations in which atom `at` is given or set."""
    width = 1 << at
    table = ((1 << width) - 1) << width
    while (width := 2 * width) < full.bit_length():
        table |= table << width
    return table


def whatever_given(table: int, graph: Graph) -> int:
    """The truth table of what has to hold of a call's extents, whatever inputs and flags it gives."""
    for at, atom in enumerate(graph.atoms):
        if atom not in graph.conditions:
            (given, _), (absent, _) = _halves(table, 0, at, graph.full)
            table = given | absent
    return table


def resolve(value: Value, combination: int) -> Value:
    """Look through `FirstOf` and conditions: what the value is under a combination."""
    while True:
        if isinstance(value, FirstOf):
            value = next(choice for choice in value.choices if present(choice, combination))
        elif isinstance(value, Apply) and value.op == "when":
            value = value.args[0]
        else:
            return value


def read_under(outputs: Iterable[Value]) -> dict[Value, int]:
    """The combinations under which each value is read, of those that the outputs of a body are made from."""
    tables: dict[Value, int] = {}
    stack = [(value, value.present) for value in outputs]
    while stack:
        value, table = stack.pop()
        known = tables.get(value, 0)
        if new := table & value.present & ~known:
            tables[value] = known | new
            stack.extend(_read(value, new))
    return tables


def _read(value: Value, table: int) -> Iterator[tuple[Value, int]]:
    """What a value reads itself, and under which of the combinations."""
    if isinstance(value, FirstOf):
        for choice in value.choices:
            yield choice, table
            table &= ~choice.present
    elif isinstance(value, (OutputValue, Rounds)):
        yield from ((one, table) for _, one in value.node.values())
    else:
        yield from ((one, table) for one in values_below(value))


def presence_text(table: int, graph: Graph | CallSite, *, where: int | None = None) -> str:
    """A truth table over the graph's atoms as a condition: ``labels and not $output_attentions``.

    Args:
        where: only these combinations count; what holds in all of them goes without saying.

    Returns:
        The condition, inputs by name, flags with a ``$``; empty where it always holds, ``never`` where it never does.
    """
    words = [f"${atom}" if atom in graph.flags else atom for atom in graph.atoms]
    return _condition(table, graph.full if where is None else where, words, graph.full, 0)


def _condition(table: int, care: int, words: Sequence[str], full: int, rank: int) -> str:
    """Shannon's expansion, atoms that need not be asked left out; `rank` 2 asks for parentheses around an ``or``."""
    if care & ~table == 0 or care & table == 0:
        return "" if care & ~table == 0 else "never"
    for at, word in enumerate(words):
        (given, care_given), (absent, care_absent) = _halves(table, care, at, full)
        both = care_given & care_absent
        if given & both == absent & both:
            table, care = given & care_given | absent & care_absent, care_given | care_absent
            continue
        yes = _condition(given, care_given, words, full, 2)
        no = _condition(absent, care_absent, words, full, 2)
        return _joined(word, yes, no, rank)
    raise AssertionError("a table that depends on no atom is always or never true")


def _joined(word: str, yes: str, no: str, rank: int) -> str:
    """``word and yes or not word and no``, as short as it can be said."""
    if "never" in (yes, no):
        kept, rest = (word, yes) if no == "never" else (f"not {word}", no)
        return f"{kept} and {rest}" if rest else kept
    if not yes:
        return wrapped(f"{word} or {no}", rank > 1)
    if not no:
        return wrapped(f"not {word} or {yes}", rank > 1)
    return wrapped(f"{word} and {yes} or not {word} and {no}", rank > 1)


def _halves(table: int, care: int, at: int, full: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Both tables where atom `at` is given, and where it is absent, each without it."""
    width, mask = 1 << at, where_given(at, full)
    given = (table & mask | (table & mask) >> width, care & mask | (care & mask) >> width)
    absent = (table & ~mask | (table & ~mask) << width, care & ~mask | (care & ~mask) << width)
    return given, absent
