"""The graph that the compiler holds: bodies of nodes, joined by values. Nothing in it changes once it is built."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any

from ..blocks.base import Block, Weight
from ..blocks.notation.dim_condition import Condition
from ..blocks.notation.dims import Symbol
from ..blocks.notation.expressions import Expr
from ..blocks.notation.types import AnyType, Bindings, Type
from ..blocks.notation.values import evaluate

if TYPE_CHECKING:
    import networkx as nx

    from .diagnosing.diagnostics import Diagnostic
    from .reading.span import Span


@dataclass(slots=True, eq=False)
class Value:
    """What an edge carries.

    `type` is None where an error already explains why; `present` is a truth table over the combinations of optional
    inputs and flags (0: never there).
    """

    type: AnyType | None
    present: int


@dataclass(slots=True, eq=False)
class InputValue(Value):
    """An input of the body."""

    name: str


@dataclass(slots=True, eq=False)
class OutputValue(Value):
    """An output port of a node."""

    node: Node
    port: str


@dataclass(slots=True, eq=False)
class Constant(Value):
    """A number or truth value, written down or computed from parameters and dimensions; `tree` is its expression."""

    value: Any
    tree: Expr


@dataclass(slots=True, eq=False)
class Apply(Value):
    """An operation over values; `attrs` are constants (axes, slices), `name` what an ``expr:`` calls it, at `span`."""

    op: str
    args: tuple[Value, ...]
    attrs: tuple[Any, ...] = ()
    name: str | None = None
    span: Span | None = None


@dataclass(slots=True, eq=False)
class FirstOf(Value):
    """The first of its choices that is present."""

    choices: tuple[Value, ...]


@dataclass(slots=True, eq=False)
class Gathered(Value):
    """A list of values."""

    items: tuple[Value, ...]


@dataclass(slots=True, eq=False)
class Rounds(Value):
    """What every round of a repeat gave at `port`; with `initial` the value before the first in front."""

    node: Node
    port: str
    initial: Value | None


@dataclass(slots=True, eq=False)
class Picked(Value):
    """One element, or a stretch, of a list value."""

    base: Value
    at: int | slice


class Items(dict[str, Any]):
    """Outputs that a call returns as a list of records, by their places."""


def flat(given: Value | list[Value] | None) -> list[Value]:
    """The values at an input, one by one; none where nothing is given."""
    return given if isinstance(given, list) else [] if given is None else [given]


def values_below(value: Value) -> tuple[Value, ...]:
    """The values that a value is made from by edges alone."""
    match value:
        case Apply(args=args):
            return args
        case FirstOf(choices=choices):
            return choices
        case Gathered(items=items):
            return items
        case Picked(base=base):
            return (base,)
        case Rounds(initial=initial):
            return () if initial is None else (initial,)
    return ()


def named_outputs(outputs: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Value]]:
    """The values of outputs that may nest, by dotted names."""
    for name, value in outputs.items():
        if isinstance(value, dict):
            yield from named_outputs(value, f"{prefix}{name}.")
        else:
            yield prefix + name, value


def name_of(value: Value) -> str | None:
    """What a value is called in the source; None where it has no name."""
    if isinstance(value, Rounds):
        return f"{value.node.name}_all_{value.port}"
    if isinstance(value, OutputValue):
        is_first = value.port == next(iter(value.node.outputs))
        return value.node.name if is_first else f"{value.node.name}_{value.port}"
    return value.name if isinstance(value, (InputValue, Apply)) else None


def axes_along(value: Apply) -> list[int]:
    """The axes that an edge works along, counted from the front."""
    kind = value.args[0].type
    rank = len(kind.dims) if isinstance(kind, Type) else 0
    return [axis % rank for axis in value.attrs if isinstance(axis, int) and rank]


def slice_items(value: Apply) -> list[Any]:
    """What a slice takes of each axis of its argument."""
    items = [item[0] if isinstance(item, tuple) else item for item in value.attrs if item is not None]
    kind = value.args[0].type
    rank = len(kind.dims) if isinstance(kind, Type) else len(items)
    gap = next((at for at, item in enumerate(items) if item is ...), len(items))
    items[gap : gap + 1] = [slice(None)] * (rank - len(items) + (gap < len(items)))
    return items


@dataclass(slots=True)
class Option:
    """An option's value and the expression it came from, which the emitted source repeats; whether it is the default.

    `origin` says who gave the value: ``call``, ``caller`` (its parameter of that name), ``default``, ``size <name>``,
    ``override``, ``task <name>`` or ``mount``.
    """

    value: Any
    tree: Expr | None
    span: Span | None = None
    is_default: bool = False
    origin: str = "call"


@dataclass(slots=True, eq=False, repr=False)
class Node:
    """A node: an instance of a block, a part (one body), a repeat (a body a round), or a second call (`reuse`).

    `shared` has for each round of a repeat the first one with the same weights; it is empty where all have their own.
    """

    name: str
    span: Span
    present: int
    contract: Block | None = None
    inputs: dict[str, Value | list[Value]] = field(default_factory=dict)
    outputs: dict[str, AnyType | None] = field(default_factory=dict)
    output_presence: dict[str, int] = field(default_factory=dict)
    options: dict[str, Option] = field(default_factory=dict)
    bindings: Bindings | None = None
    rounds: list[Body] = field(default_factory=list)
    index: str | None = None
    count: Option | None = None
    each: frozenset[str] = frozenset()
    layer_drop: Option | None = None
    shared: tuple[int, ...] = ()
    reuse: Node | None = None
    ties: list[TiedPair] = field(default_factory=list)
    origin: str | None = None
    _shapes: dict[str, tuple[int, ...]] | None = None

    @property
    def weight_shapes(self) -> dict[str, tuple[int, ...]]:
        """The shapes of its own weights by leaf; computed once, as tasks share nodes."""
        if self._shapes is None:
            declared = self.contract and self.bindings and self.contract.weight_shapes(self.bindings)
            self._shapes = {leaf: tuple(map(int, dims)) for leaf, dims in (declared or {}).items()}
        return self._shapes

    @property
    def is_repeat(self) -> bool:
        """Whether it is called once a round."""
        return self.index is not None

    @property
    def bodies(self) -> list[Body]:
        """The bodies of its rounds, each once: rounds that are all alike share theirs."""
        return list(dict.fromkeys(self.rounds))

    def values(self) -> Iterator[tuple[str, Value]]:
        """The values at its inputs by port, those of a list one by one."""
        for port, given in self.inputs.items():
            yield from ((port, value) for value in flat(given))

    @property
    def kind(self) -> str:
        """The word that drawings and listings use: a block's name or a part's."""
        if self.contract is not None:
            return self.contract.name()
        return self.rounds[0].part if self.rounds else "part"

    @property
    def owner(self) -> Node:
        """The node that owns the weights: itself, or the one it reuses."""
        return self.reuse.owner if self.reuse is not None else self


@dataclass(slots=True)
class TiedPair:
    """A path below the node, and the path from the root of the spec that it shares its weights with."""

    own: str
    other: str
    span: Span
    key_span: Span


@dataclass(slots=True, eq=False, repr=False)
class Body:
    """The inside of a spec, a part or one round of a repeat.

    Attributes:
        part: its name, as the emitted class is called.
        params: its parameters by name, with the expression that the caller gave.
        symbols: the dimensions that its inputs bind.
        inputs: its inputs in order; `defaults` gives what stands in for those that are not given.
        nodes: in an order in which each comes after what it reads.
        mounts: the parameters of each mounted spec, by its name here.
        is_spec: it is the inside of a mounted spec, from which the paths of its ties count.
    """

    part: str
    span: Span
    params: dict[str, Option] = field(default_factory=dict)
    lets: dict[str, Expr] = field(default_factory=dict)
    symbols: dict[str, Symbol] = field(default_factory=dict)
    inputs: dict[str, Value] = field(default_factory=dict)
    defaults: dict[str, Value | str] = field(default_factory=dict)
    nodes: dict[str, Node] = field(default_factory=dict)
    outputs: dict[str, Value] = field(default_factory=dict)
    mounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    is_spec: bool = False

    @property
    def digraph(self) -> nx.DiGraph:
        """The body as a networkx graph: inputs and nodes by name.

        Attributes are ``node``, the `Node`, ``inside``, the digraph of what is inside (a list, one a round), and
        ``port`` of an edge, what it feeds.
        """
        import networkx as nx  # a fifth of a second, which a check does not need

        graph: nx.DiGraph = nx.DiGraph(part=self.part)
        graph.add_nodes_from(self.inputs, input=True)
        for name, node in self.nodes.items():
            made = {one: one.digraph for one in node.bodies}
            graph.add_node(name, node=node, inside=[made[one] for one in node.rounds])
            for port, value in node.values():
                graph.add_edges_from((source, name, {"port": port}) for source in sources(value))
        return graph


@dataclass(slots=True)
class WeightEntry:
    """A weight of the model: its path (the module's too), shape, contract, and how the checkpoint map calls it.

    Attributes:
        owner: the path of its node.
    """

    owner: str
    path: str
    map_path: str
    shape: tuple[int, ...]
    weight: Weight
    node: Node
    tied_to: str | None = None

    @property
    def is_trained(self) -> bool:
        """Whether it is a parameter: neither a saved buffer nor a tensor that its block holds fixed."""
        return not self.weight.buffer and bool(getattr(self.node.contract, "trainable", True))


@dataclass(slots=True, eq=False, repr=False)
class Graph:
    """A checked model: what `aw.check` returns and every backend reads.

    Attributes:
        name: the spec's name; `task` and `size` as asked.
        root: the outermost body. Its inputs are the call's, in the order of the spec.
        outputs: what a call returns, by Hugging Face's names; nested mappings where outputs nest.
        atoms: the optional inputs, flags and conditions, bit *k* of a combination being the *k*-th of them.
        conditions: what is asked of the extents of a call, by the text that is its atom.
        notes: findings that are no errors, such as extents that only a call can prove equal.
    """

    name: str
    title: str
    task: str | None
    size: str | None
    root: Body
    outputs: dict[str, Any]
    atoms: tuple[str, ...]
    flags: dict[str, bool]
    params: dict[str, Any]
    notes: list[Diagnostic]
    spec: Any = None
    document: Any = None
    folds: dict[str, str] = field(default_factory=dict)
    conditions: dict[str, Condition] = field(default_factory=dict)

    def read_outside(self, body: Body) -> list[Value]:
        """What is read of a body from outside: its outputs, or what a call returns."""
        return list(body.outputs.values() if body is not self.root else dict(named_outputs(self.outputs)).values())

    @property
    def label(self) -> str:
        """Its name and size, as a comparison calls it: ``bert@base``."""
        return f"{self.name}@{self.size}" if self.size else self.name

    @property
    def full(self) -> int:
        """The truth table that is always true."""
        return (1 << (1 << len(self.atoms))) - 1

    def combination(self, given: Collection[str], off: Collection[str] = ()) -> int:
        """The number of the combination in which exactly `given` of the atoms are given or set.

        Flags that are on by default are set as well, if they are not among `off`.
        """
        usual = {flag for flag, on in self.flags.items() if on and flag not in off}
        return sum(1 << k for k, atom in enumerate(self.atoms) if atom in given or atom in usual)

    def met(self, sizes: Mapping[str, int]) -> set[str]:
        """The conditions that hold in a call whose free axes have these extents, by name."""
        return {name for name, one in self.conditions.items() if one.holds(sizes)}

    def param(self, name: str) -> Any:
        """A parameter by name, derived ones too, a mounted spec's as ``vision.d_model``; KeyError if there is none."""
        if name in self.root.lets:
            return evaluate(self.root.lets[name], self.param)
        head, _, tail = name.partition(".")
        return self.params[head][tail] if tail else self.params[head]

    def weights(self, *, distinct: bool = False) -> list[WeightEntry]:
        """Every weight of the model, in the order of the graph; a leaf that the other side of a tie lacks is not tied.

        What is tied to one that is tied itself is tied to that one's owner; in a ring none is (`check_ties`).

        Args:
            distinct: of rounds that are alike the first alone.
        """
        entries = {entry.path: entry for entry in _weights(self.root, "", distinct=distinct)}
        for entry in entries.values():
            if entry.tied_to not in entries:
                entry.tied_to = None
        for entry in entries.values():
            passed = {entry.path}
            while entry.tied_to is not None and entry.tied_to not in passed and entries[entry.tied_to].tied_to:
                passed.add(entry.tied_to)
                entry.tied_to = entries[entry.tied_to].tied_to
        return list(entries.values())

    def num_parameters(self) -> int:
        """How many trained numbers the model has; tied ones count once."""
        return sum(prod(entry.shape) for entry in self.weights() if entry.tied_to is None and entry.is_trained)

    def text(self) -> str:
        """The graph as text, the form that tests and bug reports use."""
        from .text import graph_text

        return graph_text(self)


def _weights(body: Body, prefix: str, map_prefix: str = "", *, distinct: bool, home: str = "") -> Iterator[WeightEntry]:
    home = prefix if body.is_spec else home
    for node in body.nodes.values():
        if node.reuse is not None:
            continue
        path = f"{prefix}{node.name}"
        task_own = node.origin is not None and node.origin != node.name
        map_path = f"{map_prefix}{node.origin}.{node.name}" if task_own else f"{map_prefix}{node.name}"
        found = list(_node_weights(node, path, map_path, distinct=distinct, home=home))
        for pair in node.ties:
            _apply_tie(found, path, pair, home)
        yield from found


def _node_weights(node: Node, path: str, map_path: str, *, distinct: bool, home: str) -> Iterator[WeightEntry]:
    for leaf, shape in node.weight_shapes.items():
        assert node.contract is not None
        tail = f".{leaf}" if leaf else ""
        yield WeightEntry(path, path + tail, map_path + tail, shape, node.contract.weights[leaf], node)
    for number, body in enumerate(node.rounds):
        if distinct and number and body is node.rounds[number - 1]:
            continue
        at = f".{number}" if node.is_repeat else ""
        for entry in _weights(body, f"{path}{at}.", f"{map_path}{at}.", distinct=distinct, home=home):
            if node.shared and node.shared[number] != number:
                entry.tied_to = f"{path}.{node.shared[number]}{entry.path[len(path) + len(at) :]}"
            yield entry


def _apply_tie(found: list[WeightEntry], path: str, pair: TiedPair, home: str) -> None:
    own = f"{path}.{pair.own}" if pair.own else path
    for entry in found:
        tail = path_below(own, entry.path)
        if tail is not None:
            entry.tied_to = home + pair.other + tail


def path_below(template: str, path: str) -> str | None:
    """What `path` has below another, in which ``<i>`` is any index; None where it is not below."""
    pattern = r"\d+".join(map(re.escape, re.split(r"<\w+>", template)))
    held = re.match(rf"{pattern}(?=\.|$)", path)
    return None if held is None else path[held.end() :]


def sources(value: Value) -> Iterator[str]:
    """The names of the inputs and nodes that a value is made from."""
    match value:
        case InputValue(name=name):
            yield name
        case OutputValue(node=node) | Rounds(node=node):
            yield node.name
        case _:
            for part in values_below(value):
                yield from sources(part)
