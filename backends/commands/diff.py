"""``archwright diff``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import json_option, model_options, spec_option
from .output import print_result, table
from .target import graph_of

if TYPE_CHECKING:
    from ...compiler.diff import Difference, Pair
    from ...compiler.graph import Graph

_WIDTH = 110


@click.command("diff", short_help="What differs between two architectures.")
@click.argument("first", metavar="A")
@click.argument("second", metavar="B")
@model_options
@spec_option
@click.option("--resolved", is_flag=True, help="Compare values and extents, not what is written.")
@click.option("--output", "-o", "path", metavar="FILE", type=click.Path(dir_okay=False, writable=True),
              help="Draw B to this file, what is new, changed and gone marked; as for `draw`.")  # fmt: skip
@click.option("--depth", type=click.IntRange(0), help="How deep the drawing goes.  [default: 1]")
@json_option
def command(
    first: str,
    second: str,
    spec: str | None,
    size: str | None,
    resolved: bool,
    path: str | None,
    depth: int | None,
    as_json: bool,
    **which: Any,
) -> None:
    """Compare two specs or checkpoints: nodes, options, edges, shapes and parameters.

    A and B are specs or checkpoint folders; A@SIZE is a spec in one of its sizes, and --task, --size and --set are for
    both; --spec reads each that is a folder. What is written is compared, so that sizes mostly differ in parameters and
    rounds; --resolved compares the numbers that follow. First values and checkpoint maps are left out. The exit code is
    0 whether they differ or not.

    \b
    Examples:
      archwright diff bert roberta
      archwright diff bert@base bert@large --resolved
      archwright diff bert albert -o changes.svg
      archwright diff bert path/to/checkpoint --spec my_bert.yaml
    """
    from ...compiler.diff import differences, parameter_differences
    from ..errors import ArgumentError
    from ..torch.checkpoint.folder import is_checkpoint

    readers = [spec if is_checkpoint(one) else None for one in (first, second)]
    if spec is not None and spec not in readers:
        raise ArgumentError(f"`spec` is what reads a checkpoint, and {first} and {second} are none: leave it out")
    if depth is not None and path is None:
        raise ArgumentError("`depth` is of the drawing, and none is asked for: say where (--output), or leave it out")
    targets = [_sized(one) for one in (first, second)]
    if size is not None and all(own is not None for _, own in targets):
        raise ArgumentError(f"`size` is for what names none itself, and {first} and {second} do: leave it out")
    graphs = [
        graph_of(name, size=size if own is None else own, spec=reader, **which)
        for (name, own), reader in zip(targets, readers, strict=True)
    ]
    found, params = differences(*graphs, resolved=resolved), parameter_differences(*graphs)
    if path is not None:
        from ..diagrams.render import format_of, rendered
        from ..files import write_whole

        depth = 1 if depth is None else depth
        write_whole(Path(path), rendered(graphs[1], format_of(path), depth, first=graphs[0], found=found))
        click.echo(f"wrote {path}", err=True)
    print_result(_data(graphs, found, params), _text(graphs, found, params), as_json=as_json)


def _sized(target: str) -> tuple[str, str | None]:
    """A spec or a folder, and the size that it names itself: ``spec@size``."""
    name, sign, own = target.rpartition("@")
    return (name, own) if sign and not Path(target).exists() else (target, None)


def _data(graphs: list[Graph], found: list[Difference], params: dict[str, Pair]) -> dict[str, Any]:
    heads = [
        {"model": one.name, "task": one.task, "size": one.size, "parameters": one.num_parameters()} for one in graphs
    ]
    nodes = {kind: [{"path": one.path, "text": one.text} for one in found if one.kind == kind]
             for kind in ("first", "second")}  # fmt: skip
    changed = [{"path": one.path, "facts": dict(one.facts)} for one in found if one.kind == "both"]
    return {
        "a": heads[0], "b": heads[1], "params": params, "only_a": nodes["first"], "only_b": nodes["second"],
        "changed": changed,
    }  # fmt: skip


def _text(graphs: list[Graph], found: list[Difference], params: dict[str, Pair]) -> str:
    names = [one.label for one in graphs]
    blocks = []
    if params:
        rows = [[name, *map(_or_dash, pair)] for name, pair in params.items()]
        blocks.append(table(("parameter", *names), rows))
    for kind, sign, at in (("first", "-", 0), ("second", "+", 1)):
        lines = [f"{sign} {one.path} = {one.text}" for one in found if one.kind == kind]
        if lines:
            blocks.append("\n".join([click.style(f"only in {names[at]}", bold=True), *lines]))
    alike: dict[tuple[tuple[str, Pair], ...], list[str]] = {}
    for one in found:
        if one.kind == "both":
            alike.setdefault(one.facts, []).append(one.path or "the model")
    changed = [
        "\n    ".join([f"~ {', '.join(paths)}", *(_fact(name, pair) for name, pair in facts)])
        for facts, paths in alike.items()
    ]
    if changed:
        blocks.append("\n".join([click.style(f"{names[0]} => {names[1]}", bold=True), *changed]))
    counts = [one.num_parameters() for one in graphs]
    told = f"{counts[0]:,} => {counts[1]:,} parameters ({counts[1] - counts[0]:+,})"
    return "\n\n".join([*blocks, told if blocks else f"no difference; {told}"])


def _fact(name: str, pair: Pair) -> str:
    """What both say, below each other where it is long."""
    line = f"{name}: {' => '.join(map(_or_dash, pair))}"
    return line if len(line) <= _WIDTH else f"{name}:\n       {_or_dash(pair[0])}\n    => {_or_dash(pair[1])}"


def _or_dash(text: str | None) -> str:
    return "-" if text is None else text
