"""Forwards that decode: new tokens after those that are remembered, by the kinds that `compiler/decoding.py` finds.

`held` is where a part's tensors are kept from step to step, `place` says where the new tokens stand. The first step
takes the inputs that a forward takes, and keeps what the later ones need of values that no token changes.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ....blocks.notation.dims import Dim
from ....blocks.notation.types import Type
from ....compiler.building.values import types_in
from ....compiler.decoding import MIXED, SHARED, Flow, Kind, is_said_of_keys, token_axis
from ....compiler.graph import Apply, Body, Gathered, Node, Value, name_of
from ....compiler.value_text import value_text
from .lean import Rewriting
from .naming import MODULES
from .values import Render, present, resolve

if TYPE_CHECKING:
    from .classes import ClassText, Method

MODULE = f"{MODULES}.decoding"
_OWN = ("remembered", "newest", "recalled")


class _Render(Render):
    """Values of a step."""

    forward: Stepping

    def apply_remembered(self, value: Apply) -> str:
        name, axis = value.attrs
        held, place = self.forward.tell("held"), self.forward.tell("place")
        text = self.text(value.args[0])
        return f'{self.forward.helper("remembered")}({held}, "{name}", {text}, {place}, axis={axis})'

    def apply_newest(self, value: Apply) -> str:
        place = self.forward.tell("place")
        return f"{self.forward.helper('newest')}({self.text(value.args[0])}, {place}, axis={value.attrs[0]})"

    def apply_recalled(self, value: Apply) -> str:
        return self.forward.recall(value.attrs[0])

    def counted(self, kind: Type, extent: str) -> str:
        if token_axis(kind, self.forward.flow.tokens) != len(kind.dims) - 1:
            return super().counted(kind, extent)
        return f"{self.forward.tell('place')}.positions()"


class Stepping(Rewriting):
    """Writes a step: the first one of a text, or one of the later ones.

    Attributes:
        stem: what its method's name begins with.
        recalled: what the later steps read of what the first one made, by the name under which it is held.
    """

    renders = _Render

    def __init__(
        self, owner: ClassText, body: Body, combination: int, outputs: dict[str, Value], flow: Flow,
        kinds: Mapping[str, Kind] | None = None, *, is_first: bool,
    ) -> None:  # fmt: skip
        self.flow = flow
        self.combination = combination
        self.is_first = is_first
        self.stem = "forward_first" if is_first else "forward_next"
        self.recalled: dict[str, Value] = {}
        self._names: dict[str, Value] = {}
        self._held: dict[tuple[str, Value], str] = {}
        given = {name: value for name, value in outputs.items() if present(value, combination)}
        wanted = {name: self.as_kind(value, (kinds or {}).get(name)) for name, value in given.items()}
        if is_first:
            later = Stepping(owner, body, combination, outputs, flow, kinds, is_first=False)
            self.recalled, self._names, self._held = later.recalled, later._names, later._held
            wanted.update({f"held {name}": value for name, value in self.recalled.items()})
        super().__init__(owner, body, combination, wanted)
        for name in self.recalled if is_first else ():
            made = self.results.pop(f"held {name}")
            self.statements.append(f'held["{name}"] = {self.helper("apart")}({made})')
            self.tell("held")

    def helper(self, name: str) -> str:
        """The name of a function for decoding, imported."""
        self.owner.source.imports[MODULE].add(name)
        return name

    # Values

    def lower(self, value: Value) -> Value:
        """What is held of a value, or what it is with its tokens remembered or cut."""
        if isinstance(value, Apply) and value.op in _OWN:
            return value
        kind = self.flow.kind(value)
        if kind == "once" and not self.is_first:
            name = self.held_name(name_of(value) or "value", value)
            return Apply(value.type, value.present, "recalled", (), (name,))
        if isinstance(value, Gathered):
            items = tuple(self.as_kind(one, kind) if present(one, self.combination) else one for one in value.items)
            return value if items == value.items else Gathered(value.type, value.present, items)
        if not isinstance(value, Apply) or kind in ("fixed", "once", "keys"):
            return value
        axis = self.flow.first_rows(value)
        if axis is not None and self.flow.kind(value.args[0]) in ("fixed", "once"):
            return Apply(value.type, value.present, "newest", value.args, (axis,))
        names = [f"{value.op}({value_text(arg)})".replace('"', "'") for arg in value.args]
        args = tuple(self.read(arg, self.how(arg, value), name) for arg, name in zip(value.args, names, strict=True))
        return self.made_from(value, args)

    def how(self, arg: Value, value: Apply) -> str:
        """How an edge reads the tokens of an argument."""
        if self.flow.is_of_keys(arg, value):
            return "key"
        return "token" if self.flow.kind(value) == "new" else "scan"

    def read(self, value: Value, how: str, name: str) -> Value:
        """A value as a port reads it: remembered by `key` and `scan` ports, cut to the new tokens by others."""
        kind = self.flow.kind(value)
        axis = token_axis(resolve(value, self.combination).type, self.flow.tokens)
        if axis is None:  # in other rounds it has one
            return value
        if kind == "new" and how in ("key", "scan"):
            return Apply(value.type, value.present, "remembered", (value,), (self.held_name(name, value), axis))
        return self.as_kind(value, "new") if how in ("token", "query") else value

    def as_kind(self, value: Value, kind: Kind | None) -> Value:
        """A value as it is read among others of a kind: cut to the new tokens where those are new."""
        axis = token_axis(resolve(value, self.combination).type, self.flow.tokens)
        if kind != "new" or axis is None or self.flow.kind(value) != "whole":
            return value
        return Apply(value.type, value.present, "newest", (value,), (axis,))

    def held_name(self, name: str, value: Value) -> str:
        """The name under which a value is held: `name`, if nothing else is, nor a part has it."""
        known = name, resolve(value, self.combination)
        if known not in self._held:
            parts = [one.name for one in self.body.nodes.values() if one.contract is None]
            while (marked := name + self.mark(value)) in self._names or name in parts:
                name += "_"
            self._names[marked] = value
            self._held[known] = marked
        return self._held[known]

    def mark(self, value: Value) -> str:
        """How the name of what is held ends: by whether its first axis has a row for each sample, as that of inputs."""
        tokens, held = self.flow.tokens, types_in(resolve(value, self.combination).type)
        inputs = [one.type for one in self.owner.source.graph.root.inputs.values()]
        inputs = [kind for kind in inputs if isinstance(kind, Type) and kind.dims]
        firsts = {kind.dims[0].expanded() for kind in inputs}
        rows = {dim for dim in firsts if dim.known is None and dim != Dim.of(tokens)}
        if all(isinstance(kind, Type) and kind.dims and kind.dims[0].expanded() in rows for kind in held):
            return ""
        batch = {one for kind in inputs if token_axis(kind, tokens) == 1 for one in kind.dims[0].expanded().symbols()}
        dims = [dim.expanded() for kind in held if isinstance(kind, Type) for dim in kind.dims]
        return MIXED if any(batch & dim.symbols() for dim in dims) else SHARED

    def recall(self, name: str) -> str:
        """The text of what is held under a name; the first step will put it there."""
        self.recalled[name] = self._names[name]
        return f'{self.tell("held")}["{name}"]'

    def at_port(self, node: Node, port: str, value: Value) -> Value:
        """A value as a port reads it; that of a part as it does in every round."""
        if node.contract is None:
            kind = resolve(value, self.combination).type
            if isinstance(node.inputs[port], list) and is_said_of_keys(kind, self.flow.tokens):
                return value
            return self.as_kind(value, self.flow.ports(node).get(port))
        how = self.flow.reads(node, port, resolve(value, self.combination).type)
        if how == "token" and self.flow.node(node) == "whole":
            how = "scan"
        return self.read(value, how, f"{node.name}_{port}")

    def told(self, node: Node) -> list[str]:
        """Where the new tokens stand, for what numbers them."""
        assert node.contract is not None
        counts = node.contract.counts and getattr(node.contract, "causal", True)
        is_along = any(token_axis(kind, self.flow.tokens) is not None for kind in node.outputs.values())
        if counts and is_along and self.flow.node(node) == "new":
            return [f"place={self.tell('place')}"]
        return []

    def here(self) -> list[str]:
        """The inputs that a step is given and that are as long as its tokens."""
        kinds = {"new": 0, "fixed": 1, "once": 2} if self.is_first else {"new": 0, "fixed": 1}
        return sorted((name for name in super().here() if self.flow.kinds[name] in kinds),
                      key=lambda name: kinds[self.flow.kinds[name]])  # fmt: skip

    # Parts

    def method(self, node: Node, body: Body, wanted: list[str]) -> Method:
        """The step of a part; the forward of one that no token reaches."""
        flow = self.flow.inner(node, body)
        if all(flow.kind(body.outputs[port]) in ("fixed", "once") for port in wanted):
            return super().method(node, body, wanted)
        owner = self.owner.source.class_of(body)
        kinds: dict[str, Kind] = {port: self.flow.result(node, port) for port in wanted}
        return owner.step(body, self.combination, kinds, flow, is_first=self.is_first)

    def context_for(self, node: Node, name: str) -> str:
        """What a part is told: the place, and what is held for it."""
        if name == "place" or not node.is_repeat:
            self.tell(name)
        return name if name == "place" else "inside" if node.is_repeat else self.inside(node)

    def inside(self, node: Node) -> str:
        """The text of what is held for a part."""
        return f'{self.helper("held_by")}({self.tell("held")}, "{node.name}")'

    def rounds(self, node: Node) -> str:
        """The text of what is held for the rounds of a repeat."""
        return f'{self.helper("held_by_each")}({self.tell("held")}, "{node.name}", {len(node.rounds)})'

    def header(self, node: Node, modules: str, arguments: list[str]) -> str:
        """The line that begins a loop."""
        if "held=inside" not in arguments:
            return super().header(node, modules, arguments)
        return f"for layer, inside in zip({modules}, {self.rounds(node)}):"

    def enter(self, node: Node, at: int, arguments: list[str]) -> None:
        """What is held for one round."""
        if "held=inside" in arguments:
            self.line(f"inside = {self.rounds(node)}[{at}]")
