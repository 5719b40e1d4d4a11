"""Which mask of a graph's inputs says which tokens are real, and the kinds of the graph's values when it is given."""

from __future__ import annotations

from collections.abc import Iterator

from ...blocks.notation.types import Type
from ..calls import plain_call
from ..diagnosing.diagnostics import SpecError
from ..graph import Graph, named_outputs
from ..presence import present
from .packed import ATTENTION, Frame, Packing, unpackable


def packing(graph: Graph, combination: int, mask: str, *, is_held: bool = False) -> Packing:
    """The flow of a graph called with `mask`, with everything that its outputs need looked at.

    Args:
        is_held: as in `Frame`.

    Raises:
        SpecError: something mixes padding into an output.
    """
    kind = graph.root.inputs[mask].type
    assert isinstance(kind, Type)
    types = [value.type for value in graph.root.inputs.values()]
    dims = [dim.expanded() for one in types if isinstance(one, Type) for dim in one.dims]
    given = frozenset(symbol for dim in dims for symbol in dim.symbols())
    frame = Frame(mask, kind.dims[0].expanded(), {kind.dims[1].expanded()}, given, is_held)
    flow = Packing(graph.root, combination, frame, dict.fromkeys(graph.root.inputs, "whole"))
    for _, value in named_outputs(graph.outputs):
        if present(value, combination):
            flow.kind(value)
    return flow


def find_mask(graph: Graph) -> str:
    """The input that says which tokens are real: the first mask that hides the padding of some attention's keys.

    Raises:
        SpecError: there is none, or something else would read padding.
    """
    failure: SpecError | None = None
    for name in masks(graph):
        combination = graph.combination(plain_call(graph) | {name})
        try:
            flow = packing(graph, combination, name)
        except SpecError as error:
            failure = failure or error
            continue
        ran = (pair for _, one in flows(flow) for pair in one.modes.items())
        if any(isinstance(node.contract, ATTENTION) and mode != "plain" for node, mode in ran):
            return name
    if failure is not None:
        raise failure
    reason = "expected an attention whose `valid` is a mask that a call gives, found none"
    raise SpecError([unpackable(graph.name, graph.root.span, reason, "")])


def masks(graph: Graph) -> Iterator[str]:
    """The inputs that may say which tokens are real: truth values over samples and a free axis."""
    for name, value in graph.root.inputs.items():
        kind = value.type
        if isinstance(kind, Type) and kind.kind == "bool" and len(kind.dims) == 2 and kind.dims[1].known is None:
            yield name


def flows(flow: Packing, path: str = "") -> Iterator[tuple[str, Packing]]:
    """The flow of every body that was looked at, with its path; that of rounds which are one body for each of them."""
    yield path, flow
    for (node, body), inner in flow._inner.items():
        for number, one in enumerate(node.rounds):
            if one is body:
                below = f"{node.name}.{number}" if node.is_repeat else node.name
                yield from flows(inner, f"{path}.{below}" if path else below)
