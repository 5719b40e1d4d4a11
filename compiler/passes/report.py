"""What each pass does to a graph, in words: for `archwright show --passes`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ...blocks.linear import Linear
from ..calls import plain_call
from ..graph import Graph, Node
from ..diagnosing.diagnostics import SpecError
from ..presence import present
from .held import Hold
from .packable import find_mask, flows, masks, packing
from .packed import Mode
from .rewrites import bodies, rewrites
from .unmasked import may_leave_out

_WORDS = {
    "joined": "one product",
    "folded": "scale and shift taken into the kernel",
    "settled": "the kernel made once",
}
_MODES: dict[Mode, str] = {
    "token": "real tokens alone",
    "core": "a sample at a time",
    "padded": "has its padding",
}


@dataclass(frozen=True, slots=True)
class Change:
    """What a pass did in one body: its path, and the nodes, by names."""

    rewrite: str
    path: str
    nodes: tuple[str, ...]
    effect: str


def changes(graph: Graph) -> Iterator[Change]:
    """Every change that inference makes, in the order of the graph, for a call with what it requires."""
    combination = graph.combination(plain_call(graph))
    for name in graph.atoms:
        if name in graph.root.inputs:
            given = graph.combination(plain_call(graph) | {name})
            if may_leave_out(graph, name, given):
                yield Change("unmasked", "", (name,), "left out where it hides nothing, on a CPU")
    for path, body in bodies(graph):
        for one in rewrites(graph, body):
            yield Change(one.kind, path, _names(one.nodes), _WORDS[one.kind])
        linear = [node for node in body.nodes.values() if type(node.contract) is Linear and node.reuse is None]
        if linear:
            yield Change("prepacked", path, _names(linear), "on a CPU, weights in the order of its kernels")
        needed = [node for node in body.nodes.values() if present(node, combination)]
        outputs = [value for value in graph.read_outside(body) if present(value, combination)]
        fixed = Hold(body, combination, extents=False).nodes
        for node, chain in Hold(body, combination, extents=True).frontier(needed, outputs).items():
            yield Change("held", path, _names(chain), "made once" if node in fixed else "made once for a shape")


def packed_changes(graph: Graph) -> Iterator[Change]:
    """What `packed` changes in a call with the mask and what is required; or the node that keeps it from that."""
    try:
        mask = find_mask(graph)
    except SpecError as error:
        if any(masks(graph)):
            found = error.diagnostics[0]
            yield Change("packed", "", (), f"{found.message}: {found.label.text}")
        return
    flow = packing(graph, graph.combination(plain_call(graph) | {mask}), mask)
    for path, inner in sorted(flows(flow), key=lambda pair: pair[0].count(".")):
        for mode, effect in _MODES.items():
            nodes = _names(node for node in inner.body.nodes.values() if inner.modes.get(node) == mode)
            if nodes:
                yield Change("packed", path, nodes, effect)


def _names(nodes: Iterable[Node]) -> tuple[str, ...]:
    return tuple(node.name for node in nodes)
