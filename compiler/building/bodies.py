"""From definitions to bodies: parameters, inputs, nodes in order, outputs. Names and shapes resolve together.

Assumes validated documents; guarantees bodies in which every value has a type and a presence, or a diagnostic for each
that has not. A part becomes a `Body` at every use, since its types and its conditions may differ from use to use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from ...blocks.notation.dims import Dim, DimError, Symbol
from ...blocks.notation.expressions import Expr, ExpressionError, Literal, Name, Param, parse, walk
from ...blocks.notation.types import (
    KINDS,
    AnyType,
    Bindings,
    ListType,
    MatchError,
    Notation,
    RecordType,
    Type,
    build_any,
    match,
    parse_type,
)
from ...blocks.notation.values import EvaluationError, simplest
from ..diagnosing.diagnostics import nearest
from ..diagnosing.report import Report
from ..graph import Apply, Body, Constant, InputValue, Option, Value
from ..presence import presence_text
from ..reading import schema
from ..reading.composer import clip
from ..reading.document import Library
from ..reading.span import Span
from .definitions import TYPE_WORDS, Definition, Shared, article, declared
from .edges import EdgeError, first_of, read_edge
from .nodes import NodeBuilder
from .origins import in_words, makers, quoted
from .parts import lifted
from .scope import CallSite, Scope, ScopeError, bare, unreadable

MAX_BODIES = 10_000


class Builder:
    """Builds bodies; one for each graph."""

    def __init__(self, report: Report, call: CallSite, library: Library, shared: Shared) -> None:
        self.shared = shared
        self.report = report
        self.call = call
        self.library = library
        self.bodies = 0
        self.parts: dict[tuple[Path, str], Definition] = {}
        self.building: list[tuple[Path, tuple[str, ...]]] = []
        self.unproven: list[tuple[Span, Dim, Dim]] = []
        self.promoted: dict[str, InputValue] = {}

    def body(
        self,
        definition: Definition,
        *,
        options: Mapping[str, Option],
        given: Mapping[str, Value | list[Value]],
        scope: Scope,
        span: Span,
        at: Callable[[str], Span] | None = None,
    ) -> Body | None:
        """The body of `definition` called with `given` values, its parameters already in `scope`.

        Args:
            definition: what is built.
            options: its parameters.
            given: the values of its inputs.
            scope: its scope.
            span: where the inputs are given.
            at: gives the place of each value that is.

        Returns:
            The body, or None where a reported mistake leaves nothing to go on.
        """
        self.count(1)
        body = Body(definition.name, definition.span(), params=dict(options))
        body.lets = {name: tree for name, (tree, _) in scope.lets.items()}
        if not self.inputs(definition, body, scope, given, span, at or (lambda _: span)):
            return None
        NodeBuilder(self, definition, body, scope).build()
        self.outputs(definition, body, scope)
        return body

    def count(self, bodies: int) -> None:
        """Count what is built, or built before and used again: a graph is no smaller for it."""
        self.bodies += bodies
        if self.bodies > MAX_BODIES:
            text = f"expected at most {MAX_BODIES} calls of parts"
            self.report.error("too-large", "the model has too many parts", self.report.calls[0], label=text)
            self.report.raise_if_any()

    def scope(self, definition: Definition) -> Scope:
        """An empty scope with the names of `definition` known, derived parameters included."""
        scope = Scope(self.report, self.call)
        model = definition.model
        for number, name in enumerate((*model.inputs, *model.graph)):
            scope.order[name] = number
        for name, raw in model.let.items():
            span = definition.span("let", name)
            try:
                tree = parse(raw) if isinstance(raw, str) and "$" in raw else _literal(raw)
                scope.lets[name] = (tree, span)
            except ExpressionError as error:
                unreadable(self.report, str(raw), error, span)
                self.report.poison(name)
        return scope

    def parameters(
        self, definition: Definition, scope: Scope, given: Mapping[str, Option], caller: Scope | None, span: Span
    ) -> dict[str, Option]:
        """Put every parameter of a part into its scope: from the call, the caller's namesake, or its default (F6)."""
        options: dict[str, Option] = {}
        missing: list[str] = []
        inherits = getattr(definition.model, "inherited", {})
        for name, raw in definition.model.params.items():
            required, word = declared(raw)
            if name in given:
                option: Option | None = given[name]
            elif required:
                option = self.captured(name, caller, span)
                if option is None and not self.report.is_poisoned(name):
                    missing.append(name)
            else:
                inherited = name in inherits and self.captured(name, caller, span)
                option = inherited or self.default(name, raw, definition, scope)
            if option is None:
                continue
            place = option.span or definition.span("params", name, "default")
            scope.places[name] = place if caller is None else caller.origin(option, place, "")[0]
            if self.fits(name, option, word, definition, place, caller):
                options[name] = option
                scope.env[name] = self.shared.named(name, option.value)
        if missing:
            self.missing(missing, definition, caller, span)
        return options

    def captured(self, name: str, caller: Scope | None, span: Span) -> Option | None:
        """The caller's parameter of that name."""
        if caller is None or name not in (*caller.env, *caller.lets):
            return None
        try:
            return Option(caller.param(name), Param(0, len(name), name), span, origin="caller")
        except KeyError:  # its own diagnostic says why
            return None

    def missing(self, names: list[str], definition: Definition, caller: Scope | None, span: Span) -> None:
        """Report parameters that a call neither gives nor has in its scope."""
        near = [nearest(name, caller.env if caller is not None else (), cutoff=0.85) for name in names]
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

    def default(self, name: str, raw: Any, definition: Definition, scope: Scope) -> Option:
        """The default as written in the definition."""
        if isinstance(raw, dict) and "type" in raw:
            raw = raw.get("default")
        if isinstance(raw, str) and raw.rstrip("?") in TYPE_WORDS and raw.endswith("?"):
            raw = None
        try:
            option = scope.option(raw, definition.span("params", name, "default"))
        except ScopeError:
            self.report.poison(name)
            return Option(None, None, origin="default")
        tree = _literal(simplest(option.value))
        return Option(option.value, tree, option.span, is_default=option.tree is None, origin="default")

    def fits(
        self, name: str, option: Option, word: str | None, definition: Definition, span: Span, caller: Scope | None
    ) -> bool:
        """Whether a value is of its parameter's type; a mistake is reported."""
        if word is None:
            return True
        value = simplest(option.value)
        base = word.rstrip("?")
        wanted: Any = TYPE_WORDS[base]
        good = value is None if word.endswith("?") and value is None else isinstance(value, wanted)
        if base in ("int", "float") and isinstance(value, (bool, Dim)):
            good = isinstance(value, Dim)
        if good:
            return True
        help_ = (
            f"write `${value}`" if isinstance(value, str) and caller is not None and caller.is_param(value) else None
        )
        place, others = (span, []) if caller is None else caller.origin(option, span, "given here")
        others.append((definition.span("params", name, key=True), "declared here"))
        self.report.error(
            "bad-option", f"`{name}` of `{definition.name}` is {article(base)}", place,
            label=f"expected {article(base)}, found {in_words(value)}", others=others, help=help_,
        )  # fmt: skip
        self.report.poison(name)
        return False

    def inputs(
        self, definition: Definition, body: Body, scope: Scope, given: Mapping[str, Value | list[Value]], span: Span,
        at: Callable[[str], Span],
    ) -> bool:  # fmt: skip
        """Bind the inputs' dimensions, and give each input its value; whether what is given fits."""
        bindings = Bindings({}, params=_Env(scope))
        complete = True
        unread: set[str] = set()
        given = {name: value for name, value in given.items() if not _is_absent(value)}
        for name, declaration in definition.model.inputs.items():
            place = definition.span("inputs", name, "type")
            notation = self.notation(declaration.type, place, definition)
            if notation is None:
                unread.add(name)
                scope.values[name] = Value(None, self.call.full)
                continue
            complete &= self.bind_input(name, notation, given.get(name), bindings, scope, body, place, at(name))
        for name, declaration in definition.model.inputs.items():
            if complete and name not in unread:
                complete &= self.input_value(
                    name, declaration, given.get(name), bindings, scope, body, definition, span
                )
        scope.dims = dict(body.symbols)
        return complete

    def notation(self, text: str, place: Span, definition: Definition) -> Notation | None:
        """Parse a type; a mistake is reported."""
        try:
            notation = parse_type(text)
        except ExpressionError as error:
            head = text.split("[")[0].strip()
            close = nearest(head, KINDS) if head not in KINDS else None
            self.report.error(
                "bad-type", f"`{clip(text)}` is no type", place.within(error.start, error.end), label=str(error),
                help=f"did you mean `{close}`?" if close else None,
            )  # fmt: skip
            for word in re.findall(r"[A-Za-z_]\w*", text):  # nobody knows which of them are dimensions
                self.report.poison(word)
            return None
        for tree in notation.dims:
            for part in walk(tree):
                if isinstance(part, Name) and part.text in (*definition.model.params, *definition.model.let):
                    self.report.error(
                        *bare(part.text), place.within(part.start, part.end),
                        label="expected a dimension's name, found a parameter's", help=f"write `${part.text}`",
                    )  # fmt: skip
                    return None
        return notation

    def bind_input(
        self,
        name: str,
        notation: Notation,
        value: Any,
        bindings: Bindings,
        scope: Scope,
        body: Body,
        place: Span,
        span: Span,
    ) -> bool:
        """Bind the names in an input's type: to what is given, in the root to new free symbols; whether it fits."""
        fits = True
        for kind in _types(value):
            local = Bindings({}, params=bindings.params, dims=dict(bindings.dims))
            try:
                match(notation, kind, local)
            except MatchError as error:
                self.report.error(
                    "shape-mismatch", f"`{name}` of `{body.part}` does not fit", span,
                    label=f"expected {error.expected}, found {error.found}",
                    others=[*makers([value]), (place, "declared here")],
                )  # fmt: skip
                fits = False
                continue
            except (EvaluationError, KeyError) as error:
                self.blame_type(error, place, scope)
                fits = False
                continue
            self.unproven.extend((span, a, b) for a, b in local.unproven)
            for key, dim in local.dims.items():
                if key == "*" or key in bindings.dims:
                    bindings.dims.setdefault(key, dim)
                    continue
                assert isinstance(dim, Dim)
                self.new_symbol(Symbol(key, dim), bindings, scope, body)
        if value is None or self.is_promoted(value):
            for tree in notation.dims:
                for part in walk(tree):
                    if isinstance(part, Name) and part.text not in bindings.dims:
                        self.new_symbol(Symbol(part.text, None), bindings, scope, body)
        return fits

    def is_promoted(self, value: Any) -> bool:
        """Whether a value is an input that a task's part brought, its type not yet known."""
        return isinstance(value, InputValue) and value.type is None and self.promoted.get(value.name) is value

    def new_symbol(self, symbol: Symbol, bindings: Bindings, scope: Scope, body: Body) -> None:
        """Make a dimension known under its name."""
        if symbol.definition is not None or not self.building:  # free ones of two parts are not the same
            symbol = self.shared.symbol(symbol)
        body.symbols[symbol.name] = symbol
        bindings.dims[symbol.name] = Dim.of(symbol)
        scope.env.setdefault(symbol.name, Dim.of(symbol))

    def blame_type(self, error: Exception, place: Span, scope: Scope) -> None:
        """Report a type whose parameter is not known."""
        if isinstance(error, EvaluationError):
            scope.blame(error, place)
        else:
            word = str(error.args[0])
            text = "expected a dimension that an input before it has"
            self.report.error("unknown-name", f"nothing says how long `{word}` is", place, label=text)

    def input_value(
        self, name: str, declaration: schema.Input, value: Any, bindings: Bindings, scope: Scope, body: Body,
        definition: Definition, span: Span,
    ) -> bool:  # fmt: skip
        """Give one input its value inside the body: what was passed, or its default."""
        place = definition.span("inputs", name, "type")
        notation = parse_type(declaration.type)
        try:
            kind: AnyType = build_any(notation, bindings)
        except (KeyError, EvaluationError) as error:
            self.blame_type(error, place, scope)
            scope.values[name] = Value(None, self.call.full)
            return True
        if isinstance(kind, Type):
            self.check_extents(notation, kind, scope, place)
        if isinstance(kind, Type) and declaration.type.startswith("any") and _types(value):
            kind = Type(_types(value)[0].kind, kind.dims)
        if declaration.type == "any" and isinstance(value, Value) and value.type is not None:
            kind = value.type
        if isinstance(value, list):
            kind = ListType(tuple(_flat_types(value) if declaration.type == "any" else [kind for _ in value]))
            present = 0
            for one in value:
                present |= one.present
            scope.values[name] = body.inputs[name] = InputValue(kind, present, name)
            return True
        if value is None and (not definition.is_root or name in definition.dropped):
            return self.left_out(name, declaration, kind, scope, body, definition, span)
        if value is None:
            given = self.call.given(name) if name in self.call.atoms else self.call.full
            own: Value = InputValue(kind, given, name)
        else:
            assert isinstance(value, Value)
            promoted = self.is_promoted(value)
            own = InputValue(kind if promoted or value.type is not None else None, value.present, name)
            if promoted:
                value.type = lifted(kind, body)
        body.inputs[name] = own
        scope.values[name] = own
        if isinstance(own.type, RecordType):
            for field_name, inner in zip(own.type.names, own.type.items, strict=True):
                scope.values[f"{name}.{field_name}"] = Apply(inner, own.present, "field", (own,), (field_name,))
        if own.present != self.call.full and declaration.default is not None:
            body.defaults[name] = declaration.default
            self.simple_default(name, declaration, own, scope, place)
        return True

    def check_extents(self, notation: Notation, kind: Type, scope: Scope, place: Span) -> None:
        """Report parameters that are the extent of an axis and negative."""
        if len(notation.dims) != len(kind.dims):
            return
        for tree, dim in zip(notation.dims, kind.dims, strict=True):
            if isinstance(tree, Param) and dim.known is not None and dim.known < 0:
                self.report.error(
                    "bad-option", f"`{tree.text}` is the extent of an axis", scope.places.get(tree.text, place),
                    label=f"expected 0 or more, found {dim.known}",
                    others=[(place.within(tree.start, tree.end), "this axis")],
                )  # fmt: skip

    def left_out(
        self,
        name: str,
        declaration: schema.Input,
        kind: AnyType,
        scope: Scope,
        body: Body,
        definition: Definition,
        span: Span,
    ) -> bool:
        """An input that the call does not give: its default, absent, or a mistake."""
        if declaration.default is None and not declaration.optional and name not in definition.dropped:
            self.report.error(
                "missing-input", f"`{definition.name}` needs the input `{name}`", span, label=f"expected `{name}` here",
                others=[
                    (definition.span("inputs", name, key=True), "declared here, neither optional nor with a default")
                ],
            )  # fmt: skip
            return False
        absent = InputValue(kind, 0, name)
        scope.values[name] = absent
        if declaration.default is not None:
            body.defaults[name] = declaration.default
            self.simple_default(name, declaration, absent, scope, definition.span("inputs", name, "default"))
        return True

    def simple_default(self, name: str, declaration: schema.Input, own: Value, scope: Scope, place: Span) -> None:
        """Defaults that are no node: a literal, ``zeros``, ``ones``, ``range``. A node's waits for its turn."""
        raw = declaration.default
        assert own.type is not None or own.present
        if isinstance(raw, str) and raw in ("zeros", "ones", "range"):
            made: Value = Apply(own.type, self.call.full, raw, ())
        elif isinstance(raw, (bool, int, float)):
            kind = "bool" if isinstance(raw, bool) else "float" if isinstance(raw, float) else "int"
            made = Constant(Type(kind, ()), self.call.full, raw, _literal(raw))
        else:
            return
        scope.values[name] = first_of([own, made]) if own.present else made

    def node_default(self, name: str, raw: str, definition: Definition, scope: Scope) -> None:
        """A default that is an edge expression, read once what it names is built."""
        span = definition.span("inputs", name, "default")
        own = scope.values[name]
        if isinstance(own, InputValue):
            made = self.edge(raw, span, scope)
            if made is not None:
                scope.values[name] = first_of([own, made]) if own.present else made

    def edge(self, raw: Any, span: Span, scope: Scope) -> Value | None:
        """The value of an edge expression; a mistake is reported and None returned."""
        raw = schema.as_text(raw)
        if not isinstance(raw, str):
            label = f"expected an edge such as `x + attention`, found {in_words(raw)}"
            self.report.error("wrong-type", "an edge is a name or an expression", span, label=label)
            return None
        try:
            return read_edge(parse(raw), scope)
        except ExpressionError as error:
            unreadable(self.report, raw, error, span)
        except EdgeError as error:
            place = span.within(error.tree.start, error.tree.end)
            others = makers(error.values)
            if error.code == "never-present":
                error.label, others = self.apart(error.values), []
            self.report.error(error.code, str(error), place, label=error.label, others=others, help=error.help)
        except EvaluationError as error:
            scope.blame(error, span)
        except DimError as error:
            self.report.error("bad-expression", str(error), span)
        return None

    def apart(self, values: Iterable[Value | list[Value]]) -> str:
        """What is there when, of values that are never there together."""
        parts = [one for value in values for one in (value if isinstance(value, list) else [value])]
        words = dict.fromkeys(presence_text(part.present, self.call) for part in parts)
        found = " and ".join(f"one when `{word}`" for word in words if word)
        return f"expected values that one call gives, found {found or 'none that does'}"

    def outputs(self, definition: Definition, body: Body, scope: Scope) -> None:
        """Read the outputs of a part; those of a root are richer and read elsewhere."""
        if isinstance(definition.model, schema.Spec):
            if not definition.is_root:
                from .outputs import read_outputs

                found = read_outputs(self, definition, scope, body)
                body.outputs.update({name: value for name, value in found.items() if isinstance(value, Value)})
            return
        for name, raw in definition.model.outputs.items():
            span = definition.span("outputs", name)
            value = self.edge(raw, span, scope)
            body.outputs[name] = value if value is not None else Value(None, self.call.full)


def _literal(raw: Any) -> Expr:
    return Literal(0, 0, raw)


def _is_absent(value: Value | list[Value]) -> bool:
    """Whether a value is there under no combination, which is as if it were not given."""
    return isinstance(value, Value) and not value.present


def _types(value: Any) -> list[Type]:
    values = value if isinstance(value, list) else [value]
    return [one.type for one in values if isinstance(one, Value) and isinstance(one.type, Type)]


def _flat_types(values: list[Value]) -> Iterable[Type]:
    """The types of values, those of a list one by one."""
    for one in values:
        kinds = one.type.items if isinstance(one.type, ListType) else (one.type,)
        yield from (kind for kind in kinds if isinstance(kind, Type))


class _Env(Mapping[str, Any]):
    """A scope's parameters as a mapping."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __getitem__(self, name: str) -> Any:
        return self.scope.param(name)

    def __contains__(self, name: object) -> bool:
        try:
            self.scope.param(str(name))
        except KeyError:
            return False
        return True

    def __iter__(self) -> Any:
        return iter(self.scope.known_params())

    def __len__(self) -> int:
        return len(self.scope.known_params())
