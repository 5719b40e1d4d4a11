"""What a drawing shows, before any format: boxes in nested clusters, joined by edges."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Literal

BoxKind = Literal["input", "output", "block", "part", "glue", "sign", "dot"]
EdgeStyle = Literal["flow", "memory", "mask", "tied"]
MAIN = 100


@dataclass(slots=True)
class Box:
    """One thing that is drawn.

    Attributes:
        kind: `block` and `part` are full boxes, `glue` is a small one, `sign` a circle, `dot` where an edge enters.
        family: what it is coloured by.
        lines: its text, the title first.
        optional: not there in every call or round, drawn dashed.
    """

    id: str
    kind: BoxKind
    family: str
    lines: list[str]
    optional: bool = False


@dataclass(slots=True)
class Cluster:
    """The inside of a part, or of the rounds of a repeat."""

    lines: list[str]
    family: str = "stack"
    items: list[Box | Cluster] = field(default_factory=list)

    def boxes(self) -> Iterator[Box]:
        """Every box in it, those of inner clusters too."""
        for item in self.items:
            if isinstance(item, Box):
                yield item
            else:
                yield from item.boxes()

    def clusters(self) -> Iterator[Cluster]:
        """Itself and every cluster in it."""
        yield self
        for item in self.items:
            if isinstance(item, Cluster):
                yield from item.clusters()


@dataclass(slots=True)
class Edge:
    """From one box to another, with the shape that it carries.

    Attributes:
        style: `memory` is what cross-attention reads, `mask` a truth value, `tied` a line between weights that are one.
        weight: how much the layout follows it: `MAIN` on the spine, more than 1 where a small box stands by its reader.
        sideways: it joins what stands side by side, and does not say what is above what.
    """

    source: str
    target: str
    text: str = ""
    style: EdgeStyle = "flow"
    optional: bool = False
    weight: int = 1
    sideways: bool = False

    @property
    def main(self) -> bool:
        """Whether it is part of the spine."""
        return self.weight >= MAIN


@dataclass(slots=True)
class Scene:
    """A drawing: its title, boxes and edges, and what the names in shapes stand for (`symbols`)."""

    title: list[str]
    root: Cluster
    edges: list[Edge]
    symbols: dict[str, str] = field(default_factory=dict)

    @property
    def families(self) -> list[str]:
        """The families that occur, in the order of the drawing."""
        found = dict.fromkeys(box.family for box in self.root.boxes() if box.kind in ("block", "part"))
        return [name for name in found if name != "operation"]

    def words(self) -> set[str]:
        """The names of dimensions in the shapes that are written."""
        shapes = [edge.text for edge in self.edges]
        shapes += [line for box in self.root.boxes() for line in box.lines if line.startswith("[")]
        return {word for shape in shapes for word in re.findall(r"[A-Za-z_]\w*", shape)}

    def depths(self) -> dict[str, int]:
        """How many steps of the longest path lead to each box."""
        before: dict[str, list[str]] = {box.id: [] for box in self.root.boxes()}
        for edge in self.edges:
            if edge.style != "tied" and not edge.sideways:
                before[edge.target].append(edge.source)
        depth: dict[str, int] = {}
        for name in TopologicalSorter(before).static_order():
            depth[name] = max((depth[one] + 1 for one in before[name]), default=0)
        return depth

    def starts(self) -> list[str]:
        """The inputs that only lead to what nothing else comes before."""
        depth = self.depths()
        late = {edge.source for edge in self.edges if depth[edge.target] > 1}
        return [box.id for box in self.root.boxes() if box.kind == "input" and box.id not in late]


def behind(boxes: Iterable[str], before: Mapping[str, Iterable[str]]) -> set[str]:
    """The boxes, and all that lead to them."""
    found: set[str] = set()
    stack = list(boxes)
    while stack:
        box = stack.pop()
        if box not in found:
            found.add(box)
            stack += before[box]
    return found
