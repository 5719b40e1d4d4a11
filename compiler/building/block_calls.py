"""Calls of blocks: the block, its options and whether it takes them, the shapes that it gives."""

from __future__ import annotations

import re
from functools import partial
from itertools import groupby
from typing import Any

from pydantic import ValidationError

from ...blocks.base import Block, PortError, all_blocks
from ...blocks.notation.dims import Dim
from ...blocks.notation.expressions import walk
from ...blocks.notation.types import AnyType
from ...blocks.notation.values import simplest
from ..diagnosing.diagnostics import SpecError, clip
from ..diagnosing.report import Reported
from ..graph import Node, Option, OutputValue, Value
from .definitions import part_definition
from .node_calls import Given, NodeCall
from .origins import in_words, listed, makers, not_computed, quoted
from .values import element, gathered, types_in

OPTION_WORDS = {
    "bool_type": "true or false", "float_type": "a number", "int_type": "a whole number",
    "greater_than_equal": "a number from 0 to 1", "less_than_equal": "a number from 0 to 1",
    "greater_than": "a number above 0",
    "string_type": "a text", "list_type": "a list", "dict_type": "a mapping", "none_required": "null",
}  # fmt: skip


class BlockCall(NodeCall):
    """One node that calls a block, or a block without weights of its own for each element of a list."""

    instance: Block
    options: dict[str, Option]

    def build(self) -> None:
        """Build the node, or one an element, its name and ports known to the scope.

        Raises:
            Reported: it cannot be built.
        """
        if self.target is not None and self.target.contract is not None:
            self.instance, self.options = self.target.contract, self.target.options
        else:
            try:
                self.instance, self.options = self.contract()
            except Reported:
                self.read_all()
                raise
        self.ports = self.instance.ports()
        given, each, length = self.given()
        if self.declaration.each is None:
            node = self.node(self.name, given)
            node.ties = self.ties()
        else:
            self.mapped(given, each, length)

    def mapped(self, given: Given, each: dict[str, Value], length: int) -> None:
        """One node an element of the lists."""
        values = self.scope.values
        if self.instance.weights and self.target is None:
            self.report.fail(
                "each-needs-part", f"`{self.instance.name()}` has weights, which `each` cannot name",
                self.span("each", key=True), label="expected a part, whose weights have a name in each round",
            )  # fmt: skip
        if any(not value.present and not self.ports[port].optional for port, value in each.items()):
            values[self.name] = Value(None, 0)
            return
        names = [f"{self.name}_{number}" for number in range(length)]
        for number, name in enumerate(names):
            self.node(name, {**given, **{port: element(value, number) for port, value in each.items()}})
        values[self.name] = gathered([values[name] for name in names], self.full)

    def node(self, name: str, given: Given) -> Node:
        """A call of the block over `given`: types, presence, and the node.

        Raises:
            Reported: something that it requires is missing, or never there.
        """
        self.check_wired(given)
        node = Node(name, self.span(key=True), self.presence(given), self.instance, dict(given), options=self.options)
        node.reuse = self.target
        if node.present:
            self.nodes.body.nodes[name] = node
        kinds = {port: _kinds(value) for port, value in given.items() if isinstance(value, list) or value.present}
        if node.present and None not in kinds.values():
            self.infer(node, kinds)
            if type(self.instance).infer is not Block.infer:  # what a list adds up to
                lists = [one for value in given.values() if isinstance(value, list) for one in value]
                self.builder.call.uneven |= any(node.present & ~one.present for one in lists if one.present)
        values, ports = self.scope.values, [port.rstrip("?") for port in self.instance.outputs]
        for port in ports:
            values[f"{name}.{port}"] = OutputValue(node.outputs.get(port), node.present, node, port)
        values[name] = values[f"{name}.{ports[0]}"]
        self.scope.called.add(name)
        return node

    def check_wired(self, given: Given) -> None:
        """Report required ports without a value.

        Raises:
            Reported: there are some.
        """
        missing = [name for name, port in self.ports.items() if not port.optional and name not in given]
        if missing:
            noun = "inputs" if len(missing) > 1 else "input"
            self.report.fail("missing-input", f"`{self.instance.name()}` needs the {noun} {quoted(missing)}",
                             self.port_span(), label=f"expected {quoted(missing)} here")  # fmt: skip

    def infer(self, node: Node, kinds: dict[str, Any]) -> None:
        """Give the node the types of its outputs."""
        name = self.instance.name()
        try:
            node.bindings = self.instance.bind(kinds)
            node.outputs = dict(self.instance.infer(kinds, node.bindings))
        except PortError as error:
            self.report.error(
                "shape-mismatch", f"`{error.port}` of `{name}` does not fit", self.port_span(error.port),
                label=f"expected {error.expected}, found {error.found}",
                others=makers([node.inputs.get(error.port)]), help=self.unwritten(),
            )  # fmt: skip
        except (KeyError, ValueError) as error:
            place = self.span(key=True)
            self.report.error("bad-option", f"`{name}` has no shape for these options", place, label=str(error))
        else:
            self.builder.unproven.extend((node.span, a, b) for a, b in node.bindings.unproven)
            if self.divides(node):
                self.static_weights(node)

    # Options

    def contract(self) -> tuple[Block, dict[str, Option]]:
        """The instance of the block that the options make, and these.

        Raises:
            Reported: there is no such block, or the options do not fit it.
        """
        cls = self.block()
        written = self.declaration.options
        options: dict[str, Option] = {}
        known = written if cls.model_config.get("extra") == "allow" else cls.model_fields
        good = all(key in known for key in written)
        for key, raw in written.items():
            if key not in known:
                continue
            if isinstance(raw, (bool, int, float)) or raw is None:
                options[key] = Option(raw, None)
                continue
            try:
                options[key] = self.scope.option(raw, partial(self.span, key))
            except Reported:
                good = False
        required = [key for key, info in cls.model_fields.items() if info.is_required() and key not in written]
        missing = self.misnamed(f"`{cls.name()}`", known, required)
        if missing:
            message, label = f"`{cls.name()}` needs {quoted(missing)}", f"expected {quoted(missing)} here"
            self.report.error("missing-option", message, self.span(key=True), label=label)
        if required or not good:
            raise Reported
        try:
            return cls(**{key: _plain(option.value, cls, key) for key, option in options.items()}), options
        except ValidationError as error:
            for key, found in groupby(error.errors(), lambda problem: str(problem["loc"][0]) if problem["loc"] else ""):
                self.bad_option(cls, key, options.get(key), list(found))
        raise Reported

    def block(self) -> type[Block]:
        """The block that is named or chosen.

        Raises:
            Reported: there is none.
        """
        raw: Any = self.declaration.block
        origin, others = self.span("block"), []
        if not isinstance(raw, str) or "$" in raw:
            option = self.scope.option(raw, partial(self.span, "block"))
            origin, others = self.scope.origin(option, origin, "the block is this")
            raw = option.value
        self.check_name("block", raw)
        cls = all_blocks().get(str(raw))
        if cls is None:
            help_ = self.report.suggest(str(raw), all_blocks())
            if self.is_part(str(raw)):
                help_ = f"`{raw}` is a part: write `part: {raw}`"
            self.report.fail("unknown-block", f"there is no block `{clip(str(raw))}`", origin, others=others,
                             label="expected a block that ships or is installed", help=help_)  # fmt: skip
        return cls

    def is_part(self, name: str) -> bool:
        """Whether a part of that name is known where the nodes are written."""
        home = self.nodes.definition
        try:
            part_definition(home.document, name, home.span())
        except SpecError:
            return False
        return True

    def bad_option(self, cls: type[Block], key: str, option: Option | None, problems: list[Any]) -> None:
        """Report an option whose value the block does not take, where that value is written."""
        wanted, choices = option_words(problems)
        if option is None or not key:
            self.report.error("bad-option", f"the options of `{cls.name()}` do not fit together",
                              self.span(key=True), label=f"expected {wanted}")  # fmt: skip
            return
        path = [part for part in problems[0]["loc"][1:] if isinstance(part, int)]
        place, others = self.scope.origin(option, self.span(key, *path), f"`{key}` of `{cls.name()}` is this")
        value = option.value
        help_ = None
        if isinstance(value, str):
            dollars = re.sub(
                r"[A-Za-z_]\w*", lambda word: f"${word[0]}" if self.scope.is_param(word[0]) else word[0], value
            )
            help_ = f"write `{dollars}`" if dollars != value else self.report.suggest(value, choices)
            help_ = help_ or not_computed(value)
        elif isinstance(value, float) and value.is_integer() and option.tree is not None:
            divided = any(getattr(one, "op", "") == "/" for one in walk(option.tree))
            help_ = "`//` divides whole numbers" if divided else None
        if choices and len(choices) > 6 and help_ is not None:
            wanted = f"one of {listed(choices, most=6)}"
        self.report.error(
            "bad-option", f"`{key}` of `{cls.name()}` does not fit", place, others=others, help=help_,
            label=f"expected {wanted}, found {in_words(value)}",
        )  # fmt: skip

    def divides(self, node: Node) -> bool:
        """Whether each option divides the extents that it cuts into equal parts; a mistake is reported."""
        assert node.bindings is not None
        for key, names in self.instance.divides.items():
            number = simplest(node.bindings.given[key])
            for name in names:
                bound = node.bindings.dims.get(name, node.bindings.given.get(name))
                extent = bound.known if isinstance(bound, Dim) else None
                if extent is None or not isinstance(number, int) or (number > 0 and extent % number == 0):
                    continue
                option = node.options.get(key, Option(number, None))
                where = self.span(key) if key in node.options else self.span(key=True)
                place, others = self.scope.origin(option, where, f"`{key}` of `{self.instance.name()}` is this")
                self.report.error(
                    "indivisible", f"`{key}` of `{self.instance.name()}` does not divide `{name}`", place,
                    label=f"expected a divisor of {extent}, found {number}",
                    others=[*others, *makers(node.inputs.values())[:1]],
                )  # fmt: skip
                node.outputs.clear()
                return False
        return True

    def static_weights(self, node: Node) -> None:
        """A weight's shape must be known before the model runs."""
        assert node.bindings is not None
        for leaf, dims in self.instance.weight_shapes(node.bindings).items():
            loose = [dim for dim in dims if dim.known is None]
            if loose:
                self.report.error(
                    "unknown-extent", f"the shape of the weight `{leaf}` depends on the call",
                    self.span(key=True),
                    label=f"expected a number, found `{loose[0]}`, which is known only when the model runs",
                    others=makers(node.inputs.values()),
                )  # fmt: skip
                node.bindings = None
                return


