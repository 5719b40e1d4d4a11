"""Which nodes of a body inference computes as one: found in the graph alone, the same for every combination.

- `joined`: linear maps that read one value under one condition are one product.
- `folded`: a convolution that only a batch norm reads takes in its scale and shift.
- `settled`: a convolution whose kernel is made from its weights has it made once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from ...blocks.convolution import Conv1d, Conv2d, WeightNormConv1d
from ...blocks.linear import Linear
from ...blocks.norm import BatchNorm, FrozenBatchNorm
from ..graph import Apply, Body, Constant, FirstOf, Graph, InputValue, Node, OutputValue, Value, values_below

Kind = Literal["joined", "folded", "settled"]


@dataclass(frozen=True, slots=True, eq=False)
class Rewrite:
    """Nodes that are computed as one, by a module made from theirs that is called `name`."""

    kind: Kind
    nodes: tuple[Node, ...]
    name: str


def rewrites(graph: Graph, body: Body) -> list[Rewrite]:
    """The rewrites of one body of a graph, no node being in two."""
    made: list[Rewrite] = []
    taken = set(body.nodes) | set(body.params) | set(body.symbols)
    passes: dict[Kind, Iterator[tuple[Node, ...]]] = {
        "joined": _joined(body), "folded": _folded(body, graph.read_outside(body)), "settled": _settled(body)
    }  # fmt: skip
    for kind, found in passes.items():
        for nodes in found:
            stem = "_".join(node.name for node in nodes) + ("_settled" if kind == "settled" else "")
            while stem in taken:
                stem += "_"
            taken.add(stem)
            made.append(Rewrite(kind, nodes, stem))
    return made


def _joined(body: Body) -> Iterator[tuple[Node, ...]]:
    groups: dict[object, list[Node]] = {}
    again = {node.reuse for node in body.nodes.values()}  # a compiled region refuses a weight beside a slice of it
    for node in body.nodes.values():
        contract, is_own = node.contract, node.reuse is None and node not in again
        if type(contract) is Linear and not contract.stays_float32 and is_own and node.present:
            groups.setdefault((node.present, _same(_read(node), node.present)), []).append(node)
    yield from (tuple(group) for group in groups.values() if len(group) > 1)


def _folded(body: Body, outputs: list[Value]) -> Iterator[tuple[Node, ...]]:
    readers = _readers(body, outputs)
    for norm in body.nodes.values():
        if type(norm.contract) not in (BatchNorm, FrozenBatchNorm) or norm.reuse is not None:
            continue
        value = _plain(_read(norm), norm.present)
        conv = value.node if isinstance(value, OutputValue) else None
        if conv is None or type(conv.contract) not in (Conv1d, Conv2d) or conv.reuse is not None:
            continue
        if conv.present == norm.present and readers[conv] == 1:
            yield conv, norm


def _settled(body: Body) -> Iterator[tuple[Node, ...]]:
    for node in body.nodes.values():
        if type(node.contract) is WeightNormConv1d and node.reuse is None:
            yield (node,)


def _read(node: Node) -> Value:
    """What a block of one input reads."""
    ((_, value),) = node.values()
    return value


def _readers(body: Body, outputs: list[Value]) -> Counter[Node]:
    """How often what each node gives is read, by nodes and as `outputs`."""
    found: Counter[Node] = Counter()
    stack: list[Value] = list(outputs)
    for node in body.nodes.values():
        stack += [value for _, value in node.values()]
    while stack:
        value = stack.pop()
        node = getattr(value, "node", None)  # of an `OutputValue` or `Rounds`
        if node is not None:
            found[node] += 1
        stack.extend(values_below(value))
    return found


def _plain(value: Value, table: int) -> Value:
    """A value without the choices and conditions that settle themselves wherever `table` holds."""
    while True:
        if isinstance(value, FirstOf):
            choices = [one for one in value.choices if one.present & table]
            if not choices or table & ~choices[0].present:
                return value
            value = choices[0]
        elif isinstance(value, Apply) and value.op == "when":
            value = value.args[0]
        else:
            return value


def _same(value: Value, table: int) -> object:
    """A key that two values share only if they are the same wherever `table` holds."""
    value = _plain(value, table)
    match value:
        case InputValue(name=name):
            return "input", name
        case OutputValue(node=node, port=port):
            return "output", id(node), port
        case Constant(value=number):
            return "constant", repr(number)
        case Apply(op=op, args=args, attrs=attrs):
            return op, repr(attrs), str(value.type), *(_same(arg, table) for arg in args)
    return "value", id(value)


def bodies(graph: Graph) -> Iterator[tuple[str, Body]]:
    """Every body with its path, those of rounds too."""
    stack = [("", graph.root)]
    while stack:
        path, body = stack.pop(0)
        yield path, body
        for name, node in body.nodes.items():
            for at, inner in enumerate(node.rounds if node.reuse is None else ()):
                below = f"{name}.{at}" if node.is_repeat else name
                stack.append((f"{path}.{below}" if path else below, inner))
