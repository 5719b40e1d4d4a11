"""The outputs of a spec, and what of its graph they need (language F7, F11)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from ...blocks.notation.types import ListType
from ..diagnosing.diagnostics import clip
from ..diagnosing.report import Reported
from ..graph import Apply, Body, Gathered, Items, Node, Value, named_outputs, values_below
from ..reading import schema
from ..reading.span import Span
from .compose import Composed
from .definitions import Definition
from .scope import Scope
from .values import element

if TYPE_CHECKING:
    from .bodies import Builder

PLACE = "<i>"
MOST_SHOWN = 3
OUTPUT_KEYS = ("from", "when", "optional")


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
    values = [value for _, value in named_outputs(found)]
    if definition.is_root and values and not any(value is None or value.present for value in values):
        builder.report.error("never-present", f"`{definition.name}` gives nothing, whatever a call gives",
                             definition.span("outputs", next(iter(found)), key=True),
                             label="expected an output that some call gives",
                             others=list(_never_true(definition, scope))[:MOST_SHOWN])  # fmt: skip
    if definition.is_root:
        for name, gap in _gaps(found, definition.model.outputs):
            label = f"expected a list whose values one call gives, found {gap}"
            builder.note("never-present", f"`{name}` is absent", definition.span("outputs", name), label)
    return found


def _gaps(outputs: Mapping[str, Any], written: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """The lists that no call gives, as some of their values are never there while others are."""
    for name, value in outputs.items():
        while isinstance(value, Apply) and value.op == "when":
            value = value.args[0]
        if isinstance(value, Gathered):
            there, raw = [bool(item.present) for item in value.items], written.get(name)
            if any(there) and not all(there):
                at, texts = there.index(False), raw.get("from") if isinstance(raw, dict) else raw
                yield name, f"no `{texts[at]}`" if isinstance(texts, list) else f"no value at {at}"


def _never_true(definition: Definition, scope: Scope) -> Iterator[tuple[Span, str]]:
    """The conditions of nodes that no call makes true."""
    for name, node in definition.model.graph.items():
        if node.when is not None and name in scope.values and not scope.values[name].present:
            yield definition.span("graph", name, "when"), "never true"


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
    written = raw if isinstance(raw, dict) else {"from": raw}
    source, condition, graph = written.get("from"), written.get("when"), definition.model.graph
    at = partial(definition.span, *path, *(["from"] if written is raw else []))
    strangers = [str(key) for key in written if key not in OUTPUT_KEYS]
    for key in strangers:
        builder.report.error(
            "unknown-key", f"`{clip(key)}` is no key of an output", definition.span(*path, key, key=True),
            label=f"expected one of {', '.join(OUTPUT_KEYS)}", help=builder.report.suggest(key, OUTPUT_KEYS),
        )  # fmt: skip
    if strangers:
        return None
    if isinstance(source, list):
        value = builder.several(source, at, scope)
    elif isinstance(source, str) and source in body.nodes and getattr(graph.get(source), "mount", None):
        ports = {port: f"{source}.{port}" for port in body.nodes[source].rounds[0].outputs}
        return {
            port: _output(builder, definition, scope, body, one, (*path, port))
            for port, one in schema.captured(ports).items()
        }
    else:
        value = builder.edge(source, at(), scope)
    if value is None or condition is None or (condition in schema.CAPTURES.values() and not definition.is_root):
        return value  # flags say what a call returns: what is mounted gives, the calling spec returns
    try:
        present = scope.condition(schema.as_text(condition), definition.span(*path, "when"))
    except Reported:
        return None
    return Apply(value.type, value.present & present, "when", (value,)) if present else None


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


def prune(definition: Composed, body: Body, outputs: Any) -> None:
    """Take away what no output reads and `weights:` do not keep, and mark what the task brought."""
    kept = {name.split(".")[0] for name in definition.kept}
    live = reachable(outputs, [body.nodes[name] for name in kept if name in body.nodes], body)
    for name in list(body.nodes):
        if body.nodes[name] not in live:
            del body.nodes[name]
        elif name in definition.own:
            body.nodes[name].origin = definition.task


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
        match item:
            case dict():
                stack += item.values()
            case list():
                stack += item
            case Node():
                stack += [*item.inputs.values(), item.reuse]
                if body.nodes.get(item.name) is item:
                    live.add(item)
            case Value():
                stack += [*values_below(item), getattr(item, "node", None)]
    return live
