"""From definitions to bodies: parameters, inputs, nodes in order, outputs. Names and shapes resolve together.

Assumes validated documents; guarantees bodies in which every value has a type and a presence, or a diagnostic for each
that has not. A part becomes a `Body` at every use, since its types and its conditions may differ from use to use.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from ...blocks.notation.dims import Dim, DimError, Symbol
from ...blocks.notation.expressions import ExpressionError, Literal, Param, parse
from ...blocks.notation.types import Type
from ...blocks.notation.values import EvaluationError, simplest
from ..diagnosing.diagnostics import Diagnostic, Label, clip, nearest
from ..diagnosing.report import Report, Reported
from ..graph import Body, Gathered, InputValue, Option, Value, flat
from ..presence import presence_text
from ..reading import schema
from ..reading.span import Span
from .definitions import TYPE_WORDS, Definition, article
from .edge_types import broadcast_dims
from .edges import EdgeError, read_edge
from .inputs import InputReader
from .nodes import NodeBuilder
from .origins import in_words, listed, makers, not_computed, quoted
from .outputs import read_outputs
from .scope import CallSite, Scope, unreadable
from .values import STANDS_IN, first_of, gathered, is_uneven, unlike

MAX_CALLS = 10_000


class Builder:
    """Builds bodies; one for each graph."""

    def __init__(self, report: Report, call: CallSite) -> None:
        self.report = report
        self.call = call
        self.bodies = 0
        self.symbols: dict[tuple[str, Dim], Symbol] = {}
        self.parts: dict[tuple[Path, str], Definition] = {}
        self.building: list[tuple[Path, tuple[str, ...]]] = []
        self.unproven: list[tuple[Span, Dim, Dim]] = []
        self.overlooked: dict[tuple[str, str], Diagnostic] = {}
        self.shadowed: dict[tuple[str, str], Diagnostic] = {}
        self.promoted: dict[str, InputValue] = {}

    def body(
        self,
        definition: Definition,
        *,
        options: Mapping[str, Option],
        given: Mapping[str, Value | list[Value]],
        scope: Scope,
        at: Callable[[str], Span],
        unwritten: Callable[[], str | None] = lambda: None,
    ) -> Body:
        """The body of `definition` called with `given` values, its parameters already in `scope`.

        Args:
            definition: what is built.
            options: its parameters.
            given: the values of its inputs.
            scope: its scope.
            at: gives the place where each input is given, or would be.
            unwritten: gives the help where one does not fit that is not written.

        Raises:
            Reported: a mistake leaves nothing to go on with.
        """
        if self.bodies > MAX_CALLS:  # the first is the model's own
            text = f"expected at most {MAX_CALLS} calls of parts"
            self.report.error("too-large", "the model has too many parts", self.report.calls[0], label=text)
            self.report.raise_if_any()
        self.bodies += 1
        body = Body(definition.name, definition.span(), params=dict(options))
        body.lets = {name: tree for name, (tree, _) in scope.lets.items()}
        InputReader(self, definition, body, scope, given, at, unwritten).read()
        NodeBuilder(self, definition, body, scope).build()
        self.outputs(definition, body, scope)
        return body

    def symbol(self, name: str, definition: Dim) -> Symbol:
        """The symbol of that name and definition: one for all the graph, so that shapes are alike in every round."""
        return self.symbols.setdefault((name, definition), Symbol(name, definition))

    def named(self, name: str, value: Any) -> Any:
        """A whole number as the symbol of that name, so that shapes print by name; anything else as it is."""
        if isinstance(value, Dim) or (isinstance(value, int) and not isinstance(value, bool)):
            return Dim.of(self.symbol(name, Dim.of(value)))
        return value

    def scope(self, definition: Definition) -> Scope:
        """An empty scope with the names of `definition` known, derived parameters included."""
        scope = Scope(self.report, self.call)
        model = definition.model
        scope.names = dict.fromkeys((*model.inputs, *model.graph))
        for name, raw in model.let.items():
            span = definition.span("let", name)
            try:
                tree = parse(raw) if isinstance(raw, str) and "$" in raw else Literal(0, 0, raw)
                scope.lets[name] = (tree, span)
            except ExpressionError as error:
                unreadable(self.report, str(raw), error, span)
                self.report.poison(name)
        return scope

    def parameters(
        self, definition: Definition, scope: Scope, given: Mapping[str, Option], caller: Scope, span: Span
    ) -> dict[str, Option]:
        """Put every parameter of a part into its scope: from the call, the caller's namesake, or its default (F6)."""
        options: dict[str, Option] = {}
        missing: list[str] = []
        inherits = getattr(definition.model, "inherited", {})
        for name, declared in definition.model.params.items():
            if name in given:
                option: Option | None = given[name]
            elif declared.is_required:
                option = self.captured(name, caller, span)
                if option is None and not self.report.is_poisoned(name):
                    missing.append(name)
            elif declared.has_default and name not in inherits:
                option = self.default(name, declared, definition, scope)
                self.shadow(name, definition, caller, span)
            else:
                namesake = self.captured(name, caller, span)
                option = (namesake if name in inherits else None) or self.default(name, declared, definition, scope)
                if namesake and name not in inherits:
                    self.overlook(name, namesake, definition, span)
                elif namesake is None and name in inherits:
                    self.out_of_reach(name, option, definition, caller, span)
            if option is None:
                continue
            place = option.span or definition.span("params", name, "default")
            scope.places[name] = caller.origin(option, place, "")[0]
            if self.fits(name, option, declared, definition, place, caller):
                options[name] = option
                scope.env[name] = self.named(name, option.value)
        if missing:
            self.missing(missing, definition, caller, span)
        return options

    def captured(self, name: str, caller: Scope, span: Span) -> Option | None:
        """The caller's parameter of that name."""
        if name not in caller.env and name not in caller.lets:
            return None
        try:
            return Option(caller.param(name), Param(0, len(name), name), span, origin="caller")
        except KeyError:  # its own diagnostic says why
            return None

    def overlook(self, name: str, namesake: Option, definition: Definition, span: Span) -> None:
        """Note a parameter that is null because the call does not say it, though the caller's namesake has a value."""
        if simplest(namesake.value) is not None:
            label = f"expected `pass: [{name}]`, or `{name}: null` to say so"
            declared_at = Label(definition.span("params", name, key=True), "null where a call does not say it")
            message = f"`{definition.name}` is not given this scope's `{name}`"
            self.note("missing-parameter", message, span, label, declared_at, about=name)

    def shadow(self, name: str, definition: Definition, caller: Scope, span: Span) -> None:
        """Keep in mind a default that stands although the spec has a parameter of the name, which may be for it.

        What is mounted hears of its own when it is checked itself.
        """
        if len(self.building) == 1 and name in caller.env:
            label = Label(span, f"expected `pass: [{name}]` here, or something that reads it")
            where = Label(definition.span("params", name, key=True), "has its default where a call does not say it")
            message = f"`{definition.name}` is not given this scope's `{name}`, and nothing else is"
            note = Diagnostic("missing-parameter", message, label, (where,), severity="note")
            self.shadowed.setdefault((name, str(span)), note)

    def out_of_reach(self, name: str, option: Option, definition: Definition, caller: Scope, span: Span) -> None:
        """Note an inherited parameter that has its default since a part between has none of its name (F6)."""
        outer = caller.outer
        while outer is not None and name not in outer.env and name not in outer.lets:
            outer = outer.outer
        if outer is not None:
            label = f"expected `{name}` among the parameters of the part that this stands in"
            where = Label(outer.places.get(name, span), "does not reach through that part")
            message = f"`{definition.name}` has its own `{name}`, which is {in_words(option.value)}"
            self.note("missing-parameter", message, span, label, where, about=name)

    def missing(self, names: list[str], definition: Definition, caller: Scope, span: Span) -> None:
        """Report parameters that a call neither gives nor has in its scope."""
        near = [nearest(name, caller.env, cutoff=0.85) for name in names]
        help_ = next((f"write `{name}: ${close}`" for name, close in zip(names, near, strict=True) if close), None)
        self.report.error(
            "missing-parameter", f"`{definition.name}` needs {quoted(names)}", span,
            label="expected them here, or parameters of those names in this scope"
            if len(names) > 1 else "expected it here, or a parameter of that name in this scope",
            others=[(definition.span("params", name, key=True), "declared without a default") for name in names],
            help=help_,
        )  # fmt: skip
        for name in names:
            self.report.poison(name)

    def default(self, name: str, declared: schema.Parameter, definition: Definition, scope: Scope) -> Option:
        """The default as written in the definition."""
        try:
            option = scope.option(declared.default, partial(definition.span, "params", name, "default"))
        except Reported:
            self.report.poison(name)
            return Option(None, None, origin="default")
        tree = Literal(0, 0, simplest(option.value))
        return Option(option.value, tree, option.span, is_default=option.tree is None, origin="default")

    def fits(
        self, name: str, option: Option, declared: schema.Parameter, definition: Definition, span: Span, caller: Scope
    ) -> bool:
        """Whether a value is of its parameter's type; a mistake is reported."""
        value, base = simplest(option.value), declared.word
        if base is None or (value is None and declared.admits_null):
            return True
        good = isinstance(value, TYPE_WORDS[base])
        if base in ("int", "float") and isinstance(value, (bool, Dim)):
            good = isinstance(value, Dim)
        if good:
            return True
        help_ = f"write `${value}`" if isinstance(value, str) and caller.is_param(value) else not_computed(value)
        if isinstance(value, list) and base in ("int", "float", "bool", "text"):
            help_ = f"write `each: {{{name}: ...}}` where every round has one of them"
        place, others = caller.origin(option, span, "given here")
        others.append((definition.span("params", name, key=True), "declared here"))
        self.report.error(
            "bad-option", f"`{name}` of `{definition.name}` is {article(base)}", place,
            label=f"expected {article(base)}, found {in_words(value)}", others=others, help=help_,
        )  # fmt: skip
        self.report.poison(name)
        return False

    def node_default(self, name: str, raw: str, definition: Definition, scope: Scope) -> None:
        """A default that is an edge expression, read once what it names is built."""
        span = definition.span("inputs", name, "default")
        own = scope.values[name]
        if isinstance(own, InputValue):
            if raw not in scope.names and (near := nearest(raw, schema.STANDING_IN)):
                label = "expected a number, a node or an edge, or one of " + listed(schema.STANDING_IN)
                message, help_ = f"nothing is called `{clip(raw)}` here", f"did you mean `{near}`?"
                self.report.error("unknown-name", message, span, label=label, help=help_)
                return
            made = self.edge(raw, span, scope)
            if made is not None:
                if definition.is_root and isinstance(own.type, Type) and isinstance(made.type, Type):
                    self.check_default(name, own.type, made.type, span)
                scope.values[name] = self.first_of([own, made], span) if own.present else made

    def check_default(self, name: str, kind: Type, found: Type, span: Span) -> None:
        """What stands in for an input of a call has its extents; what does for a part's may never be asked for."""
        if broadcast_dims(kind.dims, found.dims) is None:
            label = f"expected {kind.shape}, found {found.shape}"
            self.report.error("shape-mismatch", f"what stands in for `{name}` does not fit", span, label=label)

    def first_of(self, choices: list[Value], span: Span) -> Value:
        """The first that is present; that they cannot stand for each other is reported."""
        first = first_of(choices)
        if label := unlike(first):
            self.report.error("shape-mismatch", STANDS_IN, span, label=label)
        self.call.uneven |= is_uneven(first)
        return first

    def is_promoted(self, value: Any) -> bool:
        """Whether a value is an input that a task's part brought, its type not yet known."""
        return isinstance(value, InputValue) and value.type is None and self.promoted.get(value.name) is value

    def several(self, raw: list[Any], at: Callable[[int], Span], scope: Scope) -> Gathered | None:
        """The values of several edges as one list; None where there is a mistake in one of them."""
        values = [self.edge(text, at(number), scope) for number, text in enumerate(raw)]
        known = [value for value in values if value is not None]
        return gathered(known, self.call.full) if len(known) == len(values) else None

    def edge(self, raw: Any, span: Span, scope: Scope) -> Value | None:
        """The value of an edge expression; a mistake is reported and None returned."""
        raw = schema.as_text(raw)
        if not isinstance(raw, str):
            label = f"expected an edge such as `x + attention`, found {in_words(raw)}"
            self.report.error("wrong-type", "an edge is a name or an expression", span, label=label)
            return None
        try:
            tree = parse(raw)
            return read_edge(tree, scope)
        except ExpressionError as error:
            unreadable(self.report, raw, error, span)
        except EdgeError as error:
            place = span.within(error.tree.start, error.tree.end)
            others = makers(error.values)
            if error.code == "never-present" and not error.label:
                error.label, others = self.apart(error.values), []
            self.report.error(error.code, str(error), place, label=error.label, others=others, help=error.help)
        except EvaluationError as error:
            scope.blame(error, span)
        except DimError as error:
            self.report.error("bad-expression", str(error), span)
        return None

    def note(self, code: str, message: str, span: Span, label: str, *others: Label, about: str = "") -> None:
        """Keep in mind what is worth knowing and no mistake: once for a place and what it is about."""
        note = Diagnostic(code, message, Label(span, label), others, severity="note")
        self.overlooked.setdefault((str(span), about or message), note)

    def apart(self, values: Iterable[Value | list[Value]]) -> str:
        """What is there when, of values that are never there together."""
        words = dict.fromkeys(presence_text(one.present, self.call) for value in values for one in flat(value))
        found = " and ".join(f"one when `{word}`" for word in words if word)
        return f"expected values that one call gives, found {found or 'none that does'}"

    def outputs(self, definition: Definition, body: Body, scope: Scope) -> None:
        """Read the outputs of a part; those of a root are richer and read elsewhere."""
        if isinstance(definition.model, schema.Spec):
            if not definition.is_root:
                found = read_outputs(self, definition, scope, body)
                body.outputs.update({name: value for name, value in found.items() if isinstance(value, Value)})
            return
        for name, raw in definition.model.outputs.items():
            span = definition.span("outputs", name)
            at = partial(definition.span, "outputs", name)
            value = self.several(raw, at, scope) if isinstance(raw, list) else self.edge(raw, span, scope)
            body.outputs[name] = value if value is not None else Value(None, self.call.full)
        if not body.outputs:
            self.report.error("missing-key", f"`{definition.name}` gives nothing", definition.span("outputs", key=True),
                              label="expected an output of the part, found none")  # fmt: skip
