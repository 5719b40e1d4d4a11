"""Example inputs for a graph: tensors of the right types and extents, whole numbers within the tables they look up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch

from ...blocks.notation.dims import Dim
from ...blocks.notation.types import FILLED, RecordType, Type
from ...compiler.calls import chosen_inputs, extents, inner_extents
from ...compiler.graph import Apply, Body, FirstOf, Graph, InputValue, Node, Value, sources

_BATCH, _LENGTH = 2, 8


def example_inputs(
    graph: Graph, *, dims: Mapping[str, int] | None = None, extra: tuple[str, ...] = (), seed: int = 0
) -> dict[str, Any]:
    """Inputs that a call can be made with: those it requires, what else its outputs need, and the `extra` ones.

    Args:
        graph: the checked graph.
        dims: extents by the names of the spec's types (``batch``, ``seq``); others come from the spec's ``example:``.
        extra: optional inputs to give as well, such as ``labels``.
        seed: of the random numbers.
    """
    generator = torch.Generator().manual_seed(seed)
    names = chosen_inputs(graph, extra)
    sizes = {**extents(graph, names, batch=_BATCH, length=_LENGTH), **(dims or {})}
    inner = inner_extents(graph, sizes)
    made = {name: _tensor(graph, name, inner, generator) for name in names}
    for name, axis in graph.folds.items():
        if name in made:
            made[name] = made[name].unflatten(0, (-1, sizes[axis]))
    return made


def _tensor(graph: Graph, name: str, sizes: Mapping[str, int], generator: torch.Generator) -> Any:
    kind = graph.root.inputs[name].type
    high = min([limit for limit in limits(graph.root, name) if limit], default=2)
    if isinstance(kind, RecordType):
        return _records(kind, high, sizes, generator)
    assert isinstance(kind, Type), f"{name} has no type"
    shape = [_extent(dim, sizes) for dim in kind.dims]
    if kind.kind == "float":
        return torch.randn(shape, generator=generator)
    if kind.kind == "bool":
        return torch.ones(shape, dtype=torch.long)
    return torch.randint(0, max(high, 1), shape, generator=generator)


def _records(
    kind: RecordType, high: int, sizes: Mapping[str, int], generator: torch.Generator
) -> list[dict[str, torch.Tensor]]:
    """A mapping for each sample; floats in them are shares of one, as in boxes and masks."""
    records: list[dict[str, torch.Tensor]] = []
    for name, inner in zip(kind.names, kind.items, strict=True):
        if name == FILLED or not isinstance(inner, Type):
            continue
        shape = [_extent(dim, sizes) for dim in inner.dims]
        whole = torch.rand(shape, generator=generator)
        records = records or [{} for _ in whole]
        for record, own in zip(records, whole, strict=True):
            record[name] = own if inner.kind == "float" else (own * max(high, 1)).long()
    return records


def _extent(dim: Dim, sizes: Mapping[str, int]) -> int:
    free = {symbol.name: sizes.get(symbol.name, _LENGTH) for symbol in dim.expanded().symbols()}
    return dim.evaluate(free)


def limits(body: Body, name: str, *, itself: bool = False) -> Iterator[int]:
    """The sizes of the tables, and the numbers of classes, that an integer input is used with.

    Args:
        body: what the input is of.
        name: the input.
        itself: only what reads the input itself counts; else what reads anything made from it does.
    """
    for node in body.nodes.values():
        for port, value in node.values():
            if _is_itself(value, name) if itself else name in sources(value):
                yield from _limit(node, port, itself)


def _is_itself(value: Value, name: str) -> bool:
    """Whether a value is an input, perhaps one of several that may stand there, or a field of it: not made from it."""
    match value:
        case InputValue():
            return value.name == name
        case FirstOf(choices=choices):
            return any(_is_itself(choice, name) for choice in choices)
        case Apply(op="when" | "field", args=args):
            return _is_itself(args[0], name)
    return False


def _limit(node: Node, port: str, itself: bool) -> Iterator[int]:
    if node.contract is None:
        yield from limits(node.rounds[0], port, itself=itself) if node.rounds else ()
        return
    num = getattr(node.contract, "num", None)
    if num is not None:
        yield int(num)
    logits = node.inputs.get("logits") or node.inputs.get("start")
    if isinstance(logits, Value) and isinstance(logits.type, Type) and logits.type.dims[-1].known is not None:
        yield logits.type.dims[-1].known
