"""``archwright list``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import json_option
from .output import counted, print_json, print_lines, table

if TYPE_CHECKING:
    from ...compiler.graph import Body
    from ...compiler.schema import Spec

_SENSES = {"pixel_values": "vision", "input_values": "audio", "input_features": "audio", "input_ids": "text"}


@click.command("list", short_help="The specs that ship: family, tasks, sizes, parameters.")
@click.argument("names", metavar="[SPEC]...", nargs=-1)
@click.option("--sizes", "every_size", is_flag=True, help="Count the parameters of every size, also of all specs.")
@json_option
def command(names: tuple[str, ...], every_size: bool, as_json: bool) -> None:
    """List the specs that ship: what they read, their tasks, sizes and parameters.

    Parameters are those of the base model with its own defaults; of specs that are named, those of each size too.

    \b
    Examples:
      archwright list
      archwright list bert vit --json
    """
    from ...compiler.document import shipped_models

    rows = [describe(name, every_size=every_size or bool(names)) for name in names or shipped_models()]
    if as_json:
        print_json(rows)
    else:
        head = ("name", "family", "parameters", "sizes", "tasks")
        print_lines(table(head, [_texts(row) for row in rows], right=(2,)))


def _texts(row: dict[str, Any]) -> list[str]:
    counts = row["parameters"]
    sizes = [f"{size} {counted(counts[size], billion='B')}" if size in counts else size for size in row["sizes"]]
    total = counted(counts["default"], billion="B")
    return [row["name"], row["family"], total, ", ".join(sizes), ", ".join(row["tasks"])]


def describe(name: str, *, every_size: bool) -> dict[str, Any]:
    """A spec's title, family, tasks and sizes, and the parameters of its base model.

    Args:
        every_size: count at each size, not at the parameters' defaults alone.

    Raises:
        SpecError: the spec is wrong.
        FileNotFoundError: there is no such spec.
    """
    from ...compiler.document import library
    from ...compiler.check import build_graph

    spec = library().spec(name).model
    default = build_graph(name)
    counts = {"default": default.num_parameters()}
    if every_size:
        counts |= {size: build_graph(name, size=size).num_parameters() for size in spec.sizes}
    return {
        "name": name,
        "title": spec.title,
        "paper": spec.paper,
        "family": family(spec, is_causal=is_causal(default.root)),
        "tasks": list(spec.tasks),
        "sizes": list(spec.sizes),
        "parameters": counts,
    }


def family(spec: Spec, *, is_causal: bool) -> str:
    """What a model reads and which halves it has: ``text encoder``, ``vision+text encoder``, ``audio decoder``."""
    senses = dict.fromkeys(sense for name, sense in _SENSES.items() if name in spec.inputs)
    is_generative = spec.generate is not None or "causal_lm" in spec.tasks
    has_decoder = any(name.startswith("decoder_") for name in spec.inputs)
    half = "encoder-decoder" if has_decoder else "decoder" if is_causal and is_generative else "encoder"
    return f"{'+'.join(senses) or 'series'} {half}"


def is_causal(body: Body) -> bool:
    """Whether some attention looks back alone."""
    return any(
        bool(getattr(node.contract, "causal", False)) or any(is_causal(inner) for inner in node.rounds[:1])
        for node in body.nodes.values()
    )
