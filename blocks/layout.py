"""Tensors moved about without arithmetic: rearranged, joined, padded, rolled, picked."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from pydantic import ConfigDict, field_validator, model_validator

from .base import Block, Count, PortError, Size, Whole, axis_in, block
from .notation.dim_compare import compare
from .notation.dims import Dim, Symbol, ceil_div
from .notation.types import AnyType, Bindings, Type, kind_of_all


@block
class Rearrange(Block):
    """An einops pattern: ``b c h w -> b (h w) c``. Sizes of split axes are options by their names.

    An axis that stands on the right alone repeats what there is: ``b s (n d) -> b s (n r d)`` gives each of `n` heads
    `r` times.
    """

    model_config = ConfigDict(extra="allow", frozen=True, arbitrary_types_allowed=True)
    inputs: ClassVar = {"x": "any"}
    outputs: ClassVar = {"x": "any"}
    reads: ClassVar = {"x": "rows"}
    category: ClassVar[str] = "layout"
    views: ClassVar = frozenset({"x"})
    free: ClassVar[bool] = True

    pattern: str
    __pydantic_extra__: dict[str, Count]  # pyright: ignore[reportIncompatibleVariableOverride]

    @field_validator("pattern")
    @classmethod
    def _is_pattern(cls, value: str) -> str:
        left, arrow, right = value.partition("->")
        names = [name for group in axes(left) for name in group if not name.isdigit()]
        if not arrow or "->" in right or len(set(names)) != len(names):
            raise ValueError("expected a pattern such as `b c h w -> b (h w) c`")
        return value

    @model_validator(mode="after")
    def _same_axes(self) -> Self:
        left, right = (axes(side) for side in self.pattern.split("->"))
        sizes = self.model_extra or {}
        known = {name for group in left for name in group} | {*sizes}
        wanted = [name for group in right for name in group if not name.isdigit()]
        stray = next((name for name in sizes if name not in wanted), None)
        if stray is not None:
            raise ValueError(f"expected an axis of `{self.pattern}`, found `{stray}`")
        lost = [name for name in wanted if name not in known]
        if lost:
            raise ValueError(f"expected `{lost[0]}` on the left side of `{self.pattern}`, or as an option")
        for name in (name for group in left for name in group if not name.isdigit()):
            if wanted.count(name) != 1:
                raise ValueError(f"expected `{name}` once on the right side of `{self.pattern}`")
        return self

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """Bind the left side's names, and build the right side from them."""
        left, right = (axes(side) for side in self.pattern.split("->"))
        kind: Type = values["x"]
        if len(left) != len(kind.dims):
            raise PortError("x", f"{len(left)} axes, as in `{self.pattern}`", kind.shape)
        known: dict[str, Dim] = {name: Dim.of(size) for name, size in (self.model_extra or {}).items()}
        for group, extent in zip(left, kind.dims, strict=True):
            _bind_axis(group, extent, known, bindings, self.pattern)
        return {"x": Type(kind.kind, tuple(Dim.of(extent_of(group, known)) for group in right))}


def axes(side: str) -> list[list[str]]:
    """The axes of one side of a pattern, each a list of names: ``"b (h w) 1"`` is ``[[b], [h, w], [1]]``."""
    return [text.strip("()").split() for text in re.findall(r"\([^)]*\)|\S+", side)]


