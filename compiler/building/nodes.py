"""Nodes of one body: blocks, parts, mounts, second calls, named edges, and what repeats them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from ...blocks.base import Block, PortError
from ...blocks.notation.dims import DimError
from ...blocks.notation.types import AnyType, ListType
from ...blocks.notation.values import EvaluationError
from ..diagnosing.diagnostics import did_you_mean
from ..diagnosing.report import Reported
from ..graph import Apply, Body, Node, Option, OutputValue, TiedPair, Value, flat
from ..reading import schema
from .options import OptionReader
from .order import CycleError, order_of
from .origins import listed, makers, quoted
from .parts import PartCall
from .scope import Scope
from .values import any_of, conditional, element, gathered, spread, types_in

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
                if raw not in schema.STANDING_IN:
                    self.builder.node_default(name, raw, self.definition, self.scope)

    def clashes(self) -> bool:
        """Whether inputs, parameters, flags and nodes, which share one namespace, have a name twice; it is reported."""
        model = self.definition.model
        clash = False
        seen: dict[str, str] = {}
        for section in ("params", "let", "flags", "inputs", "graph"):
            for name in getattr(model, section, ()):
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
        except Reported:
            scope.values[name] = Value(None, self.full)
        except DimError as error:
            place = self.span("graph", name, key=True)
            self.report.error("bad-expression", f"an extent of `{name}` cannot be computed", place, label=str(error))
            scope.values[name] = Value(None, self.full)
        if declaration.otherwise is not None:
            place = self.span("graph", name, "else")
            other = self.builder.edge(declaration.otherwise, place, scope)
            if other is not None:
                scope.values[name] = self.builder.first_of([scope.values[name], other], place)

    def present_node(self, name: str, declaration: schema.Node, present: int) -> None:
        """A node that is there under some combination at least.

        Raises:
            Reported: it cannot be built.
        """
        kind = declaration.kind
        if kind in ("expr", "first"):
            self.named_edge(name, declaration, present)
        elif kind == "reuse":
            self.again(name, declaration, present)
        elif kind == "block":
            self.block_node(name, declaration, present)
        else:
            PartCall(self, name, declaration, declaration, present, None).build()

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
            known = [choice for choice in choices if choice is not None] or [Value(None, self.full)]
            value = self.builder.first_of(known, self.span("graph", name, "first"))
        self.scope.values[name] = Value(None, self.full) if value is None else conditional(value, present)

    # Inputs

    def read_inputs(
        self,
        name: str,
        declaration: schema.Node | schema.Task,
        ports: Mapping[str, tuple[bool, bool]],
        base: tuple[str, ...],
    ) -> Given:
        """The values at a node's ports, `ports` being name to (optional, many).

        Raises:
            Reported: one of them has none.
        """
        source = declaration.source
        if source is None:
            source = getattr(declaration, "previous", None) or next(iter(self.definition.model.inputs), None)
            if source is None or not ports:
                return {}
        if isinstance(source, dict) and ("choose" not in source or "choose" in ports):
            return self.read_mapping(name, source, ports, base)
        if not ports:
            self.report.fail("unknown-input", f"`{name}` takes no input", self.span(*base, "in"),
                             label="expected no `in`")  # fmt: skip
        first = next(iter(ports))
        read = self.read_port(source, (*base, "in"), many=ports[first][1], port=first)
        if read is None:
            raise Reported
        return {first: read}

    def read_all(self, declaration: schema.Node, path: tuple[str, ...]) -> None:
        """Read the edges of a node that cannot be built, for the mistakes in them."""
        source = declaration.source
        entries = source.items() if isinstance(source, dict) else enumerate(source if isinstance(source, list) else [])
        for key, raw in [*entries, *([(None, source)] if isinstance(source, str) else [])]:
            if isinstance(raw, str) and raw not in self.scope.values:
                self.builder.edge(raw, self.span(*path, key) if key is not None else self.span(*path), self.scope)

    def read_mapping(
        self, name: str, source: dict[str, Any], ports: Mapping[str, tuple[bool, bool]], base: tuple[str, ...]
    ) -> Given:
        given: Given = {}
        for port, raw in source.items():
            if port in ports:
                read = self.read_port(raw, (*base, "in", port), many=ports[port][1], port=port)
                if read is not None:
                    given[port] = read
                continue
            self.report.error(
                "unknown-input", f"`{name}` has no input `{port}`", self.span(*base, "in", port, key=True),
                label=f"expected one of {listed(ports)}" if ports else "expected no inputs",
                help=did_you_mean(port, [one for one in ports if one not in source]),
            )  # fmt: skip
        if len(given) < len(source):
            raise Reported
        return given

    def read_port(self, raw: Any, path: tuple[str, ...], *, many: bool, port: str) -> Value | list[Value] | None:
        if isinstance(raw, str) and raw in self.scope.values:  # the common case needs no place in the file
            return spread(self.scope.values[raw]) if many else self.scope.values[raw]
        if raw is None:
            label = "expected an edge such as a node's name, found nothing"
            self.report.error("wrong-type", f"`{port}` is empty", self.span(*path), label=label)
            return None
        if isinstance(raw, dict):
            raw = self.scope.option(raw, self.span(*path), at=partial(self.span, *path)).value
        if isinstance(raw, list):
            values = [self.builder.edge(text, self.span(*path, at), self.scope) for at, text in enumerate(raw)]
            kept = [value for value in values if value is not None]
            if len(kept) < len(values):
                return None
            return [part for value in kept for part in spread(value)] if many else gathered(kept, self.full)
        value = self.builder.edge(raw, self.span(*path), self.scope)
        return spread(value) if many and value is not None else value

    def presence(self, name: str, given: Given, ports: Mapping[str, tuple[bool, bool]], present: int) -> int:
        """A node is present where all that it requires is (F3).

        Raises:
            Reported: no call gives all.
        """
        required = [given[port] for port, (optional, _) in ports.items() if not optional and port in given]
        if not required:  # what reads a list alone needs something in it
            required = [value for value in given.values() if isinstance(value, list)]
        tables = [present, *(any_of(flat(value)) for value in required)]
        for table in tables:
            present &= table
        if not present and all(tables):
            self.report.fail("never-present", f"`{name}` is never there", self.span("graph", name, key=True),
                             label=self.builder.apart(required))  # fmt: skip
        return present

    # Blocks

    def block_node(self, name: str, declaration: schema.Node, present: int) -> None:
        try:
            cls, options, instance = self.options.contract(name, declaration)
        except Reported:
            self.read_all(declaration, ("graph", name, "in"))
            raise
        if declaration.each is not None:
            self.each_block(name, declaration, options, instance, present, None)
            return
        base = ("graph", name)
        given = self.read_inputs(name, declaration, _block_ports(cls), base)
        node = self.block_call(name, instance, options, given, present, base, None)
        if declaration.tie is not None:
            node.ties = self.ties(name, declaration.tie)

    def ties(self, name: str, tie: schema.Tie) -> list[TiedPair]:
        """The pairs of a ``tie:``, where its condition holds."""
        if tie.when is not None and not self.scope.condition(tie.when, self.span("graph", name, "tie", "when")):
            return []
        at = partial(self.span, "graph", name, "tie")
        return [TiedPair(own, other, at(own), at(own, key=True)) for own, other in tie.pairs.items()]

    def block_call(
        self, name: str, instance: Block, options: dict[str, Option], given: Given, present: int,
        base: tuple[str, ...], reuse: Node | None,
    ) -> Node:  # fmt: skip
        """A call of a block over `given`: types, presence, and the node."""
        cls = type(instance)
        ports = _block_ports(cls)
        self.check_wired(name, cls.name(), given, ports)
        present = self.presence(name, given, ports, present)
        node = Node(name, self.span(*base, key=True), present, instance, dict(given), options=options, reuse=reuse)
        self.add(node)
        kinds = {port: _kinds(value) for port, value in given.items() if isinstance(value, list) or value.present}
        if present and None not in kinds.values():
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
                others=makers([node.inputs.get(error.port)]), help=self.unwritten(base),
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

    def unwritten(self, base: tuple[str, ...]) -> str | None:
        """The help for a node whose `in` is left out."""
        node = self.declarations.get(base[1])
        is_left_out = node is not None and node.source is None and node.each is None and node.previous is not None
        return f"without `in` it reads `{node.previous}`" if node is not None and is_left_out else None

    def port_span(self, base: tuple[str, ...], port: str) -> Any:
        """Where a port's value is written: its entry, the whole `in`, or the node."""
        declared_in = self.declarations[base[1]].source if base[0] == "graph" and base[1] in self.declarations else None
        if isinstance(declared_in, dict) and port in declared_in:
            return self.span(*base, "in", port)
        return self.span(*base, "in") if declared_in is not None else self.span(*base, key=True)

    def check_wired(self, name: str, what: str, given: Given, ports: Mapping[str, tuple[bool, bool]]) -> None:
        """Report required ports without a value.

        Raises:
            Reported: there are some.
        """
        missing = [port for port, (optional, _) in ports.items() if not optional and port not in given]
        if missing:
            written = name in self.declarations and self.declarations[name].source is not None
            place = self.span("graph", name, "in") if written else self.span("graph", name, key=True)
            noun = "inputs" if len(missing) > 1 else "input"
            self.report.fail("missing-input", f"`{what}` needs the {noun} {quoted(missing)}", place,
                             label=f"expected {quoted(missing)} here")  # fmt: skip

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
        lists, length = self.each_lists(name, declaration)
        if cls.weights and reuse is None:
            self.report.fail(
                "each-needs-part", f"`{cls.name()}` has weights, which `each` cannot name",
                self.span("graph", name, "each", key=True),
                label="expected a part, whose weights have a name in each round",
            )  # fmt: skip
        if any(not value.present and not cls.ports()[port].optional for port, value in lists.items()):
            self.scope.values[name] = Value(None, 0)
            return
        given = self.read_inputs(name, declaration, _block_ports(cls), base) if declaration.source is not None else {}
        items: list[Value] = []
        for number in range(length):
            one = {**given, **{port: element(value, number) for port, value in lists.items()}}
            self.block_call(f"{name}_{number}", instance, options, one, present, base, reuse)
            items.append(self.scope.values[f"{name}_{number}"])
        self.scope.values[name] = gathered(items, self.full)

    def each_lists(self, name: str, declaration: schema.Node) -> tuple[dict[str, Value], int]:
        """The lists of an ``each:``, and their common length.

        Raises:
            Reported: they are none, or differ in length.
        """
        lists: dict[str, Value] = {}
        length: int | None = None
        for port, text in (declaration.each or {}).items():
            span = self.span("graph", name, "each", port)
            value = self.builder.edge(text, span, self.scope)
            if value is None or (value.type is None and value.present):
                raise Reported
            if value.type is None:
                lists[port] = value  # absent, and so is what requires it
                continue
            if not isinstance(value.type, ListType):
                label = f"expected a list, found {value.type}"
                self.report.fail("list-value", "`each` needs lists of values", span, label=label)
            if length is not None and len(value.type.items) != length:
                label = f"expected {length} values like the one before, found {len(value.type.items)}"
                self.report.fail("list-value", "`each` needs lists of one length", span, label=label)
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
            PartCall(self, name, self.declarations[target.name], declaration, present, target).build()
        if name in self.body.nodes:
            self.same_weights(self.body.nodes[name], target)

    def same_weights(self, node: Node, target: Node) -> None:
        """Report a second call that needs weights of other shapes than those that there are."""
        there = dict(_weights_below(target))
        for path, shape in _weights_below(node):
            if there.get(path, shape) != shape:
                first = next(iter(node.inputs), "")
                self.report.error(
                    "shape-mismatch", f"the weights of `{target.name}` do not fit what `{node.name}` reads",
                    self.port_span(("graph", node.name), first),
                    label=f"expected what a `{path}` of {list(there[path])} reads, found what needs {list(shape)}",
                    others=[(target.span, "its weights")],
                )  # fmt: skip
                return

    # Results

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


def _weights_below(node: Node, path: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """The shapes of a node's own weights and of those in its parts, by path."""
    yield from ((f"{path}{leaf}", shape) for leaf, shape in node.weight_shapes.items())
    for number, body in enumerate(node.rounds):
        at = f"{path}{number}." if node.is_repeat else path
        for inner in body.nodes.values():
            if inner.reuse is None:
                yield from _weights_below(inner, f"{at}{inner.name}.")


def _block_ports(cls: type[Block]) -> dict[str, tuple[bool, bool]]:
    return {name: (port.optional, port.many) for name, port in cls.ports().items()}


def _kinds(value: Value | list[Value]) -> AnyType | list[AnyType] | None:
    if isinstance(value, list):
        kinds = [kind for one in value if one.present for kind in types_in(one.type)]
        known = [kind for kind in kinds if kind is not None]
        return known if len(known) == len(kinds) else None
    return value.type
