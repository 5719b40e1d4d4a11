"""Whole models: a spec with its task, size and overrides becomes a `Graph` (language F8, F9, F11)."""

from __future__ import annotations

import functools
import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from ..blocks.notation.dims import Dim, Symbol
from ..blocks.notation.types import ListType
from ..blocks.notation.values import simplest
from . import schema
from .bodies import Builder, Definition, Shared, article, declared
from .check_names import check_names
from .composer import clip
from .diagnostics import Diagnostic, Label, SpecError, merged, nearest
from .document import Document, Library, library
from .first_values import wrong_laws
from .graph import (
    Apply,
    Body,
    Constant,
    FirstOf,
    Gathered,
    Graph,
    InputValue,
    Items,
    Node,
    Option,
    OutputValue,
    Picked,
    Rounds,
    TiedPair,
    Value,
    path_below,
)  # fmt: skip
from .nodes import element
from .order import dependencies
from .origins import in_words, listed
from .parts import param_symbols, part_definition
from .report import Report
from .scope import CallSite, Scope, ScopeError
from .span import Span
from .weight_map import unmapped

FLAGS: Mapping[str, bool] = {"output_attentions": False, "output_hidden_states": False}
"""Flags that every spec has."""
MAX_ATOMS = 18
MAX_SHARED_ATOMS = 15
"""With more, longer truth tables cost what the sharing saves."""
MAX_TASKS = 8
OUTPUT_KEYS = ("from", "when", "optional")
PLACE = "<i>"


@dataclass(slots=True)
class Composed(Definition):
    """A spec with a task laid over it; `places` says where the task's entries are written."""

    places: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    task: str | None = None
    own: frozenset[str] = frozenset()
    kept: tuple[str, ...] = ()
    fold: Mapping[str, list[str]] = field(default_factory=dict)
    forced: Mapping[str, Any] = field(default_factory=dict)

    @property
    def spec(self) -> schema.Spec:
        """The spec, the task laid over it."""
        assert isinstance(self.model, schema.Spec)
        return self.model

    def span(self, *path: str | int, key: bool = False) -> Span:
        """The place of a path, in the task where the task says it."""
        if len(path) >= 2 and (path[0], path[1]) in self.places:
            base = self.places[str(path[0]), str(path[1])]
            return self.document.span(*base, *path[2:], key=key)
        return self.document.span(*path, key=key)


def compose(document: Document[schema.Spec], task: str | None, *, at: Span | None = None) -> Composed:
    """Lay a task over its spec.

    Raises:
        SpecError: the spec has no such task, or a task extends itself.
    """
    spec = document.model
    composed = Composed(spec.model, spec, document, is_root=True, task=task)
    composed.kept = tuple(spec.weights)
    chain: list[str] = []
    while task is not None and task != "base":
        if task not in spec.tasks or task in chain:
            raise SpecError([_no_task(document, task, chain, at)])
        chain.append(task)
        if len(chain) > MAX_TASKS:
            label = Label(document.span("tasks", task, key=True), f"expected at most {MAX_TASKS} in a row")
            raise SpecError([Diagnostic("too-deep", f"`{clip(chain[0])}` extends too many tasks", label)])
        task = spec.tasks[task].extends
    for name in reversed(chain):
        _lay(composed, name)
    return composed


def _no_task(document: Document[schema.Spec], task: str, chain: list[str], at: Span | None) -> Diagnostic:
    known = list(document.model.tasks)
    span = document.span("tasks", chain[-1], "extends") if chain else at or document.span("model", key=True)
    if task in chain:
        label = Label(span, " -> ".join([*chain[chain.index(task) :], task]))
        return Diagnostic("cycle", f"the task `{task}` extends itself", label)
    close = nearest(task, known)
    text = f"expected one of {listed(known)}" if known else "expected none, since it has no tasks"
    return Diagnostic(
        code="unknown-task",
        message=f"`{document.model.model}` has no task `{clip(task)}`",
        label=Label(span=span, text=text),
        help=f"did you mean `{close}`?" if close else None,
    )


