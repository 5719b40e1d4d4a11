"""Checked graphs: of one task, or of a spec's base and all its tasks together."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from .building.check_names import (
    axes_of, check_names, choices_that_lack_options, misread, options_left_behind,
)  # fmt: skip
from .building.compose import FLAGS
from .building.models import ModelBuilder
from .building.order import Path as Place
from .building.order import dependencies, names_behind, names_read
from .building.origins import quoted
from .calls import least_call
from .diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean, is_slip
from .graph import Graph
from .reading import schema
from .collector import uncollected
from .reading.document import Document, library
from .weights.first_values import wrong_laws
from .weights.paths import astray
from .weights.weight_map import unmapped


@uncollected()
def build_graph(
    model: str | Path, task: str | None = None, size: str | None = None, overrides: Mapping[str, Any] | None = None,
    told: Mapping[str, Any] = MappingProxyType({}),
) -> Graph:  # fmt: skip
    """The checked graph of a spec, one task and one size.

    Args:
        told: which of the overrides a call says, and not a config; what is set for good it does not change.

    Raises:
        SpecError: with every diagnostic found.
        FileNotFoundError: there is no such spec.
    """
    return ModelBuilder(library().spec(model), task, size, overrides or {}, told).build()


def check(model: str | Path, task: str | None = None, size: str | None = None, **overrides: Any) -> Graph:
    """Check a spec; without a `task`, its base and every task, and return the base's graph.

    Args:
        model: a shipped name or a path to a YAML file.
        task: one task to check alone; ``"base"`` for the base alone.
        size: a row of the spec's sizes.
        **overrides: parameters by name; those of a mounted spec as a mapping.

    Raises:
        SpecError: carrying every diagnostic of the stage that failed.
    """
    return check_with(model, task, size, overrides)


@uncollected()
def check_with(model: str | Path, task: str | None, size: str | None, overrides: Mapping[str, Any]) -> Graph:
    """As `check`, with the parameters apart: one may be called as an argument there is."""
    document = library().spec(model)
    if task is None:
        return _check_all(document, size, overrides)
    made = partial(ModelBuilder, document, task, size, overrides, overrides)
    builder = made()
    graph = builder.build()
    wrong = [*unmapped(graph), *wrong_laws([graph], complete=False), *check_names(document)]
    wrong.extend(_misfits(builder, graph, made))
    if wrong:
        raise SpecError(wrong)
    return graph


def _check_all(document: Document[schema.Spec], size: str | None, overrides: Mapping[str, Any]) -> Graph:
    """The base's graph, its tasks checked too."""
    found: list[Diagnostic] = []
    built: list[tuple[ModelBuilder, Graph]] = []
    for task in (None, *document.model.tasks):
        made = partial(ModelBuilder, document, task, size, overrides)
        try:
            builder = made()
            graph = builder.build()
        except SpecError as error:
            found.extend(error.diagnostics)
            continue
        known = {str(one.label.span) for one in found}  # a rule is wrong in every task that has its node
        found.extend(one for one in unmapped(graph) if one.code != "ambiguous-map" or str(one.label.span) not in known)
        found.extend(one for one in _misfits(builder, graph, made) if str(one.label.span) not in known)
        built.append((builder, graph))
    found.extend(wrong_laws([graph for _, graph in built], complete=not (found or overrides or size)))
    said = {(one.code, str(one.label.span)) for one in found}
    found.extend(one for one in check_names(document) if (one.code, str(one.label.span)) not in said)
    if not found and not (document.model.outputs or document.model.tasks):
        label = Label(document.span("graph", key=True), "expected `outputs:` beside it, found none")
        found.append(Diagnostic("missing-key", f"`{document.model.model}` gives nothing", label))
    read = {name for builder, _ in built for name in builder.read}
    if not found:
        used = {place for builder, graph in built for place in _live(builder, graph)}
        found.extend((*_unused(document, used), *_slips(document, read), *_lost_rules(document)))
    if not found:
        found.extend(_misread(document, built))
    if size is None and not (found or overrides):
        found.extend(_sizes(document))
    if found:
        raise SpecError(found)
    _, base = built[0]
    named = {name for builder, _ in built for name in names_read(builder.definition.spec)}
    shadowed = {key: note for builder, _ in built for key, note in builder.shadowed.items()}
    base.notes.extend(_unread(document, named))
    base.notes.extend((*choices_that_lack_options(document), *options_left_behind(document)))
    base.notes.extend(note for (name, _), note in shadowed.items() if name not in read)
    return base


