"""`draw`: a model to a picture or a text that others can lay out."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...compiler.check import build_graph
from ...compiler.diff import Difference
from ...compiler.graph import Graph
from ..errors import ArgumentError
from ..files import write_whole
from .build import scene_of
from .dot import to_dot, to_layout
from .escapes import printable
from .layout import laid_out
from .legend import legend_of
from .marks import mark
from .mermaid import to_mermaid

FORMATS = {
    ".svg": "svg",
    ".png": "png",
    ".pdf": "pdf",
    ".dot": "dot",
    ".gv": "dot",
    ".mmd": "mermaid",
    ".mermaid": "mermaid",
    ".html": "html",
}
"""The suffixes that `draw` knows, and what each of them writes."""
DEEPEST = 2
"""To which depth a page shows parts, where it is asked for less."""


def draw(
    model: str | Path | Graph,
    path: str | Path | None = None,
    *,
    format: str | None = None,
    task: str | None = None,
    size: str | None = None,
    depth: int | None = None,
    **params: Any,
) -> str | bytes | None:
    """Draw a model as a diagram.

    Args:
        model: a shipped name, a path to a spec, or a graph that `check` gave.
        path: the file to write; its suffix says the format.
        format: ``svg``, ``png``, ``pdf``, ``dot``, ``mermaid`` or ``html`` (a page of several depths), where the suffix
            does not say it.
        task: the task to draw; the base model by default.
        size: a row of the spec's sizes.
        depth: 0 for a few boxes, 1 (the default) for what a paper shows, more to open the parts inside.
        **params: parameters by name.

    Returns:
        Without a path the drawing: bytes for ``png`` and ``pdf``, text for the others.

    Raises:
        ArgumentError: a format that there is not, or arguments that do not go together.
        SpecError: the spec is wrong.
        FileNotFoundError: there is no such spec.
    """
    chosen = format_of(path, format)
    if isinstance(depth, bool) or not isinstance(depth, (int, type(None))) or (depth or 0) < 0:
        raise ArgumentError(f"`depth` is a whole number from 0, found {depth!r}")
    if not isinstance(model, Graph):
        model = build_graph(model, task, size, params, params)
    elif task is not None or size is not None or params:
        raise ArgumentError("a graph has its task, size and parameters already: give them to `check`")
    drawing = rendered(model, chosen, 1 if depth is None else depth)
    if path is None:
        return drawing
    write_whole(Path(path), drawing)
    return None


def rendered(
    graph: Graph, format: str, depth: int, *, first: Graph | None = None, found: Sequence[Difference] = ()
) -> str | bytes:
    """The drawing of a graph in one of the formats; with another graph, of how it differs from that, as was found."""
    if format == "html":
        return _page(graph, depth, first, found)
    scene = scene_of(graph, depth)
    if first is not None:
        scene.title.append(f"compared with {first.label}")
        mark(scene, found, scene_of(first, depth))
    if format == "mermaid":
        return to_mermaid(scene)
    if format == "dot":
        return to_dot(scene)
    text, ties = to_layout(scene)
    made = laid_out(text, format, legend=legend_of(scene), ties=ties)
    return _plain_svg(made.decode(), " · ".join(scene.title)) if format == "svg" else made


def _page(graph: Graph, depth: int, first: Graph | None, found: Sequence[Difference]) -> str:
    """A page of the drawings to each depth, one of them shown; it needs nothing but a browser."""
    drawings = {
        at: str(rendered(graph, "svg", at, first=first, found=found)).partition("?>")[2]
        for at in range(max(depth, DEEPEST) + 1)
    }
    title = html.escape(graph.title or graph.name)
    shown = "".join(
        f'<input type="radio" name="depth" id="depth{at}"{" checked" if at == depth else ""}>'
        f'<label for="depth{at}">depth {at}</label><figure>{drawing}</figure>\n'
        for at, drawing in drawings.items()
    )
    style = "body{font-family:sans-serif} figure{display:none;margin:1em 0} input:checked+label+figure{display:block}"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>\n'
        f"<style>{style}</style></head>\n<body>\n{shown}</body></html>\n"
    )


def format_of(path: str | Path | None, format: str | None = None) -> str:
    """The format that is meant.

    Raises:
        ArgumentError: there is none of that name or suffix.
    """
    known = dict.fromkeys(FORMATS.values())
    if format is not None:
        if format not in known:
            raise ArgumentError(f"there is no format `{format}`; there are {', '.join(known)}")
        return format
    if path is None:
        return "svg"
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise ArgumentError(
            f"the suffix `{suffix}` of `{Path(path).name}` is no format; there are {', '.join(FORMATS)}"
        )
    return FORMATS[suffix]


def _plain_svg(text: str, title: str) -> str:
    """The SVG without its document type, which names a place on the network, and without comments and identifiers.

    Its one title is what a screen reader calls it.
    """
    text = re.sub(r'<!DOCTYPE.*?>\s*|<!--.*?-->\s*|<title>.*?</title>\s*| id="\w+"', "", text, flags=re.DOTALL)
    head, start, rest = text.replace(' xmlns:xlink="http://www.w3.org/1999/xlink"', "").partition("<g ")
    return f"{head}<title>{html.escape(printable(title))}</title>\n{start}{rest}"
