"""The legend: what colours, lines and names stand for, in a corner that is free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .escapes import dot_text
from .families import colours
from .labels import spoken
from .rects import Rect, text_width
from .scene import Scene

_ROW, _LINE, _GAP = 21.0, 13.0, 10.0
_NOTES = {
    "memory": "thick red: attends to another sequence",
    "mask": "thin grey: masks",
    "tied": "dotted: shared weights",
}
STYLE = {"fontsize": "9", "fontcolor": "#444444", "height": "0.2", "margin": "0.06,0.02"}


@dataclass(frozen=True, slots=True)
class Legend:
    """Rows of name, fill and border, and notes below."""

    rows: tuple[tuple[str, str, str], ...]
    notes: tuple[str, ...]


def legend_of(scene: Scene) -> Legend:
    """The legend of what occurs in a scene."""
    rows = tuple((spoken(name), *colours(name)) for name in scene.families)
    styles = {edge.style for edge in scene.edges}
    notes = [f"{name} = {value}" for name, value in scene.symbols.items()]
    notes += [text for style, text in _NOTES.items() if style in styles]
    if any(edge.optional for edge in scene.edges):
        notes.append("dashed: may be left out")
    return Legend(rows, tuple(notes))


def place_legend(graph: Any, legend: Legend, taken: Sequence[Rect]) -> None:
    """Add the legend to a graph that is laid out: in a corner where nothing is, else beside the drawing."""
    words = [*(text for text, _, _ in legend.rows), *legend.notes]
    if not words:
        return
    width = max(map(text_width, words)) + 3.5 * _GAP
    height = len(legend.rows) * _ROW + len(legend.notes) * _LINE + 2 * _GAP
    frame = Rect.of(graph.graph_attr["bb"])
    top = frame.top - float(graph.graph_attr["lheight"] or 0) * 72 - 2 * _GAP
    corners = [(left, bottom) for left in (frame.right - width, frame.left) for bottom in (frame.bottom, top - height)]
    places = [Rect(left, bottom, left + width, bottom + height) for left, bottom in corners]
    beside = Rect(frame.right + 2 * _GAP, frame.bottom, frame.right + 2 * _GAP + width, frame.bottom + height)
    place = next((one for one in places if not any(map(one.meets, taken))), beside)
    graph.graph_attr["bb"] = Rect(
        frame.left, frame.bottom, max(frame.right, place.right), max(frame.top, place.top)
    ).text()
    _add(graph, "legend", place, "", style="rounded", color="#d8d8d8", fillcolor="white")
    down = place.top - _GAP
    for number, (text, fill, border) in enumerate(legend.rows):
        row = Rect(place.left + _GAP, down - _ROW + 2.5, place.right - _GAP, down - 2.5)
        _add(graph, f"legend{number}", row, dot_text(text), fillcolor=fill, color=border, **STYLE)
        down -= _ROW
    for number, text in enumerate(legend.notes):
        row = Rect(place.left + _GAP, down - _LINE, place.right - _GAP, down)
        _add(graph, f"legend_note{number}", row, f"{dot_text(text)}\\l", shape="plaintext", style="solid", **STYLE)
        down -= _LINE


def _add(graph: Any, name: str, place: Rect, label: str, **attributes: str) -> None:
    x, y = place.middle
    size = {
        "pos": f"{x:.1f},{y:.1f}", "width": f"{(place.right - place.left) / 72:.3f}",
        "height": f"{(place.top - place.bottom) / 72:.3f}", "fixedsize": "shape",
    }  # fmt: skip
    graph.add_node(name, label=label, **{**attributes, **size})