def _misread(document: Document[schema.Spec], built: list[tuple[ModelBuilder, Graph]]) -> list[Diagnostic]:
    """Names that no graph asked for, in the nodes of the spec, of its tasks and of its own parts."""
    found: dict[str, Diagnostic] = {}
    for builder, graph in built:
        spec = builder.definition.spec
        values = {*spec.inputs, *builder.promoted, *spec.graph, *spec.outputs}
        params = {*spec.params, *spec.let, *spec.mounts, *graph.flags, *graph.root.symbols, *builder.definition.fold}
        for one in misread(spec, values, params, builder.definition.span):
            found.setdefault(str(one.label.span), one)
    for name, part in document.model.parts.items():
        params = {*part.params, *part.let, *axes_of(part.inputs.values()), *FLAGS}
        for one in misread(part, {*part.inputs, *part.graph}, params, partial(document.span, "parts", name)):
            found.setdefault(str(one.label.span), one)
    return [one for one in found.values() if one.label.span.source is document.tree.span.source]


def _misfits(builder: ModelBuilder, graph: Graph, made: Callable[..., ModelBuilder]) -> list[Diagnostic]:
    """What does not fit where a call gives no more than it must, if extents depend on what is given."""
    needed = least_call(graph)
    withheld = [name for name in graph.atoms if name in graph.root.inputs and name not in needed]
    if not (builder.call.uneven and withheld):
        return []
    here = f"in a call without {quoted(withheld)}"
    try:
        plain = made(withheld=withheld).build()
    except SpecError as error:
        label = Label(builder.document.span("inputs", key=True), here)
        found = [one for one in error.diagnostics if one.code in ("shape-mismatch", "indivisible")]
        return [replace(one, others=(*one.others, label)) for one in found]
    shapes = {entry.path: entry.shape for entry in plain.weights(distinct=True)}
    wrong: dict[str, Diagnostic] = {}
    for entry in graph.weights(distinct=True):
        name, other = entry.path.partition(".")[0], shapes.get(entry.path, entry.shape)
        if other != entry.shape and name not in wrong:
            text = f"expected one shape, found {[*entry.shape]}, and {[*other]} {here}"
            message = f"the weight `{clip(entry.path)}` depends on what is given"
            wrong[name] = Diagnostic("shape-mismatch", message, Label(graph.root.nodes[name].span, text))
    return [*wrong.values()]


