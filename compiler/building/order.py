"""The order of a body's nodes: each after what it reads, else as written; and the cycles that make one impossible."""

from __future__ import annotations

import graphlib
import heapq
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from ...blocks.notation.expressions import Conditional, Expr, ExpressionError, Name, parse, walk
from ..reading import schema


Path = tuple[str | int, ...]


class CycleError(ValueError):
    """Names that wait for each other.

    Attributes:
        names: those along one cycle.
        chooses: whether an edge of theirs is chosen by a parameter, which orders nodes either way.
    """

    def __init__(self, names: list[str], *, chooses: bool) -> None:
        super().__init__(" -> ".join(names))
        self.names = names
        self.chooses = chooses


def order_of(model: schema.Spec | schema.InlinePart, nodes: Mapping[str, schema.Node]) -> list[str]:
    """Inputs and nodes by name, in order.

    Raises:
        CycleError: there is no order.
    """
    reads = dependencies(model, nodes)
    index = {name: number for number, name in enumerate(reads)}
    sorter = graphlib.TopologicalSorter(reads)
    with suppress(graphlib.CycleError):
        sorter.prepare()
    order: list[str] = []
    ready: list[tuple[int, str]] = []
    while sorter.is_active():
        for name in sorter.get_ready():
            heapq.heappush(ready, (index[name], name))
        _, name = heapq.heappop(ready)
        order.append(name)
        sorter.done(name)
    if len(order) < len(reads):
        names = _cycle(reads, set(reads) - set(order))
        edges = (edge for name in names if name in nodes for _, edge in edges_of(nodes[name], model))
        raise CycleError(names, chooses=any(isinstance(part, Conditional) for part in _parts(edges)))
    return order


def _cycle(reads: Mapping[str, set[str]], stuck: set[str]) -> list[str]:
    """The names along one cycle among those that are stuck, in the order in which values flow."""
    path = [min(stuck)]
    while True:
        following = min(word for word in reads[path[-1]] if word in stuck)
        if following in path:
            return path[path.index(following) :][::-1]
        path.append(following)


def dependencies(model: schema.Spec | schema.InlinePart, nodes: Mapping[str, schema.Node]) -> dict[str, set[str]]:
    """What each input and node reads, by name, in the order in which they are written."""
    reads: dict[str, set[str]] = {name: set() for name in (*model.inputs, *nodes)}
    for name, declaration in model.inputs.items():
        if isinstance(declaration.default, str) and declaration.default not in schema.STANDING_IN:
            reads[name] = {word for word in _words([declaration.default]) if word in reads and word != name}
    for name, node in nodes.items():
        reads[name] |= {word for word in _words(text for _, text in edges_of(node, model)) if word in reads}
    return reads


def names_read(model: schema.Spec | schema.InlinePart) -> set[str]:
    """The inputs and nodes that a node, a default or an output of a spec or part reads."""
    return set().union(*dependencies(model, model.graph).values(), _words(_texts(model.outputs)))


def names_behind(model: schema.Spec) -> set[str]:
    """The inputs and nodes that the outputs read, one by way of another, under some parameters."""
    reads = dependencies(model, model.graph)
    found: set[str] = set()
    left = [name for name in _words(_texts(model.outputs)) if name in reads]
    while left:
        name = left.pop()
        left += reads[name] - found
        found.add(name)
    return found


def _texts(raw: Any) -> Iterator[str]:
    """The texts in outputs, which nest."""
    if isinstance(raw, str):
        yield raw
    for inner in raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ():
        yield from _texts(inner)


def before(node: schema.Node, model: schema.Spec | schema.InlinePart) -> str | None:
    """What a node without ``in`` reads: the node before it in the file, or the first input."""
    return node.previous or next(iter(model.inputs), None)


def edges_of(node: schema.Node, model: schema.Spec | schema.InlinePart) -> Iterator[tuple[Path, Any]]:
    """What a node reads, and where that stands below it."""
    source: Any = node.source
    if source is None and node.kind not in ("expr", "first"):  # which name what they read
        source = before(node, model)
    yield from entries(("in",), source)
    yield from entries(("first",), node.first)
    yield from entries(("each",), node.each)
    singles = {"expr": node.expr, "else": node.otherwise, "reuse": node.reuse}
    yield from (((key,), text) for key, text in singles.items() if text is not None)
    if node.when is not None and "has(" in node.when:
        yield ("when",), node.when


def entries(path: Path, source: Any) -> Iterator[tuple[Path, Any]]:
    """The entries of mappings and lists, each with its path."""
    if isinstance(source, (dict, list)):
        for key, entry in source.items() if isinstance(source, dict) else enumerate(source):
            yield from entries((*path, key), entry)
    elif source is not None:
        yield path, source


def _words(edges: Iterable[Any]) -> set[str]:
    words: set[str] = set()
    for text in edges:
        if isinstance(text, str) and text.isidentifier():
            words.add(text)
        else:
            words |= {part.text.split(".")[0] for part in _parts([text]) if isinstance(part, Name)}
    return words


def _parts(edges: Iterable[Any]) -> Iterator[Expr]:
    for text in edges:
        with suppress(ExpressionError):  # reported where the edge is read
            yield from walk(parse(text)) if isinstance(text, str) else ()
