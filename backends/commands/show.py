"""``archwright show``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from math import prod
from typing import TYPE_CHECKING, Any

import click

from .options import dim_option, json_option, refuse_beside, target_options, words_option
from .output import counted, in_bytes, print_result, table
from .target import check_inputs, graph_of

if TYPE_CHECKING:
    from ...compiler.cost import NodeCost
    from ...compiler.graph import Graph

_BATCH, _LENGTH = 1, 128
_FLOAT_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@click.command("show", short_help="Shapes, parameters, FLOPs and memory of each node.")
@target_options("SPEC")
@click.option("--resolved", is_flag=True, help="Every value, and where it comes from.")
@click.option("--shapes", is_flag=True, help="The graph as text: nodes, edges, symbolic shapes.")
@click.option("--params", is_flag=True, help="Every weight: its path, shape and size.")
@click.option("--passes", is_flag=True, help="What inference=True and packed=True compute otherwise, and where.")
@dim_option
@words_option("--inputs", help="Optional inputs that the call gives too, such as labels.")
@click.option(
    "--dtype", type=click.Choice(list(_FLOAT_BYTES)), default="float32", show_default=True, help="For memory."
)
@click.option("--depth", type=click.IntRange(0), help="How deep the table goes into parts.  [default: to the end]")
@json_option
def command(
    target: str, resolved: bool, shapes: bool, params: bool, passes: bool, dims: dict[str, int],
    inputs: list[str] | None, dtype: str, depth: int | None, as_json: bool, **which: Any,
) -> None:  # fmt: skip
    """Show a model: shapes, parameters, floating-point operations and memory of each node; or one of four other views.

    Memory is that of what all nodes give, as training keeps it. In the table of a repeat, the lines below it are one
    round's.

    \b
    Examples:
      archwright show bert --size base --dim batch=2 --dim seq=128
      archwright show vilt --inputs pixel_values --depth 1
      archwright show t5 --shapes
      archwright show vit --task image_classification --resolved
    """
    views = {"resolved": resolved, "shapes": shapes, "params": params, "passes": passes}
    view = next((name for name, is_asked in views.items() if is_asked), None)
    if view is not None:
        refuse_beside(f"--{view}", *(views.keys() - {view}), "dims", "inputs", "dtype", "depth")
    graph = graph_of(target, **which)
    if view is not None:
        data, text = {"resolved": _resolved, "shapes": _shapes, "params": _params, "passes": _passes}[view](graph)
    else:
        data, text = _costs(graph, dims, inputs or [], _FLOAT_BYTES[dtype], depth)
    data = {"model": graph.name, "task": graph.task, "size": graph.size, **data}
    print_result(data, text, as_json=as_json)


def _costs(
    graph: Graph, dims: dict[str, int], inputs: list[str], float_bytes: int, depth: int | None
) -> tuple[dict[str, Any], str]:
    """The table of nodes with what each costs, and the totals; long shapes are last, where a terminal may cut them."""
    from ...compiler.calls import chosen_inputs, extents, inner_extents
    from ...compiler.cost import cost

    check_inputs(graph, inputs)
    given = {name for name in chosen_inputs(graph, tuple(inputs)) if name in graph.atoms}
    met = graph.met(inner_extents(graph, {**extents(graph, given, batch=_BATCH, length=_LENGTH), **dims}))
    total = cost(graph, given=given | met, float_bytes=float_bytes)
    usual = extents(graph, given, batch=_BATCH, length=_LENGTH, more=total.axes())
    for name in dims:
        if name not in usual:
            known = ", ".join(usual)
            raise click.BadParameter(f"`{name}` is no axis of `{graph.name}`; there are {known}", param_hint="--dim")
    sizes = {**usual, **dims}
    last = float("inf") if depth is None else depth + 1
    inner = inner_extents(graph, sizes)
    rows = [_row(level - 1, node, inner) for level, node in total.walk() if 1 <= level <= last]
    opened = any(node.times > 1 for level, node in total.walk() if 1 <= level < last)
    figures = total.figures(inner)
    weights = figures.parameters * float_bytes
    rows.append(
        ["total", "", counted(figures.parameters, billion="B"), counted(figures.flops), in_bytes(figures.memory), ""]
    )
    lines = [
        table(("node", "kind", "parameters", "FLOPs", "memory", "output"), rows, right=(2, 3, 4)),
        "",
        *(["the lines below `x N` are of one round"] if opened else []),
        f"{figures.parameters:,} parameters, {in_bytes(weights)} of weights",
        f"FLOPs = {total.flops}",
        f"for {', '.join(f'{name}={extent}' for name, extent in sizes.items())}"
        + (f", given {', '.join(sorted(given))}" if given else ""),
    ]
    data = {"sizes": sizes, "given": sorted(given), "weights_bytes": weights, "cost": total.to_json(inner)}
    return data, "\n".join(lines)


def _row(level: int, node: NodeCost, sizes: dict[str, int]) -> list[str]:
    figures = node.figures(sizes)
    shape = next((kind.shape for kind in node.outputs.values()), "")
    times = f" x {node.times}" if node.times > 1 else ""
    numbers = (
        counted(figures.parameters, billion="B") if figures.parameters else "-",
        counted(figures.flops) if figures.flops else "-",
        in_bytes(figures.memory) if figures.memory else "-",
    )
    return ["  " * level + node.name + times, node.kind, *numbers, shape]


def _shapes(graph: Graph) -> tuple[dict[str, Any], str]:
    """The graph as text."""
    from ...compiler.cost import cost
    from ...compiler.text import graph_text

    nodes = [
        {"path": node.path, "kind": node.kind, "outputs": {port: str(kind) for port, kind in node.outputs.items()}}
        for level, node in cost(graph).walk()
        if level
    ]
    text = graph_text(graph)
    inputs = {name: str(value.type) for name, value in graph.root.inputs.items()}
    return {"inputs": inputs, "nodes": nodes, "text": text}, text.rstrip("\n")


def _resolved(graph: Graph) -> tuple[dict[str, Any], str]:
    """The parameters with where they come from, and the graph with every value."""
    from ...compiler.text import graph_text
    from ...blocks.notation.unparse import plain_text

    rows, data = [], []
    for name, option in graph.root.params.items():
        place = str(option.span) if option.span is not None and option.origin != "override" else ""
        rows.append([name, plain_text(option.value), option.origin, place])
        data.append({"name": name, "value": graph.params[name], "origin": option.origin, "place": place or None})
    text = graph_text(graph, resolved=True)
    shown = table(("parameter", "value", "from", "written at"), rows)
    return {"parameters": data, "text": text}, f"{shown}\n\n{text}".rstrip("\n")


def _params(graph: Graph) -> tuple[dict[str, Any], str]:
    """Every weight; those of rounds that are alike on one line."""
    entries = graph.weights()
    data = [
        {"path": one.path, "shape": list(one.shape), "trained": one.is_trained, "tied_to": one.tied_to}
        for one in entries
    ]
    groups: dict[tuple[str, tuple[int, ...], str], list[str]] = {}
    for one in entries:
        note = f"tied to {one.tied_to}" if one.tied_to else "" if one.is_trained else "not trained"
        groups.setdefault((re.sub(r"\.\d+(?=\.)", ".<>", one.path), one.shape, note), []).append(one.path)
    rows = []
    for (pattern, shape, note), paths in groups.items():
        times = f"{len(paths)} x " if len(paths) > 1 else ""
        rows.append([_spread(pattern, paths), str(list(shape)), f"{times}{prod(shape):,}", note])
    lines = [table(("weight", "shape", "numbers", ""), rows, right=(2,)), "", f"{graph.num_parameters():,} parameters"]
    return {"parameters": graph.num_parameters(), "weights": data}, "\n".join(lines)


def _passes(graph: Graph) -> tuple[dict[str, Any], str]:
    """What each pass did; changes that are alike on one line."""
    from ...compiler.passes.report import changes, packed_changes

    found = [*changes(graph), *packed_changes(graph)]
    data = [{"pass": one.rewrite, "path": one.path, "nodes": list(one.nodes), "effect": one.effect} for one in found]
    groups: dict[tuple[str, str, tuple[str, ...], str], list[str]] = {}
    for one in found:
        key = re.sub(r"\.\d+(?=\.|$)", ".<>", one.path)
        groups.setdefault((one.rewrite, key, one.nodes, one.effect), []).append(f"{one.path}.")
    rows = [
        [kind, _spread(f"{path}.", paths).strip(".") or ".", " ".join(nodes), effect]
        for (kind, path, nodes, effect), paths in groups.items()
    ]
    text = table(("pass", "where", "nodes", "what it does"), rows) if rows else "no pass finds anything to do"
    return {"passes": data}, text


def _spread(pattern: str, paths: list[str]) -> str:
    """A path with the rounds that share it: ``encoder.<0..11>.norm1.weight``."""
    from ...compiler.text import ranges

    holes = zip(*(re.findall(r"\.(\d+)(?=\.)", path) for path in paths), strict=True)
    texts: Iterator[str] = (ranges(sorted({int(number) for number in hole})) for hole in holes)
    return re.sub("<>", lambda _: text if (text := next(texts)).isdigit() else f"<{text}>", pattern)