def _lay(composed: Composed, name: str) -> None:
    spec = composed.spec
    task = spec.tasks[name]
    graph = dict(spec.graph)
    inputs = _merged_inputs(spec.inputs, task.inputs)
    base = ("tasks", name)
    if task.part is not None:
        call = {"part": task.part, "source": task.source, "tie": task.tie, **task.options}
        graph[name] = schema.Node.model_validate(call)
        composed.places["graph", name] = base
        composed.own |= {name}
    for node_name, node in task.graph.items():
        graph[node_name] = node
        composed.places["graph", node_name] = (*base, "graph", node_name)
        composed.own |= {node_name}
    composed.places.update({("inputs", key): (*base, "inputs", key) for key in task.inputs})
    composed.dropped |= frozenset(task.drop)
    outputs = _task_outputs(composed, spec, task, name, base)
    params = {**spec.params, **{key: value for key, value in task.params.items() if key not in spec.params}}
    composed.forced = {**composed.forced, **{key: value for key, value in task.params.items() if key in spec.params}}
    composed.places.update({("params", key): (*base, "params", key) for key in task.params})
    composed.kept = (*composed.kept, *task.weights)
    composed.fold = task.fold or composed.fold
    update = {
        "graph": graph,
        "inputs": inputs,
        "outputs": outputs,
        "params": params,
        "flags": {**spec.flags, **task.flags},
    }
    composed.model = spec.model_copy(update=update)


def _merged_inputs(base: Mapping[str, schema.Input], own: Mapping[str, schema.Input]) -> dict[str, schema.Input]:
    """A task's inputs among the base's: a restated one keeps its place, new ones stand before what follows them."""
    order = list(base)
    waiting: list[str] = []
    for name in own:
        if name in base:
            at = order.index(name)
            order[at:at] = waiting
            waiting = []
        else:
            waiting.append(name)
    both = {**base, **own}
    return {name: both[name] for name in (*order, *waiting)}


def _task_outputs(
    composed: Composed, spec: schema.Spec, task: schema.Task, name: str, base: tuple[str, ...]
) -> dict[str, Any]:
    outputs = dict(task.outputs)
    composed.places.update({("outputs", key): (*base, "outputs", key) for key in outputs})
    if task.part is not None and not outputs:
        outputs = {"<part>": name}
        composed.places["outputs", "<part>"] = base
    if not outputs:
        return dict(spec.outputs)
    captures = [key for key, raw in spec.outputs.items() if isinstance(raw, dict) and "when" in raw]
    keep = list(spec.outputs) if task.keep == "all" else captures if "keep" not in task.model_fields_set else task.keep
    for key in keep:
        if key in spec.outputs:
            outputs.setdefault(key, spec.outputs[key])
    return outputs


