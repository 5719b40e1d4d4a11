"""How fresh weights start (``init:``), and which are not trained (``freeze:``).

Both name weights by path templates as the checkpoint map does, and the most specific template counts. Assumes a checked
graph; guarantees a law with a value for every weight that its block does not compute, or a diagnostic.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from ...blocks.notation.values import simplest
from ..building.origins import in_words
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean
from ..graph import Graph, WeightEntry
from ..reading import schema
from ..reading.document import Document
from ..reading.span import Span
from .paths import astray
from .weight_map import best
from .weight_rules import HOLE, At, covering, holds, join, mounted, node_of, params_of, value_of

_FANS = ("fan_in", "fan_out")
COMPUTED = ("given", "norm")
"""How weights start that no law is for."""
_DEFAULT = "default"


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of `init:`, or the usual law: what it covers, the law, its place, and its spec's parameters."""

    path: str
    law: str
    raw: Any
    at: At
    param: Callable[[str], Any]

    def value(self, held: re.Match[str], known: Iterable[str]) -> Any:
        """The law's number for the weight of a match; the path's indices are parameters of it.

        Raises:
            SpecError: it has none.
        """
        indices = {hole: int(held[f"h{at}"]) for at, hole in enumerate(HOLE.findall(self.path)) if hole.isidentifier()}
        place = partial(self.at, self.law)
        value = value_of(
            self.raw, lambda name: indices[name] if name in indices else self.param(name), place, known=known
        )
        value = simplest(value)
        if self.law.startswith("kaiming"):
            wanted, fits = "`fan_in` or `fan_out`", value in _FANS
        elif self.law == "uniform" and isinstance(value, list):
            fits = len(value) == 2 and all(map(_is_number, value)) and value[0] <= value[1]
            wanted = "a lower and an upper bound"
        else:
            wanted, fits = "a number", _is_number(value)
            if self.law != "constant":
                wanted, fits = "a number of 0 or more", fits and value >= 0
        if not fits:
            label = Label(place(), f"expected {wanted}, found {in_words(value)}")
            raise SpecError([Diagnostic("wrong-type", f"`{self.law}` takes {wanted}", label)])
        return value


class FirstValues:
    """The laws and frozen paths of a graph's spec and of the specs that it mounts."""

    def __init__(self, graph: Graph) -> None:
        self.known = [*graph.params, *graph.root.lets]
        self.lines: list[tuple[_Line, re.Pattern[str]]] = []
        self.frozen: list[re.Pattern[str]] = []
        for prefix, document, param, params in _specs(graph):
            for number, path, when in document.model.frozen:
                at = partial(document.span, "freeze", number, *((path,) if when else ()))
                if when is None or holds(when, param, at, known=self.known):
                    self.frozen.append(covering(join(prefix, path)))
            spread = params.get("initializer_range", params.get("init_std", 0.02))
            usual = _Line(prefix, "normal", 0.02 if spread is None else spread, partial(document.span, "init"), param)
            own = [(line, covering(line.path)) for line in (usual, *_lines(prefix, document, param))]
            self.lines = [*own, *self.lines]  # of several that are as specific the last counts: what mounts says more

    def law(self, entry: WeightEntry) -> tuple[str, Any]:
        """The law of a weight, and the law's number; for one that its block computes, how.

        Raises:
            SpecError: the number is none, or the law is none for a weight of one axis.
        """
        if entry.weight.init in COMPUTED:
            return entry.weight.init, None
        line, held = best(entry.map_path, self.lines) or (None, None)
        if line is None or held is None or not _reaches(entry, held):
            return "constant", _own(entry)
        if line.law.startswith(("kaiming", "xavier")) and len(entry.shape) < 2:
            label = Label(line.at(), f"expected weights of two axes or more, found `{entry.map_path}`")
            raise SpecError([Diagnostic("bad-option", f"`{line.law}` looks at two axes of a weight", label)])
        return line.law, line.value(held, self.known)

    def is_frozen(self, entry: WeightEntry) -> bool:
        """Whether the weight gets no gradient."""
        return any(pattern.match(entry.map_path) for pattern in self.frozen)


