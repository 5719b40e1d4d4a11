"""Where things are in a graph that Graphviz has laid out, in points, the origin at the lower left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import fsum
from typing import Any

_NARROW, _WIDE = frozenset(" ,.[]()iljtfr²"), frozenset("mw")
_AIR, _STEPS = 4.0, 10


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle."""

    left: float
    bottom: float
    right: float
    top: float

    @classmethod
    def of(cls, text: str, air: float = 0) -> Rect:
        """From an attribute such as `bb`, with some air."""
        left, bottom, right, top = map(float, text.split(","))
        return cls(left - air, bottom - air, right + air, top + air)

    @classmethod
    def around(cls, x: float, y: float, wide: float, high: float, air: float = 0) -> Rect:
        """By its middle and size, with some air."""
        return cls(x - wide / 2 - air, y - high / 2 - air, x + wide / 2 + air, y + high / 2 + air)

    @property
    def middle(self) -> tuple[float, float]:
        """Its middle."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def meets(self, other: Rect) -> bool:
        """Whether the two overlap."""
        return (
            self.left < other.right and other.left < self.right and self.bottom < other.top and other.bottom < self.top
        )

    def text(self) -> str:
        """As an attribute."""
        return f"{self.left:.1f},{self.bottom:.1f},{self.right:.1f},{self.top:.1f}"


def text_width(text: str) -> float:
    """About how wide a line of the small print is, in points; to the last digit with every Python (`sum` changed)."""
    return fsum(3.3 if char in _NARROW else 8.3 if char in _WIDE else 5.6 for char in text)


def node_rect(node: Any, air: float = 0) -> Rect:
    """A node's box."""
    x, y = map(float, node.attr["pos"].split(","))
    return Rect.around(x, y, float(node.attr["width"]) * 72, float(node.attr["height"]) * 72, air)


def label_rect(edge: Any) -> Rect | None:
    """The text on an edge."""
    if not edge.attr["lp"]:
        return None
    x, y = map(float, edge.attr["lp"].split(","))
    return Rect.around(x, y, text_width(edge.attr["label"].strip()), 11)


def clusters(graph: Any) -> list[Any]:
    """The clusters right below a graph or cluster; other subgraphs are only there to rank nodes."""
    return [inner for inner in graph.subgraphs() if str(inner.name).startswith("cluster")]


def solid(graph: Any) -> Iterator[Rect]:
    """Where boxes, clusters and the text on edges are, with some air."""
    yield from (Rect.of(cluster.graph_attr["bb"], _AIR) for cluster in clusters(graph))
    yield from (node_rect(node, 0 if node.attr["shape"] == "plaintext" else _AIR) for node in graph.nodes())
    yield from (rect for edge in graph.edges() if (rect := label_rect(edge)) is not None)


def curve(text: str | None) -> list[Rect]:
    """Small squares along an edge, by its attribute `pos`."""
    text = text or ""
    points = [tuple(map(float, pair.split(",")[-2:])) for pair in text.split()]
    found = []
    for at in range(1 if text.startswith("e") else 0, len(points) - 3, 3):
        found += [Rect.around(*_bezier(points[at : at + 4], step / _STEPS), 6, 6) for step in range(_STEPS + 1)]
    return found


def curves(graph: Any) -> list[Rect]:
    """Small squares along every edge."""
    return [rect for edge in graph.edges() for rect in curve(edge.attr["pos"])]


def _bezier(points: Sequence[tuple[float, ...]], t: float) -> tuple[float, float]:
    weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
    x, y = (fsum(weight * point[axis] for weight, point in zip(weights, points, strict=True)) for axis in (0, 1))
    return x, y