class ModelBuilder:
    """Builds the graph of one spec, task and set of parameters."""

    def __init__(
        self, document: Document[schema.Spec], task: str | None, size: str | None, overrides: Mapping[str, Any],
        shared: Shared | None = None,
    ) -> None:  # fmt: skip
        self.document = document
        self.size = size
        self.overrides = dict(overrides)
        self.report = Report()
        self.shared = shared or Shared()
        self.library: Library = library()
        self.definition = compose(document, task)
        self.spec = self.definition.spec
        self.flags = {
            **FLAGS,
            **{key: value is True for key, value in self.spec.flags.items()},
        }
        self.promoted = self.find_promoted()
        here = {name: one for name, one in self.spec.inputs.items() if name not in self.definition.dropped}
        inputs = [name for name, one in here.items() if one.optional or one.default is not None]
        self.atoms = (*inputs, *self.promoted, *self.flags)

    def build(self) -> Graph:
        """The graph.

        Raises:
            SpecError: with every diagnostic found.
        """
        atoms = self.atoms
        if len(atoms) > MAX_ATOMS:
            self.report.error("too-many-optional", "there are too many optional inputs and flags",
                              self.document.span("inputs", key=True),
                              label=f"expected at most {MAX_ATOMS}, found {len(atoms)}")  # fmt: skip
            self.report.raise_if_any()
        call = CallSite(atoms, self.flags)
        builder = Builder(self.report, call, self.library, self.shared)
        builder.promoted = self.promote(call)
        scope = builder.scope(self.definition)
        scope.flags_here = dict.fromkeys(self.flags)
        params = root_parameters(builder, self.definition, scope, self.size, self.overrides)
        for name, raw in self.spec.flags.items():
            if isinstance(raw, str):  # a parameter says what it is where a call does not
                self.flags[name] = bool(scope.condition(raw, self.definition.span("flags", name)))
        self.mounts(builder, scope)
        self.folds(scope)
        scope.values.update(builder.promoted)
        for name in builder.promoted:
            scope.order.setdefault(name, -1)
        body = builder.body(self.definition, options=params, given={}, scope=scope, span=self.definition.span("inputs"))
        outputs: dict[str, Any] = {}
        if body is not None:
            body.inputs.update({name: value for name, value in builder.promoted.items() if value.type is not None})
            body.symbols.update({**param_symbols(scope), **scope.dims})
            body.mounts.update({name: dict(scope.env[name]) for name in self.spec.mounts if name in scope.env})
            outputs = read_outputs(builder, self.definition, scope, body)
        self.report.raise_if_any()
        assert body is not None
        graph = self.graph(body, outputs, atoms, scope, params)
        graph.notes.extend(self.unproven(builder))
        self.check_ties(graph)
        self.report.raise_if_any()
        return graph

    def graph(self, body: Body, outputs: dict[str, Any], atoms: tuple[str, ...], scope: Scope, params: Any) -> Graph:
        """The graph of a body and what is read of it."""
        kept = prune(self.definition, body, outputs)
        values = {name: simplest(option.value) for name, option in params.items()}
        for mount in self.spec.mounts:
            values[mount] = scope.env.get(mount)
        return Graph(
            self.spec.model, self.spec.title, self.definition.task, self.size, body, outputs, atoms, self.flags, values,
            list(self.report.notes), spec=self.spec, document=self.document, kept=kept,
            folds={name: axis for axis, names in self.definition.fold.items() for name in names},
        )  # fmt: skip

    def unproven(self, builder: Builder) -> Iterator[Diagnostic]:
        """A note for each pair of extents that only a call can prove equal."""
        seen: set[tuple[str, str]] = set()
        for span, a, b in builder.unproven:
            if (str(a), str(b)) not in seen:
                seen.add((str(a), str(b)))
                text = f"`{a}` and `{b}` are compared when the model runs"
                yield Diagnostic("unproven", text, Label(span, f"expected `{a}`, found `{b}`"), severity="note")

    def check_ties(self, graph: Graph) -> None:
        """Both sides of a tie must be weights of one shape."""
        if not any(node.ties for node in graph.root.nodes.values()):
            return
        entries = {entry.path: entry for entry in graph.weights()}
        for node in graph.root.nodes.values():
            for pair in node.ties:
                own = f"{node.name}.{pair.own}" if pair.own else node.name
                below = [entry for entry in entries.values() if path_below(own, entry.path) is not None]
                sides = [(entry, entries.get(str(entry.tied_to))) for entry in below]
                if not any(other is not None for _, other in sides):
                    self.unknown_tie(own, pair, bool(below), list(entries))
                for entry, other in sides:
                    if other is not None and other.shape != entry.shape:
                        self.report.error(
                            "tie-mismatch", f"`{entry.path}` and `{other.path}` cannot be one", pair.span,
                            label=f"expected the shape {list(entry.shape)}, found {list(other.shape)}",
                            others=[(one.node.span, f"has {list(one.shape)}") for one in (entry, other)],
                        )  # fmt: skip

    def unknown_tie(self, own: str, pair: TiedPair, is_other: bool, paths: list[str]) -> None:
        """Report the side of a tie at which there are no weights."""
        missing = pair.other if is_other else own
        nodes = dict.fromkeys([*paths, *(path.rsplit(".", 1)[0] for path in paths)])
        close = nearest(
            missing, [path for path in nodes if is_other or path.startswith(own.split(".")[0])], cutoff=0.75
        )
        help_ = None if close is None else close if is_other else close.partition(".")[2]
        span = pair.span if is_other else pair.key_span
        self.report.error("unknown-tie", f"there are no weights at `{missing}` to tie", span,
                          label="expected the path of a weight, or of a node that has some",
                          help=f"did you mean `{help_}`?" if help_ else None)  # fmt: skip

    def find_promoted(self) -> dict[str, bool]:
        """Inputs that a task's parts leave unwired: they become inputs of the model (rule on tasks)."""
        names: dict[str, bool] = {}
        for name in self.spec.graph:
            if name not in self.definition.own:
                continue
            for part in self.parts_of(name):
                names.update(dict.fromkeys(unwired(part.model, self.spec.graph[name]), True))
        return {name: True for name in names if name not in self.spec.inputs}

    def parts_of(self, name: str) -> Iterator[Definition]:
        """The parts that a node may call."""
        raw = self.spec.graph[name].part
        words = [raw] if isinstance(raw, str) else [word for key, word in (raw or {}).items() if key != "choose"]
        for word in words:
            try:
                yield part_definition(
                    self.definition, str(word), self.definition.span("graph", name, "part"), self.library
                )
            except SpecError:
                continue  # reported when the node is built

    def promote(self, call: CallSite) -> dict[str, InputValue]:
        """The values of promoted inputs; their types are known once the part is bound."""
        return {name: InputValue(None, call.given(name), name) for name in self.promoted}

    def folds(self, scope: Scope) -> None:
        """A folded axis is a name that options may use."""
        for axis in self.definition.fold:
            scope.dims[axis] = Symbol(axis, None)
            scope.env[axis] = Dim.of(scope.dims[axis])

    def mounts(self, builder: Builder, scope: Scope) -> None:
        """Resolve the parameters of every mounted spec, so that ``$vision.d_model`` can be read."""
        for name, mount in self.spec.mounts.items():
            try:
                definition = mounted(builder, self.definition, name, scope)
                if definition is None:
                    self.report.poison(name)
                    continue
                inner = builder.scope(definition)
                given = {**self.size_row(name), **_as_mapping(self.overrides.get(name))}
                at = partial(self.document.span, "mounts", name)
                own_size = scope.option(mount.size, at("size")).value
                size = given.pop("size", own_size)
                fixed = {key: scope.option(raw, at("params", key), at=partial(at, "params", key)).value
                         for key, raw in mount.params.items()}  # fmt: skip
                row = partial(self.document.span, "sizes", str(self.size), name)
                said = Said(
                    at("size") if size == own_size else row("size"),
                    partial(at, "params"),
                    row,
                    frozenset(mount.params),
                )
                params = root_parameters(builder, definition, inner, size, {**given, **fixed}, said)
                scope.env[name] = {key: option.value for key, option in params.items()}
            except ScopeError:
                continue

    def size_row(self, mount: str) -> dict[str, Any]:
        """What the chosen size says of a mount."""
        return dict(_as_mapping((self.spec.sizes.get(self.size or "") or {}).get(mount)))


