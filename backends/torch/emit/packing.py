"""Forwards that run real tokens alone, by the kinds that `compiler/passes/packed.py` finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ....blocks.notation.dims import Dim, Symbol
from ....blocks.notation.types import ListType
from ....compiler.graph import (
    Apply, Body, Constant, Gathered, Node, Picked, Value, name_of,
)  # fmt: skip
from ....compiler.passes.packed import Kind, Packing
from .forward import Forward
from .lean import Lean
from .naming import MODULES, said
from .values import Render, present, resolve

if TYPE_CHECKING:
    from .classes import ClassText, Method

MODULE = f"{MODULES}.packing"
_OWN = ("packed", "unpacked", "blank")


class _Render(Render):
    """Values whose padding is taken or given."""

    forward: Packed

    def changed(self, value: Apply, how: str) -> str:
        text = self.text(value.args[0], 0)
        call = f"{self.forward.tell('padding')}.{how}"
        if isinstance(value.type, ListType):
            return f"[{call}(one) for one in {text}]"
        return f"{call}({self.text(value.args[0], 9)}{value.attrs[0]})" if value.attrs else f"{call}({text})"

    def apply_packed(self, value: Apply) -> str:
        return self.changed(value, "pack")

    def apply_unpacked(self, value: Apply) -> str:
        return self.changed(value, "unpack")

    def apply_blank(self, value: Apply) -> str:
        return self.forward.blank(value.args[0])


class Packed(Forward):
    """Writes a forward in which some values are the real tokens alone; `padding` says where those stand."""

    renders = _Render

    def __init__(
        self, owner: ClassText, body: Body, combination: int, outputs: dict[str, Value], flow: Packing,
        kinds: dict[str, Kind],
    ) -> None:  # fmt: skip
        self.flow = flow
        self.blanks: dict[Value, str] = {}
        self._converted: dict[Value, Value] = {}
        self.combination = combination
        here = {name: value for name, value in outputs.items() if present(value, combination)}
        super().__init__(owner, body, combination, {name: self.as_kind(one, kinds[name]) for name, one in here.items()})

    # Values

    def as_kind(self, value: Value, kind: Kind) -> Value:
        """A value as it is read: packed, or with its padding."""
        value = resolve(value, self.combination)
        is_packed = self.flow.kind(value) == "packed"
        if isinstance(value, Constant) or is_packed == (kind == "packed"):
            return value
        if value not in self._converted:
            op, suffix = ("unpacked", "padded") if is_packed else ("packed", "packed")
            name = name_of(value)
            told = None if name is None else f"{name}_{suffix}"
            self._converted[value] = Apply(value.type, value.present, op, (value,), (), told)
        return self._converted[value]

    def lower(self, value: Value) -> Value:
        """What a value is made from is laid out alike."""
        if isinstance(value, Apply) and value.op in _OWN:
            return value
        kind = self.flow.kind(value)
        if isinstance(value, Picked):
            return Picked(value.type, value.present, self.lowered(resolve(value.base, self.combination)), value.at)
        if isinstance(value, Gathered):
            items = tuple(self.as_kind(one, kind) if present(one, self.combination) else one for one in value.items)
            return value if items == value.items else Gathered(value.type, value.present, items)
        if not isinstance(value, Apply):
            return value
        args = tuple(self.laid_out(arg, value, kind) for arg in value.args)
        return self.made_from(value, args)

    def laid_out(self, arg: Value, value: Apply, kind: Kind) -> Value:
        """An argument of an edge, laid out as the edge is."""
        if kind != "packed":
            return self.as_kind(arg, "real")
        own = resolve(arg, self.combination)
        if self.flow.kind(arg) == "whole" and (isinstance(own, Constant) or self.flow.is_apart(own.type)):
            return arg
        read = self.as_kind(arg, "packed")
        if self.flow.fit(arg, value) and isinstance(read, Apply):
            return Apply(read.type, read.present, read.op, read.args, ("[None]",), read.name)
        return read

    def edge(self, value: Apply) -> str | None:
        """The variable of an edge; what has been laid out otherwise always has one."""
        if value.op in ("packed", "unpacked") and value.name is not None:
            self.uses[value] = 2
        return super().edge(value)

    def at_port(self, node: Node, port: str, value: Value) -> Value:
        """A value as a port reads it."""
        if node.contract is None:
            return self.as_kind(value, self.flow.ports(node)[port])
        if port in node.contract.extents and self.flow.kind(value) == "packed":
            return Apply(value.type, value.present, "blank", (value,))
        self.flow.node(node)
        mode = self.mode(node)
        if mode == "core":
            return self.as_kind(value, "packed" if port in "qkv" else "real")
        if mode == "token" and not self.flow.is_apart(resolve(value, self.combination).type):
            return self.as_kind(value, "packed")
        return self.as_kind(value, "real")

    def mode(self, node: Node) -> str:
        """How a node runs: attention whose probabilities are read has its padding."""
        mode = self.flow.modes[node]
        return "padded" if mode == "core" and "probs" in self.needs.ports[node] else mode

    def blank(self, value: Value) -> str:
        """A variable of a value's shape with padding, for what reads nothing else."""
        value = resolve(value, self.combination)
        if value not in self.blanks:
            name = self.names.claim(("blank", value), f"{name_of(value) or self.body.part}_shape")
            self.line(f"{name} = {self.tell('padding')}.blank({self.render.text(value)})", value.type)
            self.blanks[value] = name
        return self.blanks[value]

    # Nodes

    def block(self, node: Node) -> None:
        """A call of a block; attention a sample at a time, or with its padding and then packed."""
        self.flow.node(node)
        contract = node.contract
        assert contract is not None
        if self.mode(node) == "core":
            self.owner.source.imports[MODULE].add("packed_attention")
            texts = {port: self.port_text(node, port) for port in ("q", "k", "v", "terms")}
            terms = [] if texts["terms"] is None else [f"terms={texts['terms']}"]
            inputs = [*(str(texts[port]) for port in "qkv"), *terms]
            options = [f"{key}={self.names.option(option)}" for key, option in said(node).items()]
            call = ", ".join([*inputs, f"padding={self.tell('padding')}", *options, "training=self.training"])
            self.line(f"{self.named(node, 'x')} = packed_attention({call})", node.outputs["x"])
            return
        super().block(node)
        if self.mode(node) == "padded" and "x" in self.needs.ports[node] and self.flow.node(node)["x"] == "packed":
            target = self.variables[node, "x"]
            self.line(f"{target} = {self.tell('padding')}.pack({target})")

    # Parts

    def method(self, node: Node, body: Body, wanted: list[str]) -> Method:
        """The forward of a part; a plain one where nothing in it is packed."""
        flow = self.flow.inner(node, body)
        outputs = {port: value for port, value in body.outputs.items() if port in wanted}
        if flow.is_plain(outputs.values()):
            return super().method(node, body, wanted)
        owner = self.owner.source.class_of(body)
        kinds: dict[str, Kind] = {port: self.flow.result(node, port) for port in outputs}
        return owner.keep(type(self)(owner, body, self.combination, outputs, flow, kinds), "forward_packed")

    # Dimensions

    def extent(self, symbol: Symbol) -> str | None:
        """Where a dimension stands: samples and tokens are counted with their padding."""
        wanted = Dim.of(symbol).expanded()
        frame = self.flow.frame
        if wanted == frame.batch or wanted in frame.tokens:
            return f"{self.tell('padding')}.{'length' if wanted in frame.tokens else 'batch'}"
        return super().extent(symbol)


class PackedLean(Packed, Lean):
    """Writes such a forward for inference."""

    def keep(self, node: Node) -> None:
        """What is held of a node: the shapes by which it is found again come first."""
        for one in self.kept[node]:
            for port in one.contract.extents if one.contract is not None else ():
                given = one.inputs.get(port)
                if isinstance(given, Value) and self.flow.kind(given) == "packed":
                    self.variables[one, f"{port} shape"] = self.blank(given)
        super().keep(node)
