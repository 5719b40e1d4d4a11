"""Whether a mask that hides nothing may be left out: whether a call with it computes what a call without it does.

Both calls are walked at once, from what they return. A value matches if it is made in the same way from values that
match, once what a true mask decides is decided; a port that says so (`Block.neutral`) may have a true mask on the one
side and nothing on the other. Whatever else differs, such as positions counted by the mask, leaves the mask in place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from ..graph import (
    Apply, Body, Constant, Gathered, Graph, InputValue, Node, OutputValue, Picked, Rounds, Value, flat, named_outputs,
)  # fmt: skip
from ..presence import present, resolve

State = Literal["same", "true", "other"]
_STILL_TRUE = frozenset(["slice", "bool", "detach", "and", "transpose"])


def may_leave_out(graph: Graph, name: str, combination: int) -> bool:
    """Whether a call under `combination` gives the same without the input `name`, where that is true throughout."""
    kind = graph.root.inputs[name].type
    if name not in graph.atoms or getattr(kind, "kind", "") != "bool" or name in graph.folds:
        return False
    bit = 1 << graph.atoms.index(name)
    states: dict[str, State] = {**dict.fromkeys(graph.root.inputs, "same"), name: "true"}
    pair = _Pair(graph.root, states, combination, combination & ~bit)
    return bool(combination & bit) and all(pair.both(value) for _, value in named_outputs(graph.outputs))


class _Pair:
    """One body under both combinations, with how its inputs compare."""

    def __init__(self, body: Body, states: Mapping[str, State], given: int, without: int) -> None:
        self.body = body
        self.states = states
        self.given = given
        self.without = without
        self.nodes: dict[Node, dict[str, bool]] = {}

    def both(self, value: Value) -> bool:
        """Whether a value is there in both or in neither, and matches."""
        here, there = present(value, self.given), present(value, self.without)
        return here == there and (not here or self.match(value, value))

    def true(self, value: Value) -> bool:
        """Whether a value is true throughout in the call with the mask."""
        value = resolve(value, self.given)
        match value:
            case InputValue(name=name):
                return self.states.get(name) == "true"
            case Apply(op="or", args=args):
                return any(map(self.true, args))
            case Apply(op=op, args=args):
                return op in _STILL_TRUE and all(map(self.true, args))
        return False

    def match(self, one: Value, other: Value) -> bool:
        """Whether `one`, with the mask, is what `other` is without."""
        one, other = self.decided(one), resolve(other, self.without)
        match one, other:
            case InputValue(name=name), InputValue(name=again):
                return name == again and self.states.get(name) == "same"
            case Constant(), Constant():
                return one is other or repr(one.value) == repr(other.value)
            case OutputValue(node=node, port=port), OutputValue(node=again, port=read):
                return node is again and port == read and self.node(node).get(port, False)
            case Rounds(node=node, port=port), Rounds(node=again, port=read):
                starts = [first for first in (one.initial, other.initial) if first is not None]
                begins = not starts or (len(starts) == 2 and self.match(*starts))
                return node is again and port == read and begins and self.node(node).get(port, False)
            case Apply(), Apply():
                alike = one.op == other.op and one.attrs == other.attrs and len(one.args) == len(other.args)
                return alike and str(one.type) == str(other.type) and all(map(self.match, one.args, other.args))
            case Gathered(items=items), Gathered(items=again):
                here = [item for item in items if present(item, self.given)]
                there = [item for item in again if present(item, self.without)]
                return len(here) == len(there) and all(map(self.match, here, there))
            case Picked(base=base, at=at), Picked(base=again, at=place):
                return at == place and self.match(base, again)
        return False

    def decided(self, value: Value) -> Value:
        """A value of the call with the mask, without what the mask decides."""
        while True:
            value = resolve(value, self.given)
            kept: Value | None = None
            if isinstance(value, Apply) and value.op == "where" and self.true(value.args[0]):
                kept = value.args[1]
            elif isinstance(value, Apply) and value.op == "and" and any(map(self.true, value.args)):
                left, right = value.args
                kept = right if self.true(left) else left
            if kept is None or str(kept.type) != str(value.type):  # a mask may make more of it, for each sample
                return value
            value = kept

    def node(self, node: Node) -> dict[str, bool]:
        """Which outputs of a node match."""
        if node not in self.nodes:
            self.nodes[node] = self._node(node)
        return self.nodes[node]

    def _node(self, node: Node) -> dict[str, bool]:
        states: dict[str, State] = {port: self.port(given) for port, given in node.inputs.items()}
        if node.contract is not None:
            neutral = node.contract.neutral
            fits = all(state == "same" or (state == "true" and port in neutral) for port, state in states.items())
            return dict.fromkeys(node.outputs, fits)
        found: dict[str, bool] = dict.fromkeys(node.outputs, True)
        for body in node.bodies:
            # What is carried matches in every round if it matches after one in which it did.
            inner = _Pair(body, states, self.given, self.without)
            for port, value in body.outputs.items():
                found[port] = found.get(port, True) and inner.both(value)
        carried = [port for port in found if node.is_repeat and port in node.inputs]
        return found if all(found[port] for port in carried) else dict.fromkeys(found, False)

    def port(self, given: Value | list[Value]) -> State:
        """How what a port reads compares: the same, a true mask against nothing, or otherwise."""
        here = [one for one in flat(given) if present(one, self.given)]
        there = [one for one in flat(given) if present(one, self.without)]
        if here and not there:
            return "true" if all(map(self.true, here)) else "other"
        return "same" if len(here) == len(there) and all(map(self.match, here, there)) else "other"
