"""Graphviz, as `pygraphviz` carries it: DOT is laid out, what is placed badly is moved, and the whole is drawn."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise, product
from typing import Any

from ..errors import ArgumentError
from .dot import TIE, Ends
from .legend import Legend, place_legend
from .rects import Rect, clusters, curve, curves, label_rect, node_rect, solid

_GAP, _AIR, _SLANT, _TIP, _DPI = 10.0, 3.0, 20.0, 7.0, "144"


def laid_out(dot: str, format: str, *, legend: Legend, ties: Sequence[Ends], spine: Sequence[Ends]) -> bytes:
    """A drawing of DOT text as `svg`, `png` or `pdf`; legend and ties are added to what is laid out.

    Raises:
        ArgumentError: there is no Graphviz.
    """
    try:
        from pygraphviz import AGraph
    except ImportError:
        raise ArgumentError(f"to draw {format}, `pip install pygraphviz`; `dot` and `mermaid` need nothing") from None
    graph = AGraph(string=dot)
    graph.layout("dot")
    _face(graph)
    _straighten(graph)
    _write_shapes(graph, spine)
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
    for edge in graph.edges():
        if edge.attr["constraint"] != "false":
            continue
        tail, head = (boxes[end] for end in ends_of(edge))
        others = [rect for name, rect in boxes.items() if name not in ends_of(edge)]
        side = 1 if tail.middle[0] < head.middle[0] else -1
        start, end = (tail.right - _AIR, head.left + _AIR) if side > 0 else (tail.left + _AIR, head.right - _AIR)
        half, high = (tail.top - tail.bottom) / 2, head.middle[1]
        for off, part in product((0, -0.7, 0.7), (0.5, 0.35, 0.65, 0.2, 0.8)):
            low, middle, tip = tail.middle[1] + half * off, start + (end - start) * part, end - side * _TIP
            spots = ((end, high), (start, low), (middle, low), (middle, high), (tip, high))
            pos = "e," + " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
            if (end - start) * side > 2 * _TIP and not any(spot.meets(rect) for spot in curve(pos) for rect in others):
                edge.attr["pos"] = pos
                break


def _straighten(graph: Any) -> None:
    """Where one box stands above another, and nothing between, the edge goes straight."""
    boxes = {str(node): node_rect(node) for node in graph.nodes()}
    for edge in graph.edges():
        tail, head = (boxes[str(end)] for end in edge)
        (x1, _), (x2, _) = tail.middle, head.middle
        way = Rect(min(x1, x2) - 3, tail.top + 1, max(x1, x2) + 3, head.bottom - 1)
        if (
            edge.attr["constraint"] == "false"
            or abs(x1 - x2) > _SLANT
            or way.top <= way.bottom
            or any(map(way.meets, boxes.values()))
        ):
            continue
        length = head.bottom - tail.top
        tip = 1 - _TIP / max(length, 2 * _TIP)
        thirds = [(x1 + (x2 - x1) * tip * part / 3, tail.top + length * tip * part / 3) for part in range(4)]
        edge.attr["pos"] = f"e,{x2:.1f},{head.bottom:.1f} " + " ".join(f"{x:.1f},{y:.1f}" for x, y in thirds)


def _write_shapes(graph: Any, spine: Sequence[Ends]) -> None:
    """The shapes on the spine, and those that edges left behind, each beside its edge where least is in the way."""
    boxes = [node_rect(node, 1) for node in graph.nodes()]
    lines = {ends_of(edge): curve(edge.attr["pos"]) for edge in graph.edges()}
    texts = {ends_of(edge): rect for edge in graph.edges() if (rect := label_rect(edge)) is not None}
    every = list(_clusters(graph))
    edges = [rect for cluster in every for rect in Rect.of(cluster.graph_attr["bb"]).borders()]
    edges += [_title_band(cluster) for cluster in every] * 3
    far = [ends for ends, text in texts.items() if not any(map(text.grown(_GAP).meets, lines[ends]))]
    for ends in dict.fromkeys((*spine, *far)):
        own = lines[ends]
        solids = [*boxes, *(rect for other, rect in texts.items() if other != ends)]
        thin = [rect for line in lines.values() for rect in line]
        wide = texts[ends].right - texts[ends].left
        places = [] if ends in far else [(4.0, texts[ends])]
        for spot in own[1:-2]:
            for side in (1, -1):
                x, y = spot.middle
                places.append((_off(spot, own) + (side < 0), Rect.around(x + side * (wide / 2 + 4), y, wide, 9)))
        place = min(
            (bad + 60 * _met(one, solids) + 8 * _met(one, thin) + 8 * _met(one, edges), at, one)
            for at, (bad, one) in enumerate(places)
        )[2]  # fmt: skip
        texts[ends] = place
        graph.get_edge(*ends).attr["lp"] = f"{place.middle[0]:.1f},{place.middle[1]:.1f}"


def ends_of(edge: Any) -> Ends:
    """The two nodes of an edge, by name."""
    return str(edge[0]), str(edge[1])


def _title_band(cluster: Any) -> Rect:
    """Where the name of a cluster may stand."""
    box = Rect.of(cluster.graph_attr["bb"])
    return Rect(box.left, box.top - float(cluster.graph_attr["lheight"] or 0) * 72 - 5, box.right, box.top)


def _met(place: Rect, others: Sequence[Rect]) -> int:
    return sum(map(place.meets, others))


def _off(spot: Rect, line: Sequence[Rect]) -> float:
    """How far a spot is from the middle of a line's height."""
    return abs(spot.middle[1] - (line[0].middle[1] + line[-1].middle[1]) / 2)


