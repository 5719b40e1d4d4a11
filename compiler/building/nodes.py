"""Nodes of one body: blocks, parts, mounts, second calls, named edges, and what repeats them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...blocks.base import Block, PortError
from ...blocks.notation.dims import DimError
from ...blocks.notation.types import AnyType, ListType
from ...blocks.notation.values import EvaluationError
from ..diagnosing.diagnostics import nearest
from ..graph import Apply, Body, Gathered, Node, Option, OutputValue, Picked, TiedPair, Value
from ..reading import schema
from .edges import first_of
from .options import OptionReader
from .order import CycleError, order_of
from .origins import listed, makers, quoted
from .scope import Scope, ScopeError

if TYPE_CHECKING:
    from .bodies import Builder
    from .definitions import Definition

Given = dict[str, Value | list[Value]]
MOST_NAMES = 8


class NodeBuilder:
    """Builds the nodes of one body, in an order in which each comes after what it reads."""

    def __init__(self, builder: Builder, definition: Definition, body: Body, scope: Scope) -> None:
        self.builder = builder
        self.report = builder.report
        self.full = builder.call.full
        self.definition = definition
        self.body = body
        self.scope = scope
        self.declarations: Mapping[str, schema.Node] = definition.model.graph
        self.options = OptionReader(self)

    def build(self) -> None:
        """Build them all; what fails is reported, and what reads it stays silent."""
        if self.clashes():  # nobody knows which of the two is read
            return
        home = self.definition
        is_part = isinstance(home.model, schema.InlinePart)  # a spec's nodes depend on the task
        try:
            order = (is_part and home.document.orders.get(home.base)) or order_of(home.model, self.declarations)
        except CycleError as error:
            self.cycle(error.names)
            return
        if is_part:
            home.document.orders[home.base] = order
        for name in order:
            if name in self.declarations:
                self.node(name, self.declarations[name])
            elif name in self.body.defaults and isinstance(self.body.defaults[name], str):
                raw = str(self.body.defaults[name])
                if raw not in ("zeros", "ones", "range"):
                    self.builder.node_default(name, raw, self.definition, self.scope)

    def clashes(self) -> bool:
        """Whether inputs, parameters and nodes, which share one namespace, have a name twice; it is reported."""
        model = self.definition.model
        clash = False
        seen: dict[str, str] = {}
        for section in ("params", "let", "inputs", "graph"):
            for name in getattr(model, section):
                if name in seen:
                    self.report.error(
                        "name-clash", f"`{name}` is the name of two things", self.span(section, name, key=True),
                        label="expected a name that nothing of this scope has",
                        others=[(self.span(seen[name], name, key=True), "first used here")],
                    )  # fmt: skip
                    clash = True
                seen.setdefault(name, section)
        return clash

    def cycle(self, names: list[str]) -> None:
        """Report the nodes that wait for each other."""
        order = [name for name in self.declarations if name in names]
        first, *rest = order or names
        names = names[names.index(first) :] + names[: names.index(first)]
        section = "graph" if first in self.declarations else "inputs"
        self.report.error(
            "cycle", f"`{first}` reads what is made from itself", self.span(section, first, key=True),
            label=" -> ".join([*(names if len(names) <= MOST_NAMES else [*names[:MOST_NAMES], "..."]), first]),
            others=[
                (self.span("graph", name, key=True), "part of the cycle")
                for name in rest[:MOST_NAMES] if name in self.declarations
            ],
        )  # fmt: skip

    def span(self, *path: str | int, key: bool = False) -> Any:
        """A place below the definition."""
        return self.definition.span(*path, key=key)

    def node(self, name: str, declaration: schema.Node) -> None:
        """Build one node and give its name a value."""
        scope = self.scope
        try:
            present = self.full
            if declaration.when is not None:
                present = scope.condition(declaration.when, self.span("graph", name, "when"))
            if present:
                self.present_node(name, declaration, present)
            else:
                scope.values[name] = Value(None, 0)
        except ScopeError:
            scope.values[name] = Value(None, self.full)
        except DimError as error:
            place = self.span("graph", name, key=True)
            self.report.error("bad-expression", f"an extent of `{name}` cannot be computed", place, label=str(error))
            scope.values[name] = Value(None, self.full)
        if declaration.otherwise is not None:
            other = self.builder.edge(declaration.otherwise, self.span("graph", name, "else"), scope)
            if other is not None:
                scope.values[name] = first_of([scope.values[name], other])

    def present_node(self, name: str, declaration: schema.Node, present: int) -> None:
        """A node that is there under some combination at least."""
        kind = declaration.kind
        if kind in ("expr", "first"):
            self.named_edge(name, declaration, present)
        elif kind == "reuse":
            self.again(name, declaration, present)
        elif kind == "block":
            self.block_node(name, declaration, present)
        else:
            self.part_node(name, declaration, present)

    def named_edge(self, name: str, declaration: schema.Node, present: int) -> None:
        """``expr:`` and ``first:`` name a value."""
        for option in declaration.options:
            self.options.unknown_option(name, option, [])
        if declaration.expr is not None:
            value = self.builder.edge(declaration.expr, self.span("graph", name, "expr"), self.scope)
            if isinstance(value, Apply) and value.name is None:
                value.name = name
        else:
            choices = [
                self.builder.edge(text, self.span("graph", name, "first", number), self.scope)
                for number, text in enumerate(declaration.first or ())
            ]
            value = first_of([choice for choice in choices if choice is not None] or [Value(None, self.full)])
        self.scope.values[name] = _when(value, present, self.full)

    # Inputs

    def read_inputs(
        self,
        name: str,
        declaration: schema.Node | schema.Task,
        ports: Mapping[str, tuple[bool, bool]],
        base: tuple[str, ...],
    ) -> Given | None:
        """The values at a node's ports, `ports` being name to (optional, many).

        Returns:
            The values, or None where the node cannot be built.
        """
        source = declaration.source
        given: Given = {}
        if source is None:
            source = getattr(declaration, "previous", None) or next(iter(self.definition.model.inputs), None)
            if source is None or not ports:
                return given
        if isinstance(source, dict) and ("choose" not in source or "choose" in ports):
            return self.read_mapping(name, source, ports, base)
        first = next(iter(ports), None)
        if first is None:
            self.report.error(
                "unknown-input", f"`{name}` takes no input", self.span(*base, "in"), label="expected no `in`"
            )
            return None
        read = self.read_port(source, (*base, "in"), many=ports[first][1], port=first)
        if read is None:
            return None
        given[first] = read
        return given

    def read_all(self, declaration: schema.Node, path: tuple[str, ...]) -> None:
        """Read the edges of a node that cannot be built, for the mistakes in them."""
        source = declaration.source
        entries = source.items() if isinstance(source, dict) else enumerate(source if isinstance(source, list) else [])
        for key, raw in [*entries, *([(None, source)] if isinstance(source, str) else [])]:
            if isinstance(raw, str) and raw not in self.scope.values:
                self.builder.edge(raw, self.span(*path, key) if key is not None else self.span(*path), self.scope)

    def read_mapping(
        self, name: str, source: dict[str, Any], ports: Mapping[str, tuple[bool, bool]], base: tuple[str, ...]
    ) -> Given | None:
        given: Given = {}
        good = True
        for port, raw in source.items():
            if port not in ports:
                close = nearest(port, [one for one in ports if one not in source])
                self.report.error(
                    "unknown-input", f"`{name}` has no input `{port}`", self.span(*base, "in", port, key=True),
                    label=f"expected one of {listed(ports)}" if ports else "expected no inputs",
                    help=f"did you mean `{close}`?" if close else None,
                )  # fmt: skip
                good = False
                continue
            read = self.read_port(raw, (*base, "in", port), many=ports[port][1], port=port)
            if read is None:
                good = False
            else:
                given[port] = read
        return given if good else None

    def read_port(self, raw: Any, path: tuple[str, ...], *, many: bool, port: str) -> Value | list[Value] | None:
        if isinstance(raw, str) and raw in self.scope.values:  # the common case needs no place in the file
            return _spread(self.scope.values[raw]) if many else self.scope.values[raw]
        if raw is None:
            label = "expected an edge such as a node's name, found nothing"
            self.report.error("wrong-type", f"`{port}` is empty", self.span(*path), label=label)
            return None
        if isinstance(raw, dict):
            raw = self.scope.option(raw, self.span(*path), at=partial(self.span, *path)).value
        if isinstance(raw, list):
            values = [self.builder.edge(text, self.span(*path, at), self.scope) for at, text in enumerate(raw)]
            if any(value is None for value in values):
                return None
            kept = [value for value in values if value is not None]
            if many:
                return [part for value in kept for part in _spread(value)]
            present = self.full
            for value in kept:
                present &= value.present
            kinds = tuple(value.type for value in kept if value.type is not None)
            return Gathered(ListType(kinds) if len(kinds) == len(kept) else None, present, tuple(kept))
        value = self.builder.edge(raw, self.span(*path), self.scope)
        if value is None:
            return None
        return _spread(value) if many else value

    def presence(self, name: str, given: Given, ports: Mapping[str, tuple[bool, bool]], present: int) -> int | None:
        """A node is present where all that it requires is (F3); None where no call gives all, which is reported."""
        required = [given[port] for port, (optional, _) in ports.items() if not optional and port in given]
        if not required:  # what reads a list alone needs something in it
            required = [value for value in given.values() if isinstance(value, list)]
        tables = [present, *(_any(value) if isinstance(value, list) else value.present for value in required)]
        for table in tables:
            present &= table
        if not present and all(tables):
            self.report.error(
                "never-present", f"`{name}` is never there", self.span("graph", name, key=True),
                label=self.builder.apart(required),
            )  # fmt: skip
            return None
        return present

    # Blocks

    def block_node(self, name: str, declaration: schema.Node, present: int) -> None:
        contract = self.options.contract(name, declaration)
        if contract is None:
            self.read_all(declaration, ("graph", name, "in"))
            self.scope.values[name] = Value(None, self.full)
            return
        cls, options, instance = contract
        if declaration.each is not None:
            self.each_block(name, declaration, options, instance, present, None)
            return
        base = ("graph", name)
        given = self.read_inputs(name, declaration, _block_ports(cls), base)
        node = self.block_call(name, instance, options, given, present, base, None)
        if node is not None and declaration.tie is not None:
            node.ties = self.ties(name, declaration.tie)

    def ties(self, name: str, tie: schema.Tie) -> list[TiedPair]:
        """The pairs of a ``tie:``, where its condition holds."""
        if tie.when is not None and not self.scope.condition(tie.when, self.span("graph", name, "tie", "when")):
            return []
        at = partial(self.span, "graph", name, "tie")
        return [TiedPair(own, other, at(own), at(own, key=True)) for own, other in tie.pairs.items()]

    def block_call(
        self, name: str, instance: Block, options: dict[str, Option], given: Given | None, present: int,
        base: tuple[str, ...], reuse: Node | None,
    ) -> Node | None:  # fmt: skip
        """A call of a block over `given`: types, presence, and the node."""
        cls = type(instance)
        ports = _block_ports(cls)
        if given is None or not self.all_wired(name, cls.name(), given, ports):
            self.scope.values[name] = Value(None, self.full)
            return None
        together = self.presence(name, given, ports, present)
        if together is None:
            self.scope.values[name] = Value(None, self.full)
            return None
        present = together
        node = Node(name, self.span(*base, key=True), present, instance, dict(given), options=options, reuse=reuse)
        self.add(node)
        kinds = {port: _kinds(value) for port, value in given.items() if isinstance(value, list) or value.present}
        if present and not any(_unknown(kind) for kind in kinds.values()):
            self.infer(node, instance, kinds, base)
        self.register(node, [port.rstrip("?") for port in cls.outputs])
        return node

    def infer(self, node: Node, instance: Block, kinds: dict[str, Any], base: tuple[str, ...]) -> None:
        try:
            node.bindings = instance.bind(kinds)
            node.outputs = dict(instance.infer(kinds, node.bindings))
        except PortError as error:
            self.report.error(
                "shape-mismatch", f"`{error.port}` of `{instance.name()}` does not fit",
                self.port_span(base, error.port), label=f"expected {error.expected}, found {error.found}",
                others=makers([node.inputs.get(error.port)]),
            )  # fmt: skip
        except (EvaluationError, KeyError, ValueError) as error:
            self.report.error(
                "bad-option",
                f"`{instance.name()}` has no shape for these options",
                self.span(*base, key=True),
                label=str(error),
            )
        else:
            self.builder.unproven.extend((node.span, a, b) for a, b in node.bindings.unproven)
            if self.options.divides(node, instance, base):
                self.options.static_weights(node, instance, base)

    def port_span(self, base: tuple[str, ...], port: str) -> Any:
        """Where a port's value is written: its entry, the whole `in`, or the node."""
        declared_in = self.declarations[base[1]].source if base[0] == "graph" and base[1] in self.declarations else None
        if isinstance(declared_in, dict) and port in declared_in:
            return self.span(*base, "in", port)
        return self.span(*base, "in") if declared_in is not None else self.span(*base, key=True)

    def all_wired(self, name: str, what: str, given: Given, ports: Mapping[str, tuple[bool, bool]]) -> bool:
        """Whether each required port has a value."""
        missing = [port for port, (optional, _) in ports.items() if not optional and port not in given]
        if missing:
            written = name in self.declarations and self.declarations[name].source is not None
            place = self.span("graph", name, "in") if written else self.span("graph", name, key=True)
            noun = "inputs" if len(missing) > 1 else "input"
            self.report.error(
                "missing-input",
                f"`{what}` needs the {noun} {quoted(missing)}",
                place,
                label=f"expected {quoted(missing)} here",
            )
        return not missing

    def each_block(
        self,
        name: str,
        declaration: schema.Node,
        options: dict[str, Option],
        instance: Block,
        present: int,
        reuse: Node | None,
    ) -> None:
        """A block without weights of its own mapped over a list: one node an element."""
        base = ("graph", name)
        cls = type(instance)
        lists = self.each_lists(name, declaration)
        if lists is None:
            self.scope.values[name] = Value(None, self.full)
            return
        if cls.weights and reuse is None:
            self.report.error(
                "each-needs-part", f"`{cls.name()}` has weights, which `each` cannot name",
                self.span("graph", name, "each", key=True),
                label="expected a part, whose weights have a name in each round",
            )  # fmt: skip
            self.scope.values[name] = Value(None, self.full)
            return
        if any(not value.present and not cls.ports()[port].optional for port, value in lists[0].items()):
            self.scope.values[name] = Value(None, 0)
            return
        given = self.read_inputs(name, declaration, _block_ports(cls), base) if declaration.source is not None else {}
        items: list[Value] = []
        for number in range(lists[1]):
            one = {**(given or {}), **{port: element(value, number) for port, value in lists[0].items()}}
            self.block_call(f"{name}_{number}", instance, options, one, present, base, reuse)
            items.append(self.scope.values[f"{name}_{number}"])
        self.scope.values[name] = _gathered(items, self.full)

    def each_lists(self, name: str, declaration: schema.Node) -> tuple[dict[str, Value], int] | None:
        """The lists of an ``each:``, and their common length."""
        lists: dict[str, Value] = {}
        length: int | None = None
        for port, text in (declaration.each or {}).items():
            value = self.builder.edge(text, self.span("graph", name, "each", port), self.scope)
            if value is None or value.type is None:
                if value is None or value.present:
                    return None
                lists[port] = value  # absent, and so is what requires it
                continue
            if not isinstance(value.type, ListType):
                label = f"expected a list, found {value.type}"
                self.report.error(
                    "list-value", "`each` needs lists of values", self.span("graph", name, "each", port), label=label
                )
                return None
            if length is not None and len(value.type.items) != length:
                label = f"expected {length} values like the one before, found {len(value.type.items)}"
                self.report.error(
                    "list-value",
                    "`each` needs lists of one length",
                    self.span("graph", name, "each", port),
                    label=label,
                )
                return None
            lists[port], length = value, len(value.type.items)
        return lists, length or 0

    # Second calls

    def again(self, name: str, declaration: schema.Node, present: int) -> None:
        """``reuse:`` calls the weights of another node (F16)."""
        target = self.body.nodes.get(str(declaration.reuse))
        if target is None:
            self.scope.values[name] = Value(None, self.full)
            known = self.scope.values.get(str(declaration.reuse))
            if known is not None and not known.present:
                self.scope.values[name] = Value(None, 0)
            other = self.declarations.get(str(declaration.reuse))
            if other is None or other.kind in ("expr", "first"):
                owners = [one for one, node in self.declarations.items() if node.kind in ("block", "part", "mount")]
                self.report.error(
                    "unknown-name", f"there is no node `{declaration.reuse}` to reuse",
                    self.span("graph", name, "reuse"), label="expected a block, part or mount of this scope",
                    help=self.report.suggest(str(declaration.reuse), owners),
                )  # fmt: skip
            return
        for option in declaration.options:
            self.options.unknown_option(name, option, [])
        base = ("graph", name)
        if target.contract is not None:
            cls = type(target.contract)
            if declaration.each is not None:
                self.each_block(name, declaration, target.options, target.contract, present, target)
                return
            given = self.read_inputs(name, declaration, _block_ports(cls), base)
            self.block_call(name, target.contract, target.options, given, present, base, target)
        else:
            original = self.declarations[target.name]
            self.part_call(name, original, declaration, present, target)

    # Parts, mounts and repeats

    def part_node(self, name: str, declaration: schema.Node, present: int) -> None:
        self.part_call(name, declaration, declaration, present, None)

    def part_call(
        self, name: str, original: schema.Node, declaration: schema.Node, present: int, reuse: Node | None
    ) -> Node | None:
        from .parts import PartCall

        return PartCall(self, name, original, declaration, present, reuse).build()

    def add(self, node: Node) -> None:
        """Put a node into the body, where it can be present at all."""
        if node.present:
            self.body.nodes[node.name] = node

    def register(self, node: Node, ports: list[str]) -> None:
        """Give a node's name, and its ports', their values."""
        values = self.scope.values
        for port in ports:
            present = node.present & node.output_presence.get(port, self.full)
            value: Value = OutputValue(node.outputs.get(port), present, node, port)
            values[f"{node.name}.{port}"] = value
            values.setdefault(node.name, value)
        self.scope.order[f"{node.name}."] = 0
        if ports:
            values[node.name] = values[f"{node.name}.{ports[0]}"]
        else:
            values[node.name] = Value(None, node.present)