def _as_mapping(raw: Any) -> dict[str, Any]:
    return dict(raw) if isinstance(raw, Mapping) else {}


def mounted(builder: Builder, home: Definition, name: str, scope: Scope) -> Composed | None:
    """The definition of a mounted spec; a mistake is reported and None returned."""
    assert isinstance(home.model, schema.Spec)
    mount = home.model.mounts[name]
    span = home.span("mounts", name, "spec")
    try:
        raw = scope.option(mount.spec, span, at=partial(home.span, "mounts", name, "spec")).value
        document = builder.library.spec(str(raw), near=home.document.folder, at=span)
        definition = compose(document, mount.task, at=home.span("mounts", name, "task"))
    except SpecError as error:
        builder.report.diagnostics.extend(error.diagnostics)
        return None
    except ScopeError:
        return None
    definition.is_root = False
    definition.name = name
    return definition


def mount_scope(builder: Builder, definition: Composed, inner: Scope, caller: Scope) -> dict[str, Option]:
    """Put the parameters of a mounted spec, resolved before, into its scope; its flags are the caller's by name."""
    values = caller.env[definition.name]
    for key, value in values.items():
        inner.env[key] = value if isinstance(value, Dim) else builder.shared.named(key, simplest(value))
        inner.lets.pop(key, None)
    flags = {**FLAGS, **definition.spec.flags}
    inner.flags_here = {name: None if name in caller.flags_here else default for name, default in flags.items()}
    return {key: Option(simplest(value), None, origin="mount") for key, value in values.items()}


