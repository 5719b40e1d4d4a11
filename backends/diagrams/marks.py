"""What differs from another graph, marked in a scene: boxes that are new or changed are coloured, all others white."""

from __future__ import annotations

import re
from collections.abc import Sequence

from ...compiler.diff import Difference
from .scene import Box, Scene

_IN_A_LINE = 4


def mark(scene: Scene, found: Sequence[Difference], first: Scene) -> None:
    """Mark a scene of the second graph in place; what has no box there is named below the title.

    A box is changed too if something is that it folds, or if the first graph's scene has other words in it; not where
    only the shape that it gives is another, which is told where it comes from. Rounds are drawn together: what is new
    in one is.
    """
    paths = {one: re.sub(r"\.<[^>]*>(?=\.)", "", one.path) for one in found if not _is_shape(one)}
    said = {box.id: _words(box) for box in first.root.boxes()}
    new = {path for one, path in paths.items() if one.kind == "second"}
    drawn: set[str] = set()
    for box in scene.root.boxes():
        words = box.id.split("@")[0].split(".")
        above = {".".join(words[:end]) for end in range(1, len(words) + 1)}
        drawn |= above
        is_changed = any(f"{path}.".startswith(f"{'.'.join(words)}.") for path in paths.values())
        is_changed = is_changed or said.get(box.id, _words(box)) != _words(box)
        box.family = "new" if above & new else "changed" if is_changed else "operation"
    for cluster in scene.root.clusters():
        cluster.family = "stack"
    gone = [one.path for one in found if one.kind == "first"]
    hidden = [one.path for one, path in paths.items() if one.kind == "second" and path not in drawn]
    for word, names in (("gone", gone), ("also new", hidden)):
        lines = [", ".join(names[at : at + _IN_A_LINE]) for at in range(0, len(names), _IN_A_LINE)]
        scene.title += [f"{word}: {line}" for line in lines]


def _is_shape(one: Difference) -> bool:
    return one.kind == "both" and all(name.startswith("output ") for name, _ in one.facts)


def _words(box: Box) -> list[str]:
    """What is written in a box, its shape aside."""
    return [line for line in box.lines if not line.startswith("[")]
