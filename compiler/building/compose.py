"""A task laid over its spec (language F8)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean
from ..reading import schema
from ..reading.document import Document
from ..reading.layers import interleaved
from ..reading.span import Span
from .definitions import Definition, part_definition
from .order import Path, dependencies
from .origins import listed

FLAGS: Mapping[str, bool] = {"output_attentions": False, "output_hidden_states": False}
"""Flags that every spec has."""
MAX_TASKS = 8
FOLDED = re.compile(r"\w+\[(1 \| )?batch\b *[],]")
"""The types of inputs with an axis of samples, which a task may fold another into."""


@dataclass(slots=True)
class Composed(Definition):
    """A spec with a task laid over it; `places` says where its entries are written, `made` what it gives itself.

    `brought` are the inputs that a mount has for parts of its task.
    """

    places: dict[Path, Path] = field(default_factory=dict)
    task: str | None = None
    own: frozenset[str] = frozenset()
    kept: tuple[str, ...] = ()
    fold: Mapping[str, list[str]] = field(default_factory=dict)
    made: dict[str, Any] = field(default_factory=dict)
    forced: Mapping[str, Any] = field(default_factory=dict)
    brought: tuple[str, ...] = ()

    @property
    def spec(self) -> schema.Spec:
        """The spec, the task laid over it."""
        assert isinstance(self.model, schema.Spec)
        return self.model

    def span(self, *path: str | int, key: bool = False) -> Span:
        """The place of a path, in the task where the task says it."""
        return self.document.span(*self.places.get(path[:2], path[:2]), *path[2:], key=key)

    def unwired(self) -> list[str]:
        """Inputs that the task's own parts have and it does not wire: the model, or the mount, has them too."""
        names: dict[str, None] = {}
        for name in self.spec.graph:
            if name not in self.own or name in self.document.model.graph:
                continue  # what a task changes of the base has the base's inputs
            node = self.spec.graph[name]
            if node.repeat is not None:
                continue  # a layer's options are no inputs of the model
            for part in self._parts(name):
                source = node.source
                wired = set(source) if isinstance(source, dict) else {next(iter(part.inputs), "")}
                names.update(
                    (port, None)
                    for port, one in part.inputs.items()
                    if one.optional and one.default is None and port not in wired
                )
        return [name for name in names if name not in self.spec.inputs]

    def _parts(self, name: str) -> Iterator[schema.InlinePart | schema.Spec]:
        """The parts that a node may call."""
        place = self.span("graph", name, "part")
        for word in schema.choices(self.spec.graph[name].part).values():
            try:
                yield part_definition(self.document, word, place).model
            except SpecError:
                continue  # reported when the node is built


def compose(document: Document[schema.Spec], task: str | None, *, at: Span | None = None) -> Composed:
    """Lay a task over its spec.

    Raises:
        SpecError: the spec has no such task, or a task extends itself.
    """
    spec = document.model
    composed = Composed(spec.model, spec, document, is_root=True, task=task)
    composed.kept = tuple(spec.weights)
    chain = spec.chain(task)
    if len(chain) > MAX_TASKS:
        label = Label(document.span("tasks", chain[MAX_TASKS], key=True), f"expected at most {MAX_TASKS} in a row")
        raise SpecError([Diagnostic("too-deep", f"`{clip(chain[0])}` extends too many tasks", label)])
    lost = spec.tasks[chain[-1]].extends if chain else task
    if lost is not None and lost != "base":
        raise SpecError([_no_task(document, lost, chain, at)])
    if chain:
        _name_outputs(composed)
    for name in reversed(chain):
        _lay(composed, name)
    return composed


def _name_outputs(composed: Composed) -> None:
    """Let a task, and it alone, read what the base gives by the name of the output, where nothing else is called so."""
    spec = composed.spec
    taken = {*spec.params, *spec.let, *spec.inputs, *spec.graph}
    given = {name: raw for name, raw in spec.outputs.items() if isinstance(raw, str) and name not in taken}
    graph = {**spec.graph, **{name: schema.Node(expr=raw) for name, raw in given.items()}}
    reads = dependencies(spec, graph)
    wrong = set().union(*(reads[name] for name in (*spec.inputs, *spec.graph))) & given.keys()
    composed.places.update({("graph", name): ("outputs", name) for name in given})
    composed.model = spec.model_copy(update={"graph": {key: one for key, one in graph.items() if key not in wrong}})


def _no_task(document: Document[schema.Spec], task: str, chain: list[str], at: Span | None) -> Diagnostic:
    known = list(document.model.tasks)
    span = document.span("tasks", chain[-1], "extends") if chain else at or document.span("model", key=True)
    if task in chain:
        label = Label(span, " -> ".join([*chain[chain.index(task) :], task]))
        return Diagnostic("cycle", f"the task `{task}` extends itself", label)
    label = Label(span, f"expected one of {listed(known)}" if known else "expected none, since it has no tasks")
    message = f"`{document.model.model}` has no task `{clip(task)}`"
    return Diagnostic("unknown-task", message, label, help=did_you_mean(task, known))


def _lay(composed: Composed, name: str) -> None:
    spec = composed.spec
    task = spec.tasks[name]
    graph = dict(spec.graph)
    both = {**spec.inputs, **task.inputs}
    inputs = {key: both[key] for key in interleaved(spec.inputs, task.inputs)}  # so that calls by place stay
    base = ("tasks", name)
    if task.part is not None:
        call = {"part": task.part, "source": task.source, "tie": task.tie, **task.options}
        graph[name] = schema.Node.model_validate(call)
        composed.places["graph", name] = base
        composed.own |= {name}
    graph.update(task.graph)
    composed.own |= task.graph.keys()
    for section in ("params", "inputs", "graph", "outputs"):
        composed.places.update({(section, key): (*base, section, key) for key in getattr(task, section)})
    composed.dropped |= frozenset(task.drop)
    outputs = _task_outputs(composed, spec, task, name)
    new = {key: schema.declared(raw) for key, raw in task.params.items() if key not in spec.params}
    composed.forced = {**composed.forced, **{key: value for key, value in task.params.items() if key in spec.params}}
    composed.kept = (*composed.kept, *task.weights)
    if isinstance(task.fold, str):
        names = [key for key, one in inputs.items() if FOLDED.match(one.type) and key not in composed.dropped]
        composed.fold = {task.fold: names}
    else:
        composed.fold = task.fold or composed.fold
    update = {
        "graph": graph,
        "inputs": inputs,
        "outputs": outputs,
        "params": {**spec.params, **new},
        "flags": {**spec.flags, **task.flags},
    }
    composed.model = spec.model_copy(update=update)


def _task_outputs(composed: Composed, spec: schema.Spec, task: schema.Task, name: str) -> dict[str, Any]:
    outputs = dict(task.outputs)
    last = next(reversed(task.graph), name)
    is_head = task.part is not None or (last in task.graph and task.graph[last].part and not task.extends)
    if is_head and not outputs:  # what its part gives, or that of its last node
        outputs = {"<part>": name if task.part is not None else last}
        composed.places["outputs", "<part>"] = ("tasks", name)
    is_told = "keep" in task.model_fields_set
    if not outputs and not is_told:
        return dict(spec.outputs)
    composed.made = outputs or composed.made
    known = {**composed.document.model.outputs, **spec.outputs}
    captures = [key for key, raw in spec.outputs.items() if isinstance(raw, dict) and "when" in raw]
    keep = list(known) if task.keep == "all" else task.keep if is_told else captures
    outputs = dict(composed.made)
    for key in keep:
        if key in known:
            outputs.setdefault(key, known[key])
    return outputs
