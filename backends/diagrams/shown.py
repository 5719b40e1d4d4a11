"""What of a graph is drawn: the outputs that a plain call has, the inputs that it needs, and who reads what."""

from __future__ import annotations

from collections import Counter

from ...compiler.graph import Graph, Node, Value, flat, named_outputs, sources, values_below
from ...compiler.building.scope import CallSite
from ...compiler.calls import plain_call
from ...compiler.presence import presence_text, whatever_given
from .rounds import nested


class Shown:
    """The choices behind a drawing.

    Attributes:
        table: the combinations of inputs in which the flags are as they are by default.
        outputs: those that some of these have, by name.
        needed: the optional inputs that a plain call gives all the same.
        always: the combination in which these are given, and no other.
        readers: how many places read each value.
    """

    def __init__(self, graph: Graph) -> None:
        call = CallSite(graph.atoms, graph.flags)
        self.graph = graph
        self.table = graph.full
        for flag, default in graph.flags.items():
            self.table &= call.given(flag) if default else ~call.given(flag)
        self.outputs = {name: value for name, value in named_outputs(graph.outputs) if self.has(value)}
        self.needed = plain_call(graph)
        self.always = graph.combination(self.needed)
        self.readers = _readers(graph)
        self._used: dict[Node, set[str]] = {}

    def has(self, thing: Value | Node) -> bool:
        """Whether a value or node is there in a drawing at all."""
        return bool(thing.present & self.table)

    def asked(self, thing: Value | Node, within: int) -> list[str]:
        """What has to hold of a call's extents for something to be there, where it is `within`, as a line of a box."""
        if not self.graph.conditions:
            return []
        table, where = (whatever_given(one, self.graph) for one in (thing.present, within))
        text = presence_text(table, self.graph, where=where)
        return [f"when {text}"] if text else []

    def is_needed(self, name: str) -> bool:
        """Whether an input has to be given."""
        return name not in self.graph.atoms or name in self.needed

    def used(self, node: Node) -> set[str]:
        """The inputs of a node that something in it reads; all of a block's."""
        if node not in self._used:
            self._used[node] = self._read(node) if node.rounds else set(node.inputs)
        return self._used[node]

    def _read(self, node: Node) -> set[str]:
        found: set[str] = set()
        for body in node.bodies:
            values = list(body.outputs.values())
            for one in body.nodes.values():
                values += [value for port in self.used(one) for value in flat(one.inputs[port])]
            found.update(name for value in values for name in sources(value))
        return found & set(node.inputs)


def _readers(graph: Graph) -> Counter[Value]:
    nodes = nested([graph.root])
    stack = [value for _, value in named_outputs(graph.outputs)]
    stack += [value for node in nodes for _, value in node.values()]
    stack += [value for node in nodes for body in node.bodies for value in body.outputs.values()]
    counts: Counter[Value] = Counter()
    while stack:
        value = stack.pop()
        counts[value] += 1
        if counts[value] == 1:
            stack += values_below(value)
    return counts
