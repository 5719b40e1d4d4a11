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
from typing import Any

from ..blocks.notation.values import simplest
from . import schema
from .composer import clip
from .diagnostics import Diagnostic, Label, SpecError, nearest
from .document import Document, library
from .graph import Graph, WeightEntry
from .origins import in_words
from .span import Span
from .weight_map import best
from .weight_rules import HOLE, At, covering, join, mounted_spec, params_of, value_of

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

    def value(self, held: re.Match[str], entry: WeightEntry, known: Iterable[str]) -> Any:
        """The law's number for a weight; a path's indices are parameters of its value.

        Raises:
            SpecError: it has none, or the law does not suit the weight.
        """
        holes = [hole[1] for hole in HOLE.finditer(self.path)]
        indices = {hole: int(held[f"h{at}"]) for at, hole in enumerate(holes) if hole.isidentifier()}
        value = value_of(
            self.raw, lambda name: indices[name] if name in indices else self.param(name), self.at, known=known
        )
        value = simplest(value)
        if self.law.startswith("kaiming"):
            wanted, fits = "`fan_in` or `fan_out`", value in _FANS
        elif self.law == "uniform" and isinstance(value, list):
            wanted, fits = "a lower and an upper bound", len(value) == 2 and all(map(_is_number, value))
        else:
            wanted, fits = "a number", _is_number(value)
            if self.law != "constant":
                wanted, fits = "a number of 0 or more", fits and value >= 0
        if not fits:
            label = Label(self.at(self.law), f"expected {wanted}, found {in_words(value)}")
            raise SpecError([Diagnostic("wrong-type", f"`{self.law}` takes {wanted}", label)])
        if self.law.startswith(("kaiming", "xavier")) and len(entry.shape) < 2:
            label = Label(self.at(), f"expected weights of two axes or more, found `{entry.map_path}`")
            raise SpecError([Diagnostic("bad-option", f"`{self.law}` looks at two axes of a weight", label)])
        return value


class FirstValues:
    """The laws and frozen paths of a graph's spec and of the specs that it mounts."""

    def __init__(self, graph: Graph) -> None:
        self.known = [*graph.params, *graph.root.lets]
        self.lines: list[tuple[_Line, re.Pattern[str]]] = []
        self.frozen: list[re.Pattern[str]] = []
        for prefix, document, param, params in _specs(graph):
            self.frozen += [covering(join(prefix, path)) for path in document.model.freeze]
            spread = params.get("initializer_range", params.get("init_std", 0.02))
            usual = _Line(prefix, "normal", 0.02 if spread is None else spread, partial(document.span, "init"), param)
            self.lines += [(line, covering(line.path)) for line in (*_lines(prefix, document, param), usual)]

    def law(self, entry: WeightEntry) -> tuple[str, Any]:
        """The law of a weight, and the law's number; for one that its block computes, how.

        Raises:
            SpecError: the number is none.
        """
        if entry.weight.init in COMPUTED:
            return entry.weight.init, None
        own, match = _own(entry), best(entry.map_path, self.lines)
        if match is None or (own is not None and match[1]["rest"]):
            return "constant", own
        line, held = match
        return line.law, line.value(held, entry, self.known)

    def is_frozen(self, entry: WeightEntry) -> bool:
        """Whether the weight gets no gradient."""
        return any(pattern.match(entry.map_path) for pattern in self.frozen)


def _specs(graph: Graph) -> Iterator[tuple[str, Document[schema.Spec], Callable[[str], Any], dict[str, Any]]]:
    """The spec and what it mounts: path, document, and parameters, derived ones by the function alone."""
    document: Document[schema.Spec] = graph.document
    yield "", document, graph.param, graph.params
    for name, mount in document.model.mounts.items():
        if name in graph.root.nodes:
            inner = library().spec(mounted_spec(mount, graph.param), near=document.folder)
            yield name, inner, params_of(graph, name), graph.params[name]


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
    lost: dict[tuple[str | int, ...], str] = {("init", path): path for path in spec.init if path != _DEFAULT}
    lost |= {("freeze", number): path for number, path in enumerate(spec.freeze)}
    patterns = {place: covering(path) for place, path in lost.items()}
    found: list[Diagnostic] = []
    heads: set[str] = set()
    for graph in graphs:
        laws = FirstValues(graph)
        for entry in graph.weights(distinct=True):
            heads.add(entry.map_path.split(".")[0])
            for place in [place for place in lost if _covers(patterns[place], entry, is_law=place[0] == "init")]:
                del lost[place]
            try:
                laws.law(entry)
            except SpecError as error:
                found += error.diagnostics
    for place, path in lost.items() if complete else ():
        span, head = document.span(*place, key=place[0] == "init"), re.split(r"[.<]", path)[0]
        absent = head in spec.graph and head not in heads  # other parameters than the defaults may have the node
        if span.source is document.tree.span.source and not absent:  # an extended spec is checked where it is written
            found.append(_covers_nothing(path, span, heads))
    return found


def _covers(pattern: re.Pattern[str], entry: WeightEntry, *, is_law: bool) -> bool:
    """Whether a path is for a weight, or for another leaf of its block that other parameters have."""
    assert entry.node.contract is not None
    leaf, weights = entry.path.rpartition(".")[2], entry.node.contract.weights
    others = [other for other in weights if leaf in weights and weights[other].init not in COMPUTED]
    if any(held and not held["rest"] for held in (pattern.match(entry.map_path[: -len(leaf)] + one) for one in others)):
        return True
    held = pattern.match(entry.map_path)
    computed = entry.weight.init in COMPUTED
    return held is not None and not (is_law and (computed or (_own(entry) is not None and held["rest"])))


def _covers_nothing(path: str, span: Span, heads: set[str]) -> Diagnostic:
    head = re.split(r"[.<]", path)[0]
    close = nearest(head, heads) if head and head not in heads else None
    label = Label(span, "expected the path of weights, or of a node that has some")
    help_ = f"did you mean `{close}`?" if close else None
    return Diagnostic("unknown-name", f"`{clip(path)}` covers no weight", label, help=help_)


__all__ = ["FirstValues", "wrong_laws"]
