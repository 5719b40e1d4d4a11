"""Long extents in the shapes of a scene get short names, which the legend explains."""

from __future__ import annotations

import re

from .labels import LONG_DIM, cut
from .scene import Scene

_LETTERS, _LONGEST = "nmpqkz", 46


def name_extents(scene: Scene) -> dict[str, str]:
    """Write `n`, or `n1` and so on, for extents that are too long to stand in shapes; what these are by name.

    They are numbered as the drawing is read, from its inputs on.
    """
    depth = scene.depths()
    edges = sorted(scene.edges, key=lambda edge: depth[edge.source])
    boxes = sorted(scene.root.boxes(), key=lambda box: depth[box.id])
    shapes = [edge.text for edge in edges] + [line for box in boxes for line in box.lines]
    long = list(dict.fromkeys(dim for shape in shapes for dim in _dims(shape) if len(dim) > LONG_DIM))
    words = scene.words()
    free = (one for one in _LETTERS if not any(re.fullmatch(rf"{one}\d*", word) for word in words))
    letter = next(free, "extent")
    names = {dim: letter if len(long) == 1 else f"{letter}{number}" for number, dim in enumerate(long, start=1)}
    for edge in edges:
        edge.text = _renamed(edge.text, names)
    for box in boxes:
        box.lines = [_renamed(line, names) for line in box.lines]
    return {name: cut(dim, _LONGEST) for dim, name in names.items()}


def _dims(shape: str) -> list[str]:
    """The extents of a shape; none of a text that is no shape."""
    return shape[1:-1].split(", ") if shape.startswith("[") and shape.endswith("]") else []


def _renamed(shape: str, names: dict[str, str]) -> str:
    dims = _dims(shape)
    return f"[{', '.join(names.get(dim, dim) for dim in dims)}]" if dims else shape
