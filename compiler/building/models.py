"""Whole models: a spec with its task, size and overrides becomes a `Graph` (language F8, F9, F11)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import partial
from numbers import Integral, Real
from types import MappingProxyType
from typing import Any

from ...blocks.notation.dims import Dim, Symbol
from ...blocks.notation.expressions import ExpressionError, parse
from ...blocks.notation.values import EvaluationError, evaluate, simplest
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, nearest
from ..diagnosing.report import Report, Reported
from ..graph import Body, Graph, InputValue, TiedPair, path_below
from ..reading import schema
from ..reading.document import Document
from ..reading.span import Span
from .bodies import Builder
from .compose import FLAGS, Composed, compose
from .origins import in_words
from .outputs import prune, read_outputs
from .parameters import root_parameters
from .parts import mounted, param_symbols
from .scope import CallSite, Scope, unreadable

MAX_ATOMS = 18


class ModelBuilder:
    """Builds the graph of one spec, task and set of parameters."""

    def __init__(
        self, document: Document[schema.Spec], task: str | None, size: str | None, overrides: Mapping[str, Any],
        told: Mapping[str, Any] = MappingProxyType({}), *, withheld: Collection[str] = (),
    ) -> None:  # fmt: skip
        """Prepare to build.

        Args:
            task: None or ``base`` for the base.
            told: which of the overrides a call says; the rest are what a config says, which may be set otherwise.
            withheld: optional inputs that no call gives.
        """
        self.document = document
        self.told = {name: _as_literal(value) for name, value in told.items()}
        self.size = None if size is None else str(size)
        self.overrides = {name: _as_literal(value) for name, value in overrides.items()}
        self.report = Report()
        self.definition = compose(document, None if task in (None, "base") else str(task))
        self.spec = self.definition.spec
        self.flags = {**FLAGS, **{key: value is True for key, value in self.spec.flags.items()}}
        self.read: set[str] = set()
        self.shadowed: dict[tuple[str, str], Diagnostic] = {}
        self.promoted = self.definition.unwired()
        here = {name: one for name, one in self.spec.inputs.items() if name not in self.definition.dropped}
        inputs = [name for name, one in here.items() if one.optional]
        self.call = CallSite((*inputs, *self.promoted, *self.flags), self.flags, withheld)

    def build(self) -> Graph:
        """The graph; built again when it is found to ask something of extents, which is an atom of every table then.

        Raises:
            SpecError: with every diagnostic found.
        """
        while True:
            known = len(self.call.conditions)
            try:
                graph = self.built()
            except SpecError:
                if len(self.call.conditions) == known:
                    raise
            else:
                if len(self.call.conditions) == known:
                    return graph
            new = list(self.call.conditions)[known:]
            self.report = Report()
            self.call = replace(self.call, atoms=(*self.call.atoms, *new), extents=set(), uneven=False)

    def built(self) -> Graph:
        """The graph, in which what is first asked of extents counts as true.

        Raises:
            SpecError: with every diagnostic found.
        """
        if len(self.call.atoms) > MAX_ATOMS:
            self.report.error("too-many-optional", "there are too many optional inputs and flags",
                              self.document.span("inputs", key=True),
                              label=f"expected at most {MAX_ATOMS}, found {len(self.call.atoms)}"
                              + (", what is asked of extents among them" if self.call.conditions else ""))  # fmt: skip
            self.report.raise_if_any()
        builder = Builder(self.report, self.call)
        builder.promoted = {name: InputValue(None, self.call.given(name), name) for name in self.promoted}
        scope = builder.scope(self.definition)
        scope.flags_here, scope.read = dict.fromkeys(self.flags), self.read
        params = root_parameters(builder, self.definition, scope, self.size, self.overrides)
        for name, raw in self.spec.flags.items():
            if isinstance(raw, str):  # a parameter says what it is where a call does not
                with suppress(Reported):
                    self.flags[name] = bool(scope.condition(raw, self.definition.span("flags", name)))
        self.refuse_settled()
        self.mounts(builder, scope)
        scope.env.update({axis: Dim.of(Symbol(axis, None)) for axis in self.definition.fold})  # options may use it
        scope.values.update(builder.promoted)
        scope.names.update(dict.fromkeys(builder.promoted))
        try:
            here = self.definition.span("inputs")
            body = builder.body(self.definition, options=params, given={}, scope=scope, at=lambda _: here)
        except Reported:
            self.report.raise_if_any()
            raise
        body.inputs.update({name: value for name, value in builder.promoted.items() if value.type is not None})
        body.symbols = {**body.symbols, **param_symbols(scope), **body.symbols}
        body.mounts.update({name: dict(scope.env[name]) for name in self.spec.mounts if name in scope.env})
        outputs = read_outputs(builder, self.definition, scope, body)
        self.report.raise_if_any()
        graph = self.graph(body, outputs, scope, params, [*self.unproven(builder), *builder.overlooked.values()])
        self.check_ties(graph)
        self.check_example(graph, scope)
        self.report.raise_if_any()
        self.shadowed = builder.shadowed
        return graph

    def graph(
        self, body: Body, outputs: dict[str, Any], scope: Scope, params: Any, notes: Iterable[Diagnostic]
    ) -> Graph:
        """The graph of a body and what is read of it."""
        prune(self.definition, body, outputs)
        values = {name: simplest(option.value) for name, option in params.items()}
        for mount in self.spec.mounts:
            values[mount] = scope.env.get(mount)
        return Graph(
            self.spec.model, self.spec.title, self.definition.task, self.size, body, outputs, self.call.atoms,
            self.flags, values, list(notes), self.spec, self.document, conditions=self.call.conditions,
            folds={name: axis for axis, names in self.definition.fold.items() for name in names},
        )  # fmt: skip

    def refuse_settled(self) -> None:
        """Report what a call says of parameters that the task or a mount sets for good."""
        forced, mounts = self.definition.forced, self.spec.mounts
        settled = [(self.told, raw, name, ("params", name)) for name, raw in forced.items()]
        for mount, one in mounts.items():
            said = self.told.get(mount)
            if isinstance(said, Mapping):
                settled += [(said, raw, name, ("mounts", mount, "params", name)) for name, raw in one.params.items()]
        for said, raw, name, path in settled:
            if name in said and said[name] != raw:
                by = f"the mount `{path[1]}`" if path[0] == "mounts" else f"the task `{self.definition.task}`"
                label = f"expected no other value, found {in_words(said[name])}, which was given as an override"
                self.report.error(
                    "bad-option", f"{by} sets `{name}` for good", self.definition.span(*path), label=label
                )

    def unproven(self, builder: Builder) -> Iterator[Diagnostic]:
        """A note for each pair of extents that only a call can prove equal."""
        seen: set[tuple[str, str]] = set()
        for span, a, b in builder.unproven:
            if (str(a), str(b)) not in seen:
                seen.add((str(a), str(b)))
                text, label = f"`{a}` and `{b}` are compared when the model runs", f"expected `{a}`, found `{b}`"
                if str(a) == str(b):
                    text, label = f"two axes called `{a}` are compared when the model runs", "the one meets the other"
                yield Diagnostic("unproven", text, Label(span, label), severity="note")

    def check_example(self, graph: Graph, scope: Scope) -> None:
        """What ``example:`` computes of an axis must be an extent, as what it says outright (`check_names`)."""
        for name, raw in self.spec.example.items():
            if not isinstance(raw, str) or "$" not in raw:
                continue
            span = self.definition.span("example", name)
            try:
                extent = evaluate(parse(raw), graph.param)
            except ExpressionError as error:
                unreadable(self.report, raw, error, span)
                continue
            except EvaluationError as error:
                scope.blame(error, span)
                continue
            if isinstance(extent, bool) or not isinstance(extent, int) or extent < 0:
                label = f"expected a whole number of 0 or more, found {in_words(extent)}"
                self.report.error("wrong-type", f"`{name}` is an extent", span, label=label)

    def check_ties(self, graph: Graph) -> None:
        """Both sides of a tie must be weights of one shape."""
        pairs = {(own, pair.span): (own, pair) for own, pair in _ties(graph.root)}
        entries = {entry.path: entry for entry in graph.weights()} if pairs else {}
        for own, pair in pairs.values():
            below = [entry for entry in entries.values() if path_below(own, entry.path) is not None]
            sides = [(entry, entries.get(str(entry.tied_to))) for entry in below]
            if not any(other is not None for _, other in sides):
                self.unknown_tie(own, pair, bool(below), list(entries))
            for entry, other in sides:
                if other is not None and other.tied_to is not None:
                    label = f"expected a weight of its own, found `{pair.other}`, tied back to it"
                    self.report.error("cycle", f"`{entry.path}` is tied to itself", pair.span, label=label)
                elif other is not None and other.shape != entry.shape:
                    self.report.error(
                        "tie-mismatch", f"`{entry.path}` and `{other.path}` cannot be one", pair.span,
                        label=f"expected the shape {list(entry.shape)}, found {list(other.shape)}",
                        others=[(one.node.span, f"has {list(one.shape)}") for one in (entry, other)],
                    )  # fmt: skip

    def unknown_tie(self, own: str, pair: TiedPair, is_other: bool, paths: list[str]) -> None:
        """Report the side of a tie at which there are no weights."""
        missing = pair.other if is_other else own
        nodes = dict.fromkeys([*paths, *(path.rsplit(".", 1)[0] for path in paths)])
        close = nearest(
            missing, [path for path in nodes if is_other or path.startswith(own.split(".")[0])], cutoff=0.75
        )
        help_ = None if close is None else close if is_other else close.partition(".")[2]
        span = pair.span if is_other else pair.key_span
        label, others, head = "expected the path of a weight, or of a node that has some", [], missing.split(".")[0]
        if head in self.spec.graph and not any(path_below(head, path) for path in paths):
            label = "expected a node that something reads"
            others = [(self.definition.span("graph", head, key=True), "nothing reads it")]
        self.report.error("unknown-tie", f"there are no weights at `{missing}` to tie", span, label=label,
                          others=others, help=f"did you mean `{help_}`?" if help_ else None)  # fmt: skip

    def mounts(self, builder: Builder, scope: Scope) -> None:
        """Resolve the parameters of every mounted spec, so that ``$vision.d_model`` can be read."""
        for name, mount in self.spec.mounts.items():
            try:
                definition = mounted(builder, self.definition, name, scope)
                self.refuse_within(name, definition)
                inner = builder.scope(definition)
                row, at = self.spec.sizes.get(self.size or "", {}), partial(self.document.span, "mounts", name)
                said = self.mapping(self.overrides, name, at(key=True))
                given = {**self.mapping(row, name, self.document.span("sizes", str(self.size), name)), **said}
                own_size = simplest(scope.option(mount.size, partial(at, "size")).value)
                size = given.pop("size", own_size)
                fixed = {key: scope.option(raw, partial(at, "params", key)).value
                         for key, raw in mount.params.items()}  # fmt: skip
                own = {*mount.params, *(["size"] if size == own_size else [])}
                size, place = None if size is None else str(size), partial(self.mount_span, name, own, said)
                self.refuse_row(name, given.keys() - said.keys(), fixed)
                params = root_parameters(builder, definition, inner, size, {**given, **fixed}, place)
                if any(map(self.report.is_poisoned, definition.spec.params)):
                    raise Reported  # what is wrong with one, its graph would tell again
                scope.env[name] = {key: option.value for key, option in params.items()}
            except Reported:
                self.report.poison(name)

    def refuse_within(self, mount: str, definition: Composed) -> None:
        """Report a mounted spec that mounts others itself.

        Raises:
            Reported: it does.
        """
        for name in definition.spec.mounts:
            self.report.fail(
                "too-deep", f"what `{mount}` mounts has mounts itself", self.document.span("mounts", mount, "spec"),
                label=f"expected a spec that mounts nothing, found `{definition.spec.model}`",
                others=[(definition.document.span("mounts", name, key=True), "mounted there")],
                help=f"mount what it mounts beside it, and write what it does with `{name}` here",
            )  # fmt: skip

    def refuse_row(self, mount: str, said: Collection[str], fixed: Mapping[str, Any]) -> None:
        """Report what a row of sizes says of parameters that the mount beside it sets for good."""
        for name in (name for name in fixed if name in said):
            span = self.document.span("sizes", str(self.size), mount, name)
            if span.source is self.document.tree.span.source:
                place = self.document.span("mounts", mount, "params", name)
                self.report.error(
                    "bad-option", f"the mount `{mount}` sets `{name}` for good", span,
                    label="expected it in one of the two places", others=[(place, "set here")],
                )  # fmt: skip

    def mapping(self, given: Mapping[str, Any], mount: str, place: Span) -> dict[str, Any]:
        """What a row of sizes or a call says of a mounted spec.

        Raises:
            Reported: it is no mapping, which is reported.
        """
        raw = given.get(mount, {})
        if isinstance(raw, Mapping):
            return dict(raw)
        label = f"expected a mapping such as {{size: tiny}}, found {in_words(raw)}"
        self.report.fail(
            "wrong-type", f"`{mount}` is a mounted spec, which has parameters of its own", place, label=label
        )

    def mount_span(
        self, mount: str, own: Collection[str], said: Collection[str], word: str, *, key: bool = False
    ) -> Span:
        """Where a mount's size or parameter is written: under it where it is its `own`, else in a row of sizes.

        The mount itself stands for what is `said` by a call.
        """
        if word not in own and word in said:
            return self.document.span("mounts", mount, key=True)
        if word not in own:
            return self.document.span("sizes", str(self.size), mount, word, key=key)
        return self.document.span("mounts", mount, *([] if word == "size" else ["params"]), word, key=key)


def _as_literal(value: Any) -> Any:
    """What a call gives, as a spec would have it: the numbers of other libraries (numpy's) are Python's."""
    if isinstance(value, Mapping):
        return {name: _as_literal(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(map(_as_literal, value)) if type(value) in (list, tuple) else value
    if isinstance(value, (Integral, Real)) and type(value) not in (bool, int, float):
        return int(value) if isinstance(value, Integral) else float(value)
    return value


def _ties(body: Body, prefix: str = "") -> Iterator[tuple[str, TiedPair]]:
    """The ties of a body and of the parts in it, not of what is mounted, each with the path of its own side."""
    for node in body.nodes.values():
        path = f"{prefix}{node.name}"
        yield from ((f"{path}.{pair.own}" if pair.own else path, pair) for pair in node.ties)
        for inner in node.bodies if node.reuse is None else ():
            if not inner.is_spec:
                yield from _ties(inner, f"{path}.<i>." if node.is_repeat else f"{path}.")
