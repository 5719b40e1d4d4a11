"""Choosing among several: by integers, and by the largest score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from .base import Block, PortError, Size, axis_in, block
from .notation.dims import Dim, Symbol
from .notation.types import AnyType, Bindings, Type


@block
class OneHot(Block):
    """Which of `num` classes an integer is; none for integers outside, such as the ignored label -100."""

    inputs: ClassVar = {"index": "int[*]"}
    outputs: ClassVar = {"x": "bool[*, num]"}
    category: ClassVar[str] = "layout"
    free: ClassVar[bool] = True

    num: Size


@block
class TopK(Block):
    """The `k` largest along an axis, the largest first, and where they are."""

    inputs: ClassVar = {"x": "any"}
    outputs: ClassVar = {"x": "any", "index": "any"}
    reads: ClassVar = {"x": "axis"}
    category: ClassVar[str] = "operation"

    k: Size
    axis: int = -1

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """`k` along the axis."""
        kind: Type = values["x"]
        dims, axis = list(kind.dims), axis_in(kind, self.axis, "x")
        extent, wanted = dims[axis].known, Dim.of(self.k).known
        if extent is not None and wanted is not None and extent < wanted:
            raise PortError("x", f"{wanted} or more along the axis {self.axis}", str(extent))
        dims[axis] = Dim.of(self.k)
        return {"x": Type(kind.kind, tuple(dims)), "index": Type("int", tuple(dims))}


@block
class GatherRows(Block):
    """The rows of a matrix that integers name: ``rows[index]``."""

    inputs: ClassVar = {"rows": "any[num, d]", "index": "int[*]"}
    outputs: ClassVar = {"x": "any[*, d]"}
    reads: ClassVar = {"rows": "all"}
    category: ClassVar[str] = "layout"
    free: ClassVar[bool] = True


@block
class Compact(Block):
    """What is marked along an axis moved to the front, in order: as many places as the sample with most of them has.

    Samples with fewer end in zeros, or in what is not marked; `filled` says which places hold something marked. The
    extent depends on the data.
    """

    inputs: ClassVar = {"x": "any", "marked": "bool[batch, n]"}
    outputs: ClassVar = {"x": "any", "filled": "bool[batch, kept]"}
    reads: ClassVar = {"x": "all", "marked": "all"}
    category: ClassVar[str] = "layout"
    free: ClassVar[bool] = True

    axis: int
    rest: Literal["zero", "unmarked"] = "zero"

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """Of an extent that only the call knows."""
        kind: Type = values["x"]
        if not 0 < self.axis < len(kind.dims):
            raise PortError("x", f"an axis {self.axis} behind the batch", kind.shape)
        samples, places = kind.dims[0], kind.dims[self.axis]
        marked = values["marked"].dims
        if not (bindings.agree(samples, marked[0]) and bindings.agree(places, marked[1])):
            raise PortError("marked", f"[{samples}, {places}], as `x` has", values["marked"].shape)
        kept = Dim.of(Symbol("kept", None))
        dims = (*kind.dims[: self.axis], kept, *kind.dims[self.axis + 1 :])
        return {"x": Type(kind.kind, dims), "filled": Type("bool", (kind.dims[0], kept))}


@block
class Diagonals(Block):
    """The diagonals of a square: for each row the columns at distances from ``-reach`` to `reach`, zero if outside."""

    inputs: ClassVar = {"x": "float[*, n, n]"}
    outputs: ClassVar = {"x": "float[*, n, 2*reach + 1]"}
    reads: ClassVar = {"x": "query"}
    category: ClassVar[str] = "layout"
    free: ClassVar[bool] = True

    reach: Size


@block
class UniformNoise(Block):
    """A random number in [0, 1) for each row of each sample, in training and otherwise: an order to choose rows by."""

    inputs: ClassVar = {"like": "float[batch, length, d]"}
    outputs: ClassVar = {"x": "float[batch, length]"}
    reads: ClassVar = {"like": "all"}
    category: ClassVar[str] = "operation"


@block
class Assign(Block):
    """Pairs of rows and columns of the least total cost, each in one pair at most (Kuhn 1955); all that fit are paired.

    Columns that are not `valid` stay without. The choice has no gradient.
    """

    inputs: ClassVar = {"cost": "float[batch, rows, columns]", "valid?": "bool[batch, columns]"}
    outputs: ClassVar = {"x": "bool[batch, rows, columns]"}
    reads: ClassVar = {"cost": "all", "valid": "all"}
    category: ClassVar[str] = "operation"


@block
class GumbelChoice(Block):
    """A one-hot choice by scores: the largest; in training a Gumbel sample with its soft gradient (arXiv:1611.01144).

    `probs` are the probabilities behind the choice in training, and the choice itself otherwise.
    """

    inputs: ClassVar = {"scores": "float[*, num]"}
    outputs: ClassVar = {"x": "float[*, num]", "probs": "float[*, num]"}
    category: ClassVar[str] = "operation"
    random: ClassVar[bool] = True

    temperature: float = 1.0