def _specs(graph: Graph) -> Iterator[tuple[str, Document[schema.Spec], Callable[[str], Any], dict[str, Any]]]:
    """The spec and what it mounts: path, document, and parameters, derived ones by the function alone."""
    document: Document[schema.Spec] = graph.document
    yield "", document, graph.param, graph.params
    for name in document.model.mounts:
        if node := node_of(graph, name):
            yield node, mounted(document, name, graph.param), params_of(graph, name), graph.params[name]


def _lines(prefix: str, document: Document[schema.Spec], param: Callable[[str], Any]) -> Iterator[_Line]:
    for path, law in document.model.init.items():
        whole = join(prefix, "" if path == _DEFAULT else path)
        yield _Line(whole, law.name, getattr(law, law.name), partial(document.span, "init", path), param)


def _own(entry: WeightEntry) -> float | None:
    """What the block says that a weight starts as."""
    contract = entry.node.contract
    told = getattr(contract, "init", None)
    if isinstance(told, (int, float)):
        return told
    return {"ones": 1.0, "zeros": 0.0}.get(entry.weight.init, None if getattr(contract, "trainable", True) else 0.0)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def wrong_laws(graphs: list[Graph], *, complete: bool) -> list[Diagnostic]:
    """What is wrong with `init:` and `freeze:` of a spec.

    Args:
        graphs: its base and tasks, or some of them.
        complete: they are all there is, so that a path that covers a weight of none of them is a mistake.
    """
    if not graphs or not (graphs[0].document.model.init or graphs[0].document.model.freeze):
        return []
    document: Document[schema.Spec] = graphs[0].document
    spec = document.model
    paths: dict[Span, str] = {document.span("init", path, key=True): path for path in spec.init if path != _DEFAULT}
    paths |= {document.span("freeze", number): path for number, path, _ in spec.frozen}
    lost = dict(paths)
    found: list[Diagnostic] = []
    heads: set[str] = set()
    seen: set[str] = set()
    for graph in graphs:
        try:
            laws, entries = FirstValues(graph), graph.weights(distinct=True)
        except SpecError as error:  # of a condition
            return error.diagnostics
        entries = [entry for entry in entries if entry.map_path not in seen]  # the base's are every task's
        seen |= {entry.map_path for entry in entries}
        heads |= {path.split(".")[0] for path in seen}
        found += chain.from_iterable(_problems(laws.law, entry) for entry in entries)
        for line, pattern in laws.lines:
            matches = ((entry, pattern.match(entry.map_path)) for entry in entries)
            held = [match for entry, match in matches if match and _reaches(entry, match)]
            found += chain.from_iterable(_problems(line.value, match, laws.known) for match in held)
            if held or _has_leaf(line.path, entries):
                lost.pop(line.at(key=True), None)
        for number, path, _ in spec.frozen:
            if any(covering(path).match(entry.map_path) for entry in entries):
                lost.pop(document.span("freeze", number), None)
    for span, path in paths.items() if complete else ():
        astray_at = astray(document, path)
        is_idle = span in lost and "." not in path and path in heads  # else it may be for other parameters
        if span.source is document.tree.span.source and (astray_at or is_idle):
            label, help_ = "expected the path of weights, or of a node that has some", None
            if astray_at is not None:
                label, help_ = astray_at.label, did_you_mean(astray_at.word, astray_at.known)
            found.append(Diagnostic("unknown-name", f"`{clip(path)}` covers no weight", Label(span, label), help=help_))
    return found


def _problems(call: Callable[..., Any], *args: Any) -> list[Diagnostic]:
    try:
        call(*args)
    except SpecError as error:
        return error.diagnostics
    return []


def _reaches(entry: WeightEntry, held: re.Match[str]) -> bool:
    """Whether a law whose path covers a weight is for it: named, or not told by its block how to start."""
    return entry.weight.init not in COMPUTED and (not held["rest"] or _own(entry) is None)


def _has_leaf(path: str, entries: list[WeightEntry]) -> bool:
    """Whether a path ends in a leaf of a block that other parameters have, such as a bias."""
    above, _, leaf = path.rpartition(".")
    blocks = [entry.node.contract for entry in entries if covering(above).match(entry.map_path)] if above else []
    return any(word in block.weights for block in blocks if block for word in leaf.strip("<>").split("|"))
