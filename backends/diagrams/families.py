"""What a node is coloured by: the category of its contract, for a part what it is for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from ...compiler.graph import Node
from .crossing import Crossings, is_attention
from .rounds import is_structure, nested

COLOURS: Mapping[str, tuple[str, str]] = {
    "embedding": ("#fbe0d3", "#c2643a"),
    "position": ("#fdf0c4", "#b08a1e"),
    "attention": ("#d8e6f8", "#3a6ea5"),
    "cross_attention": ("#f5d3e3", "#b3377a"),
    "feed_forward": ("#d5ecdd", "#3b8a5a"),
    "linear": ("#e7f2d3", "#7a9a35"),
    "convolution": ("#d0ecef", "#2b8a96"),
    "norm": ("#fff8d0", "#c0a93a"),
    "activation": ("#e8def5", "#7f5aa8"),
    "dropout": ("#f4f4f4", "#a0a0a0"),
    "range": ("#f4f4f4", "#a0a0a0"),
    "layout": ("#f1f1f1", "#9a9a9a"),
    "operation": ("#ffffff", "#6b6b6b"),
    "mask": ("#e4e4ea", "#77778a"),
    "head": ("#dedcf3", "#5c55a5"),
    "loss": ("#f8d4d0", "#b04438"),
    "stack": ("#e3e9ee", "#5c7080"),
    "new": ("#cdebd0", "#2e8540"),  # these two where a drawing shows what differs (`marks.py`)
    "changed": ("#fdeab8", "#b9770e"),
}
_SMALL_PART = 12
"""An attention part has no more nodes than this; a larger one does other things too."""
_RANKED = ("convolution", "linear", "embedding", "norm", "position", "activation")


def colours(family: str) -> tuple[str, str]:
    """Fill and border; of a family that is not known, those of an operation."""
    return COLOURS.get(family, COLOURS["operation"])


def family_of(node: Node, crossings: Crossings) -> str:
    """The family of a node."""
    if node.contract is not None:
        return "cross_attention" if node in crossings.cores else node.contract.category
    if is_structure(node):
        return "stack"
    inside = [one for one in nested(node.rounds) if one.contract is None or one.contract.category != "layout"]
    cores = [one for one in inside if is_attention(one)]
    if cores and len(inside) <= _SMALL_PART * len(cores):
        return "cross_attention" if all(core in crossings.cores for core in cores) else "attention"
    counts = Counter(one.contract.category for one in inside if one.contract is not None)
    if node.origin is not None or counts["loss"]:
        return "head"
    if cores:
        return "stack"
    if counts["linear"] > 1 and counts["activation"]:
        return "feed_forward"
    return next((family for family in _RANKED if counts[family]), "operation")
