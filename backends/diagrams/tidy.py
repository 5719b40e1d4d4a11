"""A scene is tidied: out goes what no output needs and what says nothing new, and the layout is told what to follow.

Assumes that every edge joins boxes of the scene; guarantees one edge at most between two boxes, ties aside.
"""

from __future__ import annotations

from collections import defaultdict

from .scene import MAIN, Box, Cluster, Edge, Scene, behind

BY_ITS_READER = 3


def tidy(scene: Scene) -> None:
    """Tidy a scene in place."""
    prune(scene)
    join_dots(scene)
    merge_edges(scene)
    flatten(scene.root)
    mark_sideways(scene)
    mark_main(scene)
    quiet_shapes(scene)


def prune(scene: Scene) -> None:
    """Take out what leads to no output."""
    before: dict[str, list[str]] = defaultdict(list)
    for edge in scene.edges:
        if edge.style != "tied":
            before[edge.target].append(edge.source)
    _keep(scene, behind((box.id for box in scene.root.boxes() if box.kind == "output"), before))


def _keep(scene: Scene, alive: set[str]) -> None:
    def kept(cluster: Cluster) -> list[Box | Cluster]:
        for item in cluster.items:
            if isinstance(item, Cluster):
                item.items = kept(item)
        return [item for item in cluster.items if (item.items if isinstance(item, Cluster) else item.id in alive)]

    scene.root.items = kept(scene.root)
    scene.edges = [edge for edge in scene.edges if edge.source in alive and edge.target in alive]


def join_dots(scene: Scene) -> None:
    """A dot that has one reader is a bend in an edge, not a fork."""
    for box in [box for box in scene.root.boxes() if box.kind == "dot"]:
        before = [edge for edge in scene.edges if edge.target == box.id]
        after = [edge for edge in scene.edges if edge.source == box.id]
        if len(after) > 1 and before:
            continue
        joined: list[Edge] = []
        for edge in scene.edges:
            joined += [_through(one, edge) for one in before] if edge.source == box.id else [edge]
        scene.edges = joined
        _keep(scene, {other.id for other in scene.root.boxes()} - {box.id})


def _through(one: Edge, two: Edge) -> Edge:
    style = two.style if two.style != "flow" else one.style
    return Edge(one.source, two.target, one.text, style, one.optional or two.optional)


def merge_edges(scene: Scene) -> None:
    """One edge between two boxes, the plainest of them."""
    found: dict[tuple[str, str, bool], Edge] = {}
    for edge in scene.edges:
        other = found.setdefault((edge.source, edge.target, edge.style == "tied"), edge)
        other.optional &= edge.optional
        if other.style == "mask" != edge.style:
            other.style, other.text = edge.style, edge.text
    scene.edges = list(found.values())


def flatten(cluster: Cluster) -> None:
    """A cluster that is all there is in another is one with it."""
    for item in cluster.items:
        if isinstance(item, Cluster):
            while len(item.items) == 1 and isinstance(inner := item.items[0], Cluster):
                item.lines += [line for line in inner.lines if line not in item.lines]
                item.items = inner.items
            flatten(item)


def mark_sideways(scene: Scene) -> None:
    """What cross-attention reads from another stack comes from beside it."""
    home = {
        item.id: (at, item.kind)
        for at, cluster in enumerate(scene.root.clusters())
        for item in cluster.items
        if isinstance(item, Box)
    }
    for edge in scene.edges:
        (outer, kind), (inner, _) = home[edge.source], home[edge.target]
        edge.sideways = edge.style == "memory" and outer != inner and kind != "input"


def mark_main(scene: Scene) -> None:
    """The layout follows what a box reads first; of what is added up, the terms that took the longest way.

    A small box that is on nobody's spine, such as one for lengths, stands by its reader.
    """
    depth = scene.depths()
    into: dict[str, list[Edge]] = defaultdict(list)
    for edge in scene.edges:
        if edge.style == "flow" and not edge.sideways:
            into[edge.target].append(edge)
    for box in scene.root.boxes():
        edges = into[box.id]
        longest = max((depth[edge.source] for edge in edges), default=0)
        for edge in edges:
            if depth[edge.source] == longest if box.kind == "sign" else edge is edges[0]:
                edge.weight = MAIN
    for box in scene.root.boxes():
        leaving = [edge for edge in scene.edges if edge.source == box.id]
        if box.kind == "glue" and not any(edge.main for edge in leaving):
            for edge in into[box.id]:
                edge.weight = 1
            for edge in leaving:
                edge.weight = BY_ITS_READER


def quiet_shapes(scene: Scene) -> None:
    """A shape is written where it is new: not behind a box that leaves it as it was, once for each source.

    What the model gives always has its shape.
    """
    outputs = {box.id for box in scene.root.boxes() if box.kind == "output"}
    entering: dict[str, set[str]] = defaultdict(set)
    for edge in scene.edges:
        entering[edge.target].add(edge.text)
    said: set[tuple[str, str]] = set()
    quiet: list[Edge] = []
    for edge in sorted(scene.edges, key=lambda edge: not edge.main):
        if edge.target not in outputs and (edge.text in entering[edge.source] or (edge.source, edge.text) in said):
            quiet.append(edge)
        said.add((edge.source, edge.text))
    for edge in quiet:
        edge.text = ""
