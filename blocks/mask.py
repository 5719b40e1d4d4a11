"""Masks over positions: from lengths, and of random spans."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from .base import Block, PortError, axis_in, block
from .notation.types import AnyType, Bindings, Type


@block
class PrefixMask(Block):
    """The positions of `like` before the end of their sequence, ``position < lengths[b]``; all where it is 0."""

    inputs: ClassVar = {"lengths": "int[batch]", "like": "any"}
    outputs: ClassVar = {"x": "bool[batch, length]"}
    reads: ClassVar = {"lengths": "all", "like": "all"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "mask"
    free: ClassVar[bool] = True

    axis: int = 1

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """As long as `like` is along the axis."""
        like: Type = values["like"]
        return {"x": Type("bool", (values["lengths"].dims[0], like.dims[axis_in(like, self.axis, "like")]))}


@block
class SpanMask(Block):
    """Spans of an axis of ``[batch, ., .]`` overwritten, by `value` or zero (SpecAugment, arXiv:1904.08779).

    Where `given` says which positions, those are; otherwise, in training alone, spans of `length` that start at random
    and cover a share `p` at most, `min_spans` of them at least, none of them beyond what is `valid`.
    """

    inputs: ClassVar = {
        "x": "float[batch, a, b]",
        "value?": "float[d]",
        "given?": "bool[batch, n]",
        "valid?": "bool[batch, n]",
    }
    outputs: ClassVar = {"x": "float[batch, a, b]"}
    reads: ClassVar = {"x": "all", "given": "all", "valid": "all"}
    category: ClassVar[str] = "mask"
    free: ClassVar[bool] = True
    random: ClassVar[bool] = True

    p: float
    length: int
    min_spans: int = 0
    axis: Literal[1, 2] = 1

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """As it was; `given` and `valid` are as long as the axis, `value` as the other."""
        kind: Type = values["x"]
        extents = {"value": kind.dims[3 - self.axis], "given": kind.dims[self.axis], "valid": kind.dims[self.axis]}
        for port, expected in extents.items():
            found = values[port].dims[-1] if values.get(port) is not None else expected
            if not bindings.agree(expected, found):
                raise PortError(port, f"{expected} numbers", str(found))
        return {"x": kind}