def _sizes(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """What is wrong in the base with the numbers of a size, where the defaults are right."""
    for size in document.model.sizes:
        try:
            ModelBuilder(document, None, size, {}).build()
        except SpecError as error:
            here = Label(document.span("sizes", size, key=True), "in this size")
            yield from (replace(one, others=(*one.others, here)) for one in error.diagnostics)


def _slips(document: Document[schema.Spec], read: set[str]) -> Iterator[Diagnostic]:
    """Parameters that nothing reads, a slip of the pen away from one that the spec has from another."""
    own = document.tree.span.source
    new = {name for name in document.model.params if document.span("params", name, key=True).source is own}
    for name in sorted(new - read):
        meant = [other for other in document.model.params if other not in new and is_slip(name, other)]
        if meant and len(re.findall(rf"\b{name}\b", own.text)) == 1:
            label = Label(document.span("params", name, key=True), "expected a parameter that something reads")
            help_ = f"did you mean `{meant[0]}`?"
            yield Diagnostic("unknown-parameter", f"nothing reads `{name}`", label, help=help_)


def _lost_rules(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Rules of the spec's own map that lead to no weight, whatever the parameters."""
    for path in document.model.checkpoint.weights:
        span, lost = document.span("checkpoint", "weights", path, key=True), None
        if span.source is document.tree.span.source:
            lost = astray(document, path)
        if lost:
            help_ = did_you_mean(lost.word, lost.known)
            message = f"`{clip(path)}` leads to no weight"
            yield Diagnostic("unknown-name", message, Label(span, lost.label), help=help_)


def _unread(document: Document[schema.Spec], named: set[str]) -> Iterator[Diagnostic]:
    """Notes of inputs that nothing reads: the spec's and its tasks', of which `named` are read, and its own parts'."""
    spec, own = document.model, document.tree.span.source
    named = named | _measured(spec.inputs, named, own.text)
    places: list[tuple[Place, set[str]]] = [(("inputs", name), named) for name in spec.inputs]
    places += [(("tasks", task, "inputs", name), named) for task, one in spec.tasks.items() for name in one.inputs]
    for part, body in spec.parts.items():
        read = names_read(body)
        read |= _measured(body.inputs, read, own.text)
        places += [(("parts", part, "inputs", name), read) for name in body.inputs]
    for path, read in places:
        span = document.span(*path, key=True)
        if path[-1] not in read and span.source is own:
            label = Label(span, "expected a node or an output that reads it, found none")
            yield Diagnostic("unused-input", f"nothing reads `{path[-1]}`", label, severity="note")


def _measured(inputs: Mapping[str, schema.Input], read: set[str], text: str) -> set[str]:
    """The inputs that say how long something is: they have a dimension that an expression of the text reads."""
    dims = {name: set(re.findall(r"(?<![$\w])[a-z_]\w*", one.type.partition("[")[2])) for name, one in inputs.items()}
    known = {dim for name, own in dims.items() if name in read for dim in own}
    return {name for name, own in dims.items() if any(re.search(rf"\${dim}\b", text) for dim in own - known)}


def _live(builder: ModelBuilder, graph: Graph) -> Iterator[Place]:
    """Where the nodes that a graph has, or has under other parameters, are written: in the spec or in a task."""
    behind = names_behind(builder.definition.spec)
    for name, node in builder.definition.spec.graph.items():
        each = node.each is not None and any(one.startswith(f"{name}_") for one in graph.root.nodes)
        if each or name in graph.root.nodes or name in behind:
            yield builder.definition.places.get(("graph", name), ("graph", name))


def _unused(document: Document[schema.Spec], used: set[Place]) -> Iterator[Diagnostic]:
    """Nodes of the spec and of its tasks that no output reads; a task's change of a node is no node of its own."""
    spec = document.model
    yield from _idle(document, ("graph",), spec.graph, used)
    for task, one in spec.tasks.items():
        new = {name: node for name, node in one.graph.items() if name not in spec.graph}
        yield from _idle(document, ("tasks", task, "graph"), new, used)


def _idle(
    document: Document[schema.Spec], path: Place, nodes: Mapping[str, schema.Node], used: set[Place]
) -> Iterator[Diagnostic]:
    unused: dict[str, Diagnostic] = {}
    reads = dependencies(document.model, nodes)
    for name, node in nodes.items():
        if (*path, name) in used or node.kind in ("expr", "first", "reuse") or node.when is not None:
            continue
        label = Label(
            span=document.span(*path, name, key=True),
            text="expected an output of the base or a task that reads it, found none",
        )
        help_ = "name it in `outputs:`, or under `weights:` if its weights are saved all the same"
        for reader in (one for one in nodes if nodes[one].when is not None and name in reads[one]):
            help_ = f"`{reader}` reads it, and is there at times only: give it the same `when`"
        unused[name] = Diagnostic("unused-node", f"`{name}` is never used", label, help=help_)
    below = {word for name in unused for word in reads[name]}  # what an unused node reads is not a second mistake
    yield from (diagnostic for name, diagnostic in unused.items() if name not in below)