def _clusters(graph: Any) -> Iterator[Any]:
    for cluster in clusters(graph):
        yield cluster
        yield from _clusters(cluster)


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
    """A line between two boxes: straight in one row, else around what is between, on the side with less in the way."""
    low, high = sorted((node_rect(graph.get_node(name)) for name in (one, two)), key=lambda rect: rect.middle[1])
    things = list(solid(graph))
    if low.top > high.bottom:
        first, last = sorted((low, high), key=lambda rect: rect.left)
        y = _free(things, first.right, last.left, max(low.bottom, high.bottom), min(low.top, high.top))
        points = [(first.right, y), (last.left, y)]
        if _crossed([node_rect(node) for node in graph.nodes()], first.right + 1, last.left - 1, y):
            y = max(first.top, last.top) + _GAP
            points = [
                (first.right - 14, first.top),
                (first.right - 14, y),
                (last.left + 14, y),
                (last.left + 14, last.top),
            ]
    else:
        points = min((_around(things, low, high, side) for side in (-1, 1)), key=lambda way: way[0])[1]
    graph.add_edge(one, two, key="tie", pos=_polyline(points), **TIE)


def _around(things: Sequence[Rect], low: Rect, high: Rect, side: int) -> tuple[float, list[tuple[float, float]]]:
    """The way around one side, and how bad it is."""
    between = [rect for rect in things if rect.meets(Rect(-1e9, low.bottom, 1e9, high.top))]
    x = max(rect.right for rect in between) + _GAP if side > 0 else min(rect.left for rect in between) - _GAP
    bad, ends = 0.0, []
    for rect in (low, high):
        at = rect.right if side > 0 else rect.left
        y = _free(things, x, at + 6 * side, rect.bottom, rect.top)
        bad += abs(x - at) + 200 * _crossed(things, x, at + 6 * side, y)
        ends.append((at, y))
    return bad, [ends[0], (x, ends[0][1]), (x, ends[1][1]), ends[1]]


def _free(things: Sequence[Rect], left: float, right: float, bottom: float, top: float) -> float:
    """The height, of five, at which a line crosses the least."""
    heights = [bottom + (top - bottom) * part for part in (0.5, 0.2, 0.8, 0.05, 0.95)]
    return min(heights, key=lambda y: _crossed(things, left, right, y))


def _crossed(things: Sequence[Rect], left: float, right: float, y: float) -> int:
    way = Rect(min(left, right), y - 2, max(left, right), y + 2)
    return sum(map(way.meets, things))


def _polyline(points: Sequence[tuple[float, float]]) -> str:
    """Straight stretches as the curves that Graphviz draws."""
    words = [f"{points[0][0]:.1f},{points[0][1]:.1f}"]
    for (x1, y1), (x2, y2) in pairwise(points):
        words += [f"{x1 + (x2 - x1) * part / 3:.1f},{y1 + (y2 - y1) * part / 3:.1f}" for part in (1, 2, 3)]
    return " ".join(words)