@dataclass(frozen=True, slots=True)
class Said:
    """Where a mount says its size and its parameters: under the mount (`fixed`), else in the row of a size."""

    size: Span
    here: Callable[..., Span]
    row: Callable[..., Span]
    fixed: frozenset[str]

    def param(self, name: str, *, key: bool = False) -> Span:
        """The place of a parameter's value, or of its key."""
        return (self.here if name in self.fixed else self.row)(name, key=key)


def root_parameters(
    builder: Builder,
    definition: Composed,
    scope: Scope,
    size: str | None,
    overrides: Mapping[str, Any],
    said: Said | None = None,
) -> dict[str, Option]:
    """The parameters of a spec: default, then size, then overrides, then what the task forces; put into `scope`."""
    report, spec = builder.report, definition.spec
    row: Mapping[str, Any] = {}
    if size is not None:
        if size not in spec.sizes:
            section = definition.span("sizes", key=True) if spec.sizes else definition.span("model", key=True)
            help_ = report.suggest(size, spec.sizes)
            label = f"expected one of {listed(spec.sizes)}" if spec.sizes else "expected none, since it has no sizes"
            report.error("unknown-size", f"`{spec.model}` has no size `{clip(size)}`", said.size if said else section,
                         label=label, help=help_)  # fmt: skip
        row = spec.sizes.get(size, {})
    for name in row:
        if name not in spec.params and name not in spec.mounts:
            place = definition.document.span("sizes", str(size), name, key=True)
            _no_parameter(report, spec, name, f"there is no parameter `{name}`", place)
    for name in overrides:
        if name not in spec.params and name not in spec.mounts:
            place = said.param(name, key=True) if said else definition.document.span("params", key=True)
            message = (
                f"`{spec.model}` has no parameter `{clip(name)}`{'' if said else ', which was given as an override'}"
            )
            _no_parameter(report, spec, name, message, place)
    raws: dict[str, tuple[Any, Span, str]] = {}
    for name, raw in spec.params.items():
        default = raw.get("default") if isinstance(raw, dict) and "type" in raw else raw
        required, word = declared(raw)
        span = definition.span("params", name, "default")
        if isinstance(raw, str) and word == raw:
            default = None
        in_row = definition.document.span("sizes", str(size), name)
        in_overrides = said.param(name) if said and name in overrides else span
        sources = ((overrides, in_overrides, "override"), (row, in_row, f"size {size}"))
        chosen = next(((given[name], where, origin) for given, where, origin in sources if name in given), None)
        if name in definition.forced:
            chosen = (definition.forced[name], span, f"task {definition.task}")
        if chosen is None and required:
            report.error("missing-parameter", f"`{spec.model}` needs `{name}`", span,
                         label="expected a default here, or a value in the size and the call")  # fmt: skip
            report.poison(name)
            continue
        value, place, said_by = chosen if chosen is not None else (default, span, "default")
        if word is not None and word.rstrip("?") == "int" and isinstance(value, float) and value.is_integer():
            value = int(value)  # as some configs write it
        raws[name] = (value, place, said_by)
    return _evaluate_all(builder, spec, scope, raws, definition)


def _no_parameter(report: Report, spec: schema.Spec, name: str, message: str, place: Span) -> None:
    help_ = report.suggest(name, [*spec.params, *spec.mounts])
    label = (
        ""
        if help_
        else f"expected one of {listed(spec.params)}"
        if spec.params
        else "expected none, since it has no parameters"
    )
    report.error("unknown-parameter", message, place, label=label, help=help_)


