"""Convolutions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, WithJsonSchema

from .base import Block, Count, Size, Weight, block, to_count, to_size
from .notation.dims import Dim
from .notation.types import Bindings, numel

_WINDOW = ("kernel", "stride", "padding")
_AXES = ("height", "width")


def _along(axis: str) -> str:
    """The length after a convolution whose window has options of its own along `axis`."""
    return f"({axis} + 2*{axis}_padding - {axis}_dilation*({axis}_kernel - 1) - 1) // {axis}_stride + 1"


def _for_both(one: Callable[[Any], Any]) -> BeforeValidator:
    """Takes what `one` takes, or a pair of it."""

    def read(value: Any) -> Any:
        if isinstance(value, list):
            if len(value) != 2:
                raise ValueError("expected a whole number, or one for rows and one for columns")
            return [one(side) for side in value]
        return one(value)

    return BeforeValidator(read)


_Sizes = Annotated[Any, _for_both(to_size), WithJsonSchema({"type": ["integer", "array"]})]
_Counts = Annotated[Any, _for_both(to_count), WithJsonSchema({"type": ["integer", "array"]})]


def _over(axis: str) -> str:
    """How many windows with options of their own along `axis` fit on it."""
    return f"({axis} + 2*{axis}_padding - {axis}_kernel) // {axis}_stride + 1"


def _pair(value: Any) -> tuple[Any, Any]:
    """A number, or one for rows and one for columns."""
    return (value[0], value[-1]) if isinstance(value, list) else (value, value)


def _by_axis(contract: Block, known: Bindings, names: tuple[str, ...]) -> Bindings:
    """The fields, and those of `names` for each axis by themselves."""
    pairs = {name: _pair(getattr(contract, name)) for name in names}
    apart = {f"{axis}_{name}": Dim.of(pair[at]) for name, pair in pairs.items() for at, axis in enumerate(_AXES)}
    return Bindings({**known.given, **apart})


class _Convolution(Block):
    """What convolutions have in common; ports and options are those of one over a sequence."""

    inputs: ClassVar = {"x": "float[batch, d_in, length]"}
    outputs: ClassVar = {"x": "float[batch, d_out, (length + 2*padding - dilation*(kernel - 1) - 1) // stride + 1]"}
    divides: ClassVar = {"groups": ("d_in", "d_out")}
    category: ClassVar[str] = "convolution"

    d_out: Size
    kernel: Count
    stride: Count = 1
    padding: Size = 0
    dilation: Count = 1
    groups: Count = 1
    bias: bool = True

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two per multiplied pair."""
        return 2 * numel(results["x"]) * self.window() * (values["x"].dims[1] // Dim.of(self.groups))

    def window(self) -> Dim:
        """How many taps the kernel has."""
        return Dim.of(self.kernel)


@block
class Conv1d(_Convolution):
    """A convolution over ``[batch, channels, length]``."""

    weights: ClassVar = {
        "weight": Weight("d_out, d_in // groups, kernel"),
        "bias": Weight("d_out", when="bias", init="zeros"),
    }


@block
class Conv2d(_Convolution):
    """A convolution over ``[batch, channels, height, width]``; a pair is for rows and columns, a number for both."""

    inputs: ClassVar = {"x": "float[batch, d_in, height, width]"}
    outputs: ClassVar = {"x": f"float[batch, d_out, {_along('height')}, {_along('width')}]"}
    weights: ClassVar = {
        "weight": Weight("d_out, d_in // groups, height_kernel, width_kernel"),
        "bias": Weight("d_out", when="bias", init="zeros"),
    }

    kernel: _Counts
    stride: _Counts = 1
    padding: _Sizes = 0
    dilation: _Counts = 1

    def bindings(self) -> Bindings:
        """The fields, and those of each axis by themselves."""
        return _by_axis(self, super().bindings(), (*_WINDOW, "dilation"))

    def window(self) -> Dim:
        """Rows times columns."""
        rows, columns = _pair(self.kernel)
        return Dim.of(rows) * Dim.of(columns)


@block
class ConvTranspose2d(Block):
    """A transposed convolution, each cell spread over `kernel` times `kernel` cells that lie `stride` apart."""

    inputs: ClassVar = {"x": "float[batch, d_in, height, width]"}
    outputs: ClassVar = {"x": "float[batch, d_out, (height - 1)*stride + kernel, (width - 1)*stride + kernel]"}
    weights: ClassVar = {"weight": Weight("d_in, d_out, kernel, kernel"), "bias": Weight("d_out", init="zeros")}
    category: ClassVar[str] = "convolution"

    d_out: Size
    kernel: Count
    stride: Count

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two per multiplied pair."""
        return 2 * numel(values["x"]) * Dim.of(self.d_out) * Dim.of(self.kernel) ** 2


class _Pool2d(Block):
    inputs: ClassVar = {"x": "float[batch, d, height, width]"}
    outputs: ClassVar = {"x": f"float[batch, d, {_over('height')}, {_over('width')}]"}
    category: ClassVar[str] = "convolution"

    kernel: _Counts
    stride: _Counts
    padding: _Sizes = 0

    def bindings(self) -> Bindings:
        """The fields, and those of each axis by themselves."""
        return _by_axis(self, super().bindings(), _WINDOW)


@block
class MaxPool2d(_Pool2d):
    """The largest of each window of ``[batch, channels, height, width]``; a pair is for rows and columns."""


@block
class MeanPool2d(_Pool2d):
    """The means of each window of ``[batch, channels, height, width]``; a pair is for rows and columns.

    Of a window that reaches over the edge the cells inside count, or with `counts_padding` all, as zeros outside.
    """

    counts_padding: bool = False


@block
class WeightNormConv1d(_Convolution):
    """A 1-d convolution whose kernel is ``g * v / |v|``, the norm taken for every tap (arXiv:1602.07868)."""

    weights: ClassVar = {
        "v": Weight("d_out, d_in // groups, kernel"),
        "g": Weight("1, 1, kernel", init="norm"),
        "bias": Weight("d_out", when="bias", init="zeros"),
    }
