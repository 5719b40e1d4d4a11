"""The rules of a checkpoint map, read for one graph: what is on which side, and operations with their inverse.

Assumes a checked graph; guarantees rules whose sides fit each other, or a diagnostic for each that does not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

from ...blocks.layout import axes, axis_sizes, extent_of
from ...blocks.notation.expressions import ExpressionError, parse
from ...blocks.notation.values import EvaluationError, NameMissing, evaluate, simplest
from ..building.origins import in_words
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean
from ..graph import Graph
from ..reading import schema
from ..reading.document import Document, library
from ..reading.span import Span

HOLE = re.compile(r"<([^<>]+)>")
INDEX = re.compile(r"<(\w+)>")
Op = tuple[str, Any]
OPERATIONS = ("transpose", "split", "heads", "rearrange")
"""What a rule may do to a tensor of a file: each has its inverse."""
KEYS = ("file", "ops", "when", "map", "also", "save")
MAX_NESTED = 8
At = Callable[..., Span]


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of a map, prefixes included; `param` gives the parameters of the spec that says it."""

    path: str
    file: str
    span: Span
    param: Callable[[str], Any] = field(compare=False)
    ops: tuple[Op, ...] = ()
    also: tuple[str, ...] = ()
    bare: bool = False
    save: bool = True

    @property
    def is_many_to_one(self) -> bool:
        """Whether an index of the path is not said on the file's side."""
        used = " ".join(HOLE.findall(self.file))
        return any(not re.search(rf"(?<!\w){index}\b", used) for index in INDEX.findall(self.path))


class SizesError(ValueError):
    """The sizes of a pattern's axes are not known, or not those of the weight; the text says what was expected."""


