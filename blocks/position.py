"""Positions as integers: buckets, window indices, and tables resized to a grid."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from .base import Block, PortError, Size, Weight, axis_in, block
from .notation.dims import Dim
from .notation.types import AnyType, Bindings, Type


def to_even(value: Any) -> Any:
    """`value`, a number of numbers that go in pairs.

    Raises:
        ValueError: one is left over.
    """
    known = value.known if isinstance(value, Dim) else value
    if known is not None and known % 2:
        raise ValueError("expected an even number, since its numbers are turned in pairs")
    return value


Even = Annotated[Size, AfterValidator(to_even)]
"""A `Size` that is known to be odd is none."""


@block
class TokenPositions(Block):
    """The number of each place along the second axis, counted from `start`."""

    inputs: ClassVar = {"like": "any[batch, length, *]"}
    outputs: ClassVar = {"x": "int[length]"}
    reads: ClassVar = {"like": "query"}
    counts: ClassVar[bool] = True
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "position"
    free: ClassVar[bool] = True

    start: int = 0


@block
class RelativePosition(Block):
    """How far each key is from each query, ``key - query``; queries are the last of the keys."""

    inputs: ClassVar = {"q": "any", "k": "any"}
    outputs: ClassVar = {"x": "int[query, key]"}
    reads: ClassVar = {"q": "query", "k": "length"}
    counts: ClassVar[bool] = True
    extents: ClassVar = frozenset(["q", "k"])
    category: ClassVar[str] = "position"

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """The second axis of both."""
        return {"x": Type("int", tuple(values[port].dims[axis_in(values[port], 1, port)] for port in ("q", "k")))}


@block
class RotaryAngles(Block):
    """How far each pair of numbers turns at a position: ``position * base**(-2k/dim)`` (arXiv:2104.09864).

    A text longer than the model was trained on turns them less, by `factor` (arXiv:2306.15595). `ramp` spares the pairs
    that turn often within the `trained_length`: from `fast` turns on they turn as they did, up to `slow` turns by the
    whole factor, between them by a share of it. The share grows with the turns (`turns`, as Llama 3.1 has it) or from
    pair to pair, those where it begins and ends being whole numbers (`pairs`, arXiv:2309.00071, 3.2).
    """

    inputs: ClassVar = {"positions": "int[*]"}
    outputs: ClassVar = {"x": "float[*, dim // 2]"}
    category: ClassVar[str] = "position"

    dim: Even
    base: float = 10000.0
    factor: Annotated[float, Field(gt=0)] = 1.0
    ramp: Literal["none", "turns", "pairs"] = "none"
    trained_length: int | None = None
    slow: Annotated[float, Field(gt=0)] = 1.0
    fast: float = 32.0

    @model_validator(mode="after")
    def _has_a_ramp(self) -> Self:
        if self.ramp != "none":
            if self.trained_length is None or self.trained_length < 1:
                raise ValueError("expected `trained_length`, the positions that the model was trained on, 1 or more")
            if self.fast <= self.slow:
                raise ValueError(f"expected more than {self.slow} turns, found `fast: {self.fast}`")
        return self


@block
class RotaryRates(Block):
    """What a position turns each pair of numbers by, ``10000**(-2k/dim)`` (arXiv:2104.09864); a file's own count."""

    inputs: ClassVar = {}
    outputs: ClassVar = {"x": "float[dim // 2]"}
    weights: ClassVar = {"": Weight("dim // 2", init="given", buffer=True)}
    category: ClassVar[str] = "position"
    free: ClassVar[bool] = True

    dim: Even


@block
class Rotary(Block):
    """The first numbers of each head, turned in pairs by `angles` (arXiv:2104.09864); what is left stays as it is.

    A pair is two neighbours (`pairs`), or a number of the first half with its like in the second (`halves`).
    """

    inputs: ClassVar = {"x": "float[batch, length, inner]", "angles": "float[1 | batch, length, pairs]"}
    outputs: ClassVar = {"x": "float[batch, length, inner]"}
    reads: ClassVar = {"x": "token", "angles": "token"}
    divides: ClassVar = {"num_heads": ("inner",)}
    category: ClassVar[str] = "position"

    num_heads: Size
    kind: Literal["pairs", "halves"] = "halves"

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """As `x`, of which a head has two numbers for each pair."""
        pairs, width = values["angles"].dims[-1].known, values["x"].dims[-1].known
        heads = Dim.of(self.num_heads).known
        if pairs and width and heads and 2 * pairs * heads > width:
            raise PortError("angles", f"at most {width // heads // 2} pairs, as a head has", str(pairs))
        return super().infer(values, bindings)


