"""Which attention reads keys from another sequence than its queries, and through which inputs these come."""

from __future__ import annotations

from collections import defaultdict

from ...blocks.notation.dim_compare import compare
from ...blocks.notation.types import Type
from ...compiler.graph import Body, FirstOf, Graph, InputValue, Node, OutputValue, Rounds, Value, values_below

Chain = tuple[tuple[Body, Node | None], ...]


class Crossings:
    """The cross-attention of a graph.

    Attributes:
        cores: the nodes of attention blocks whose keys come from another sequence.
        memory: for nodes on the way, the inputs through which that sequence comes.
    """

    def __init__(self, graph: Graph) -> None:
        self.cores: set[Node] = set()
        self.memory: dict[Node, set[str]] = defaultdict(set)
        self._walk(((graph.root, None),))

    def _walk(self, chain: Chain) -> None:
        for node in chain[-1][0].nodes.values():
            if is_attention(node):
                self._core(node, chain)
            for body in node.bodies:
                self._walk((*chain, (body, node)))

    def _core(self, core: Node, chain: Chain) -> None:
        assert core.contract is not None
        reads = core.contract.reads
        keys = {port for port, how in reads.items() if how == "key" and _is_float(core.inputs.get(port))}
        query, key = (core.inputs.get(next((p for p, how in reads.items() if how == w), "")) for w in ("query", "key"))
        if query is None or key is None or not keys or _same_length(query, key):
            return
        asked, kept = origins(query), origins(key)
        found: list[tuple[Node, set[str]]] = [(core, keys)]
        decided = False
        for _, node in reversed(chain):
            if node is None and kept < asked:  # what is asked has read the sequence before, and more
                break
            if asked & kept and not decided:
                return
            if node is None:
                break
            found.append((node, {name for name in kept - asked if isinstance(name, str)}))
            decided |= node.is_repeat
            asked, kept = lifted_origins(asked, node), lifted_origins(kept, node)
        self.cores.add(core)
        for node, ports in found:
            self.memory[node] |= ports


def is_attention(node: Node) -> bool:
    """Whether a node is a block in which queries look at keys."""
    contract = node.contract
    return (
        contract is not None and contract.category == "attention" and {"query", "key"} <= set(contract.reads.values())
    )


def origins(value: Value | list[Value]) -> set[str | Node]:
    """Where a value comes from inside its body: names of inputs, and nodes that read nothing."""
    found: set[str | Node] = set()
    stack: list[Value | list[Value] | Node | None] = [value]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        match item:
            case list():
                stack += item
            case InputValue(name=name):
                found.add(name)
            case Node():
                stack += item.inputs.values()
                found |= set() if item.inputs else {item}
            case OutputValue(node=node) | Rounds(node=node):
                stack.append(node)
            case FirstOf(choices=choices):
                stack.append(choices[0])
            case Value():
                stack += values_below(item)
    return found


def lifted_origins(found: set[str | Node], node: Node) -> set[str | Node]:
    """What the inputs of a body come from in its caller's."""
    above: set[str | Node] = set()
    for one in found:
        if isinstance(one, Node):
            above.add(one)
        elif one in node.inputs:
            above |= origins(node.inputs[one])
    return above


def _is_float(value: Value | list[Value] | None) -> bool:
    return isinstance(value, Value) and isinstance(value.type, Type) and value.type.kind == "float"


def _same_length(query: Value | list[Value], key: Value | list[Value]) -> bool:
    lengths = [
        value.type.dims[-2] for value in (query, key) if isinstance(value, Value) and isinstance(value.type, Type)
    ]
    return len(lengths) == 2 and compare(lengths[0], lengths[1]) == "equal"
