"""``archwright list``."""

from __future__ import annotations

import shutil
from itertools import zip_longest
from textwrap import wrap
from typing import TYPE_CHECKING, Any

import click

from .options import json_option
from .output import counted, print_result, table

if TYPE_CHECKING:
    from ...compiler.reading.schema import Spec

_SENSES = {
    "pixel_values": "vision", "visual_embeds": "vision", "input_values": "audio", "input_features": "audio",
    "input_ids": "text",
}  # fmt: skip
_GLUE = "\u00a0"
"""Between a size and its count, which stay on one line."""


@click.command("list", short_help="The specs that ship: family, tasks, sizes, parameters.")
@click.argument("names", metavar="[SPEC]...", nargs=-1)
@click.option("--sizes", "every_size", is_flag=True, help="Count the parameters of every size, also of all specs.")
@json_option
def command(names: tuple[str, ...], every_size: bool, as_json: bool) -> None:
    """List the specs that ship: what they read, their tasks, sizes and parameters.

    Parameters are those of the base model with its own defaults, and beside a size what is published for it; of specs
    that are named, those of each size as counted. What is too wide for a line goes on in the next.

    \b
    Examples:
      archwright list
      archwright list bert vit --json
    """
    from ...compiler.reading.document import shipped_models

    rows = [describe(name, every_size=every_size or bool(names)) for name in names or shipped_models()]
    head = ("name", "family", "parameters", "sizes", "tasks")
    ordered = rows if names else sorted(rows, key=lambda row: row["family"])
    text = table(head, [line for row in ordered for line in _lines(row)], right=(2,))
    print_result(rows, text, as_json=as_json)


def _lines(row: dict[str, Any]) -> list[tuple[str, ...]]:
    """The lines of a row: sizes and tasks share what the other columns leave of a terminal, or of 120 columns."""
    counts = {size: counted(number, billion="B") for size, number in row["parameters"].items()}
    told = {**row["published"], **counts}
    sizes = [f"{size}{_GLUE}{told[size]}" if size in told else size for size in row["sizes"]]
    room = max(shutil.get_terminal_size((120, 0)).columns - 64, 56)
    cells = [_wrapped(sizes, room // 2 - 3), _wrapped(row["tasks"], room - room // 2 + 3)]
    return list(zip_longest([row["name"]], [row["family"]], [counts["default"]], *cells, fillvalue=""))


def _wrapped(words: list[str], width: int) -> list[str]:
    return [line.replace(_GLUE, " ") for line in wrap(", ".join(words), width, break_long_words=False)]


def describe(name: str, *, every_size: bool) -> dict[str, Any]:
    """A spec's title, family, tasks and sizes, and the parameters of its base model.

    Args:
        every_size: count at each size, not at the parameters' defaults alone.

    Raises:
        SpecError: the spec is wrong.
        FileNotFoundError: there is no such spec.
    """
    from ...compiler.reading.document import library
    from ...compiler.check import build_graph
    from ..diagrams.rounds import nested

    spec = library().spec(name).model
    default = build_graph(name)
    counts = {"default": default.num_parameters()}
    if every_size:
        counts |= {size: build_graph(name, size=size).num_parameters() for size in spec.sizes}
    return {
        "name": name,
        "title": spec.title,
        "paper": spec.paper,
        "family": family(spec, is_causal=any(getattr(one.contract, "causal", False) for one in nested([default.root]))),
        "tasks": list(spec.tasks),
        "sizes": list(spec.sizes),
        "parameters": counts,
        "published": spec.published.sizes,
    }


def family(spec: Spec, *, is_causal: bool) -> str:
    """What a model reads and which halves it has: ``text encoder``, ``vision+text encoder``, ``audio decoder``."""
    senses = dict.fromkeys(sense for name, sense in _SENSES.items() if name in spec.inputs)
    if [*senses] == ["text"] and any("image" in task for task in spec.tasks):
        senses = {"vision": None}  # its words are the pixels
    writes = spec.generate is not None or not senses or any(task.startswith("causal_") for task in spec.tasks)
    has_decoder = any(name.startswith("decoder_") for name in spec.inputs)
    half = "encoder-decoder" if has_decoder else "decoder" if is_causal and writes else "encoder"
    return f"{'+'.join(senses) or 'series'} {half}"