@block
class LogBuckets(Block):
    """Buckets of relative positions: exact when near, logarithmic when far (arXiv:1910.10683, 2.1).

    `counted` numbers them from 0, `num` in all. `signed` keeps the offset's sign, and rounds up (arXiv:2111.09543):
    up to `num // 2` a bucket is the offset itself, and `num - 1` is that of `max_distance - 1`.
    """

    inputs: ClassVar = {"x": "int[query, key]"}
    outputs: ClassVar = {"x": "int[query, key]"}
    reads: ClassVar = {"x": "token"}
    category: ClassVar[str] = "position"

    num: int
    max_distance: int
    bidirectional: bool = True
    kind: Literal["counted", "signed"] = "counted"

    @model_validator(mode="after")
    def _has_near_buckets(self) -> Self:
        parts = 4 if self.kind == "counted" and self.bidirectional else 2
        near = self.num // parts
        if near < 1:
            raise ValueError(f"expected {parts} buckets or more, found `num: {self.num}`")
        if self.kind == "counted" and (self.max_distance < 1 or self.max_distance == near):
            told = f"expected a distance beyond the {near} of buckets of their own, found `max_distance: "
            raise ValueError(f"{told}{self.max_distance}`")
        return self


@block
class WindowIndex(Block):
    """The row of a ``(2w-1)^2`` table for each pair of cells of a ``w x w`` window (arXiv:2103.14030, 3.2)."""

    inputs: ClassVar = {}
    outputs: ClassVar = {"x": "int[window**2, window**2]"}
    weights: ClassVar = {"": Weight("window**2, window**2", init="given", buffer=True, kind="int")}
    category: ClassVar[str] = "position"
    free: ClassVar[bool] = True

    window: Size


@block
class WindowRegions(Block):
    """Which region of a shifted grid each cell of each window comes from (arXiv:2103.14030, figure 4)."""

    inputs: ClassVar = {"like": "float[batch, height, width, d]"}
    outputs: ClassVar = {"x": "int[(height // window) * (width // window), window**2]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "position"

    window: Size
    shift: Size


@block
class InterpolatePositions(Block):
    """A table of grid positions resized to another grid; `extra` leading rows stay as they are.

    The table's grid has `rows` rows; without a number of them it is square.
    """

    inputs: ClassVar = {"table": "float[1, cells, d]", "like": "float[batch, channels, height, width]"}
    outputs: ClassVar = {"x": "float[1, height*width + extra, d]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "position"

    extra: int = 1
    rows: int | None = None


@block
class SinusoidTable(Block):
    """Sines and cosines of positions at falling frequencies (arXiv:1706.03762, 3.5); a file's own table counts.

    `interleaved` has them side by side and `halves` all sines first, at ``10000**(-2k/dim)`` in float64;
    `halves_fairseq` runs from 1 to 1/10000 over its columns, in float32; `halves_float32` is `halves` in float32.
    """

    inputs: ClassVar = {}
    outputs: ClassVar = {"x": "float[num, dim]"}
    weights: ClassVar = {"": Weight("num, dim", init="given", buffer=True)}
    category: ClassVar[str] = "position"
    free: ClassVar[bool] = True

    num: Size
    dim: Size
    kind: Literal["interleaved", "halves", "halves_fairseq", "halves_float32"] = "interleaved"


@block
class SinusoidGrid(Block):
    """Sinusoids of a square grid's columns, then those of its rows, sines first; `extra` zero rows stand in front.

    A file's own table counts (arXiv:2111.06377, A.1).
    """

    inputs: ClassVar = {}
    outputs: ClassVar = {"x": "float[1, extra + side**2, dim]"}
    weights: ClassVar = {"": Weight("1, extra + side**2, dim", init="given", buffer=True)}
    category: ClassVar[str] = "position"
    free: ClassVar[bool] = True

    side: Size
    dim: Size
    extra: int = 1


@block
class Sinusoids(Block):
    """The rows of a `sinusoid_table` at given positions, computed rather than saved, and so without an end.

    They are float32, or the kind of float that `like` is.
    """

    inputs: ClassVar = {"index": "int[*] | float[*]", "like?": "any"}
    outputs: ClassVar = {"x": "float[*, dim]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "position"

    dim: Size
    kind: Literal["interleaved", "halves", "halves_fairseq", "halves_float32"] = "interleaved"


@block
class StretchPositions(Block):
    """A square table of positions stretched over a grid, or over the first `rows` and `columns` of each sample's.

    Linear in both directions, from corner to corner; zero beyond (arXiv:2102.03334, 3.1).
    """

    inputs: ClassVar = {
        "table": "float[1, places, d]",
        "like": "float[batch, channels, height, width]",
        "rows?": "int[batch]",
        "columns?": "int[batch]",
    }
    outputs: ClassVar = {"x": "float[batch, height*width, d]"}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "position"
