"""The checkpoint map: rules between graph paths and file keys, expanded into a table for one graph (language F13).

A rule reads ``path: file`` with ``<i>`` for an index and ``<a|b>`` for alternatives, matched by position on the other
side. A rule for a node covers its leaves; the most specific rule counts. The table is complete before a byte is read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from ...blocks.notation.expressions import ExpressionError, parse
from ...blocks.notation.values import EvaluationError, evaluate
from ..building.origins import listed, quoted
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, nearest
from ..graph import Graph, Node, WeightEntry
from ..reading import schema
from ..reading.document import Document
from ..reading.span import Span
from .weight_rules import HOLE, Op, Rule, SizesError, covering, join, mounted, pattern_of, prefix_of, rules_of

_R = TypeVar("_R")


@dataclass(slots=True)
class FileTensor:
    """A tensor of the file: its key and shape, the weights that it becomes, and the operations between."""

    key: str
    shape: tuple[int, ...]
    entries: list[WeightEntry]
    ops: tuple[Op, ...]
    span: Span
    bare: bool
    also: tuple[str, ...] = ()
    save: bool = True

    @property
    def is_derived(self) -> bool:
        """It is computed, so that a file without it is complete."""
        return all(entry.weight.init == "given" for entry in self.entries)


@dataclass(slots=True)
class Table:
    """The whole map of one graph.

    Attributes:
        ties: what a file may have besides, and has where the config of another version unties: a tensor for each weight
            that is tied to one of `tensors`.
    """

    tensors: dict[str, FileTensor]
    ties: dict[str, FileTensor]
    prefix: str
    checkpoint: schema.Checkpoint
    rules: list[Rule]
    mounted: list[schema.Checkpoint]

    @property
    def prefixes(self) -> tuple[str, ...]:
        """What may stand before every key of a file."""
        declared = self.checkpoint.prefix
        values = [declared] if isinstance(declared, str) else declared.values()
        return tuple(dict.fromkeys([value for value in values if value] + [""]))

    def may_lack(self) -> list[re.Pattern[str]]:
        """The keys that a file need not have."""
        return [_full(key) for one in (self.checkpoint, *self.mounted) for key in one.optional]

    def ignored(self) -> list[re.Pattern[str]]:
        """The keys that a file may have and nothing reads."""
        return [_full(key) for one in (self.checkpoint, *self.mounted) for key in one.ignore]

    def known(self, *, heads: bool = False) -> list[re.Pattern[str]]:
        """The keys of which the map speaks, or of `heads` alone, under these and other tasks and parameters."""
        rules = [rule for rule in self.rules if rule.bare or not heads]
        return [_loose(name) for rule in rules for name in (rule.file, *rule.also)]


def table_of(graph: Graph, *, distinct: bool = False) -> Table:
    """Expand the map of a graph's spec.

    Args:
        graph: the checked model.
        distinct: of rounds that are alike the first alone, which is enough to see whether the map is complete.

    Raises:
        SpecError: a weight that no rule covers, or rules that contradict each other.
    """
    document: Document[schema.Spec] = graph.document
    checkpoint = document.model.checkpoint
    rules = rules_of(graph)
    compiled = [(rule, covering(rule.path)) for rule in rules]
    lost: dict[Node, list[WeightEntry]] = {}
    groups: dict[tuple[str, str], list[tuple[int, WeightEntry, Rule]]] = {}
    tied: dict[tuple[str, str], list[tuple[int, WeightEntry, Rule]]] = {}
    prefix = prefix_of(checkpoint, graph.task)
    for entry in graph.weights(distinct=distinct):
        match = best(entry.map_path, compiled)
        if match is None:
            if entry.tied_to is None:
                lost.setdefault(graph.root.nodes[entry.path.split(".")[0]], []).append(entry)
            continue
        rule, held = match
        own = prefix if not rule.bare else ""
        try:
            key, place = _file_key(rule, rule.file, held)
            others = tuple(join(own, _file_key(rule, one, held)[0]) for one in rule.also)
        except (ExpressionError, EvaluationError) as error:
            label = Label(rule.span, f"expected a value for `{entry.map_path}`, found none: {error}")
            raise SpecError([Diagnostic("bad-rule", "an expression on the file's side has no value", label)]) from None
        to = groups if entry.tied_to is None else tied
        to.setdefault((join(own, key), str(rule.span)), []).append((place, entry, replace(rule, also=others)))
    if lost:
        raise SpecError(_unmapped(node, entries, document, rules) for node, entries in lost.items())
    tensors = _tensors(groups)
    # Rounds that share their weights may share a key, and are no copies.
    alone = {at: members for at, members in tied.items() if at[0] not in tensors and len(members) == 1}
    inner = [mounted(document, name, graph.param).model.checkpoint for name in document.model.mounts]
    return Table(tensors, _tensors(alone), prefix, checkpoint, rules, inner)


def best(path: str, compiled: Iterable[tuple[_R, re.Pattern[str]]]) -> tuple[_R, re.Match[str]] | None:
    """The most specific of the rules that cover a path (the last of several), and how it matches."""
    found: tuple[_R, re.Match[str]] | None = None
    for rule, pattern in compiled:
        held = pattern.match(path)
        if held and (found is None or len(held["rest"]) <= len(found[1]["rest"])):
            found = rule, held
    return found


def _file_key(rule: Rule, template: str, held: re.Match[str]) -> tuple[str, int]:
    """The key on the other side, by the rule's `template`, and which of several parts of one tensor this is."""
    holes = HOLE.findall(rule.path)
    indices = {hole: held[f"h{at}"] for at, hole in enumerate(holes) if "|" not in hole}
    choices = [(hole.split("|"), held[f"h{at}"]) for at, hole in enumerate(holes) if "|" in hole]
    place, used = 0, 0

    def fill(hole: re.Match[str]) -> str:
        nonlocal used
        word, *others = words = hole[1].split("|")
        if others:
            options, chosen = choices[used]
            used += 1
            word = words[options.index(chosen)]
        if "$" in word:
            return str(evaluate(parse(word), lambda name: int(indices[name]) if name in indices else rule.param(name)))
        return word if others else indices[word]

    key = HOLE.sub(fill, template) + held["rest"]
    if used < len(choices):
        options, chosen = choices[used]
        place = options.index(chosen)
    return key.lstrip("."), place


