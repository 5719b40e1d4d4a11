"""Nodes of one body: blocks, parts, mounts, second calls, named edges, and what repeats them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING

from ...blocks.notation.dims import DimError
from ..diagnosing.diagnostics import did_you_mean
from ..diagnosing.report import Reported
from ..graph import Apply, Body, Node, Value
from ..reading import schema
from ..reading.span import Span
from .block_calls import BlockCall
from .compose import FLAGS
from .order import CycleError, order_of
from .origins import listed
from .parts import PartCall
from .scope import Scope
from .values import conditional

if TYPE_CHECKING:
    from .bodies import Builder
    from .definitions import Definition

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

    def build(self) -> None:
        """Build them all; what fails is reported, and what reads it stays silent."""
        if self.clashes():  # nobody knows which of the two is read
            return
        home = self.definition
        is_part = isinstance(home.model, schema.InlinePart)  # a spec's nodes depend on the task
        try:
            order = (is_part and home.document.orders.get(home.base)) or order_of(home.model, self.declarations)
        except CycleError as error:
            self.cycle(error.names, chooses=error.chooses)
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
                    self.scope.values[name] = Value(None, self.full)  # what reads it stays silent
                    clash = True
                elif name in FLAGS and section != "flags" and isinstance(model, schema.Spec):
                    self.report.error(
                        "name-clash", f"`{name}` is the name of a flag", self.span(section, name, key=True),
                        label="expected a name that no flag has: every spec has this one",
                    )  # fmt: skip
                    clash = True
                seen.setdefault(name, section)
        return clash

    def cycle(self, names: list[str], *, chooses: bool) -> None:
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
            help="a node has its place in one order, whatever a parameter chooses: write two, with a `when:` each"
            if chooses else None,
        )  # fmt: skip

    def span(self, *path: str | int, key: bool = False) -> Span:
        """A place below the definition."""
        return self.definition.span(*path, key=key)

    def node(self, name: str, declaration: schema.Node) -> None:
        """Build one node and give its name a value."""
        scope = self.scope
        try:
            present = self.full
            if declaration.when is not None:
                present = scope.condition(declaration.when, self.span("graph", name, "when"))
            if not present:
                scope.values[name] = Value(None, 0)
            elif declaration.kind in ("expr", "first"):
                self.named_edge(name, declaration, present)
            elif declaration.kind == "reuse":
                self.again(name, declaration, present)
            else:
                (BlockCall if declaration.kind == "block" else PartCall)(self, name, present).build()
                self.refuse_unsteady(name, present)
        except Reported:
            scope.values[name] = Value(None, self.full)
        except DimError as error:
            place = self.span("graph", name, key=True)
            self.report.error("bad-expression", f"an extent of `{name}` cannot be computed", place, label=str(error))
            scope.values[name] = Value(None, self.full)
        if declaration.otherwise is not None:
            if not scope.values[name].present and declaration.kind not in ("expr", "first"):
                scope.replaced.add(name)
            place = self.span("graph", name, "else")
            other = self.builder.edge(declaration.otherwise, place, scope)
            if other is not None:
                scope.values[name] = self.builder.first_of([scope.values[name], other], place)

    def refuse_unsteady(self, name: str, present: int) -> None:
        """Report a node with weights that is there or not as a call's extents are."""
        node = self.body.nodes.get(name)
        if node is None or not self.builder.call.asks_extents(present):
            return
        for path, shape in _weights_below(node):
            told = f"has a weight{path and f' `{path}`'} of {list(shape)}"
            self.report.error(
                "bad-condition", f"`{name}` has weights, and how long a call is decides whether it is there",
                self.span("graph", name, "when"),
                label="expected a condition over parameters and optional inputs, found one over an extent of the call",
                others=[(node.span, told)],
                help=f"leave it out here, and choose in a node of its own: `{{expr: {name}, when: ..., else: ...}}`",
            )  # fmt: skip
            return

    def named_edge(self, name: str, declaration: schema.Node, present: int) -> None:
        """``expr:`` and ``first:`` name a value."""
        for option in declaration.options:
            self.unknown_option(name, option, [])
        if declaration.expr is not None:
            value = self.builder.edge(declaration.expr, self.span("graph", name, "expr"), self.scope)
            if isinstance(value, Apply) and value.name is None:
                value.name, value.span = name, self.span("graph", name, key=True)
        else:
            choices = [
                self.builder.edge(text, self.span("graph", name, "first", number), self.scope)
                for number, text in enumerate(declaration.first or ())
            ]
            known = [choice for choice in choices if choice is not None] or [Value(None, self.full)]
            value = self.builder.first_of(known, self.span("graph", name, "first"))
        self.scope.values[name] = Value(None, self.full) if value is None else conditional(value, present)

    def unknown_option(self, name: str, option: str, known: Iterable[str], what: str = "") -> None:
        """Report an option that nothing takes."""
        known = list(known)
        kind = self.declarations[name].kind
        reserved = [key for key, field in schema.Node.written_keys().items() if field in schema.TAKEN[kind]]
        what = what or f"{'an' if kind == 'expr' else 'a'} `{kind}`"
        label = f"expected one of {listed(known)}" if known else "expected no options"
        unspaced = f"write `{option.replace(':', ': ', 1)}`" if ":" in option else None
        self.report.error(
            "unknown-option", f"{what} has no option `{option}`", self.span("graph", name, option, key=True),
            label=label, help=did_you_mean(option, known) or did_you_mean(option, reserved) or unspaced,
        )  # fmt: skip

    # Second calls

    def again(self, name: str, declaration: schema.Node, present: int) -> None:
        """``reuse:`` calls the weights of another node (F16)."""
        wanted = str(declaration.reuse)
        target = self.body.nodes.get(wanted)
        if target is None:
            known, other = self.scope.values.get(wanted), self.declarations.get(wanted)
            is_absent = wanted in self.scope.replaced or (known is not None and not known.present)
            self.scope.values[name] = Value(None, 0 if is_absent else self.full)
            if other is None or other.kind in ("expr", "first"):
                owners = [one for one, node in self.declarations.items() if node.kind in ("block", "part", "mount")]
                self.report.error(
                    "unknown-name", f"there is no node `{wanted}` to reuse",
                    self.span("graph", name, "reuse"), label="expected a block, part or mount of this scope",
                    help=self.report.suggest(wanted, owners),
                )  # fmt: skip
            return
        for option in declaration.options:
            self.unknown_option(name, option, [])
        call = (BlockCall if target.contract is not None else PartCall)(self, name, present, target)
        call.build()
        if name in self.body.nodes:
            node = self.body.nodes[name]
            self.same_weights(node, target, call.port_span(next(iter(node.inputs), "")))

    def same_weights(self, node: Node, target: Node, span: Span) -> None:
        """Report a second call that needs weights of other shapes than those that there are, or others."""
        there = dict(_weights_below(target))
        for path, shape in _weights_below(node):
            if there.get(path) != shape:
                label = f"expected what needs no other weights than these, found what needs a `{path}`"
                if path in there:
                    label = f"expected what a `{path}` of {list(there[path])} reads, found what needs {list(shape)}"
                self.report.error(
                    "shape-mismatch", f"the weights of `{target.name}` do not fit what `{node.name}` reads", span,
                    label=label, others=[(target.span, "its weights")],
                )  # fmt: skip
                return


def _weights_below(node: Node, path: str = "") -> Iterator[tuple[str, tuple[int, ...]]]:
    """The shapes of a node's own weights and of those in its parts, by path."""
    yield from ((f"{path}{leaf}", shape) for leaf, shape in node.weight_shapes.items())
    for number, body in enumerate(node.rounds):
        at = f"{path}{number}." if node.owner.is_repeat else path
        for inner in body.nodes.values():
            if inner.reuse is None:
                yield from _weights_below(inner, f"{at}{inner.name}.")