def option_words(problems: list[Any]) -> tuple[str, list[str]]:
    """What pydantic wanted of an option, in words, and the closed list of texts where it is one."""
    wanted: list[str] = []
    choices: list[str] = []
    for problem in problems:
        if problem["type"] == "literal_error":
            found = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
            choices += found
            wanted.append(
                f"one of {', '.join(found)}"
                if len(found) > 1
                else f"`{found[0]}`"
                if found
                else problem["ctx"]["expected"]
            )
        else:
            text = OPTION_WORDS.get(
                problem["type"], str(problem["msg"]).removeprefix("Value error, ").removeprefix("expected ")
            )
            wanted.append(text)
    wanted = [text for text in wanted if not any(text != other and other.startswith(text) for other in wanted)]
    return " or ".join(dict.fromkeys(wanted)), choices


def _plain(value: Any, cls: type[Block], key: str) -> Any:
    """A symbolic number, or those in a list, as an integer where the field wants one."""
    info = cls.model_fields.get(key)
    if info is None or "BeforeValidator" in repr((info.metadata, info.annotation)):
        return value
    return [simplest(one) for one in value] if isinstance(value, list) else simplest(value)


def _kinds(value: Value | list[Value]) -> AnyType | list[AnyType] | None:
    if isinstance(value, list):
        kinds = [kind for one in value if one.present for kind in types_in(one.type)]
        known = [kind for kind in kinds if kind is not None]
        return known if len(known) == len(kinds) else None
    return value.type