def _evaluate_all(
    builder: Builder, spec: schema.Spec, scope: Scope, raws: Mapping[str, tuple[Any, Span, str]], definition: Composed
) -> dict[str, Option]:
    report = builder.report
    later: dict[str, tuple[str, Span]] = {}
    options: dict[str, Option] = {}
    for name, (raw, span, origin) in raws.items():
        scope.places[name] = span
        if isinstance(raw, str) and "$" in raw:
            try:
                scope.lets[name] = (scope.parse(raw, span), span)
                later[name] = (raw, span)
            except ScopeError:
                report.poison(name)
        else:
            options[name] = Option(raw, None, span, origin=origin)
            scope.env[name] = builder.shared.named(name, raw)
    for name, (_, span) in later.items():
        try:
            value = scope.evaluate(scope.lets[name][0], span, has=False) if name not in scope.env else scope.env[name]
        except ScopeError:
            report.poison(name)
            continue
        options[name] = Option(simplest(value), None, span, origin=raws[name][2])
        scope.env[name] = builder.shared.named(name, simplest(value))
        scope.lets.pop(name, None)
    _check_types(report, spec, options, definition)
    for name in [name for name in scope.env if report.is_poisoned(name)]:
        del scope.env[name]
    return {name: options[name] for name in raws if name in options}


def _check_types(report: Report, spec: schema.Spec, options: Mapping[str, Option], definition: Composed) -> None:
    for name, option in options.items():
        _, word = declared(spec.params[name])
        if word is None or option.value is None or fits_word(option.value, word.rstrip("?")):
            continue
        wanted = article(word.rstrip("?"))
        where, here = option.span or definition.span("params", name), definition.span("params", name)
        others = [(here, "declared here")] if (here.line, here.column) != (where.line, where.column) else []
        label = f"expected {wanted}, found {in_words(option.value)}"
        report.error("bad-option", f"`{name}` is {wanted}", where, label=label, others=others)
        report.poison(name)


def fits_word(value: Any, word: str) -> bool:
    """Whether a value that a spec, size or call gives is of a parameter's type; configs write 1.0 for 1, 1 for true."""
    if word == "bool":
        return isinstance(value, bool) or value in (0, 1)
    if word == "int":
        return isinstance(value, Dim) or type(value) is int or (isinstance(value, float) and value.is_integer())
    return isinstance(value, (int, float, Dim)) and not isinstance(value, bool) if word == "float" else True


def unwired(part: schema.InlinePart | schema.Spec, node: schema.Node) -> list[str]:
    """The optional inputs of a part that a task's node leaves out."""
    source = node.source
    wired = set(source) if isinstance(source, dict) else {next(iter(part.inputs), "")}
    return [name for name, one in part.inputs.items() if one.optional and one.default is None and name not in wired]


def read_outputs(builder: Builder, definition: Definition, scope: Scope, body: Body) -> dict[str, Any]:
    """The outputs of a spec: values, lists, conditional ones, nested records."""
    found: dict[str, Any] = {}
    for name, raw in definition.model.outputs.items():
        value = _output(builder, definition, scope, body, raw, ("outputs", name))
        if name == "<part>" and isinstance(value, dict):
            for key, inner in value.items():
                found.setdefault(key, inner)
        elif value is not None:
            found[name] = value
    return found


def _output(builder: Builder, definition: Definition, scope: Scope, body: Body, raw: Any, path: tuple[str, ...]) -> Any:
    if path[-1] == "<part>":
        node = body.nodes.get(raw)
        if node is None:
            return {}
        return {port: scope.values[f"{raw}.{port}"] for port in node.rounds[0].outputs}
    if isinstance(raw, dict) and set(raw) == {"each"} and isinstance(raw["each"], dict):
        inner = {
            key: _output(builder, definition, scope, body, one, (*path, "each", key))
            for key, one in raw["each"].items()
        }
        return Items({str(at): dict(row) for at, row in enumerate(_rows(inner))})
    if isinstance(raw, dict) and not ({"from", "when"} & set(raw)):
        return _record({key: _output(builder, definition, scope, body, one, (*path, key)) for key, one in raw.items()})
    condition = raw.get("when") if isinstance(raw, dict) else None
    source = raw.get("from") if isinstance(raw, dict) else raw
    at = partial(definition.span, *path, "from") if isinstance(raw, dict) else partial(definition.span, *path)
    span = at()
    strangers = [str(key) for key in raw if key not in OUTPUT_KEYS] if isinstance(raw, dict) else []
    for key in strangers:
        builder.report.error(
            "unknown-key", f"`{clip(key)}` is no key of an output", definition.span(*path, key, key=True),
            label=f"expected one of {', '.join(OUTPUT_KEYS)}", help=builder.report.suggest(key, OUTPUT_KEYS),
        )  # fmt: skip
    if strangers:
        return None
    if isinstance(source, list):
        values = [builder.edge(text, at(number), scope) for number, text in enumerate(source)]
        if any(value is None for value in values):
            return None
        value: Value | None = _list_of([one for one in values if one is not None], builder.call.full)
    elif isinstance(source, str) and source in body.nodes and _is_mount(definition, source):
        return {port: scope.values[f"{source}.{port}"] for port in body.nodes[source].rounds[0].outputs}
    else:
        value = builder.edge(source, span, scope)
    if value is None or condition is None:
        return value
    try:
        present = scope.condition(schema.as_text(condition), definition.span(*path, "when"))
    except ScopeError:
        return None
    if not present:
        return None
    return Apply(value.type, value.present & present, "when", (value,))


