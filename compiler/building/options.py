"""The options of a node: which there are, whether its block takes them, and whether they fit what it reads."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from ...blocks.base import Block, all_blocks
from ...blocks.notation.dims import Dim
from ...blocks.notation.expressions import walk
from ...blocks.notation.values import simplest
from ..diagnosing.diagnostics import SpecError, did_you_mean, nearest
from ..diagnosing.report import Reported
from ..graph import Node, Option
from ..reading import schema
from ..reading.composer import clip
from ..reading.document import library
from .parts import part_definition
from .origins import in_words, listed, makers, quoted

if TYPE_CHECKING:
    from .nodes import NodeBuilder

RESERVED = {info.alias or name: name for name, info in schema.Node.model_fields.items() if name != "previous"}
OPTION_WORDS = {
    "bool_type": "true or false", "float_type": "a number", "int_type": "a whole number",
    "greater_than_equal": "a number from 0 to 1", "less_than_equal": "a number from 0 to 1",
    "string_type": "a text", "list_type": "a list", "dict_type": "a mapping", "none_required": "null",
}  # fmt: skip


class OptionReader:
    """Reads the options of the nodes of one body."""

    def __init__(self, nodes: NodeBuilder) -> None:
        self.home = nodes.definition
        self.declarations = nodes.declarations
        self.report = nodes.report
        self.scope = nodes.scope
        self.span = nodes.span

    def unknown_option(self, name: str, option: str, known: Iterable[str], what: str = "") -> None:
        """Report an option that nothing takes."""
        known = list(known)
        kind = self.declarations[name].kind
        reserved = [key for key, taken in RESERVED.items() if taken in schema.TAKEN[kind]]
        what = what or f"{'an' if kind == 'expr' else 'a'} `{kind}`"
        label = f"expected one of {listed(known)}" if known else "expected no options"
        self.report.error(
            "unknown-option", f"{what} has no option `{option}`", self.span("graph", name, option, key=True),
            label=label, help=did_you_mean(option, known) or did_you_mean(option, reserved) or _unspaced(option),
        )  # fmt: skip

    def misnamed(
        self, name: str, what: str, given: Iterable[str], known: Iterable[str], missing: Iterable[str]
    ) -> list[str]:
        """Report options that nothing takes.

        Returns:
            Those of `missing` that none of them can have meant: a misspelt option is one mistake, not two.
        """
        known, left = list(known), list(missing)
        strangers = 0
        for option in given:
            if option not in known:
                self.unknown_option(name, option, known, what)
                close = nearest(option, left)
                if close is not None:
                    left.remove(close)
                strangers += close is None
        return left[strangers:] if strangers else left

    def contract(self, name: str, declaration: schema.Node) -> tuple[type[Block], dict[str, Option], Block]:
        """The block's class, its options, and the instance that they make.

        Raises:
            Reported: there is no such block, or the options do not fit it.
        """
        raw: Any = declaration.block
        place = self.span("graph", name, "block") if not isinstance(raw, str) or "$" in raw else None
        if place is not None:
            raw = self.scope.option(raw, place, at=partial(self.span, "graph", name, "block")).value
        if isinstance(raw, dict):
            label = f"expected a name, or a choice such as `{{choose: $kind, pre: a, post: b}}`, found {listed(raw)}"
            help_ = next((f"did you mean `choose` for `{key}`?" for key in raw if nearest(key, ["choose"])), None)
            self.report.fail("wrong-type", "a block is a name or a choice",
                             self.span("graph", name, "block"), label=label, help=help_)  # fmt: skip
        cls = all_blocks().get(str(raw))
        if cls is None:
            help_ = self.report.suggest(str(raw), all_blocks())
            if self.is_part(str(raw)):
                help_ = f"`{raw}` is a part: write `part: {raw}`"
            label = "expected a block that ships or is installed"
            place = place or self.span("graph", name, "block")
            self.report.fail("unknown-block", f"there is no block `{clip(str(raw))}`", place, label=label, help=help_)
        options: dict[str, Option] = {}
        known = declaration.options if cls.model_config.get("extra") == "allow" else cls.model_fields
        good = all(key in known for key in declaration.options)
        for key, raw_option in declaration.options.items():
            if key not in known:
                continue
            if isinstance(raw_option, (bool, int, float)) or raw_option is None:
                options[key] = Option(raw_option, None)
                continue
            try:
                options[key] = self.scope.option(
                    raw_option, self.span("graph", name, key), at=partial(self.span, "graph", name, key)
                )
            except Reported:
                good = False
        required = [
            key for key, info in cls.model_fields.items() if info.is_required() and key not in declaration.options
        ]
        missing = self.misnamed(name, f"`{cls.name()}`", declaration.options, known, required)
        if missing:
            label = f"expected {quoted(missing)} here"
            self.report.error(
                "missing-option",
                f"`{cls.name()}` needs {quoted(missing)}",
                self.span("graph", name, key=True),
                label=label,
            )
        if required or not good:
            raise Reported
        try:
            return cls, options, cls(**{key: _plain(option.value, cls, key) for key, option in options.items()})
        except ValidationError as error:
            for key, found in groupby(error.errors(), lambda problem: str(problem["loc"][0]) if problem["loc"] else ""):
                self.bad_option(name, cls, key, options.get(key), list(found))
        raise Reported

    def is_part(self, name: str) -> bool:
        """Whether a part of that name is known where the nodes are written."""
        try:
            part_definition(self.home, name, self.home.span(), library())
        except SpecError:
            return False
        return True

    def bad_option(self, name: str, cls: type[Block], key: str, option: Option | None, problems: list[Any]) -> None:
        """Report an option whose value the block does not take, where that value is written."""
        wanted, choices = option_words(problems)
        if option is None or not key:
            self.report.error("bad-option", f"the options of `{cls.name()}` do not fit together",
                              self.span("graph", name, key=True), label=f"expected {wanted}")  # fmt: skip
            return
        path = [part for part in problems[0]["loc"][1:] if isinstance(part, int)]
        place, others = self.scope.origin(
            option, self.span("graph", name, key, *path), f"`{key}` of `{cls.name()}` is this"
        )
        value = option.value
        help_ = None
        if isinstance(value, str):
            dollars = re.sub(
                r"[A-Za-z_]\w*", lambda word: f"${word[0]}" if self.scope.is_param(word[0]) else word[0], value
            )
            help_ = f"write `{dollars}`" if dollars != value else self.report.suggest(value, choices)
        elif isinstance(value, float) and value.is_integer() and option.tree is not None:
            divided = any(getattr(one, "op", "") == "/" for one in walk(option.tree))
            help_ = "`//` divides whole numbers" if divided else None
        if choices and len(choices) > 6 and help_ is not None:
            wanted = f"one of {listed(choices, most=6)}"
        self.report.error(
            "bad-option", f"`{key}` of `{cls.name()}` does not fit", place, others=others, help=help_,
            label=f"expected {wanted}, found {in_words(value)}",
        )  # fmt: skip

    def divides(self, node: Node, instance: Block, base: tuple[str, ...]) -> bool:
        """Whether each option divides the extents that it cuts into equal parts; a mistake is reported."""
        assert node.bindings is not None
        for key, names in instance.divides.items():
            number = simplest(node.bindings.given[key])
            for name in names:
                bound = node.bindings.dims.get(name, node.bindings.given.get(name))
                extent = bound.known if isinstance(bound, Dim) else None
                if extent is None or not isinstance(number, int) or (number > 0 and extent % number == 0):
                    continue
                option = node.options.get(key, Option(number, None))
                where = self.span(*base, key) if key in node.options else self.span(*base, key=True)
                place, others = self.scope.origin(option, where, f"`{key}` of `{instance.name()}` is this")
                self.report.error(
                    "indivisible", f"`{key}` of `{instance.name()}` does not divide `{name}`", place,
                    label=f"expected a divisor of {extent}, found {number}",
                    others=[*others, *makers(node.inputs.values())[:1]],
                )  # fmt: skip
                node.outputs.clear()
                return False
        return True

    def static_weights(self, node: Node, instance: Block, base: tuple[str, ...]) -> None:
        """A weight's shape must be known before the model runs."""
        assert node.bindings is not None
        for leaf, dims in instance.weight_shapes(node.bindings).items():
            loose = [dim for dim in dims if dim.known is None]
            if loose:
                self.report.error(
                    "unknown-extent", f"the shape of the weight `{leaf}` depends on the call",
                    self.span(*base, key=True),
                    label=f"expected a number, found `{loose[0]}`, which is known only when the model runs",
                    others=makers(node.inputs.values()),
                )  # fmt: skip
                node.bindings = None
                return


def _unspaced(option: str) -> str | None:
    """The help for a key whose colon lacks its blank."""
    return f"write `{option.replace(':', ': ', 1)}`" if ":" in option else None


def option_words(problems: list[Any]) -> tuple[str, list[str]]:
    """What pydantic wanted of an option, in words, and the closed list of texts where it is one."""
    wanted: list[str] = []
    choices: list[str] = []
    for problem in problems:
        if problem["type"] == "literal_error":
            found = re.findall(r"'([^']*)'", problem["ctx"]["expected"])
            choices += found
            wanted.append(
                f"one of {', '.join(found)}" if len(found) > 1 else f"`{found[0]}`" if found else "another value"
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
