"""Linear maps, embeddings and free parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Self

from pydantic import model_validator

from .base import Block, Count, Size, Weight, block
from .notation.dims import Dim
from .notation.types import AnyType, Bindings, Type, numel


@block
class Linear(Block):
    """An affine map of the last axis, ``x @ weight.T + bias``.

    With `stays_float32` its weights are not made or loaded in float16, whose range its results would leave, and what it
    gives is of their type.
    """

    inputs: ClassVar = {"x": "float[*, d_in]"}
    outputs: ClassVar = {"x": "float[*, d_out]"}
    weights: ClassVar = {"weight": Weight("d_out, d_in"), "bias": Weight("d_out", when="bias", init="zeros")}
    category: ClassVar[str] = "linear"

    d_out: Size
    bias: bool = True
    stays_float32: bool = False

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two per multiplied pair."""
        return 2 * numel(values["x"]) * Dim.of(self.d_out)


@block
class Embedding(Block):
    """A table of vectors, looked up by integers; `pad_row` is a row that gets no gradient and starts at zero."""

    inputs: ClassVar = {"ids": "int[*]"}
    outputs: ClassVar = {"x": "float[*, dim]"}
    weights: ClassVar = {"weight": Weight("num, dim")}
    category: ClassVar[str] = "embedding"
    free: ClassVar[bool] = True

    num: Count
    dim: Size
    pad_row: int | None = None

    @model_validator(mode="after")
    def _has_the_pad_row(self) -> Self:
        rows = Dim.of(self.num).known
        if self.pad_row is not None and rows is not None and not -rows <= self.pad_row < rows:
            raise ValueError(f"expected a row of the table, which has {rows}, found `pad_row: {self.pad_row}`")
        return self


@block
class Parameter(Block):
    """A free tensor: class tokens, mask tokens, object queries, logit scales, biases of a vocabulary."""

    inputs: ClassVar = {}
    outputs: ClassVar = {"x": "float[*]"}
    weights: ClassVar = {"": Weight("*")}
    category: ClassVar[str] = "embedding"
    free: ClassVar[bool] = True

    shape: list[Size] = []
    init: float | None = None
    trainable: bool = True

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """Its own shape."""
        return {"x": Type("float", tuple(Dim.of(extent) for extent in self.shape))}

    def weight_shapes(self, bindings: Bindings) -> dict[str, tuple[Dim, ...]]:
        """One tensor, under the node's own name."""
        return {"": tuple(Dim.of(extent) for extent in self.shape)}
