"""Images and maps of features brought to another size."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from .base import Block, PortError, Size, block
from .notation.types import AnyType, Bindings, Type


@block
class Resize(Block):
    """A map interpolated to the height and width of another, the last two axes of `like`."""

    inputs: ClassVar = {"x": "float[batch, d, height, width]", "like": "any"}
    outputs: ClassVar = {"x": "float[batch, d, rows, columns]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "layout"

    mode: Literal["bilinear", "bicubic", "nearest"] = "bilinear"

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """As large as `like`."""
        x, like = values["x"], values["like"]
        if len(like.dims) < 2:
            raise PortError("like", "two axes or more", like.shape)
        return {"x": Type("float", (*x.dims[:2], *like.dims[-2:]))}


@block
class AveragePool(Block):
    """The means of `size` times `size` equal parts of a map, which overlap where they do not divide it."""

    inputs: ClassVar = {"x": "float[batch, d, height, width]"}
    outputs: ClassVar = {"x": "float[batch, d, size, size]"}
    category: ClassVar[str] = "layout"

    size: Size
