"""Images and maps of features brought to another size."""

from __future__ import annotations

from typing import ClassVar, Literal

from .base import Block, Size, block


@block
class Resize(Block):
    """A map interpolated to the height and width of another, the last two axes of `like`."""

    inputs: ClassVar = {"x": "float[batch, d, height, width]", "like": "any[*, rows, columns]"}
    outputs: ClassVar = {"x": "float[batch, d, rows, columns]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "layout"

    mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear"


@block
class AveragePool(Block):
    """The means of `size` times `size` equal parts of a map, which overlap where they do not divide it."""

    inputs: ClassVar = {"x": "float[batch, d, height, width]"}
    outputs: ClassVar = {"x": "float[batch, d, size, size]"}
    category: ClassVar[str] = "layout"

    size: Size