def _record(outputs: Mapping[str, Any]) -> dict[str, Any]:
    """Nested outputs; names with ``<i>`` that stand together become one for each element of their lists, in turn."""
    found: dict[str, Any] = {}
    for is_many, group in groupby(outputs.items(), key=lambda item: PLACE in item[0]):
        if not is_many:
            found.update(group)
            continue
        for at, row in enumerate(_rows(dict(group))):
            found.update({name.replace(PLACE, str(at)): value for name, value in row})
    return found


def _rows(lists: Mapping[str, Any]) -> list[list[tuple[str, Value]]]:
    """The elements of lists of one length, those of one place together."""
    kinds = [value.type if isinstance(value, Value) and value.present else None for value in lists.values()]
    length = min((len(kind.items) for kind in kinds if isinstance(kind, ListType)), default=0)
    return [[(name, element(value, at)) for name, value in lists.items()] for at in range(length)]


def _is_mount(definition: Definition, name: str) -> bool:
    node = definition.model.graph.get(name)
    return node is not None and node.mount is not None


def _list_of(values: list[Value], full: int) -> Value:
    present = full
    kinds: list[Any] = []
    for value in values:
        present &= value.present
        kinds.extend(value.type.items if isinstance(value.type, ListType) else [value.type])
    return Gathered(ListType(tuple(kinds)) if None not in kinds else None, present, tuple(values))


def prune(definition: Composed, body: Body, outputs: Any) -> frozenset[str]:
    """Take away what no output reads, and mark what the task brought.

    Returns:
        The names of the nodes that stay although nothing reads them.
    """
    kept = frozenset(name.split(".")[0] for name in definition.kept)
    live = reachable(outputs, [body.nodes[name] for name in kept if name in body.nodes], body)
    for name in list(body.nodes):
        if body.nodes[name] not in live:
            del body.nodes[name]
        elif name in definition.own:
            body.nodes[name].origin = definition.task
    return kept


def reachable(outputs: Any, kept: Iterable[Node], body: Body) -> set[Node]:
    """The nodes of `body` that some output, or a kept node, reads under some combination."""
    live: set[Node] = set()
    stack: list[Any] = [outputs, *kept]
    seen: set[int] = set()
    while stack:
        item = stack.pop()
        if item is None or id(item) in seen:
            continue
        seen.add(id(item))
        stack.extend(_below(item))
        if isinstance(item, Node) and body.nodes.get(item.name) is item:
            live.add(item)
    return live


def _below(item: Any) -> list[Any]:
    match item:
        case dict():
            return list(item.values())
        case list() | tuple():
            return list(item)
        case Node():
            return [*item.inputs.values(), item.reuse]
        case OutputValue():
            return [item.node]
        case Rounds():
            return [item.node, item.initial]
        case Apply():
            return list(item.args)
        case FirstOf():
            return list(item.choices)
        case Gathered():
            return list(item.items)
        case Picked():
            return [item.base]
        case Constant() | InputValue() | Value():
            return []
    return []


_P = ParamSpec("_P")
_R = TypeVar("_R")