def _block_ports(cls: type[Block]) -> dict[str, tuple[bool, bool]]:
    return {name: (port.optional, port.many) for name, port in cls.ports().items()}


def _kinds(value: Value | list[Value]) -> AnyType | list[AnyType] | None:
    if isinstance(value, list):
        kinds = [kind for one in value if one.present for kind in _flat(one.type)]
        return None if any(kind is None for kind in kinds) else [kind for kind in kinds if kind is not None]
    return value.type


def _flat(kind: AnyType | None) -> Iterable[AnyType | None]:
    return kind.items if isinstance(kind, ListType) else (kind,)


def _unknown(kind: Any) -> bool:
    return kind is None


def _any(values: list[Value]) -> int:
    present = 0
    for value in values:
        present |= value.present
    return present


def _spread(value: Value) -> list[Value]:
    """A list value as the values of a port that takes many; it stays whole where its length is the caller's."""
    return list(value.items) if isinstance(value, Gathered) else [value]


def _when(value: Value | None, present: int, full: int) -> Value:
    if value is None:
        return Value(None, full)
    if value.present & ~present:
        return Apply(value.type, value.present & present, "when", (value,))
    return value


def element(value: Value, number: int) -> Value:
    """One element of a list."""
    if isinstance(value, Gathered) and not any(isinstance(item.type, ListType) for item in value.items):
        return value.items[number]
    kinds = value.type.items if isinstance(value.type, ListType) else None
    return Picked(kinds[number] if kinds else None, value.present, value, number)


def _gathered(items: list[Value], full: int) -> Value:
    present = full
    for item in items:
        present &= item.present
    kinds = tuple(item.type for item in items if item.type is not None)
    return Gathered(ListType(kinds) if len(kinds) == len(items) else None, present, tuple(items))
