"""Values that no number of a call changes: made from weights, options and, if asked, the shapes of what is there."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ...blocks.notation.types import Type
from ..graph import Apply, Body, Constant, FirstOf, Gathered, Node, OutputValue, Picked, Value, values_below
from ..presence import present, resolve


class Hold:
    """Which nodes of a body hold under one combination; under None, under some.

    Attributes:
        extents: whether shapes count as known. Held values then change with the shapes of a call.
    """

    def __init__(self, body: Body, combination: int | None, *, extents: bool) -> None:
        self.combination = combination
        self.extents = extents
        self.nodes: dict[Node, None] = {}
        for node in body.nodes.values():
            if self._holds(node):
                self.nodes[node] = None

    def _holds(self, node: Node) -> bool:
        contract = node.contract
        if contract is None or is_bare(node) or contract.random or contract.updates or len(contract.outputs) != 1:
            return False
        return all(
            self.known(one) or (self.extents and port in contract.extents and self._stands(one))
            for port, one in self._given(node)
        )

    def known(self, value: Value) -> bool:
        """Whether a value depends on no number of the call."""
        match value := self._meant(value):
            case Constant():
                return True
            case OutputValue(node=node):
                return is_bare(node) or node in self.nodes
            case FirstOf(choices=choices):
                return any(self.known(one) for one in choices)
            case Apply(op="range" | "zeros" | "ones"):
                return self.extents
            case Apply() | Gathered() | Picked():
                return all(self.known(one) for one in values_below(value) if self._here(one, value.present))
        return False

    def chain(self, node: Node) -> list[Node]:
        """The held nodes that a held node is made from, and itself, in the order of the body."""
        found: dict[Node, None] = {}
        stack = [node]
        while stack:
            one = stack.pop()
            if one not in found:
                found[one] = None
                stack += [
                    below for below in self.read_by(value for _, value in self._given(one)) if below in self.nodes
                ]
        return [one for one in self.nodes if one in found]

    def read_by(self, values: Iterable[Value]) -> Iterator[Node]:
        """The nodes that values are made from by edges."""
        stack = list(values)
        while stack:
            value = self._meant(stack.pop())
            node = getattr(value, "node", None)
            if node is not None:
                yield node
            stack += [one for one in values_below(value) if self._here(one, value.present)]

    def frontier(self, needed: Iterable[Node], outputs: Iterable[Value]) -> dict[Node, list[Node]]:
        """The held nodes that what is not held reads, with their chains; none that costs nothing to make."""
        needed, outputs = list(needed), list(outputs)
        while True:
            given = (value for node in needed if node not in self.nodes for _, value in self._given(node))
            read = set(self.read_by([*outputs, *given]))
            chains = {node: self.chain(node) for node in self.nodes if node in read}
            cheap = [node for node, chain in chains.items() if not any(map(costs, chain))]
            if not cheap:
                return chains
            for node in cheap:
                del self.nodes[node]

    def _given(self, node: Node) -> Iterator[tuple[str, Value]]:
        return ((port, value) for port, value in node.values() if self._here(value, node.present))

    def _here(self, value: Value, where: int) -> bool:
        """Whether a value is there under the combination; under None, under all `where` its reader is."""
        return not where & ~value.present if self.combination is None else present(value, self.combination)

    def _stands(self, value: Value) -> bool:
        """Whether a value is there without being computed where it is read."""
        return not isinstance(self._meant(value), (Apply, Gathered, Picked))

    def _meant(self, value: Value) -> Value:
        """What a value is under the combination; under None, a choice stays one."""
        if self.combination is not None:
            return resolve(value, self.combination)
        while isinstance(value, Apply) and value.op == "when":
            value = value.args[0]
        return value


def is_bare(node: Node) -> bool:
    """Whether a node is a weight and nothing more."""
    return node.contract is not None and list(node.contract.weights) == [""]


def costs(node: Node) -> bool:
    """Whether making what a node gives is any work."""
    assert node.contract is not None
    values = {
        port: [one.type for one in given if one.type] if isinstance(given, list) else given.type
        for port, given in node.inputs.items()
    }
    results = {port: kind for port, kind in node.outputs.items() if isinstance(kind, Type)}
    return bool(results) and node.contract.flops(values, results).known != 0  # pyright: ignore[reportArgumentType]
