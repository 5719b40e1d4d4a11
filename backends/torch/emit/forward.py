"""One forward: the lines of a body for one combination of inputs and flags, and the outputs that are asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ....blocks.base import Block
from ....blocks.notation.dims import Dim, Symbol
from ....blocks.notation.expressions import Param
from ....blocks.notation.types import AnyType, ListType, RecordType, Type
from ....compiler.building.parts import lifted
from ....compiler.building.values import element
from ....compiler.graph import (
    Apply, Body, Gathered, InputValue, Node, Option, OutputValue, Picked, Rounds, Value, flat,
)  # fmt: skip
from ....compiler.passes.held import is_bare
from ....compiler.presence import made
from .aliases import takes_twice
from .naming import MODULES, Names, attribute, said
from .values import Render, present, resolve

if TYPE_CHECKING:
    from .classes import ClassText, Method

INSIDE = 60
"""The longest text of a named edge that is read once and gets no line of its own."""


@dataclass(slots=True)
class Needs:
    """What a forward has to compute: nodes, their ports, and the histories of repeats."""

    ports: dict[Node, dict[str, None]] = field(default_factory=dict)
    histories: dict[Node, dict[str, bool]] = field(default_factory=dict)
    inputs: dict[str, None] = field(default_factory=dict)


class Forward:
    """Writes one forward method.

    Attributes:
        arguments: the variables of the inputs that it takes, in the body's order; `extras` are dimensions it has to be
            told, `context` what a kind of forward passes down beside them.
        rates: parameters that it reads as rates of blocks (`Block.rates`).
        lines: the statements, without the signature and the return.
        called: the methods of parts that they call.
    """

    renders: type[Render] = Render

    def __init__(self, owner: ClassText, body: Body, combination: int, outputs: dict[str, Value]) -> None:
        self.owner = owner
        self.body = body
        self.combination = combination
        self.outputs = {name: value for name, value in outputs.items() if present(value, combination)}
        self.names = Names.of_forward(body, constants=owner.is_root)
        self.rates: dict[str, None] = {}
        self.render = self.renders(self)
        self._lowered: dict[Value, Value] = {}
        self.uses: dict[Apply, int] = {}
        self.needs = self.needed(self.outputs.values())
        self.variables: dict[tuple[Node, str], str] = {}
        self.shared: dict[Apply, str] = {}
        self.short: dict[Apply, bool] = {}
        self.statements: list[str] = []
        self.extras: dict[str, Symbol] = {}
        self.context: list[str] = []
        self.called: set[Method] = set()
        self.write()

    # What is needed

    def needed(self, values: Iterable[Value]) -> Needs:
        """Everything that the outputs read under this combination."""
        needs = Needs()
        stack = list(values)
        done: set[Node] = set()
        while stack:
            value = self.lowered(resolve(stack.pop(), self.combination))
            node: Node | None = None
            match value:
                case InputValue(name=name):
                    needs.inputs[name] = None
                case OutputValue(node=node, port=port):
                    needs.ports.setdefault(node, {})[port] = None
                case Rounds(node=node, port=port, initial=initial):
                    needs.ports.setdefault(node, {})[port] = None
                    needs.histories.setdefault(node, {})[port] = initial is not None
                case Apply(args=args):
                    self.uses[value] = self.uses.get(value, 0) + 1
                    stack.extend(args if self.uses[value] == 1 else ())
                case Gathered(items=items):
                    stack.extend(item for item in items if present(item, self.combination))
                case Picked(base=base):
                    stack.append(base)
            if node is not None and node not in done:
                done.add(node)
                for _, one in node.values():
                    if present(one, self.combination):  # what rounds read is computed before them, once
                        stack.extend([one] * min(len(node.rounds) or 1, 2))
        return needs

    # Writing

    def write(self) -> None:
        """Write a statement, or a loop, for every node that is needed, in the order of the body."""
        for node in self.body.nodes.values():
            if node in self.needs.ports:
                if node.contract is not None:
                    self.block(node)
                elif node.is_repeat:
                    self.loop(node)
                else:
                    self.part(node)
        self.results = {name: self.render.text(value) for name, value in self.outputs.items()}
        self.statements[:0] = self.shapes()

    def made_from(self, value: Apply, args: tuple[Value, ...]) -> Apply:
        """The same edge made from other values; itself where they are the same."""
        if all(one is other for one, other in zip(args, value.args, strict=True)):
            return value
        made = Apply(value.type, value.present, value.op, args, value.attrs, value.name)
        self.uses[made] = self.uses.get(value, 0)
        return made

    def line(self, text: str, kind: AnyType | None = None, indent: int = 0) -> None:
        """Add a statement, with the shape of what it makes as a comment."""
        comment = f"  # {kind.shape}" if isinstance(kind, Type) else ""
        self.statements.append("    " * indent + text + comment)

    def named(self, node: Node, port: str) -> str:
        """The variable of a node's output."""
        ports = list(node.outputs) or [port]
        name = node.name if port == ports[0] else f"{node.name}_{port}"
        self.variables[node, port] = self.names.claim((node, port), name)
        return self.variables[node, port]

    def output(self, node: Node, port: str) -> str:
        """The text that reads a node's output."""
        if is_bare(node):
            return f"self.{attribute(node.owner.name)}"
        return self.variables[node, port]

    def edge(self, value: Apply) -> str | None:
        """The variable of a named edge that is long or read more than once, its statement written at the first."""
        if value.name is None or (self.uses.get(value, 0) < 2 and self.is_short(value)):
            return None
        if value not in self.shared:
            text = self.render.apply(value, 0)
            self.shared[value] = self.names.claim(value, value.name)
            self.line(f"{self.shared[value]} = {text}", value.type)
        return self.shared[value]

    def is_short(self, value: Apply) -> bool:
        """Whether a named edge may stand inside another."""
        if value not in self.short:
            self.short[value] = len(self.render.apply(value, 0)) <= INSIDE
        return self.short[value]

    def history(self, node: Node, port: str) -> str:
        """The variable of the list of what each round gives."""
        return self.names.claim(("all", node, port), f"{node.name}_all_{port}")

    def lowered(self, value: Value) -> Value:
        """What is written for a value."""
        if value not in self._lowered:
            made = self.lower(value)
            self._lowered[value] = self._lowered[made] = made
        return self._lowered[value]

    def lower(self, value: Value) -> Value:
        """Make what is written for a value: itself, here."""
        return value

    def here(self) -> list[str]:
        """The inputs that a call hands over, those that the lines above read first."""
        names = [name for name, value in self.body.inputs.items() if present(value, self.combination)]
        return sorted(names, key=lambda name: name not in self.needs.inputs)

    def float_type(self) -> str | None:
        """What kind of float new tensors are: that of the first input of floats that is here; None where none is."""
        for name in self.here():
            kind = self.body.inputs[name].type
            if isinstance(kind, Type) and kind.kind == "float":
                self.needs.inputs[name] = None
                return f"{self.names.claimed[name]}.dtype"
        return None

    def device(self) -> str:
        """The last argument of new tensors, where they go: to the first input that is here; nothing where none is."""
        kinds = {name: value.type for name, value in self.body.inputs.items() if name in self.here()}
        if not kinds:
            return ""
        name = min(kinds, key=lambda one: not getattr(kinds[one], "dims", ()))  # what has no axes may be a number
        self.needs.inputs[name] = None
        kind = kinds[name]
        inside = f'["{kind.names[0]}"]' if isinstance(kind, RecordType) else "[0]" if isinstance(kind, ListType) else ""
        return f", device={self.names.claimed[name]}{inside}.device"

    def block(self, node: Node) -> None:
        """A call of a block's module or function."""
        contract = node.contract
        assert contract is not None
        if is_bare(node):
            return
        wanted = self.needs.ports[node]
        arguments = self.arguments_of(node)
        lazy = [port.rstrip("?") for port in contract.outputs if port.endswith("?") and port.rstrip("?") in wanted]
        ports = [*(port for port in contract.outputs if not port.endswith("?")), *lazy]
        targets = ", ".join(self.named(node, port) if port in wanted else "_" for port in ports)
        if contract.weights:
            call = f"self.{attribute(node.owner.name)}({', '.join(arguments)})"
        else:
            function = contract.name() + "".join(f"_with_{port}" for port in lazy)
            self.owner.source.function(type(contract), function)
            options = [f"{key}={self.option(contract, key, option)}" for key, option in said(node).items()]
            training = ["training=self.training"] if contract.random or "dropout" in type(contract).model_fields else []
            call = f"{function}({', '.join([*arguments, *options, *training, *self.told(node)])})"
        self.line(f"{targets} = {call}", node.outputs.get(ports[0]))

    def option(self, contract: Block, key: str, option: Option) -> str:
        """The text of a function's option; what it reads as a rate is noted apart."""
        is_rate = key in contract.rates and isinstance(option.tree, Param) and option.tree.text in self.body.params
        names = replace(self.names, used=self.rates) if is_rate and not self.owner.is_root else self.names
        return names.option(option)

    def told(self, node: Node) -> list[str]:
        """Further arguments of a block's function: none, here."""
        return []

    def arguments_of(self, node: Node) -> list[str]:
        """The texts at a block's ports: by position while none is left out, then by name."""
        contract = node.contract
        assert contract is not None
        texts: list[str] = []
        by_name = False
        for port, declared in contract.ports().items():
            text = self.port_text(node, port)
            if text is None:
                by_name = True
            else:
                by_name = by_name or declared.optional
                texts.append(f"{port}={text}" if by_name else text)
        return texts

    def port_text(self, node: Node, port: str) -> str | None:
        """The text of the value at a port; None where nothing is there."""
        values = node.inputs.get(port)
        many = values if isinstance(values, list) else [] if values is None else [values]
        read = [self.at_port(node, port, one) for one in many if present(one, self.combination)]
        if not read:
            return None
        return self.render.many(read) if isinstance(values, list) else self.render.text(read[0])

    def at_port(self, node: Node, port: str, value: Value) -> Value:
        """A value as a port reads it: as it is, here."""
        return value

    # Parts

    def part(self, node: Node) -> None:
        """A call of a part."""
        wanted = list(self.needs.ports[node])
        method, arguments, ports = self.call(node, node.rounds[0], wanted, {}, {})
        target = f"self.{attribute(node.owner.name)}"
        targets = ", ".join(self.named(node, port) for port in ports)
        self.line(f"{targets} = {target}{method}({', '.join(arguments)})", node.outputs.get(ports[0]))

    def call(
        self, node: Node, body: Body, wanted: list[str], replaced: dict[str, str], elements: dict[str, Value]
    ) -> tuple[str, list[str], list[str]]:
        """The method to call (empty for ``forward``), its arguments, and the ports that it returns."""
        inner = self.method(node, body, wanted)
        self.called.add(inner)
        given = [value for name in inner.arguments for value in flat(elements.get(name) or node.inputs[name])]
        if takes_twice((one for one in given if present(one, self.combination)), self.combination):
            inner.entangle()
        replaced = replaced | {name: self.render.text(one) for name, one in elements.items()}
        arguments: list[str] = []
        for number, (name, own) in enumerate(inner.arguments.items()):
            text = replaced.get(name) or self.port_text(node, name)
            assert text is not None, f"{node.name}.{name} is needed and not there"
            arguments.append(text if number == 0 else f"{own}={text}")
        for name, symbol in inner.extras[body, self.combination].items():
            definition = symbol.definition
            text = self.names.dim(definition) if definition is not None else self.names.symbol(symbol)
            arguments.append(f"{name}={text}")
        arguments += [f"{name}={self.context_for(node, name)}" for name in inner.context]
        method = "" if inner.method == "forward" else f".{inner.method}"
        return method, arguments, [port for port in made(body, self.combination) if port in wanted]

    def method(self, node: Node, body: Body, wanted: list[str]) -> Method:
        """The method of a part that gives the `wanted` outputs."""
        return self.owner.source.class_of(body).method(body, self.combination, wanted)

    def context_for(self, node: Node, name: str) -> str:
        """What a called method is told beside its inputs and dimensions: what this one is told itself, here."""
        return self.tell(name)

    def tell(self, name: str) -> str:
        """The name of an argument that this forward is told, and hands down."""
        if name not in self.context:
            self.context.append(name)
        return name

    # Repeats

    def loop(self, node: Node) -> None:
        """A loop over the rounds; unrolled where their calls differ."""
        wanted = self.needs.ports[node]
        given = dict.fromkeys(port for body in node.bodies for port in made(body, self.combination))
        carried = [port for port in given if port in node.inputs and port not in node.each]
        ports = [port for port in given if port in wanted or port in carried]
        histories = self.needs.histories.get(node, {})
        replaced = {port: self.named(node, port) for port in carried}
        before = set[str]()
        for port in carried:
            text = self.port_text(node, port)
            if text is None:  # the first round that gives it is its first line
                continue
            before.add(port)
            if text != replaced[port]:
                self.line(f"{replaced[port]} = {text}")
        for port in [port for port in ports if port in histories or port not in carried]:
            start = replaced[port] if histories.get(port) else ""
            self.line(f"{self.history(node, port)} = [{start}]")
        calls = [self.call(node, body, ports, replaced, self.elements(node, at)) for at, body in enumerate(node.rounds)]
        looped = len({(method, tuple(arguments), tuple(own)) for method, arguments, own in calls}) == 1
        modules = f"self.{attribute(node.owner.name)}"
        if looped and len(calls) > 1:
            method, arguments, own = calls[0]
            self.line(self.header(node, modules, arguments))
            self.round(node, node.rounds, f"layer{method}", arguments, own, carried, before)
        else:
            for at, (method, arguments, own) in enumerate(calls):
                self.enter(node, at, arguments)
                one = f"{modules}[{at}]" if node.owner.is_repeat else modules  # one module called for each element
                self.round(node, node.rounds[at : at + 1], f"{one}{method}", arguments, own, carried, before)
                before |= {*own}

    def header(self, node: Node, modules: str, arguments: list[str]) -> str:
        """The line that begins a loop."""
        return f"for layer in {modules}:"

    def enter(self, node: Node, at: int, arguments: list[str]) -> None:
        """What stands before one round of a repeat that is not a loop: nothing, here."""

    def elements(self, node: Node, at: int) -> dict[str, Value]:
        """The element that each list of ``each:`` hands to a round."""
        found = {}
        for port in node.each:
            value = node.inputs[port]
            assert isinstance(value, Value)
            one = element(value, at)
            if present(one, self.combination):
                found[port] = self.at_port(node, port, one)
        return found

    def round(
        self, node: Node, bodies: list[Body], callee: str, arguments: list[str], ports: list[str], carried: list[str],
        before: Collection[str],
    ) -> None:  # fmt: skip
        """One round, or all of them in a loop: call, keep what is carried, append what is gathered.

        Args:
            before: what is carried and there before the call.
        """
        indent = int(len(bodies) > 1)
        histories = self.needs.histories.get(node, {})
        targets = [
            self.variables[node, port] if port in carried else self.names.claim((node, port), f"{node.name}_{port}")
            for port in ports
        ]
        made = [lifted(body.outputs[ports[0]].type, body) for body in bodies]
        kind = made[0] if all(one == made[0] for one in made) else None
        call = f"{callee}({', '.join(arguments)})"
        tensors = [port for port in ports if isinstance(bodies[0].outputs[port].type, Type)]
        stays = [self.variables[node, port] for port in tensors if port in carried and port in before]
        if node.layer_drop is not None and stays:
            kept = self.names.claim(("kept", node), "kept")
            self.line(f"{kept} = {', '.join(stays)}", None, indent)
            self.line(f"{', '.join(targets)} = {call}", kind, indent)
            self.line(self.skipped(node.layer_drop, stays, kept), None, indent)
        else:
            self.line(f"{', '.join(targets)} = {call}", kind, indent)
        for port, target in zip(ports, targets, strict=True):
            if port in histories or port not in carried:
                self.line(f"{self.history(node, port)}.append({target})", None, indent)

    def skipped(self, rate: Option, carried: list[str], kept: str) -> str:
        """The line that takes back, at times, what a round has made of what is carried."""
        drop, after = ("drop_layer", carried[0]) if len(carried) == 1 else ("drop_layers", f"({', '.join(carried)})")
        self.owner.source.imports[f"{MODULES}.elementwise"].add(drop)
        return f"{', '.join(carried)} = {drop}({after}, {kept}, p={self.names.option(rate)}, training=self.training)"

    # Dimensions

    def shapes(self) -> list[str]:
        """Statements that read the dimensions which the lines above need from the inputs' shapes."""
        lines: list[str] = []
        done: set[Symbol] = set()
        while pending := [symbol for symbol in self.names.runtime if symbol not in done]:
            for symbol in pending:
                done.add(symbol)
                text = self.extent(symbol)
                if text is not None:
                    lines.append(f"{self.names.runtime[symbol]} = {text}")
                elif not (self.owner.is_root and symbol.name in self.owner.source.graph.folds.values()):
                    self.extras[self.names.runtime[symbol]] = symbol
        self.arguments = {name: self.names.claimed[name] for name in self.body.inputs if name in self.needs.inputs}
        return lines

    def extent(self, symbol: Symbol) -> str | None:
        """Where a dimension stands in the shape of an input that is here."""
        wanted = Dim.of(symbol)
        for name in self.here():
            kind = self.body.inputs[name].type
            fields = zip(kind.names, kind.items, strict=True) if isinstance(kind, RecordType) else [("", kind)]
            for field_name, inner in fields:
                for axis, dim in enumerate(inner.dims if isinstance(inner, Type) else ()):
                    if dim == wanted:
                        self.needs.inputs[name] = None
                        read = f'["{field_name}"]' if field_name else ""
                        return f"{self.names.claimed[name]}{read}.shape[{axis}]"
        return None
