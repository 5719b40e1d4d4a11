"""Normalisation."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import Block, PortError, Size, Weight, block
from .notation.types import AnyType, Bindings, Type


@block
class LayerNorm(Block):
    """Mean and variance over the last axis, or over the channels at axis 1 (arXiv:1607.06450)."""

    inputs: ClassVar = {"x": "float[*, d]"}
    outputs: ClassVar = {"x": "float[*, d]"}
    weights: ClassVar = {
        "weight": Weight("d", when="affine", init="ones"),
        "bias": Weight("d", when="affine", init="zeros"),
    }
    category: ClassVar[str] = "norm"

    eps: float = 1e-5
    affine: bool = True


@block
class ChannelNorm(LayerNorm):
    """Layer norm over the channels of a sequence or of an image, the second axis."""

    inputs: ClassVar = {"x": "float[batch, d, *]"}
    outputs: ClassVar = {"x": "float[batch, d, *]"}


@block
class RmsNorm(Block):
    """Root mean square over the last axis, computed in float32, no mean and no bias (arXiv:1910.07467)."""

    weights: ClassVar = {"weight": Weight("d", when="affine", init="ones")}
    category: ClassVar[str] = "norm"

    eps: float = 1e-6
    affine: bool = True


@block
class GroupNorm(Block):
    """Mean and variance over groups of channels and all that follows them (arXiv:1803.08494)."""

    inputs: ClassVar = {"x": "float[batch, d, *]"}
    outputs: ClassVar = {"x": "float[batch, d, *]"}
    weights: ClassVar = {"weight": Weight("d", init="ones"), "bias": Weight("d", init="zeros")}
    divides: ClassVar = {"num_groups": ("d",)}
    category: ClassVar[str] = "norm"

    num_groups: Size
    eps: float = 1e-5


class _ByChannel(Block):
    """What scales and shifts channels, which are the second axis whatever follows."""

    inputs: ClassVar = {"x": "any"}
    outputs: ClassVar = {"x": "any"}
    category: ClassVar[str] = "norm"

    eps: float = 1e-5

    def bind(self, values: Mapping[str, Any]) -> Bindings:
        """`d` is the second axis."""
        bindings = super().bind(values)
        kind: Type = values["x"]
        if len(kind.dims) < 2:
            raise PortError("x", "`float[batch, d, ...]`", kind.shape)
        bindings.dims["d"] = kind.dims[1]
        return bindings

    def infer(self, values: Mapping[str, Any], bindings: Bindings) -> dict[str, AnyType]:
        """As it was."""
        return {"x": values["x"]}


@block
class BatchNorm(_ByChannel):
    """Mean and variance over batch and places, channels at axis 1; running ones outside training (arXiv:1502.03167)."""

    weights: ClassVar = {
        "weight": Weight("d", init="ones"),
        "bias": Weight("d", init="zeros"),
        "running_mean": Weight("d", init="zeros", buffer=True),
        "running_var": Weight("d", init="ones", buffer=True),
        "num_batches_tracked": Weight("", init="zeros", buffer=True, kind="int"),
    }

    momentum: float = 0.1


@block
class FrozenBatchNorm(_ByChannel):
    """Batch norm by its saved statistics in training too, and nothing of it is trained (arXiv:2005.12872, A.4)."""

    weights: ClassVar = {
        "weight": Weight("d", init="ones", buffer=True),
        "bias": Weight("d", init="zeros", buffer=True),
        "running_mean": Weight("d", init="zeros", buffer=True),
        "running_var": Weight("d", init="ones", buffer=True),
    }
