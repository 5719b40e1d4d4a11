"""What a model costs: parameters, floating-point operations and bytes of activations, for each node and in all.

Operations and bytes are polynomials over the extents that only a call decides (`Dim`), until `NodeCost.figures` is told
them. A block counts its own operations (`Block.flops`: a multiplication and an addition are two); arithmetic in edges
counts one for each number it makes, and belongs to the node that reads it first. Activations are what all nodes give:
the memory of a training step before its gradients, and an upper bound for inference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from math import prod
from typing import Any

from ..blocks.layout import Concat
from ..blocks.notation.dims import Dim, Symbol
from ..blocks.notation.types import AnyType, ListType, Type, numel
from .calls import free_extents, plain_call
from .graph import (
    Apply, Body, FirstOf, Graph, Node, OutputValue, Rounds, Value, flat, named_outputs, values_below,
)  # fmt: skip
from .node_cost import ZERO, NodeCost
from .presence import present, resolve
from .text import ranges, rounds_of

BYTES = {"float": 4, "int": 8, "bool": 1}
"""Bytes of one number, float32 unless told otherwise."""
_CHAIN = 4  # how often what stands in may itself be stood in for
VIEWS = frozenset({"slice", "transpose", "when", "detach", "zip", "pair", "unstack", "field", "zeros", "ones", "range",
                   "float", "int", "bool"})  # fmt: skip


def cost(graph: Graph, *, given: Collection[str] | None = None, float_bytes: int = BYTES["float"]) -> NodeCost:
    """The cost of one call.

    Args:
        given: the optional inputs and flags of the call; None is the plainest.
        float_bytes: bytes of a floating-point number, 2 for bfloat16.
    """
    chosen = plain_call(graph) if given is None else frozenset(given)
    counter = _Counter(graph, chosen, {**BYTES, "float": float_bytes})
    total = NodeCost(graph.name, "", "model")
    counter.body(graph.root, [value for _, value in named_outputs(graph.outputs)], total, "", "")
    total.parameters = graph.num_parameters()
    total.rewrite(counter.settled)
    return total


class _Counter:
    def __init__(self, graph: Graph, given: Collection[str], sizes: Mapping[str, int]) -> None:
        self.combination = graph.combination(given)
        self.fixed = frozenset(free_extents(graph, given))
        self.bytes = sizes
        self.counted: set[int] = set()
        self.standing_in: dict[Symbol, Dim] = {}
        self.owned: Counter[str] = Counter()
        for entry in graph.weights():
            if entry.tied_to is None and entry.is_trained:
                self.owned[entry.owner] += prod(entry.shape)

    def body(self, body: Body, outputs: list[Value], made: NodeCost, path: str, shown: str) -> None:
        """The costs of the nodes that are there, in order, and all that it takes to make the outputs.

        Args:
            path: that of weights; `shown` has indices by name.
        """
        read = self.read(outputs)
        made.children = [
            self.node(node, read.get(node, set()), f"{path}{node.name}", f"{shown}{node.name}")
            for node in body.nodes.values()
            if present(node, self.combination)
        ]
        self.add(made, made.children)
        for value in outputs:
            self.edge(value, made)

    def read(self, outputs: list[Value]) -> dict[Node, set[str]]:
        """The nodes that it takes to make the outputs, each with those of its outputs that are read."""
        found: dict[Node, set[str]] = {}
        stack, seen = list(outputs), set[Value]()
        while stack:
            value = stack.pop()
            if not present(value, self.combination) or (value := resolve(value, self.combination)) in seen:
                continue
            seen.add(value)
            stack += values_below(value)
            if isinstance(value, (OutputValue, Rounds)):
                if value.node not in found:
                    stack += [one for _, one in value.node.values()]
                found.setdefault(value.node, set()).add(value.port)
        return found

    def node(self, node: Node, read: set[str], path: str, shown: str) -> NodeCost:
        """The cost of one node, with the edges that it reads; of one that nothing reads, the parameters alone."""
        kind = node.kind if node.reuse is None else f"reuse {node.owner.name}"
        given = {port for port in node.outputs if node.output_presence.get(port, node.present) >> self.combination & 1}
        outputs = {port: kind for port, kind in node.outputs.items() if kind is not None and port in given}
        made = NodeCost(node.name, shown, kind, outputs=outputs)
        if node.contract is not None:
            self.block(node, made, path, is_read=bool(read))
        elif node.is_repeat:
            self.repeat(node, read, made, path)
        else:
            for body in node.rounds:
                wanted = [value for port, value in body.outputs.items() if port in read]
                self.body(body, wanted, made, f"{path}.", f"{shown}.")
        for _, value in node.values() if read else ():
            self.edge(value, made)
        return made

    def block(self, node: Node, made: NodeCost, path: str, *, is_read: bool) -> None:
        assert node.contract is not None
        kinds = {port: self.kinds(value) for port, value in node.inputs.items() if self.there(value)}
        if isinstance(node.contract, Concat):
            self.leave_out(node.inputs["parts"], node.contract.axis)
        eager = {port.rstrip("?") for port in node.contract.outputs if not port.endswith("?")}
        made.outputs = {port: kind for port, kind in made.outputs.items() if port in eager}
        made.parameters = 0 if node.reuse is not None else self.owned[path]
        if not is_read:
            return
        made.flops = node.contract.flops(kinds, made.outputs).expanded() if made.outputs else ZERO
        if "" not in node.contract.weights:
            made.memory = sum((self.size(kind) for kind in made.outputs.values()), ZERO)

    def repeat(self, node: Node, read: set[str], made: NodeCost, path: str) -> None:
        """The rounds of a repeat: those that cost the same under one heading; what they hand on is read too."""
        inner: dict[Body, NodeCost] = {}

        def content(body: Body) -> str:
            one = NodeCost(node.name, f"{made.path}.<{node.index}>", node.kind)
            outputs = [value for port, value in body.outputs.items() if port in read or (read and port in node.inputs)]
            self.body(body, outputs, one, f"{path}.{node.rounds.index(body)}.", f"{one.path}.")
            inner[body] = one
            return repr([(depth, cost) for depth, cost in one.walk()])

        groups = rounds_of(node, content)
        for numbers, body in groups:
            one = inner[body]
            one.name, one.times = ranges(numbers), len(numbers)
            owners = len({node.shared[number] for number in numbers}) if node.shared else one.times
            one.parameters, one.flops, one.memory = (
                one.parameters * owners, one.flops * one.times, one.memory * one.times
            )  # fmt: skip
        made.times = len(node.rounds)
        made.children = [inner[body] for _, body in groups]
        self.add(made, made.children)
        if len(groups) == 1:
            made.children = made.children[0].children

    def add(self, made: NodeCost, parts: list[NodeCost]) -> None:
        made.parameters += sum(part.parameters for part in parts)
        made.flops = sum((part.flops for part in parts), made.flops)
        made.memory = sum((part.memory for part in parts), made.memory)

    def edge(self, value: Value, made: NodeCost) -> None:
        """Count the arithmetic of an edge, unless another reader of the same value has."""
        stack = [value]
        while stack:
            one = stack.pop()
            if not present(one, self.combination) or id(one) in self.counted:
                continue
            whole, one = one, resolve(one, self.combination)
            if isinstance(whole, FirstOf):
                self.stand_in(whole.type, one.type)
            if isinstance(one, Apply) and one.op not in VIEWS and id(one) not in self.counted and one.type is not None:
                made.flops += _arithmetic(one)
                made.memory += self.size(one.type)
            self.counted.add(id(one))
            stack.extend(values_below(one))

    def stand_in(self, general: AnyType | None, chosen: AnyType | None) -> None:
        """Remember which extents the value that stands in for another has: all that reads it speaks of the other's."""
        if isinstance(general, Type) and isinstance(chosen, Type):
            for wide, own in zip(general.dims, chosen.dims, strict=False):
                if len(wide.expanded().symbols()) == 1:
                    self.solve(wide.expanded(), own.expanded())

    def leave_out(self, parts: Value | list[Value], axis: int) -> None:
        """Remember that what a join leaves out has no extent along its axis: all that reads it speaks of the sum."""
        for one in flat(parts):
            if isinstance(one.type, Type) and not present(one, self.combination):
                self.solve(one.type.dims[axis].expanded(), ZERO)

    def solve(self, wide: Dim, own: Dim) -> None:
        """Remember for which extent of a value that is not there `wide` is `own`; what a call gives is as it is."""
        for symbol in wide.symbols():
            rest = wide - Dim.of(symbol)
            if symbol.name not in self.fixed and symbol not in (own - rest).symbols():
                self.standing_in.setdefault(symbol, own - rest)
                return

    def settled(self, dim: Dim) -> Dim:
        """A polynomial in the extents of the values that are there."""
        for _ in range(_CHAIN):
            dim = dim.substitute(self.standing_in)
        return dim

    def there(self, value: Value | list[Value]) -> bool:
        return any(present(one, self.combination) for one in flat(value))

    def kinds(self, value: Value | list[Value]) -> Any:
        if isinstance(value, list):
            return [one.type for one in value if present(one, self.combination)]
        return value.type

    def size(self, kind: AnyType) -> Dim:
        if isinstance(kind, ListType):
            return sum((self.size(item) for item in kind.items), ZERO)
        return numel(kind).expanded() * self.bytes.get(kind.kind, self.bytes["float"])


def _arithmetic(value: Apply) -> Dim:
    """The operations of one function over floating-point numbers: reductions read each, the others make each."""
    kind, first = value.type, value.args[0].type if value.args else None
    if not isinstance(kind, Type) or not isinstance(first, Type) or "float" not in (kind.kind, first.kind):
        return ZERO
    if value.op == "@":
        return (2 * numel(kind) * first.dims[-1]).expanded()
    return (numel(first) if len(first.dims) > len(kind.dims) else numel(kind)).expanded()
