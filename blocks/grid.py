"""Images and maps of features brought to another size."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import ValidationInfo, field_validator

from .base import Block, Size, block


@block
class Resize(Block):
    """A map interpolated to the height and width of another, the last two axes of `like`.

    Cells cover both maps' area alike; with `align_corners` the middles of the outermost ones lie on each other. Of
    `nearest` there is no such form.
    """

    inputs: ClassVar = {"x": "float[batch, d, height, width]", "like": "any[*, rows, columns]"}
    outputs: ClassVar = {"x": "float[batch, d, rows, columns]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "layout"

    mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear"
    align_corners: bool = False

    @field_validator("align_corners")
    @classmethod
    def _is_smooth(cls, value: bool, info: ValidationInfo) -> bool:
        if value and info.data.get("mode") == "nearest":
            raise ValueError("expected `bilinear` or `bicubic` as the `mode` of what is aligned by its corners")
        return value


@block
class AveragePool(Block):
    """The means of `size` times `size` equal parts of a map, which overlap where they do not divide it."""

    inputs: ClassVar = {"x": "float[batch, d, height, width]"}
    outputs: ClassVar = {"x": "float[batch, d, size, size]"}
    category: ClassVar[str] = "layout"

    size: Size