def _uncollected(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let the collector rest: a graph is many small objects that all stay, and looking for garbage is half the time."""

    @functools.wraps(function)
    def run(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        was_enabled = gc.isenabled()
        gc.disable()
        try:
            return function(*args, **kwargs)
        finally:
            if was_enabled:
                gc.enable()

    return run


@_uncollected
def build_graph(
    model: str | Path, task: str | None = None, size: str | None = None, overrides: Mapping[str, Any] | None = None
) -> Graph:
    """The checked graph of a spec, one task and one size.

    Raises:
        SpecError: with every diagnostic found.
        FileNotFoundError: there is no such spec.
    """
    return ModelBuilder(library().spec(model), task, size, overrides or {}).build()


@_uncollected
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
    document = library().spec(model)
    if task is not None:
        graph = ModelBuilder(document, None if task == "base" else task, size, overrides).build()
        wrong = [*unmapped(graph), *wrong_laws([graph], complete=False), *check_names(document)]
        if wrong:
            raise SpecError(merged(wrong))
        return graph
    check_tasks(model, size, overrides)
    return ModelBuilder(document, None, size, overrides).build()


@_uncollected
def check_tasks(model: str | Path, size: str | None = None, overrides: Mapping[str, Any] | None = None) -> Graph:
    """Check a spec's base and every task, and return the base's graph, whose atoms are those of all tasks.

    Raises:
        SpecError: carrying every diagnostic of the stage that failed.
    """
    document = library().spec(model)
    found: list[Diagnostic] = []
    used: set[str] = set()
    graphs: list[Graph] = []
    base: Graph | None = None
    for builder in _together(document, size, overrides or {}, found):
        try:
            graph = builder.build()
        except SpecError as error:
            found.extend(error.diagnostics)
            continue
        used |= set(graph.root.nodes)
        base = base or graph
        found.extend(unmapped(graph))
        graphs.append(graph)
    found.extend(wrong_laws(graphs, complete=not (found or overrides or size)))
    said = {(one.code, str(one.label.span)) for one in found}
    found.extend(one for one in check_names(document) if (one.code, str(one.label.span)) not in said)
    if not found and not (document.model.outputs or document.model.tasks):
        label = Label(document.span("graph", key=True), "expected `outputs:` beside it, found none")
        found.append(Diagnostic("missing-key", f"`{document.model.model}` gives nothing", label))
    if not found:
        found.extend(_unused(document, used, base))
    if found:
        raise SpecError(merged(found))
    assert base is not None
    return base


def _together(
    document: Document[schema.Spec], size: str | None, overrides: Mapping[str, Any], found: list[Diagnostic]
) -> list[ModelBuilder]:
    """A builder for the base and for every task, which share what they have alike; a call of any of them fits all."""
    shared = Shared()
    builders = []
    for name in (None, *document.model.tasks):
        try:
            builders.append(ModelBuilder(document, name, size, overrides, shared))
        except SpecError as error:
            found.extend(error.diagnostics)
    atoms = tuple(dict.fromkeys(atom for builder in builders for atom in builder.atoms))
    flags = {name: value for builder in builders for name, value in builder.flags.items()}
    for builder in builders:
        if len(atoms) <= MAX_SHARED_ATOMS and all(flags[name] == value for name, value in builder.flags.items()):
            builder.atoms, builder.flags = atoms, flags
        else:
            builder.shared = Shared()
    return builders


def _unused(document: Document[schema.Spec], used: set[str], base: Graph | None) -> Iterator[Diagnostic]:
    unused: dict[str, Diagnostic] = {}
    for name, node in document.model.graph.items():
        each = node.each is not None and any(one.startswith(f"{name}_") for one in used)
        if name in used or each or node.kind in ("expr", "first", "reuse") or node.when is not None:
            continue
        label = Label(
            span=document.span("graph", name, key=True),
            text="expected an output of the base or a task that reads it, found none",
        )
        help_ = "name it in `outputs:`, or under `weights:` if its weights are saved all the same"
        unused[name] = Diagnostic("unused-node", f"`{name}` is never used", label, help=help_)
    reads = dependencies(document.model, document.model.graph)
    below = {word for name in unused for word in reads[name]}  # what an unused node reads is not a second mistake
    yield from (diagnostic for name, diagnostic in unused.items() if name not in below)