def axis_sizes(side: str, shape: Sequence[int], sizes: Mapping[str, int]) -> dict[str, int]:
    """The size of every named axis on one side of a pattern, for a tensor of that shape.

    Args:
        sizes: known sizes: of each group all but one.
    """
    found = dict(sizes)
    for group, extent in zip(axes(side), shape, strict=True):
        known = extent_of([name for name in group if name.isdigit() or name in found], found)
        found.update({name: extent // known for name in group if not name.isdigit() and name not in found})
    return found


def _bind_axis(group: list[str], extent: Dim, known: dict[str, Dim], bindings: Bindings, pattern: str) -> None:
    loose = [name for name in group if name not in known and not name.isdigit()]
    if len(loose) > 1:
        raise PortError("x", f"the sizes of all but one of {', '.join(loose)} as options", f"the pattern `{pattern}`")
    rest = Dim.of(extent_of([name for name in group if name not in loose], known))
    if loose:
        known[loose[0]] = extent // rest
    whole = known[loose[0]] * rest if loose else rest
    if not bindings.agree(whole, extent):
        wanted = f"an extent that {rest} divides" if loose else f"an extent of {rest}"
        raise PortError("x", f"{wanted}, as in `{pattern}`", str(extent))


def extent_of(group: list[str], sizes: Mapping[str, Any]) -> Any:
    """The extent of an axis that is made of a group's, numbers or dimensions."""
    return math.prod(int(name) if name.isdigit() else sizes[name] for name in group)


@block
class Concat(Block):
    """Values joined along an axis; absent ones are left out."""

    inputs: ClassVar = {"parts*": "any"}
    outputs: ClassVar = {"x": "any"}
    reads: ClassVar = {"parts": "axis"}
    category: ClassVar[str] = "layout"
    free: ClassVar[bool] = True

    axis: int

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """The sum of the extents along the axis."""
        parts: list[Type] = values["parts"]
        first = parts[0]
        if any(len(part.dims) != len(first.dims) for part in parts):
            raise PortError("parts", f"{len(first.dims)} axes each", ", ".join(part.shape for part in parts))
        at = axis_in(first, self.axis, "parts")
        dims = list(first.dims)
        for part in parts[1:]:
            pairs = zip(part.dims, first.dims, strict=True)
            if any(place != at and compare(*pair) == "different" for place, pair in enumerate(pairs)):
                raise PortError("parts", f"{first.shape} but for axis {at}", part.shape)
        dims[at] = sum((part.dims[at] for part in parts[1:]), first.dims[at])
        return {"x": Type(kind_of_all(parts), tuple(dims))}


@block
class ExpandBatch(Block):
    """A value repeated for each sample of `like`: of as many axes, its batch of one; else it has no batch yet."""

    inputs: ClassVar = {"x": "any", "like": "any[batch, *]"}
    outputs: ClassVar = {"x": "any"}
    reads: ClassVar = {"x": "rows"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "layout"
    views: ClassVar = frozenset({"x"})
    free: ClassVar[bool] = True

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """`x` with the batch of `like`; a leading extent of 1 is replaced."""
        x, like = values["x"], values["like"]
        rest = x.dims[1:] if len(x.dims) == len(like.dims) and x.dims[0].known == 1 else x.dims
        return {"x": Type(x.kind, (like.dims[0], *rest))}


@block
class PadToMultiple(Block):
    """Zeros after the end of axes, up to a multiple of a number."""

    inputs: ClassVar = {"x": "any"}
    outputs: ClassVar = {"x": "any"}
    category: ClassVar[str] = "layout"

    multiple: Size
    axes: list[int]

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """Each axis rounded up."""
        kind: Type = values["x"]
        dims = list(kind.dims)
        for axis in self.axes:
            at = axis_in(kind, axis, "x")
            dims[at] = ceil_div(dims[at], self.multiple) * self.multiple
        return {"x": Type(kind.kind, tuple(dims))}


@block
class CropLike(Block):
    """The first rows and columns of ``[batch, height, width, d]``, as many as another grid has."""

    inputs: ClassVar = {"x": "float[batch, h, w, d]", "like": "float[batch, height, width, d]"}
    outputs: ClassVar = {"x": "float[batch, height, width, d]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "layout"
    views: ClassVar = frozenset({"x"})


@block
class Roll(Block):
    """A cyclic shift along axes."""

    inputs: ClassVar = {"x": "any"}
    outputs: ClassVar = {"x": "any"}
    category: ClassVar[str] = "layout"
    views: ClassVar = frozenset({"x"})

    by: list[Whole]
    axes: list[int]

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """As it was."""
        if len(self.by) != len(self.axes):
            raise PortError("x", f"a step along each of the axes {self.axes}", f"`by: {self.by}`")
        for axis in self.axes:
            axis_in(values["x"], axis, "x")
        return {"x": values["x"]}


@block
class ChannelAxis(Block):
    """A series with an axis of channels: one that comes as ``[batch, length]`` gets an axis of 1."""

    inputs: ClassVar = {"x": "any"}
    outputs: ClassVar = {"x": "any"}
    category: ClassVar[str] = "layout"
    views: ClassVar = frozenset({"x"})
    free: ClassVar[bool] = True

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """The type is that of the longer form."""
        kind: Type = values["x"]
        return {"x": kind if len(kind.dims) == 3 else Type(kind.kind, (*kind.dims, Dim.of(1)))}


@block
class Lagged(Block):
    """Rows of a series beside those some steps before them: `rows` from `start` on, each lag a channel of its own."""

    inputs: ClassVar = {"x": "float[batch, length, d]"}
    outputs: ClassVar = {"x": "float[batch, rows, d*num]"}
    category: ClassVar[str] = "layout"
    free: ClassVar[bool] = True

    lags: list[int]
    start: Size
    rows: Size

    def bindings(self) -> Bindings:
        """The fields, and how many lags there are."""
        return Bindings({**super().bindings().given, "num": Dim.of(len(self.lags))})


@block
class Pick(Block):
    """One row of each sample, or several in the index's own shape: ``x[b, index[b]]``."""

    inputs: ClassVar = {"x": "float[batch, length, d]", "index": "int[batch, *]"}
    outputs: ClassVar = {"x": "float[batch, *, d]"}
    reads: ClassVar = {"x": "all"}
    category: ClassVar[str] = "layout"


@block
class LastTokens(Block):
    """The last `count` rows of each sample, all of them where it is 0; `count` is a number of the call."""

    inputs: ClassVar = {"x": "float[batch, length, d]", "count": "int[]"}
    outputs: ClassVar = {"x": "float[batch, kept, d]"}
    reads: ClassVar = {"x": "all"}
    category: ClassVar[str] = "layout"
    views: ClassVar = frozenset({"x"})
    free: ClassVar[bool] = True

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """Of a length that only the call knows."""
        kind: Type = values["x"]
        return {"x": Type(kind.kind, (kind.dims[0], Dim.of(Symbol("kept", None)), *kind.dims[2:]))}


@block
class ShiftRight(Block):
    """What a decoder reads to learn its labels: a start token, then all but the last; -100 becomes padding.

    Without a start token, the last one that is no padding comes to the front, as it names the language.
    """

    inputs: ClassVar = {"ids": "int[batch, seq]"}
    outputs: ClassVar = {"x": "int[batch, seq]"}
    reads: ClassVar = {"ids": "scan"}
    category: ClassVar[str] = "layout"

    start: int | None
    pad: int
