"""Normalisation."""

from __future__ import annotations

from typing import ClassVar

from .base import Block, Size, Weight, block


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
    """Layer norm over the channels of ``[batch, channels, ...]`` (the second axis of three)."""

    inputs: ClassVar = {"x": "float[batch, d, length]"}
    outputs: ClassVar = {"x": "float[batch, d, length]"}


@block
class RmsNorm(Block):
    """Root mean square over the last axis, computed in float32, no mean and no bias (arXiv:1910.07467)."""

    weights: ClassVar = {"weight": Weight("d", when="affine", init="ones")}
    category: ClassVar[str] = "norm"

    eps: float = 1e-6
    affine: bool = True


@block
class GroupNorm(Block):
    """Mean and variance over groups of channels and the length (arXiv:1803.08494)."""

    inputs: ClassVar = {"x": "float[batch, d, length]"}
    outputs: ClassVar = {"x": "float[batch, d, length]"}
    weights: ClassVar = {"weight": Weight("d", init="ones"), "bias": Weight("d", init="zeros")}
    divides: ClassVar = {"num_groups": ("d",)}
    category: ClassVar[str] = "norm"

    num_groups: Size
    eps: float = 1e-5
