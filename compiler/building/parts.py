"""Calls of parts and mounted specs: once, once a round (`repeat`) or an element (`each`) (language F1, F6, F9)."""

from __future__ import annotations

import re
from collections.abc import Hashable, Mapping
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, NoReturn

from ...blocks.notation.dims import Dim, Symbol
from ...blocks.notation.types import AnyType, ListType, Type
from ...blocks.notation.values import simplest
from ..diagnosing.report import Reported
from ..graph import Body, Node, Option, OutputValue, Rounds, Value, flat
from ..reading import schema
from ..reading.document import library
from ..reading.span import Span
from .definitions import Definition, part_definition
from .node_calls import Given, NodeCall
from .origins import in_words, listed
from .compose import Composed, compose
from .outputs import prune
from .parameters import mount_scope
from .scope import Scope
from .values import element, gathered, history, in_rounds, together

if TYPE_CHECKING:
    from .bodies import Builder

MAX_ROUNDS = 1000
MAX_NESTED = 24


class PartCall(NodeCall):
    """One node that calls a part or a mount, with its rounds."""

    known: dict[Hashable, Body]

    def build(self) -> None:
        """Build the node, its name and ports known to the scope.

        Raises:
            Reported: it cannot be built.
        """
        self.known = {}
        self.scope.called.add(self.name)
        try:
            definition = self.definition()
        except Reported:
            self.read_all()
            raise
        inputs = definition.model.inputs
        self.ports = {name: port for name, port in inputs.items() if name not in definition.dropped}
        promoted = self.promoted()
        self.varying: dict[str, Value] = {}
        given, each, length = self.given()
        if self.varying:
            given = {port: value for port, value in given.items() if port not in self.varying}
            each, length = {**each, **self.varying}, length if each else self.count[1]
        given.update({port: value for port, value in promoted.items() if port in self.ports and port not in given})
        if self.original.repeat is not None:
            given.update({port: Value(None, 0) for port in self.from_round_before(definition, {**given, **each})})
        all_given = {**given, **each}
        present = self.presence(all_given)
        self.check_known(all_given)
        if not present:  # what requires an input that is never there is not built, and owns no weights
            self.scope.values[self.name] = Value(None, 0)
            return
        node = Node(self.name, self.span(key=True), present, inputs=dict(all_given), reuse=self.target)
        node.each = frozenset(each)
        node.ties = self.ties()
        self.rounds(node, definition, given, each, length)
        self.nodes.body.nodes[self.name] = node
        if node.rounds:
            self.finish(node, given)
        else:
            self.pass_through(definition, given)

    def promoted(self) -> Mapping[str, Value]:
        """What a part of a task is given that nothing wires: inputs that the model, or its mount, has for its sake."""
        home = self.nodes.definition
        if not isinstance(home, Composed) or self.name not in home.own:
            return {}
        return self.builder.promoted if home.is_root else {port: self.scope.values[port] for port in home.brought}

    def read_port(self, raw: Any, port: str, *path: str) -> Value | list[Value] | None:
        """What stands at a port: of an edge that reads the index of the rounds, what it is in each."""
        repeat = self.original.repeat
        if repeat is None or not re.search(rf"\${repeat.index}\b", str(raw)):
            return super().read_port(raw, port, *path)
        values: list[Value] = []
        for number in range(self.count[1]):
            with self.scope.in_round(repeat.index, number):
                value = super().read_port(raw, port, *path)
            if value is None:
                return None
            one, *more = flat(value)
            if more or isinstance(one.type, ListType):
                self.report.fail(
                    "list-value", f"what `{port}` is in a round may not be several values", self.span(*path),
                    label=f"expected one value, or an edge without `${repeat.index}`",
                    help=f"give the part its number (`number: ${repeat.index}`), and let it choose",
                )  # fmt: skip
            values.append(one)
        self.varying[port] = in_rounds(values)
        return self.varying[port]

    def check_known(self, given: Given) -> None:
        """See to it that every value has a type; what a task brings gets its type here.

        Raises:
            Reported: one has none, because of a mistake that is reported.
        """
        values = [one for value in given.values() for one in flat(value)]
        if any(one.type is None and one.present and not self.builder.is_promoted(one) for one in values):
            raise Reported

    def definition(self) -> Definition:
        """The part or mounted spec that is called.

        Raises:
            Reported: there is none.
        """
        home = self.nodes.definition
        if self.original.mount is not None:
            mounts = home.model.mounts if isinstance(home.model, schema.Spec) else {}
            if self.original.mount not in mounts:
                help_ = self.report.suggest(self.original.mount, mounts)
                known = f"one of {listed(mounts)}" if mounts else "a name under `mounts:`, of which there are none"
                self.report.fail("unknown-mount", f"nothing is mounted as `{self.original.mount}`", self.span("mount"),
                                 label=f"expected {known}", help=help_)  # fmt: skip
            for key in self.original.options:
                self.nodes.unknown_option(self.origin, key, [], "a mount")
            if self.original.options:
                raise Reported
            return mounted(self.builder, home, self.original.mount, self.scope)
        at = partial(self.nodes.span, "graph", self.origin, "part")
        raw = self.scope.option(self.original.part, at).value
        self.check_name("part", raw)
        known = self.builder.parts.get((home.document.path, raw))
        if known is None:
            with self.report.taking():
                known = part_definition(home.document, raw, at())
            self.builder.parts[home.document.path, raw] = known
        return known

    # Rounds

    @cached_property
    def count(self) -> tuple[Option, int]:
        """How often `repeat` calls the part, as an option and as a number.

        Raises:
            Reported: it is no number that can be.
        """
        repeat = self.original.repeat
        assert repeat is not None
        at = partial(self.span, "repeat", repeat.index)
        option = self.scope.option(repeat.count, at)
        return option, self.counted(option, at())

    def counted(self, option: Option, place: Span) -> int:
        """The number of rounds that an option, written at `place`, says."""
        count = simplest(option.value)
        if isinstance(count, bool) or not isinstance(count, int) or not 0 <= count <= MAX_ROUNDS:
            origin, others = self.scope.origin(option, place, "the count is this")
            is_param = isinstance(count, str) and self.scope.is_param(count)
            self.report.fail(
                "bad-count", "a part is repeated a whole number of times", origin, others=others,
                label=f"expected 0 to {MAX_ROUNDS}, found {in_words(count)}",
                help=f"write `${count}`" if is_param else None,
            )  # fmt: skip
        return count

    def rounds(self, node: Node, definition: Definition, given: Given, each: Mapping[str, Value], length: int) -> None:
        """Build the body, or one for every round where rounds differ."""
        repeat = self.original.repeat
        if repeat is None and not each:
            node.rounds = [self.round(definition, given)]
            return
        if repeat is not None:
            node.index, (node.count, count) = repeat.index, self.count
            node.layer_drop = self.layer_drop()
        else:
            node.index, node.count = "i", Option(length, None)
            if length == 0:
                self.report.fail("list-value", "`each` maps a part over a list", self.span("each"),
                                 label="expected a list of one value or more, found none")  # fmt: skip
            count = self.counted(node.count, self.span("each"))
        if any(value.type is not None for value in each.values()) and count > length:
            label = f"expected {count} values, one for each round, found {length}"
            self.report.fail("list-value", "`each` needs a value for every round", self.span("each"), label=label)
        self.all_rounds(node, definition, given, each, count)
        node.shared = self.sharing(node)

    def sharing(self, node: Node) -> tuple[int, ...]:
        """The first round with the same value of ``share:``, for each round, if any two have one; they are one body."""
        if self.original.share is None:
            return ()
        at = partial(self.nodes.span, "graph", self.origin, "share")
        owners: dict[str, int] = {}
        found: list[int] = []
        for number, body in enumerate(node.rounds):
            with self.scope.in_round(str(node.index), number):
                value = simplest(self.scope.option(self.original.share, at).value)
            found.append(owners.setdefault(repr(value), number))
            if body is not node.rounds[found[-1]]:
                self.report.error(
                    "tie-mismatch", f"rounds {found[-1]} and {number} of `{self.name}` cannot be one", at(),
                    label="expected rounds with the same options and the same types of inputs",
                )  # fmt: skip
                break
        return tuple(found) if len(owners) < len(found) else ()

    def layer_drop(self) -> Option | None:
        """How often a round is skipped in training; None where none is."""
        if self.original.layer_drop is None:
            return None
        at = partial(self.nodes.span, "graph", self.origin, "layer_drop")
        option = self.scope.option(self.original.layer_drop, at)
        rate = simplest(option.value)
        if not isinstance(rate, (int, float)) or not 0 <= rate <= 1:
            place, others = self.scope.origin(option, at(), "rounds are skipped this often")
            self.report.fail("bad-option", "`layer_drop` is how often a round is skipped", place, others=others,
                             label=f"expected a number from 0 to 1, found {in_words(rate)}")  # fmt: skip
        return option if rate else None

    def all_rounds(
        self, node: Node, definition: Definition, given: Given, each: Mapping[str, Value], count: int
    ) -> None:
        current: Given = dict(given)
        for number in range(count):
            elements = {port: element(value, number) for port, value in each.items()}
            with self.scope.in_round(str(node.index), number):
                body = self.round(definition, {**current, **elements})
            node.rounds.append(body)
            after = self.carried(body, current)
            self.check_known({name: value for name, value in after.items() if value is not current.get(name)})
            current = after

    def round(self, definition: Definition, given: Given) -> Body:
        """The body of one round."""
        caller = self.scope
        me = (definition.document.path, definition.base)
        if me in self.builder.building or len(self.builder.building) >= MAX_NESTED:
            self.nested(definition, me in self.builder.building)
        self.builder.building.append(me)
        self.report.calls.append(self.span(key=True))
        try:
            inner = self.builder.scope(definition)
            if isinstance(definition, Composed):
                options = mount_scope(self.builder, definition, inner, caller)
            else:
                inner.outer = caller
                options = self.options(definition, inner, caller)
            key = _sameness(options, given)
            if key in self.known:  # rounds whose options read the index, and come out alike
                return self.known[key]
            body = self.builder.body(
                definition, options=options, given=given, scope=inner, at=self.port_span, unwritten=self.unwritten
            )
            body.symbols = {**param_symbols(inner), **body.symbols}
            if isinstance(definition, Composed):
                body.is_spec = True
                prune(definition, body, body.outputs)
            self.known[key] = body
            return body
        finally:
            self.builder.building.pop()
            self.report.calls.pop()

    def nested(self, definition: Definition, is_recursive: bool) -> NoReturn:
        """Report parts inside parts without an end, or without a sensible one."""
        word = "mount" if self.original.mount is not None else "part"
        place = self.nodes.span("graph", self.origin, word)
        if is_recursive:
            text = "expected a part that does not lead back here"
            self.report.fail("recursive-part", f"`{definition.name}` uses itself", place, label=text)
        self.report.fail("too-deep", "parts are nested too deep", place, label=f"expected at most {MAX_NESTED} levels")

    def options(self, definition: Definition, inner: Scope, caller: Scope) -> dict[str, Option]:
        """The parameters of the part.

        Raises:
            Reported: one of them has no value.
        """
        given: dict[str, Option] = {}
        good = True
        known = definition.model.params
        required = [name for name, raw in known.items() if raw.is_required and name not in self.original.options]
        uncaught = [name for name in required if not caller.is_param(name)]
        if any(key not in known for key in self.original.options):
            left = self.misnamed(f"`{definition.name}`", known, uncaught)
            for name in uncaught:
                if name not in left:
                    self.report.poison(name)
            good = False
        for key, raw in self.original.options.items():
            if key not in known and raw == f"${key}":  # by `pass`: one mistake, not two
                continue
            at = partial(self.nodes.span, "graph", self.origin, key)
            try:
                option = caller.option(raw, at)
                given[key] = Option(option.value, option.tree, at())
            except Reported:
                self.report.poison(key)
                good = False
        options = self.builder.parameters(definition, inner, given, caller, self.span(key=True))
        if not good or len(options) < len(known):
            raise Reported
        return options

    def from_round_before(self, definition: Definition, given: Given) -> list[str]:
        """The optional inputs that only rounds give, which the first has not."""
        made = list(definition.model.outputs) or ["x"]
        return [port for port in made if port in self.ports and self.ports[port].optional and port not in given]

    def carried(self, body: Body, current: Given) -> Given:
        """The next round's inputs: outputs that bear an input's name replace it (F1)."""
        after = dict(current)
        for name, value in body.outputs.items():
            if name in current or name in body.inputs:
                after[name] = Value(lifted(value.type, body), value.present)
        return after

    # What the node gives

    def pass_through(self, definition: Definition, given: Given) -> None:
        """Name what a repeat of no rounds gives: its inputs, alone in their histories; what it gathers is absent."""
        ports = list(definition.model.outputs) or ["x"]
        inputs = {port: one for port in ports if isinstance(one := given.get(port), Value)}
        values = {port: inputs.get(port, Value(None, 0)) for port in ports}
        self.scope.values.update({f"{self.name}.{port}": one for port, one in values.items()})
        self.scope.values[self.name] = values[ports[0]]
        self.scope.carried[self.name] = {port: gathered([one], self.full) for port, one in inputs.items()}

    def finish(self, node: Node, given: Given) -> None:
        """Name the outputs: the last value of what is carried, the list of all for what is gathered."""
        values = self.scope.values
        last = node.rounds[-1]
        ports = list(last.outputs)
        carried = [port for port in ports if node.is_repeat and port in given]
        for port in ports:
            is_carried = not node.is_repeat or port in carried
            giving = [body for body in node.bodies if is_carried or body.outputs[port].present] or node.bodies
            seen = {body: lifted(body.outputs[port].type, body) for body in giving}
            kinds = [seen[body] for body in node.rounds if body in seen]
            present = together((body.outputs[port] for body in giving), node.present)
            node.output_presence[port] = present
            if is_carried:
                node.outputs[port] = kinds[-1]
                values[f"{self.name}.{port}"] = OutputValue(kinds[-1], present, node, port)
            if not node.is_repeat:
                continue
            first = given.get(port) if port in carried else None
            initial = first if isinstance(first, Value) and first.present else None
            items = ([] if initial is None else [initial.type]) + kinds
            known = [kind for kind in items if kind is not None]
            kind = ListType(tuple(known)) if len(known) == len(items) else None
            made = Rounds(kind, present, node, port, initial)
            if port in carried:
                self.scope.carried.setdefault(self.name, {})[port] = history(made, self.full)
            else:
                node.outputs[port] = kind
                values[f"{self.name}.{port}"] = made
        if ports:
            values[self.name] = values[f"{self.name}.{ports[0]}"]
        else:
            values[self.name] = Value(None, node.present)


