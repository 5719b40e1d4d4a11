"""Normalisation."""

from __future__ import annotations

import torch
from torch import nn


class LayerNorm(nn.LayerNorm):
    """Mean and variance over the last axis, ``[*, d]``."""

    def __init__(self, d: int, *, eps: float = 1e-5, affine: bool = True, bias: bool = True) -> None:
        super().__init__(d, eps=eps, elementwise_affine=affine, bias=bias)


class ChannelNorm(LayerNorm):
    """Layer norm over the channels of ``[batch, d, *]``."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """Normalise ``[batch, d, *]`` over `d`."""
        return super().forward(input.movedim(1, -1)).movedim(-1, 1)


class RmsNorm(nn.Module):
    """``weight * x / sqrt(mean(x**2) + eps)`` over the last axis, the mean taken in float32."""

    def __init__(self, d: int, *, eps: float = 1e-6, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(d)) if affine else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``[*, d]``."""
        variance = x.float().pow(2).mean(-1, keepdim=True)
        x = x * torch.rsqrt(variance + self.eps)
        return x if self.weight is None else self.weight * x.to(self.weight.dtype)


class CentredRmsNorm(nn.Module):
    """``(1 + weight) * x / sqrt(mean(x**2) + eps)`` over the last axis, in float32."""

    def __init__(self, d: int, *, eps: float = 1e-6, affine: bool = True) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.zeros(d)) if affine else None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Normalise ``[*, d]``."""
        wide = x.float()
        wide = wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)
        return (wide if self.weight is None else wide * (1.0 + self.weight.float())).type_as(x)


class GroupNorm(nn.GroupNorm):
    """Mean and variance over groups of channels, ``[batch, d, *]``."""

    def __init__(self, d: int, *, num_groups: int, eps: float = 1e-5) -> None:
        super().__init__(num_groups, d, eps=eps)


class BatchNorm(nn.BatchNorm1d):
    """Mean and variance over all axes of ``[batch, d, ...]`` but `d`; running ones outside training."""

    def __init__(self, d: int, *, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(d, eps=eps, momentum=momentum)

    def _check_input_dim(self, input: torch.Tensor) -> None:
        """Any number of places."""


class FrozenBatchNorm(nn.Module):
    """A scale and a shift of each channel of ``[batch, d, ...]``, made from statistics that stay as they are."""

    weight: torch.Tensor
    bias: torch.Tensor
    running_mean: torch.Tensor
    running_var: torch.Tensor

    def __init__(self, d: int, *, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, start in (("weight", 1.0), ("bias", 0.0), ("running_mean", 0.0), ("running_var", 1.0)):
            self.register_buffer(name, torch.full((d,), start))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale and shift ``[batch, d, ...]``."""
        scale = self.weight * torch.rsqrt(self.running_var + self.eps)
        shift = self.bias - self.running_mean * scale
        places = (-1, *[1] * (x.dim() - 2))
        return x * scale.view(places) + shift.view(places)
