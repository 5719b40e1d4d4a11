"""Graphviz, as `pygraphviz` carries it: DOT is laid out, what is placed badly is moved, and the whole is drawn."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import closing
from functools import cache
from itertools import pairwise, product
from math import fsum
from threading import Lock
from typing import Any, TypeAlias

from ..errors import ArgumentError, warn
from .dot import TIE, Ends
from .legend import Legend, place_legend
from .rects import Rect, clusters, curve, curves, label_rect, node_rect, solid

Point: TypeAlias = tuple[float, float]

_GAP, _AIR, _TIP, _DPI = 10.0, 3.0, 7.0, "144"
_GRAPHVIZ = Lock()
"""One thread at a time: Graphviz keeps what it is at in globals."""
_HEIGHTS = (0.5, 0.2, 0.8, 0.05, 0.95)


def laid_out(dot: str, format: str, *, legend: Legend, ties: Sequence[Ends]) -> bytes:
    """A drawing of DOT text as `svg`, `png` or `pdf`; legend and ties are added to what is laid out.

    Raises:
        ArgumentError: there is no Graphviz, or it cannot be loaded.
    """
    try:
        from pygraphviz import AGraph
    except ModuleNotFoundError:
        raise ArgumentError(f"to draw {format}, `pip install pygraphviz`; `dot` and `mermaid` need nothing") from None
    except ImportError as error:  # on a bare system
        raise ArgumentError(
            f"to draw {format}, pygraphviz is here and cannot be loaded: {error}; of the system its wheels need glib, "
            "the libraries of X11 and a font (Debian: `apt-get install libglib2.0-0 libxext6 libxrender1 "
            "fonts-dejavu-core`); `dot` and `mermaid` need nothing"
        ) from None
    with _GRAPHVIZ, closing(AGraph(string=dot)) as graph:
        drawing = _drawn(graph, format, legend, ties)
    if format != "svg" and _lacks_fonts():  # who looks at an svg has fonts
        warn(
            f"no font is found, so that the {format} has an empty box for each letter: install one "
            "(Debian: `apt-get install fonts-dejavu-core`), or draw svg"
        )
    return drawing


@cache
def _lacks_fonts() -> bool:
    """Whether all letters are as wide as what no font has: of fixed fonts they are not, which write its number."""
    from pygraphviz import AGraph

    nodes = "; ".join(f'{name} [label="{letter * 20}"]' for name, letter in zip("abc", "iM\U0010ffff", strict=True))
    graph: Any = AGraph(string=f"graph {{node [margin=0, width=0]; {nodes}}}")
    with _GRAPHVIZ, closing(graph):
        graph.layout("dot")
        return len({node.attr["width"] for node in graph.nodes()}) == 1


def _drawn(graph: Any, format: str, legend: Legend, ties: Sequence[Ends]) -> bytes:
    graph.layout("dot")
    _face(graph)
    lines = [*curves(graph), *(rect for edge in graph.edges() if (rect := label_rect(edge)) is not None)]
    for cluster in clusters(graph):
        _fit_cluster(cluster, lines)
    for one, two in ties:
        _tie(graph, one, two)
    place_legend(graph, legend, [*curves(graph), *solid(graph)])
    if format == "png":
        graph.graph_attr["dpi"] = _DPI
    drawing = graph.draw(format=format, prog="nop2")
    assert drawing is not None  # it is given back where there is no file
    return drawing


def _face(graph: Any) -> None:
    """Edges between stacks that stand side by side go from one to the other, where nothing is between."""
    boxes = {str(node): node_rect(node, _AIR) for node in graph.nodes()}
    texts = [rect for edge in graph.edges() if (rect := label_rect(edge)) is not None]
    for edge in graph.edges():
        if edge.attr["constraint"] != "false":
            continue
        ends = [str(end) for end in edge]
        tail, head = (boxes[end] for end in ends)
        others = [rect for name, rect in boxes.items() if name not in ends]
        side = 1 if tail.middle[0] < head.middle[0] else -1
        start, end = (tail.right - _AIR, head.left + _AIR) if side > 0 else (tail.left + _AIR, head.right - _AIR)
        half, high = (tail.top - tail.bottom) / 2, head.middle[1]
        for off, part in product((0, -0.7, 0.7), (0.5, 0.35, 0.65, 0.2, 0.8)):
            low, middle, tip = tail.middle[1] + half * off, start + (end - start) * part, end - side * _TIP
            spots = ((end, high), (start, low), (middle, low), (middle, high), (tip, high))
            pos = "e," + " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            if (end - start) * side > 2 * _TIP and not any(spot.meets(rect) for spot in curve(pos) for rect in others):
                edge.attr["pos"] = pos
                _write_beside(edge, side, [*others, *texts])
                break


def _write_beside(edge: Any, side: int, taken: Sequence[Rect]) -> None:
    """The text of an edge that was moved, at the first place along it where nothing is."""
    if (text := label_rect(edge)) is not None:
        wide, middles = text.right - text.left, [spot.middle for spot in curve(edge.attr["pos"])]
        places = [Rect.around(x + side * (wide / 2 + _TIP), y + _TIP, wide, 11, _AIR) for x, y in middles]
        place = next((one for one in places if not any(map(one.meets, taken))), text)
        edge.attr["lp"] = f"{place.middle[0]:.1f},{place.middle[1]:.1f}"


def _met(place: Rect, others: Sequence[Rect]) -> int:
    return sum(map(place.meets, others))


def _fit_cluster(cluster: Any, lines: Sequence[Rect]) -> None:
    """Draw a cluster as wide as what is in it, its name where no edge crosses it, and no blanks behind the name."""
    for inner in clusters(cluster):
        _fit_cluster(inner, lines)
    box = Rect.of(cluster.graph_attr["bb"])
    inside = [*solid(cluster), *curves(cluster)]
    left = max(box.left, min(one.left for one in inside) - _GAP)
    right = min(box.right, max(one.right for one in inside) + _GAP)
    width, height = float(cluster.graph_attr["lwidth"]) * 28, float(cluster.graph_attr["lheight"]) * 72
    places = [
        Rect(at, box.top - height - 5, at + width, box.top - 2)
        for at in (left + _GAP, *range(int(box.left + _GAP), int(box.right - _GAP - width), 4))
    ]
    place = min(
        places, key=lambda one: (_met(one, lines), max(0, left + _GAP - one.left) + max(0, one.right + _GAP - right))
    )
    cluster.graph_attr["label"] = re.sub(r"\N{NO-BREAK SPACE}+", "", cluster.graph_attr["label"])
    cluster.graph_attr["lp"] = f"{place.middle[0]:.1f},{box.top - height / 2 - 4:.1f}"
    left, right = max(box.left, min(left, place.left - _GAP)), min(box.right, max(right, place.right + _GAP))
    cluster.graph_attr["bb"] = Rect(left, box.bottom, right, box.top).text()


def _tie(graph: Any, one: str, two: str) -> None:
    """A line between two boxes: straight in one row, or around what is between, the way with the least on it."""
    low, high = sorted((node_rect(graph.get_node(name)) for name in (one, two)), key=lambda rect: rect.middle[1])
    things = list(solid(graph))
    between = [rect for rect in things if rect.meets(Rect(-1e9, low.bottom, 1e9, high.top))]
    left, right = min(rect.left for rect in between) - _GAP, max(rect.right for rect in between) + _GAP
    ways = []
    for at, to in product(_HEIGHTS, repeat=2):
        y1, y2 = low.bottom + at * (low.top - low.bottom), high.bottom + to * (high.top - high.bottom)
        ways.append([(low.left, y1), (left, y1), (left, y2), (high.left, y2)])
        ways.append([(low.right, y1), (right, y1), (right, y2), (high.right, y2)])
    if low.top > high.bottom:
        first, last = sorted((low, high), key=lambda rect: rect.left)
        x1, x2, above = first.right - 14, last.left + 14, high.top + _GAP
        ways.append([(first.right, y := (high.bottom + low.top) / 2), (last.left, y)])
        ways.append([(x1, first.top), (x1, above), (x2, above), (x2, last.top)])
    points = min(ways, key=lambda way: fsum(_badness(things, *ends) for ends in pairwise(way)))
    graph.add_edge(one, two, key="tie", pos=_polyline(points), **TIE)


def _badness(things: Sequence[Rect], one: Point, two: Point) -> float:
    """How long a stretch is, and how much is on it."""
    (x1, y1), (x2, y2) = one, two
    way = Rect(min(x1, x2), min(y1, y2) - 2, max(x1, x2), max(y1, y2) + 2)
    return abs(x1 - x2) + abs(y1 - y2) + 200 * _met(way, things)


def _polyline(points: Sequence[Point]) -> str:
    """Straight stretches as the curves that Graphviz draws."""
    words = [f"{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        words += [f"{x1 + (x2 - x1) * part / 3:.1f},{y1 + (y2 - y1) * part / 3:.1f}" for part in (1, 2, 3)]
    return " ".join(words)
