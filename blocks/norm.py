"""Normalisation."""

from __future__ import annotations

from typing import ClassVar

from .base import Block, Size, Weight, block


@block
class LayerNorm(Block):
    """Mean and variance over the last axis, or over the channels at axis 1 (arXiv:1607.06450)."""

    weights: ClassVar = {
        "weight": Weight("d", when="affine", init="ones"),
        "bias": Weight("d", when="affine and bias", init="zeros"),
    }
    category: ClassVar[str] = "norm"

    eps: float = 1e-5
    affine: bool = True
    bias: bool = True


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
class CentredRmsNorm(Block):
    """Root mean square over the last axis, scaled by ``1 + weight``, which thus starts at zero (arXiv:2403.08295)."""

    weights: ClassVar = {"weight": Weight("d", when="affine", init="zeros")}
    category: ClassVar[str] = "norm"

    eps: float = 1e-6
    affine: bool = True


@block
class GroupNorm(Block):
    """Mean and variance over groups of channels and all that follows them (arXiv:1803.08494)."""

    inputs: ClassVar = {"x": "float[batch, d, *]"}
    outputs: ClassVar = {"x": "float[batch, d, *]"}
    weights: ClassVar = {"weight": Weight("d", init="ones"), "bias": Weight("d", init="zeros")}
    reads: ClassVar = {"x": "all"}
    divides: ClassVar = {"num_groups": ("d",)}
    category: ClassVar[str] = "norm"

    num_groups: Size
    eps: float = 1e-5


class _ByChannel(Block):
    """What scales and shifts channels, which are the second axis whatever follows."""

    inputs: ClassVar = {"x": "float[batch, d, *]"}
    outputs: ClassVar = {"x": "float[batch, d, *]"}
    category: ClassVar[str] = "norm"

    eps: float = 1e-5


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

    updates: ClassVar[bool] = True

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
