"""The inputs of a body: the names in their types bound to what a call gives, and each input's value inside the body."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from ...blocks.notation.dims import Dim, Symbol
from ...blocks.notation.expressions import ExpressionError, Literal, Name, Param, walk
from ...blocks.notation.types import (
    KINDS, AnyType, Bindings, ListType, MatchError, Notation, RecordType, Type, build_any, match, parse_type,
)  # fmt: skip
from ...blocks.notation.unparse import to_text
from ...blocks.notation.values import EvaluationError
from ..diagnosing.diagnostics import clip, did_you_mean
from ..diagnosing.report import Reported
from ..graph import Apply, Body, Constant, InputValue, Value, flat
from ..reading import schema
from ..reading.span import Span
from .definitions import Definition
from .origins import in_words, makers
from .parts import lifted
from .scope import Scope, bare
from .values import any_of, number, types_in

if TYPE_CHECKING:
    from .bodies import Builder

_Word = TypeVar("_Word", Name, Param)


class InputReader:
    """Reads the inputs of one body that is called with `given` values.

    Attributes:
        at: gives the place where each input is given, or would be.
        unwritten: gives the help where one does not fit that is not written.
        told: axes that every call gives, by the names that they have here.
    """

    def __init__(
        self, builder: Builder, definition: Definition, body: Body, scope: Scope,
        given: Mapping[str, Value | list[Value]], at: Callable[[str], Span],
        unwritten: Callable[[], str | None],
    ) -> None:  # fmt: skip
        self.builder = builder
        self.report = builder.report
        self.call = builder.call
        self.definition = definition
        self.body = body
        self.scope = scope
        # what is there under no combination is as if it were not given
        self.given = {name: value for name, value in given.items() if isinstance(value, list) or value.present}
        self.at = at
        self.unwritten = unwritten
        self.bindings = Bindings({}, params=scope.param)
        self.told: set[str] = set()

    def read(self) -> None:
        """Bind the inputs' dimensions, and give each input its value.

        Raises:
            Reported: what is given does not fit.
        """
        notations: dict[str, Notation] = {}
        for name, declaration in self.definition.model.inputs.items():
            notation = self.notation(declaration.type, self.place(name))
            if notation is None:
                self.scope.values[name] = Value(None, self.call.full)
            else:
                notations[name] = notation
        # What is given says what extents are; what is not has those, and new ones for what nothing says.
        in_turn = sorted(notations, key=lambda name: self.read_as(name) is None)
        misfits = [name for name in in_turn if not self.bind(name, notations[name])]
        self.check_axes(notations)
        required = [notation for name, notation in notations.items() if not self.definition.model.inputs[name].optional]
        self.told = {axis.text for notation in required for axis in notation.dims if isinstance(axis, Name)}
        if misfits:
            raise Reported
        for name, notation in notations.items():
            self.value(name, notation)

    def place(self, name: str) -> Span:
        """Where the type of an input is written."""
        return self.definition.span("inputs", name, "type")

    # Types

    def notation(self, text: str, place: Span) -> Notation | None:
        """Parse a type; a mistake is reported."""
        try:
            notation = parse_type(text)
        except ExpressionError as error:
            head = text.split("[")[0].strip()
            self.report.error(
                "bad-type", f"`{clip(text)}` is no type", place.within(error.start, error.end), label=str(error),
                help=did_you_mean(head, KINDS) if head not in KINDS else None,
            )  # fmt: skip
            for word in re.findall(r"[A-Za-z_]\w*", text):  # nobody knows which of them are dimensions
                self.report.poison(word)
            return None
        model = self.definition.model
        for part in _words(notation, Name):
            if part.text in model.params or part.text in model.let:
                self.report.error(
                    *bare(part.text), place.within(part.start, part.end),
                    label="expected a dimension's name, found a parameter's", help=f"write `${part.text}`",
                )  # fmt: skip
                return None
        return notation

    def bind(self, name: str, notation: Notation) -> bool:
        """Bind the names in an input's type: to what is given, in the root to new free symbols; whether it fits."""
        value, place, span = self.read_as(name), self.place(name), self.at(name)
        fits = notation.text == "any" or self.check_single(name, value, notation)
        for kind in _types(value):
            local = Bindings({}, params=self.bindings.params, dims=dict(self.bindings.dims))
            try:
                match(notation, kind, local)
            except MatchError as error:
                if name not in self.given:  # what stands in is compared where it does
                    value = None
                    continue
                self.report.error(
                    "shape-mismatch", f"`{name}` of `{self.body.part}` does not fit", span,
                    label=f"expected {error.expected}, found {error.found}",
                    others=[*makers([value]), (place, "declared here")], help=self.unwritten(),
                )  # fmt: skip
                fits = False
                continue
            except EvaluationError as error:
                self.scope.blame(error, place)
                fits = False
                continue
            own = self.body.symbols.values()  # told as the caller has them
            self.builder.unproven.extend((span, a.lift(own), b.lift(own)) for a, b in local.unproven)
            for key, dim in local.dims.items():
                if key == "*" or key in self.bindings.dims:
                    self.bindings.dims.setdefault(key, dim)
                    continue
                assert isinstance(dim, Dim)
                self.new_symbol(key, dim)
        if value is None or self.builder.is_promoted(value):
            for part in _words(notation, Name):
                if part.text not in self.bindings.dims:
                    self.new_symbol(part.text, None)
        return fits

    def check_single(self, name: str, value: Value | list[Value] | None, notation: Notation) -> bool:
        """Report a list that is given where one value is read; whether there is none."""
        lists = [one.type for one in flat(value) if isinstance(one.type, ListType)]
        if lists:
            self.report.error(
                "list-value", f"`{name}` of `{self.body.part}` is one value", self.at(name),
                label=f"expected `{notation.text}`, found {lists[0]}", others=[(self.place(name), "declared here")],
                help=f"`each: {{{name}: ...}}` hands every round one of them",
            )  # fmt: skip
        return not lists

    def read_as(self, name: str) -> Value | list[Value] | None:
        """What is given to an input, or to the one that stands in for it."""
        default = self.definition.model.inputs[name].default
        return self.given.get(name, self.given.get(default) if isinstance(default, str) else None)

    def check_axes(self, notations: Mapping[str, Notation]) -> None:
        """Report a ``$`` before the name of an axis."""
        for name, notation in notations.items():
            for part in _words(notation, Param):
                if part.text in self.bindings.dims:
                    self.report.error(
                        "unknown-parameter", f"`{part.text}` is an axis and no parameter",
                        self.place(name).within(part.start, part.end),
                        label=f"expected a dimension's name, found `${part.text}`", help=f"write `{part.text}`",
                    )  # fmt: skip

    def new_symbol(self, name: str, definition: Dim | None) -> None:
        """Make a dimension known under its name; those of two parts that only a call knows are not the same."""
        symbol = Symbol(name, None) if definition is None else self.builder.symbol(name, definition)
        if self.definition.is_root and definition is None:
            self.call.extents.add(symbol)
        self.body.symbols[symbol.name] = symbol
        self.bindings.dims[symbol.name] = Dim.of(symbol)
        self.scope.env.setdefault(symbol.name, Dim.of(symbol))

    def check_extents(self, notation: Notation, kind: Type, place: Span) -> None:
        """Report extents that are negative."""
        if len(notation.dims) != len(kind.dims):
            return
        for tree, dim in zip(notation.dims, kind.dims, strict=True):
            if dim.known is not None and dim.known < 0:
                text = tree.text if isinstance(tree, Param) else to_text(tree)
                self.report.error(
                    "bad-option", f"`{text}` is the extent of an axis", self.scope.places.get(text, place),
                    label=f"expected 0 or more, found {dim.known}",
                    others=[(place.within(tree.start, tree.end), "this axis")],
                )  # fmt: skip

    # Values

    def value(self, name: str, notation: Notation) -> None:
        """Give one input its value inside the body: what was passed, or its default.

        Raises:
            Reported: it is not given, and the body needs it.
        """
        declaration, value, place = self.definition.model.inputs[name], self.given.get(name), self.place(name)
        values, found = self.scope.values, _types(value)
        try:
            kind: AnyType = build_any(notation, self.bindings)
        except EvaluationError as error:
            self.scope.blame(error, place)
            values[name] = Value(None, self.call.full)
            return
        if isinstance(kind, Type):
            self.check_extents(notation, kind, place)
            if declaration.type.startswith("any") and found:
                kind = Type(found[0].kind, kind.dims)
        if isinstance(value, list):
            items = [kind for _ in value]
            if declaration.type == "any":  # those of a list one by one
                items = [one for given in value for one in types_in(given.type) if isinstance(one, Type)]
            values[name] = self.body.inputs[name] = InputValue(ListType(tuple(items)), any_of(value), name)
            return
        if value is None and (not self.definition.is_root or name in self.definition.dropped):
            self.left_out(name, declaration, kind)
            return
        if value is None:
            own = InputValue(kind, self.call.given(name) if name in self.call.atoms else self.call.full, name)
        else:
            if declaration.type == "any" and value.type is not None:
                kind = value.type
            promoted = self.builder.is_promoted(value)
            own = InputValue(kind if promoted or value.type is not None else None, value.present, name)
            if promoted:
                value.type = lifted(kind, self.body)
        values[name] = self.body.inputs[name] = own
        if isinstance(own.type, RecordType):
            for field, inner in zip(own.type.names, own.type.items, strict=True):
                values[f"{name}.{field}"] = Apply(inner, own.present, "field", (own,), (field,))
        if own.present != self.call.full:
            self.default(name, declaration, own)

    def left_out(self, name: str, declaration: schema.Input, kind: AnyType) -> None:
        """An input that the call does not give: its default, absent, or a mistake."""
        if not declaration.optional and name not in self.definition.dropped:
            said = "declared here, neither optional nor with a default"
            self.report.fail(
                "missing-input", f"`{self.definition.name}` needs the input `{name}`", self.at(name),
                label=f"expected `{name}` here", others=[(self.definition.span("inputs", name, key=True), said)],
            )  # fmt: skip
        absent = self.scope.values[name] = InputValue(kind, 0, name)
        self.default(name, declaration, absent)

    def default(self, name: str, declaration: schema.Input, own: Value) -> None:
        """What stands in for an input: a literal, ``zeros``, ``ones``, ``range``. A node's waits for its turn."""
        raw = declaration.default
        if raw is None:
            return
        self.body.defaults[name] = raw
        place = self.definition.span("inputs", name, "default")
        if isinstance(raw, str) and raw in schema.STANDING_IN:
            made: Value = Apply(own.type, self.call.full, raw, ())
        elif isinstance(raw, (bool, int, float)):
            made = self.filled(own.type, number(raw, Literal(0, 0, raw), self.call.full))
        else:
            if not isinstance(raw, str):
                label = f"expected a number, a word or an edge, found {in_words(raw)}"
                self.report.error("wrong-type", "a default is one value", place, label=label)
            return
        self.scope.values[name] = self.builder.first_of([own, made], place) if own.present else made

    def filled(self, kind: AnyType | None, told: Constant) -> Value:
        """A number for every element of a type; alone where nothing says in every call how long an axis of it is."""
        assert isinstance(told.type, Type)
        if not isinstance(kind, Type) or not kind.dims:
            return told
        symbols = {symbol for dim in kind.dims for symbol in dim.symbols()}
        if any(symbol.definition is None and symbol.name not in self.told for symbol in symbols):
            return told
        is_whole = (kind.kind, told.type.kind) == ("float", "int")
        made = Type("float" if is_whole else told.type.kind, kind.dims)
        alike = Apply(made, told.present, "ones" if told.value else "zeros", ())
        return alike if told.value in (0, 1) else Apply(made, told.present, "*", (alike, told))


def _words(notation: Notation, kind: type[_Word]) -> Iterator[_Word]:
    """The words of a kind in a type: bare names, which are its dimensions, or parameters."""
    return (part for tree in notation.dims for part in walk(tree) if isinstance(part, kind))


def _types(value: Value | list[Value] | None) -> list[Type]:
    """The types of what is given to an input."""
    return [one.type for one in flat(value) if isinstance(one.type, Type)]
