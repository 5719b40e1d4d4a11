"""What calls of blocks, parts and mounts have in common: what their inputs are given, presence, misnamed options."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from ...blocks.notation.types import ListType
from ..diagnosing.diagnostics import did_you_mean, nearest
from ..diagnosing.report import Reported
from ..graph import Node, TiedPair, Value, flat
from ..reading.span import Span
from .order import before
from .origins import in_words, listed
from .values import any_of, spread

if TYPE_CHECKING:
    from .nodes import NodeBuilder

Given = dict[str, Value | list[Value]]


class Port(Protocol):
    """An input of what is called: whether it may be left out, whether it takes a list."""

    @property
    def optional(self) -> bool: ...
    @property
    def many(self) -> bool: ...


class NodeCall:
    """One node that calls something; a second call of the weights of `target` has that node's options.

    Attributes:
        ports: the inputs of what is called, known once that is.
        origin: the name of the node that says what is called, and with which options.
    """

    ports: Mapping[str, Port]

    def __init__(self, nodes: NodeBuilder, name: str, present: int, target: Node | None = None) -> None:
        self.nodes = nodes
        self.builder = nodes.builder
        self.report = nodes.report
        self.scope = nodes.scope
        self.full = nodes.full
        self.name = name
        self.present = present
        self.target = target
        self.origin = name if target is None else target.name
        self.declaration = nodes.declarations[name]
        self.original = nodes.declarations[self.origin]

    def span(self, *path: str | int, key: bool = False) -> Span:
        """A place below the node."""
        return self.nodes.span("graph", self.name, *path, key=key)

    def port_span(self, port: str = "") -> Span:
        """Where the value of an input is written: its entry, the whole `in`, or the node."""
        for key, written in (("in", self.declaration.source), ("each", self.declaration.each)):
            if isinstance(written, dict) and port in written:
                return self.span(key, port)
        return self.span("in") if self.declaration.source is not None else self.span(key=True)

    # Inputs

    def given(self) -> tuple[Given, dict[str, Value], int]:
        """The values at the inputs, the lists of ``each:``, and how long these are.

        Raises:
            Reported: one of them has none.
        """
        each, length = {}, 0
        try:
            if self.declaration.each is not None:
                each, length = self.each_lists()
        finally:  # a mistake in the one does not hide those in the other
            given = self.read_inputs() if self.declaration.source is not None or not each else {}
        return given, each, length

    def read_inputs(self) -> Given:
        """The values at the ports that `in` names, or that of the node before.

        Raises:
            Reported: one of them has none.
        """
        source = self.declaration.source
        if source is None:
            source = before(self.declaration, self.nodes.definition.model)
            if source is None or not self.ports:
                return {}
        if isinstance(source, dict) and ("choose" not in source or "choose" in self.ports):
            return self.read_mapping(source)
        if not self.ports:
            self.report.fail(
                "unknown-input", f"`{self.name}` takes no input", self.span("in"), label="expected no `in`"
            )
        first = next(iter(self.ports))
        read = self.read_port(source, first, "in")
        if read is None:
            raise Reported
        return {first: read}

    def unwritten(self) -> str | None:
        """The help for a node whose `in` is left out."""
        node, read = self.declaration, before(self.declaration, self.nodes.definition.model)
        if node.source is not None or node.each is not None or read is None:
            return None
        why = "" if node.previous is not None else ", the first input, as no node stands before it in this file"
        return f"without `in` it reads `{read}`{why}"

    def read_mapping(self, source: dict[str, Any]) -> Given:
        given: Given = {}
        for port, raw in source.items():
            if port in self.ports:
                read = self.read_port(raw, port, "in", port)
                if read is not None:
                    given[port] = read
        self.check_ports("in", source)
        if len(given) < len(source):
            raise Reported
        return given

    def check_ports(self, key: str, source: Mapping[str, Any]) -> None:
        """Report what is written under ``in:`` or ``each:`` and is no input."""
        for port in source:
            if port not in self.ports:
                self.report.error(
                    "unknown-input", f"`{self.name}` has no input `{port}`", self.span(key, port, key=True),
                    label=f"expected one of {listed(self.ports)}" if self.ports else "expected no inputs",
                    help=did_you_mean(port, [one for one in self.ports if one not in source]),
                )  # fmt: skip

    def read_port(self, raw: Any, port: str, *path: str) -> Value | list[Value] | None:
        """What stands at a port, written at `path`; None where it is wrong."""
        many = self.ports[port].many
        if isinstance(raw, str) and raw in self.scope.values:  # the common case needs no place in the file
            return spread(self.scope.values[raw]) if many else self.scope.values[raw]
        if raw is None:
            label = "expected an edge such as a node's name, found nothing"
            self.report.error("wrong-type", f"`{port}` is empty", self.span(*path), label=label)
            return None
        if isinstance(raw, dict):
            raw = self.scope.option(raw, partial(self.span, *path)).value
        if isinstance(raw, list):
            whole = self.builder.several(raw, partial(self.span, *path), self.scope)
            return [part for value in whole.items for part in spread(value)] if many and whole is not None else whole
        value = self.builder.edge(raw, self.span(*path), self.scope)
        return spread(value) if many and value is not None else value

    def read_all(self) -> None:
        """Read the edges of a node that cannot be built, for the mistakes in them."""
        source = self.declaration.source
        entries = source.items() if isinstance(source, dict) else enumerate(source if isinstance(source, list) else [])
        for key, raw in [*entries, *([(None, source)] if isinstance(source, str) else [])]:
            if isinstance(raw, str) and raw not in self.scope.values:
                self.builder.edge(raw, self.span("in") if key is None else self.span("in", key), self.scope)

    def each_lists(self) -> tuple[dict[str, Value], int]:
        """The lists of an ``each:``, and their common length.

        Raises:
            Reported: they are none, or differ in length, or stand at no input.
        """
        lists: dict[str, Value] = {}
        length: int | None = None
        written = self.declaration.each or {}
        self.check_ports("each", written)
        if not written.keys() <= self.ports.keys():
            raise Reported
        for port, text in written.items():
            span = self.span("each", port)
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

    def check_name(self, kind: str, raw: Any) -> None:
        """See to it that what is called is a name by now.

        Raises:
            Reported: it is a mapping that chooses nothing, a list or a number.
        """
        if isinstance(raw, str):
            return
        found = listed(raw) if isinstance(raw, dict) else in_words(raw)
        label = f"expected a name, or a choice such as `{{choose: $kind, pre: a, post: b}}`, found {found}"
        close = next((key for key in raw if nearest(key, ["choose"])), None) if isinstance(raw, dict) else None
        help_ = f"did you mean `choose` for `{close}`?" if close else None
        self.report.fail("wrong-type", f"a {kind} is a name or a choice", self.span(kind), label=label, help=help_)

    def presence(self, given: Given) -> int:
        """A node is present where all that it requires is (F3).

        Raises:
            Reported: no call gives all.
        """
        required = [given[name] for name, port in self.ports.items() if not port.optional and name in given]
        if not required:  # what reads a list alone needs something in it
            required = [value for value in given.values() if isinstance(value, list)]
        tables = [self.present, *(any_of(flat(value)) for value in required)]
        present = self.full
        for table in tables:
            present &= table
        if not present and all(tables):
            label = self.builder.apart(required)
            self.report.fail("never-present", f"`{self.name}` is never there", self.span(key=True), label=label)
        return present

    # Options

    def misnamed(self, what: str, known: Iterable[str], missing: Iterable[str]) -> list[str]:
        """Report options that nothing takes.

        Returns:
            Those of `missing` that none of them can have meant: a misspelt option is one mistake, not two.
        """
        known, left = list(known), list(missing)
        strangers = 0
        for option in self.original.options:
            if option not in known:
                self.nodes.unknown_option(self.origin, option, known, what)
                close = nearest(option, left)
                if close is not None:
                    left.remove(close)
                strangers += close is None
        return left[strangers:] if strangers else left

    def ties(self) -> list[TiedPair]:
        """The pairs of a ``tie:``, where its condition holds."""
        tie = self.declaration.tie
        if tie is None or (tie.when is not None and not self.scope.condition(tie.when, self.span("tie", "when"))):
            return []
        at = partial(self.span, "tie")
        return [TiedPair(own, other, at(own), at(own, key=True)) for own, other in tie.pairs.items()]