def _tensors(groups: Mapping[tuple[str, str], list[tuple[int, WeightEntry, Rule]]]) -> dict[str, FileTensor]:
    """The tensors of the file by key.

    Raises:
        SpecError: several weights would be one tensor and no operation joins them, or operations do not fit.
    """
    tensors: dict[str, FileTensor] = {}
    found: list[Diagnostic] = []
    for (key, _), members in groups.items():
        members.sort(key=lambda member: member[0])
        rule = members[0][2]
        entries = [entry for _, entry, _ in members]
        if key in tensors or (len(entries) > 1 and not any(op in ("split", "heads") for op, _ in rule.ops)):
            if str(rule.span) not in {str(one.label.span) for one in found}:
                found.append(_ambiguous(key, rule, entries, tensors.get(key)))
            continue
        try:
            shape = file_shape([entry.shape for entry in entries], rule.ops)
        except (ValueError, KeyError, IndexError, ZeroDivisionError) as error:
            there = quoted(op for op, _ in rule.ops)
            wanted = f"operations on a weight of {list(entries[0].shape)}, found {there}"
            label = Label(rule.span, f"expected {error if isinstance(error, SizesError) else wanted}")
            found.append(Diagnostic("bad-rule", "the operations do not fit the weight", label))
            continue
        tensors[key] = FileTensor(key, shape, entries, rule.ops, rule.span, rule.bare, rule.also, rule.save)
    if found:
        raise SpecError(found)
    return tensors


def _ambiguous(key: str, rule: Rule, entries: list[WeightEntry], other: FileTensor | None) -> Diagnostic:
    paths = quoted([entry.path for entry in (*(other.entries if other else ()), *entries)][:4])
    label = Label(rule.span, f"expected one weight, found {paths}")
    others = (Label(other.span, "also mapped here"),) if other is not None and str(other.span) != str(rule.span) else ()
    return Diagnostic("ambiguous-map", f"several weights map to `{key}`", label, others)


def file_shape(shapes: list[tuple[int, ...]], ops: tuple[Op, ...]) -> tuple[int, ...]:
    """The shape in the file of what becomes weights of `shapes`."""
    return shapes_before(shapes, ops)[0]


def shapes_before(shapes: list[tuple[int, ...]], ops: tuple[Op, ...]) -> list[tuple[int, ...]]:
    """The shapes of what the operations make weights of `shapes` from: the operations backwards."""
    for name, value in reversed(ops):
        if name == "heads" and (uneven := [one[0] for one in shapes if one[0] % value]):
            raise SizesError(f"rows of which {value} heads have equal shares, found {uneven[0]}")
        if name in ("split", "heads"):
            shapes = [(sum(one[0] for one in shapes), *shapes[0][1:])]
        elif name == "transpose":
            shapes = [one[::-1] for one in shapes]
        elif name == "rearrange":
            shapes = [value.file_shape(one) for one in shapes]
    return shapes


def unmapped(graph: Graph) -> list[Diagnostic]:
    """What is wrong with the map of a graph whose spec has one."""
    if not graph.document.model.checkpoint.weights:
        return []
    try:
        # Rounds that are alike are mapped alike, unless what tells them apart is left out.
        table_of(graph, distinct=not any(rule.is_many_to_one for rule in rules_of(graph)))
    except SpecError as error:
        return error.diagnostics
    return []


def _unmapped(node: Node, entries: list[WeightEntry], document: Document[schema.Spec], rules: list[Rule]) -> Diagnostic:
    """One diagnostic for all weights of a node of the spec that no rule covers, and the rule that was meant for it."""
    paths = [f"`{entry.map_path}`" for entry in entries]
    verb = "have" if len(paths) > 1 else "has"
    label = Label(node.span, f"expected a rule for each weight, found that {listed(paths, most=4)} {verb} none")
    spec = document.model
    nodes = {*spec.graph, *spec.tasks, *(name for task in spec.tasks.values() for name in task.graph)}
    heads = {rule.path.split(".")[0]: rule for rule in rules if rule.path.split(".")[0] not in nodes}
    close = nearest(node.name, [head for head in heads if "<" not in head], cutoff=0.75)
    other = Label(document.span("checkpoint", "weights", key=True), "the rules")
    if close is not None:
        other = Label(heads[close].span, "leads to no node")
    help_ = f"did you mean `{node.name}` for `{close}`?" if close is not None else None
    if (
        help_ is None
        and node.contract is not None
        and [one.init for one in node.contract.weights.values()] == ["given"]
    ):
        help_ = (
            f"where files lack this table, which is computed, write `{node.name}: {{file: {node.name}, save: false}}`"
        )
    return Diagnostic("unmapped-weight", f"the map does not cover `{node.name}`", label, (other,), help_)


def _full(template: str) -> re.Pattern[str]:
    return re.compile(rf"(?:.*\.)?{pattern_of(template, named=False)}(?:\..*)?$")


def _loose(template: str) -> re.Pattern[str]:
    """What a rule's file side may give under any task, parameter and prefix."""
    return re.compile(rf"(?:\w+\.){{0,2}}{pattern_of(template, named=False)}(?:\.[^.]+)*$" if template else r"$^")