@dataclass(frozen=True, slots=True)
class Rearranged:
    """The operation ``{rearrange: "o (k i) -> o i k"}``: the file's axes, the weight's, and sizes neither shows."""

    pattern: str
    given: tuple[tuple[str, int], ...] = ()

    @property
    def inverse(self) -> str:
        """The pattern from the weight to the file."""
        return " -> ".join(side.strip() for side in reversed(self.pattern.split("->")))

    def sizes(self, shape: tuple[int, ...]) -> dict[str, int]:
        """The size of every axis, for a weight of that shape.

        Raises:
            SizesError: the pattern and the sizes given do not say them.
        """
        side, known = self.pattern.split("->")[1], dict(self.given)
        for group in axes(side):
            loose = [name for name in group if not name.isdigit() and name not in known]
            if len(loose) > 1:
                raise SizesError(f"the sizes of all but one of {', '.join(loose)}, such as `{loose[0]}: 3`")
        sizes = axis_sizes(side, shape, known)
        made = tuple(extent_of(group, sizes) for group in axes(side))
        if made != shape:
            raise SizesError(f"a pattern that makes {list(shape)}, found one that makes {list(made)}")
        return sizes

    def file_shape(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape in the file of a weight of that shape."""
        sizes = self.sizes(shape)
        groups = axes(self.pattern.split("->")[0])
        return tuple(extent_of(group, sizes) for group in groups)


def pattern_of(template: str, *, named: bool = True) -> str:
    """A template as a regular expression; a hole is a group named by its place."""
    first, *rest = HOLE.split(template)
    out = re.escape(first)
    for number, (hole, text) in enumerate(zip(rest[::2], rest[1::2], strict=True)):
        words = hole.split("|")
        inner = "|".join(map(re.escape, words)) if len(words) > 1 else r"[^.]*" if "$" in hole else r"\d+"
        out += (f"(?P<h{number}>{inner})" if named else f"(?:{inner})") + re.escape(text)
    return out


@cache
def covering(path: str) -> re.Pattern[str]:
    """What a path template covers: the weight it names, or all below it, whose leaf is the group `rest`."""
    return re.compile(pattern_of(path) + r"(?P<rest>(?:\.[^.]+)*)$" if path else r"(?P<rest>.+)$")


def join(*parts: str) -> str:
    """The parts of a path that are not empty, joined."""
    return ".".join(part for part in parts if part)


def prefix_of(checkpoint: schema.Checkpoint, task: str | None) -> str:
    """The prefix that a file of this task has before every key of the base."""
    if isinstance(checkpoint.prefix, str):
        return "" if task in (None, "base") else checkpoint.prefix
    return checkpoint.prefix.get(task or "base", checkpoint.prefix.get("always", ""))


def mounted_spec(mount: schema.Mount, param: Callable[[str], Any]) -> str:
    """The name of a mounted spec, which may be chosen by a parameter.

    Raises:
        KeyError: the parameter's value is none of the choices.
    """
    if isinstance(mount.spec, str):
        return mount.spec
    key = schema.as_choice(simplest(evaluate(parse(str(mount.spec["choose"])), param)))
    return str(mount.spec[key if key in mount.spec else "else"])


def mounted(document: Document[schema.Spec], name: str, param: Callable[[str], Any]) -> Document[schema.Spec]:
    """The spec that a spec mounts under a name, under these parameters."""
    word = mounted_spec(document.model.mounts[name], param)
    return library().spec(word, near=document.folder, at=document.span("mounts", name, "spec"))


def rules_of(graph: Graph) -> list[Rule]:
    """The rules of the graph's spec, and of the maps and mounted specs that they name.

    Raises:
        SpecError: with what is wrong with them.
    """
    document: Document[schema.Spec] = graph.document
    reader = _Reader(graph, graph.param, [])
    rules = list(reader.rules(document, document.model.checkpoint.weights, ("checkpoint", "weights"), 0))
    if reader.found:
        raise SpecError(reader.found)
    return rules


class _Reader:
    def __init__(self, graph: Graph, param: Callable[[str], Any], found: list[Diagnostic]) -> None:
        self.graph = graph
        self.param = param
        self.found = found

    def rules(
        self, document: Document[Any], weights: Mapping[str, Any], path: tuple[str, ...], depth: int
    ) -> Iterator[Rule]:
        spec = document.model if isinstance(document.model, schema.Spec) else None
        tasks = spec.tasks if spec else {}
        for written, raw in weights.items():
            at = partial(document.span, *path, written)
            if spec is not None and not self.is_said(document, spec, written, at):
                continue
            for left in _by_task(written, spec):
                bare = left.split(".")[0] in tasks
                for number, one in enumerate(raw if isinstance(raw, list) else [raw]):
                    place = partial(at, number) if isinstance(raw, list) else at
                    try:
                        yield from self.rule(document, left, one, at(key=True), place, bare, depth)
                    except SpecError as error:
                        self.found += error.diagnostics

    def is_said(self, document: Document[Any], spec: schema.Spec, left: str, at: At) -> bool:
        """Whether a rule is meant for the spec: one of what it extends may be of a node that it does not have."""
        heads = [word.split(".")[0] for word in _first_words(left)]
        if not all(map(str.isidentifier, heads)) or any(head in spec.graph or head in spec.tasks for head in heads):
            return True
        return at(key=True).source is document.tree.span.source

    def rule(
        self, document: Document[Any], left: str, raw: Any, span: Span, at: At, bare: bool, depth: int
    ) -> Iterator[Rule]:
        """The rules that one line stands for.

        Raises:
            SpecError: it is wrong.
        """
        raw = raw if isinstance(raw, dict) else {"file": raw}
        _check_keys(raw, at)
        if not holds(raw.get("when", True), self.param, partial(at, "when"), known=self.known):
            return
        also = raw.get("also", [])
        file, also = raw.get("file", ""), tuple(also if isinstance(also, list) else [also])
        if not all(isinstance(one, str) for one in (file, *also)):
            label = Label(at(), f"expected a text, found {in_words(file)}")
            raise SpecError([Diagnostic("wrong-type", "the file's side of a rule is a text", label)])
        save = raw.get("save", True)
        if not isinstance(save, bool):
            label = Label(at("save"), f"expected true or false, found {in_words(save)}")
            raise SpecError([Diagnostic("wrong-type", "`save` is true or false", label)])
        mounts = document.model.mounts if isinstance(document.model, schema.Spec) else {}
        mount = _mount_of(document, left) if left in self.graph.root.nodes else None
        if "map" in raw:
            name = raw["map"]
            if not isinstance(name, str):
                label = Label(at("map"), f"expected the name of a map, found {in_words(name)}")
                raise SpecError([Diagnostic("wrong-type", "`map` is a text", label)])
            inner = library().weight_map(name, near=document.folder, at=at("map"))
            deeper = self.rules(inner, inner.model.weights, ("weights",), depth + 1)
        elif HOLE.fullmatch(left) and any(word in mounts for word in _first_words(left)):
            label = Label(span, "expected the name of one mount, found several")
            raise SpecError([Diagnostic("bad-rule", "a mount has a rule of its own", label)])
        elif mount is not None:
            name, deeper = mount, self.mounted(document, mount, depth)
        else:
            yield _fitting(
                Rule(left, file, span, self.param, tuple(self.ops(raw.get("ops", []), at)), also, bare, save)
            )
            return
        if "ops" in raw:
            label = Label(at("ops", key=True), f"expected them in the rules of `{clip(name)}`, found them beside it")
            raise SpecError([Diagnostic("bad-rule", "`ops` are of one tensor, and this rule is of many", label)])
        if depth >= MAX_NESTED:
            label = Label(at("map"), f"expected at most {MAX_NESTED} maps in each other")
            raise SpecError([Diagnostic("too-deep", f"the map `{clip(name)}` holds itself, or too many others", label)])
        for inner_rule in deeper:
            rule = replace(_below(inner_rule, file), path=join(left, inner_rule.path), bare=bare)
            others = (join(prefix, key) for prefix in also for key in (inner_rule.file, *inner_rule.also))
            rule = replace(rule, also=(*rule.also, *others))
            place = span if "map" in raw else rule.span
            yield _fitting(replace(rule, span=place, save=save and rule.save))

    def mounted(self, document: Document[schema.Spec], name: str, depth: int) -> Iterator[Rule]:
        """The rules of a mounted spec: those of its base without a prefix, those of a task with the task's."""
        task, inner = document.model.mounts[name].task, mounted(document, name, self.param)
        checkpoint = inner.model.checkpoint
        prefix = prefix_of(checkpoint, task) if task else ""
        reader = _Reader(self.graph, params_of(self.graph, name), self.found)
        for rule in reader.rules(inner, checkpoint.weights, ("checkpoint", "weights"), depth + 1):
            yield rule if rule.bare else _below(rule, prefix)

    @property
    def known(self) -> list[str]:
        """The parameters that an expression may read."""
        return [*self.graph.params, *self.graph.root.lets]

    def ops(self, raw: Any, at: At) -> Iterator[Op]:
        """The operations from the file's tensor to the weight.

        Raises:
            SpecError: one is none.
        """
        if not isinstance(raw, list):
            label = Label(at("ops"), f"expected a list such as `[transpose, split]`, found {in_words(raw)}")
            raise SpecError([Diagnostic("wrong-type", "`ops` is a list", label)])
        read = partial(value_of, param=self.param, known=self.known)
        apart: str | None = None
        for number, one in enumerate(raw):
            place = partial(at, "ops", number)
            table = one if isinstance(one, dict) and one else {one if isinstance(one, str) else None: None}
            (name, value), *more = [(key, read(said, at=partial(place, key))) for key, said in table.items()]
            if name not in OPERATIONS:
                label = Label(place(), f"expected one of {', '.join(OPERATIONS)}")
                message = f"there is no operation `{clip(str(name))}` on weights"
                help_ = did_you_mean(str(name), OPERATIONS)
                raise SpecError([Diagnostic("unknown-operation", message, label, help=help_)])
            wanted = None
            if name == "heads" and not isinstance(value, int):
                wanted = f"a number of heads, found {in_words(value)}"
            if name in ("split", "heads"):
                if apart:
                    wanted = f"one operation that takes a tensor apart, found `{apart}` and `{name}`"
                apart = name
            if name == "rearrange":
                is_pattern = isinstance(value, str) and value.count("->") == 1
                named = {axis for group in axes(str(value)) for axis in group} if is_pattern else set()
                if not is_pattern or not all(axis in named and isinstance(size, int) for axis, size in more):
                    wanted = "a pattern such as `o (k i) -> o i k`, and sizes of its axes"
            if wanted is not None:
                label = Label(place(), f"expected {wanted}")
                raise SpecError([Diagnostic("bad-rule", "the operation cannot be read", label)])
            sizes = tuple((str(axis), size) for axis, size in more)
            yield name, Rearranged(str(value), sizes) if name == "rearrange" else value


def value_of(raw: Any, param: Callable[[str], Any], at: At, *, known: Iterable[str]) -> Any:
    """The value of an expression over parameters, or of a literal.

    Raises:
        SpecError: it has none.
    """
    if not isinstance(raw, str) or "$" not in raw:
        return raw
    try:
        return evaluate(parse(raw), param)
    except ExpressionError as error:
        label = Label(at().within(error.start, error.end), str(error))
        raise SpecError([Diagnostic("bad-expression", f"`{clip(raw)}` is no expression", label)]) from None
    except NameMissing as error:
        name = str(getattr(error.tree, "text", ""))
        label = Label(at().within(error.tree.start, error.tree.end), "expected a parameter of the spec")
        help_, message = did_you_mean(name, known, prefix="$"), f"there is no parameter `{name}`"
        raise SpecError([Diagnostic("unknown-parameter", message, label, help=help_)]) from None
    except EvaluationError as error:
        label = Label(at().within(error.tree.start, error.tree.end), "expected a value, found none")
        raise SpecError([Diagnostic("bad-expression", str(error), label)]) from None


def holds(raw: Any, param: Callable[[str], Any], at: At, *, known: Iterable[str]) -> bool:
    """Whether a condition over parameters is true.

    Raises:
        SpecError: it has no value, or is a text or number that stands there.
    """
    value = value_of(raw, param, at, known=known)
    if isinstance(value, str) or not (isinstance(raw, str) or isinstance(value, bool)):
        label = Label(at(), f"expected an expression such as `$tied`, found {in_words(value)}")
        raise SpecError([Diagnostic("bad-condition", "a condition is true or false", label)])
    return bool(value)


def _mount_of(document: Document[Any], name: str) -> str | None:
    """The mount that a node of a spec calls, by the node's name."""
    node = document.model.graph.get(name) if isinstance(document.model, schema.Spec) else None
    return None if node is None else node.mount


def node_of(graph: Graph, mount: str) -> str:
    """The name of the node that calls a mount; empty where none does."""
    return next((name for name in graph.root.nodes if _mount_of(graph.document, name) == mount), "")


def params_of(graph: Graph, mount: str) -> Callable[[str], Any]:
    """The parameters of a mounted spec, derived ones too."""
    lets = graph.root.nodes[node_of(graph, mount)].rounds[0].lets

    def param(name: str) -> Any:
        return evaluate(lets[name], param) if name in lets else graph.params[mount][name]

    return param


def _check_keys(raw: Mapping[str, Any], at: At) -> None:
    found = []
    for key in raw:
        if key not in KEYS:
            label = Label(at(key, key=True), f"expected one of {', '.join(KEYS)}")
            help_ = did_you_mean(str(key), KEYS)
            if key in schema.Checkpoint.model_fields:
                help_ = f"`{key}` stands beside `weights`"
            found.append(Diagnostic("unknown-key", f"`{clip(str(key))}` is no key of a rule", label, help=help_))
    if found:
        raise SpecError(found)


def _first_words(left: str) -> list[str]:
    """The alternatives with which a path begins, or the path."""
    hole = HOLE.match(left)
    return hole[1].split("|") if hole else [left]


def _by_task(left: str, spec: schema.Spec | None) -> list[str]:
    """A rule for several tasks (``<masked_lm|causal_lm>``) as one for each: the file side has one name for all."""
    hole = HOLE.match(left)
    if spec is None or hole is None:
        return [left]
    words = [word for word in _first_words(left) if word.split(".")[0] in (*spec.graph, *spec.tasks)]
    if not words or not all(word.split(".")[0] in spec.tasks for word in words):
        return [left]
    return [word + left[hole.end() :] for word in words]


def _below(rule: Rule, prefix: str) -> Rule:
    """The rule with its file keys below a prefix."""
    return replace(rule, file=join(prefix, rule.file), also=tuple(join(prefix, one) for one in rule.also))


def _fitting(rule: Rule) -> Rule:
    """The rule, whose sides fit each other.

    Raises:
        SpecError: they do not.
    """
    found = list(_misfits(rule))
    if found:
        raise SpecError(found)
    return rule


def _misfits(rule: Rule) -> Iterator[Diagnostic]:
    """What a rule's sides do not have in common."""
    holes = HOLE.findall(rule.path)
    choices = [len(hole.split("|")) for hole in holes if "|" in hole]
    indices = [hole for hole in holes if "|" not in hole]
    for template in (rule.path, rule.file, *rule.also):
        if stray := re.search("[<>|]", HOLE.sub("", template)):
            label = Label(rule.span, f"expected `<i>` or `<a|b>`, found `{clip(template)}`")
            yield Diagnostic("bad-rule", f"`{stray[0]}` stands alone", label)
    for template in (rule.file, *rule.also):
        inner = [hole for hole in HOLE.findall(template) if "$" not in hole or "|" in hole]
        for index in inner:
            if "|" not in index and index not in holes:
                known = " or ".join(f"`<{hole}>`" for hole in indices) or "no index, as on the left side"
                label = Label(rule.span, f"expected {known}, found `<{index}>`")
                yield Diagnostic("bad-rule", f"`<{index}>` stands on one side of the rule alone", label)
        counts = [len(index.split("|")) for index in inner if "|" in index]
        if counts != choices[: len(counts)]:
            words = " and ".join(map(str, choices[: len(counts)])) or "no"
            label = Label(
                rule.span, f"expected {words} alternatives on the file's side, found {' and '.join(map(str, counts))}"
            )
            yield Diagnostic("bad-rule", "the sides of the rule have different alternatives", label)
