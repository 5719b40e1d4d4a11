"""A scope: what names mean inside one body, and how options get their values (language F2, F6)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any, NoReturn

from ...blocks.notation.dim_condition import Condition, ask
from ...blocks.notation.dims import Dim, Symbol
from ...blocks.notation.expressions import Binary, Expr, ExpressionError, Literal, Name, Param, parse, walk
from ...blocks.notation.settled import settled
from ...blocks.notation.values import (
    EvaluationError, ExtentUnknown, Formula, FunctionMissing, NameMissing, evaluate, simplest,
)  # fmt: skip
from ..diagnosing.diagnostics import clip, did_you_mean
from ..diagnosing.report import Report, Reported
from ..graph import Option, OutputValue, Rounds, Value
from ..presence import where_given
from ..reading.schema import PARAMETER_TYPES, as_choice, has_param
from ..reading.span import Span
from .edge_types import EdgeError
from .values import rounds_that_give
from .origins import in_words, listed

MAX_CHAIN = 32
At = Callable[..., Span]
"""Gives the place of what is written, and below it of a path."""


@dataclass(slots=True)
class CallSite:
    """What one call of a model may give: the truth tables of its optional inputs and flags.

    Attributes:
        withheld: the optional inputs that no call gives.
        uneven: whether extents were found to depend on what is given.
        extents: the free symbols that the inputs of a call tell.
        conditions: what is asked of these, by text; each is an atom as soon as it is known.
    """

    atoms: tuple[str, ...]
    flags: Mapping[str, bool]
    withheld: Collection[str] = ()
    uneven: bool = False
    extents: set[Symbol] = field(default_factory=set)
    conditions: dict[str, Condition] = field(default_factory=dict)

    @property
    def full(self) -> int:
        """The table that is always true."""
        return (1 << (1 << len(self.atoms))) - 1

    def given(self, atom: str) -> int:
        """The table that is true where `atom` is given or set."""
        return 0 if atom in self.withheld else where_given(self.atoms.index(atom), self.full)

    def asked(self, condition: Condition) -> int:
        """The table that is true where a condition holds; where it is new, the one that is always true."""
        name = str(condition)
        self.conditions.setdefault(name, condition)
        return self.given(name) if name in self.atoms else self.full

    def asks_extents(self, table: int) -> bool:
        """Whether a table hangs on a condition."""
        tables = [(1 << self.atoms.index(name), self.given(name)) for name in self.conditions if name in self.atoms]
        return any((table & there) >> width != table & ~there for width, there in tables)


@dataclass(slots=True)
class Scope:
    """Names of one body: parameters and dimensions (``$name``), and values (bare names).

    `env` holds parameters, dimensions and loop indices; `lets` derived ones, computed when first asked for; `names` are
    the inputs and nodes, `called` those nodes whose outputs are known, `replaced` those that are never there and have a
    value in their place; `places` says where the value of a parameter is written, `read` which names something has
    asked for, `outer` is the scope of the call, `round` the index of a repeat and the round that is being read.
    """

    report: Report
    call: CallSite
    env: dict[str, Any] = field(default_factory=dict)
    lets: dict[str, tuple[Expr, Span]] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)
    carried: dict[str, dict[str, Value]] = field(default_factory=dict)
    names: dict[str, None] = field(default_factory=dict)
    called: set[str] = field(default_factory=set)
    replaced: set[str] = field(default_factory=set)
    flags_here: Mapping[str, Any] = field(default_factory=dict)
    places: dict[str, Span] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)
    outer: Scope | None = None
    round: tuple[str, int] | None = None
    _open: list[str] = field(default_factory=list)

    @property
    def full(self) -> int:
        """The truth table that is always true."""
        return self.call.full

    def param(self, name: str) -> Any:
        """The value of ``$name``; a `Formula` where it is a flag of the call. KeyError where there is none."""
        self.read.add(name)
        if name in self.env:
            return self.env[name]
        if name in self.lets:
            return self.derived(name)
        if name in self.flags_here:
            value = self.flags_here[name]
            return value if isinstance(value, (bool, Formula)) else Formula(self.call.given(name), self.full)
        if "." in name:
            head, tail = name.split(".", 1)
            if isinstance(self.env.get(head), Mapping):
                return self.env[head][tail]
        raise KeyError(name)

    def derived(self, name: str) -> Any:
        """The value of a derived parameter, computed once; a mistake in it is reported where it is written.

        Raises:
            KeyError: it has none; a diagnostic already says why.
        """
        tree, span = self.lets[name]
        if self.report.is_poisoned(name):
            raise KeyError(name)
        if name in self._open or len(self._open) >= MAX_CHAIN:
            self.report.poison(name)
            way = " -> ".join([*self._open[self._open.index(name) :], name] if name in self._open else [])
            if way:
                self.report.error("cycle", f"`{name}` is computed from itself", span, label=way)
            else:
                text = f"expected at most {MAX_CHAIN} that need each other"
                self.report.error("too-deep", f"`{name}` is computed through too many others", span, label=text)
            raise KeyError(name)
        self._open.append(name)
        try:
            self.env[name] = value = evaluate(tree, self.param)
        except EvaluationError as error:
            self.blame(error, span)
            self.report.poison(name)
            raise KeyError(name) from None
        finally:
            self._open.pop()
        return value

    @contextmanager
    def in_round(self, index: str, number: int) -> Iterator[None]:
        """For as long as this stands, ``$index`` is that number."""
        self.env[index] = Dim.of(Symbol(index, Dim.of(number)))
        self.round = index, number
        try:
            yield
        finally:
            self.env.pop(index)
            self.round = None

    def kept(self, tree: Expr) -> Expr:
        """An expression as a value keeps it: in what one round reads, with the round's number in place of its index."""
        if self.round is None:
            return tree
        index, number = self.round
        return settled(tree, lambda name: Literal(0, 0, number) if name == index else None, lambda _: False)

    def known_params(self) -> list[str]:
        """Every name that ``$`` may stand before, for did-you-mean."""
        inner = [f"{name}.{key}" for name, value in self.env.items() if isinstance(value, Mapping) for key in value]
        return [*self.env, *self.lets, *self.flags_here, *inner]

    def value(self, name: str, tree: Expr) -> Value:
        """The value called `name`.

        Raises:
            EdgeError: there is none.
        """
        found = self.values.get(name)
        if found is not None:
            if isinstance(found, OutputValue):
                self.check_rounds(found, tree)
            return found
        head, _, port = name.partition(".")
        if port and (head in self.replaced or (head in self.values and not self.values[head].present)):
            return Value(None, 0)
        if port and head in self.called:
            ports = [key.split(".", 1)[1] for key in self.values if key.startswith(head + ".")]
            if ports:
                self._no_port(head, port, ports, tree)
        elif port and head in self.names and head in self.values and self.values[head].type is not None:
            self._no_port(head, port, [], tree)
        if head in self.names:  # what failed, or gives nothing: its own diagnostic says why
            return Value(None, self.full)
        if head in self.env or head in self.lets:
            raise EdgeError(*bare(head), tree, "expected an input or a node", help=f"write `${head}`")
        raise EdgeError(
            "unknown-name", f"nothing is called `{head}` here", tree,
            "expected an input or a node of this scope", help=self.report.suggest(head, self.names),
        )  # fmt: skip

    def _no_port(self, head: str, port: str, ports: list[str], tree: Expr) -> NoReturn:
        known = " or ".join(f"`{head}.{one}`" for one in ports) or f"`{head}`, which is one value"
        help_ = did_you_mean(port, ports, prefix=f"{head}.")
        raise EdgeError("unknown-port", f"`{head}` has no output `{port}`", tree, f"expected {known}", help=help_)

    def check_rounds(self, value: Value, tree: Expr) -> None:
        """Refuse what some rounds of a repeat carry on and others never do."""
        if isinstance(value, (Rounds, OutputValue)) and (given := rounds_that_give(value)):
            raise EdgeError(
                "never-present", f"not every round of `{value.node.name}` gives `{value.port}`", tree,
                f"expected one from each of rounds 0 to {len(value.node.rounds) - 1}, found them from {listed(given)}",
                help="let a round that has none give another in its place, or write a repeat for each kind of round",
            )  # fmt: skip

    def rounds(self, name: str) -> Value | None:
        """The history of a carried output of a repeat (``encoder.x``), its first input in front."""
        head, _, port = name.partition(".")
        ports = self.carried.get(head)
        if ports is None:
            return None
        return ports.get(port) if port else next(iter(ports.values()), None)

    def option(self, raw: Any, at: At) -> Option:
        """The value of an option as written: a literal, or an expression where it holds a ``$``.

        Args:
            raw: what is written.
            at: gives its place, and that of what is inside it.

        Raises:
            Reported: the expression has no value; the diagnostic is reported.
        """
        if isinstance(raw, dict) and "choose" in raw:
            return self.choose(raw, at)
        if isinstance(raw, (list, dict)) and has_param(raw):
            inside = raw.items() if isinstance(raw, dict) else enumerate(raw)
            values = {key: self.option(one, partial(at, key)).value for key, one in inside}
            return Option(values if isinstance(raw, dict) else list(values.values()), None, at())
        span = at()
        if not isinstance(raw, str) or "$" not in raw:
            return Option(raw, None, span)
        tree = self.parse(raw, span)
        return Option(self.evaluate(tree, span, has=False), tree, span)

    def choose(self, raw: Mapping[str, Any], at: At) -> Option:
        """``{choose: $kind, pre: a, post: b}``: the entry that the parameter names."""
        place = at("choose")
        option = self.option(raw["choose"], partial(at, "choose"))
        key = as_choice(simplest(option.value))
        entries = {name: one for name, one in raw.items() if name != "choose"}
        if key not in entries and "else" not in entries:
            if isinstance(raw["choose"], str) and self.is_param(raw["choose"]):
                self.report.fail(*bare(key), place, label="expected a parameter", help=f"write `${key}`")
            origin, others = self.origin(option, place, "chosen by it here")
            self.report.fail(
                "no-such-choice", f"`{key}` is none of the choices", origin, others=others,
                label=f"expected one of {listed(entries)}, found `{clip(key)}`", help=self.report.suggest(key, entries),
            )  # fmt: skip
        name = key if key in entries else "else"
        return self.option(entries[name], partial(at, name))

    def is_param(self, name: str) -> bool:
        """Whether ``$name`` has a value, or had one but for a mistake."""
        return name in self.env or name in self.lets or name in self.flags_here or self.report.is_poisoned(name)

    def origin(self, option: Option, span: Span, text: str) -> tuple[Span, list[tuple[Span, str]]]:
        """Where the value of an option is written, and the places on the way: `span` itself if it is written there."""
        if isinstance(option.tree, Param) and option.tree.text in self.places:
            return self.places[option.tree.text], [(span, text)]
        return span, []

    def condition(self, raw: Any, span: Span) -> int:
        """The truth table of a ``when:``."""
        if not isinstance(raw, str):
            label = f"expected a text such as `has(labels)`, found {in_words(raw)}"
            self.report.fail("wrong-type", "a condition is an expression", span, label=label)
        tree = self.parse(raw, span)
        value = self.evaluate(tree, span, has=True)
        if isinstance(value, Dim) and value.known is None:
            answer = self.ask("!=", value, 0)
            value = value if answer is None else answer
        if isinstance(value, Formula):
            return value.bits
        if isinstance(value, str):
            self.blame(EvaluationError(f"`{value}` is a text, which is neither true nor false", tree), span)
            raise Reported
        value = simplest(value)
        is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if is_number and not any(isinstance(part, (Name, Param)) for part in walk(tree)):
            label = f"expected true or false, or a parameter that is one, found {value}"
            self.report.fail("bad-condition", f"`{clip(raw)}` is a number, which asks nothing", span, label=label)
        if isinstance(value, Dim):
            self.report.fail(
                "bad-condition", f"`{raw}` depends on an extent that is known only when the model runs", span,
                label=f"expected true or false, found `{value}`",
            )  # fmt: skip
        return self.full if value else 0

    def parse(self, text: str, span: Span) -> Expr:
        """Parse an option's expression; a mistake is reported and raises Reported."""
        try:
            return parse(text)
        except ExpressionError as error:
            unreadable(self.report, text, error, span)
            raise Reported from None

    def evaluate(self, tree: Expr, span: Span, *, has: bool) -> Any:
        """Evaluate; a mistake is reported and raises Reported, an unknown name too where nothing asks for its value."""
        try:
            value = evaluate(tree, self.param, has=self.presence if has else None, ask=self.ask if has else None)
        except EvaluationError as error:
            code = "bad-condition" if has and isinstance(error, ExtentUnknown) else "bad-expression"
            self.blame(error, span, code=code)
            raise Reported from None
        parts = [part for part in walk(tree) if isinstance(part, Param)]
        unknown = [part for part in parts if "." not in part.text and not self.is_param(part.text)]
        for part in unknown:
            self.unknown_parameter(part, span)
        if unknown:
            raise Reported
        return value

    def blame(self, error: EvaluationError, span: Span, *, code: str = "bad-expression") -> None:
        """Report an expression without a value; once for a parameter that failed before."""
        tree, message = error.tree, str(error)
        if any(isinstance(part, Param) and self.report.is_poisoned(part.text) for part in walk(tree)):
            return
        place = span.within(tree.start, tree.end)
        words = [part for part in walk(tree) if isinstance(part, Name) and self.is_param(part.text)]
        if isinstance(tree, Param) and isinstance(error, NameMissing):
            self.unknown_parameter(tree, span)
        elif words:
            where = span.within(words[0].start, words[0].end)
            self.report.error(
                *bare(words[0].text),
                where,
                label="expected a parameter, found a word",
                help=f"write `${words[0].text}`",
            )
        elif isinstance(error, FunctionMissing):
            help_ = self.report.suggest(error.name, error.known)
            label = f"expected one of {listed(error.known, most=40)}"
            self.report.error("unknown-function", message, place, label=label, help=help_)
        elif isinstance(error, NameMissing) and isinstance(tree, Name):
            help_ = self.report.suggest(tree.text, self.names)
            self.report.error(
                "unknown-name", message, place, label="expected an input or a node of this scope", help=help_
            )
        elif "neither true nor false" in message:
            help_ = f"write `has({tree.text})`" if isinstance(tree, Name) and tree.text in self.names else None
            others = []
            if isinstance(tree, Param):
                help_ = f"compare it, as in `${tree.text} == {message.split('`')[1]}`"
                others = [(self.places[tree.text], "the text")] if tree.text in self.places else []
            label = "expected true or false, found a text"
            self.report.error("bad-condition", message, place, label=label, others=others, help=help_)
        else:
            name = tree.text if isinstance(tree, Param) else ""
            others = [(self.places[name], "its value")] if name in self.places else []
            label, help_ = f"expected {'a value' if code == 'bad-expression' else 'true or false'}, found none", None
            if isinstance(self.env.get(name), str):  # a slip in a type is a text
                help_ = did_you_mean(self.env[name], PARAMETER_TYPES)
            if isinstance(tree, Binary) and isinstance(tree.left, Name) and isinstance(tree.right, Name):
                help_ = f"a text with a hyphen stands in quotes: `'{tree.left.text}-{tree.right.text}'`"
            if isinstance(error, ExtentUnknown) and isinstance(tree, Binary) and not help_:
                help_ = "choose by a node's `when:`, which may compare extents of the call"
            if message.startswith("expected"):
                message, label = "something else stands where a whole number is computed with", message
            self.report.error(code, message, place, label=label, others=others, help=help_)

    def unknown_parameter(self, tree: Param, span: Span) -> None:
        """Report a ``$name`` that is none; nothing where its failure is reported already."""
        name = tree.text
        if self.report.is_poisoned(name):
            return
        help_ = self.report.suggest(name, self.known_params(), prefix="$")
        if (first := name.split(".")[0]) in self.names and first not in self.env:  # a mount is both
            help_ = f"`{name}` is an input or a node: write it without `$`"
        self.report.error(
            "unknown-parameter", f"there is no parameter `{name}`", span.within(tree.start, tree.end),
            label="expected a parameter or a dimension of this scope", help=help_,
        )  # fmt: skip

    def ask(self, op: str, left: int | Dim, right: int | Dim) -> Formula | bool | None:
        """The answer to a comparison of extents that the inputs of a call tell; None where they do not."""
        found = ask(op, left, right, self.call.extents)
        if found is None or isinstance(found, bool):
            return found
        condition, answer = found
        holds = Formula(self.call.asked(condition), self.full)
        return holds if answer else ~holds

    def presence(self, name: str) -> Formula | bool:
        """The answer to ``has(name)``; KeyError where nothing is called so."""
        value = self.values.get(name)
        if value is None:
            if name in self.names:
                return Formula(self.full, self.full)
            raise KeyError(name)
        return Formula(value.present, self.full)


def bare(name: str) -> tuple[str, str]:
    """Code and message of a parameter whose ``$`` was forgotten."""
    return "bare-parameter", f"the parameter `{name}` lacks its `$`"


def unreadable(report: Report, text: str, error: ExpressionError, span: Span) -> None:
    """Report a text that is no expression."""
    place = span.within(error.start, error.end)
    report.error("bad-expression", f"`{clip(text)}` is no expression", place, label=str(error))