def lifted(kind: AnyType | None, body: Body) -> AnyType | None:
    """A type as the caller sees it: without the body's own names."""
    if kind is None:
        return None
    own = set(body.symbols.values())
    if isinstance(kind, ListType):
        items = [lifted(item, body) for item in kind.items]
        return ListType(tuple(item for item in items if item is not None))
    return Type(kind.kind, tuple(dim.lift(own) for dim in kind.dims))


def mounted(builder: Builder, home: Definition, name: str, scope: Scope) -> Composed:
    """The definition of a mounted spec.

    Raises:
        Reported: there is none.
    """
    assert isinstance(home.model, schema.Spec)
    mount = home.model.mounts[name]
    at = partial(home.span, "mounts", name, "spec")
    raw = scope.option(mount.spec, at).value
    with builder.report.taking():
        document = library().spec(str(raw), near=home.document.folder, at=at())
        definition = compose(document, mount.task, at=home.span("mounts", name, "task"))
    definition.is_root = False
    definition.name = name
    brought = {port: schema.Input(type="any", optional=True) for port in definition.unwired()}
    spec = definition.spec
    definition.model = spec.model_copy(update={"inputs": {**spec.inputs, **brought}})
    definition.brought = tuple(brought)
    return definition


def _sameness(options: Mapping[str, Option], given: Given) -> Hashable:
    """What two rounds share if their bodies are one: the options' values, and the inputs' types and presence."""
    values = tuple((name, repr(simplest(option.value))) for name, option in options.items())
    types = tuple((port, *((one.present, _type_key(one.type)) for one in flat(value))) for port, value in given.items())
    return values, types


def _type_key(kind: AnyType | None) -> Hashable:
    if isinstance(kind, Type):
        return kind.kind, tuple(dim.expanded() for dim in kind.dims)
    return tuple(map(_type_key, kind.items)) if isinstance(kind, ListType) else None


def param_symbols(scope: Scope) -> dict[str, Symbol]:
    """The parameters of a scope that are whole numbers, as the symbols that dimensions are written in."""
    found: dict[str, Symbol] = {}
    for name, value in scope.env.items():
        if isinstance(value, Dim):
            symbols = value.symbols()
            if len(symbols) == 1 and next(iter(symbols)).name == name:
                found[name] = next(iter(symbols))
    return found
