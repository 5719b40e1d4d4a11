"""Activations, gates, dropout."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F


def _gelu_new(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (x + 0.044715 * torch.pow(x, 3.0))))


def _gelu_fast(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * x * (1.0 + torch.tanh(x * 0.7978845608 * (1.0 + 0.044715 * x * x)))


def _gelu_tanh(x: torch.Tensor) -> torch.Tensor:
    return F.gelu(x, approximate="tanh")


def _gelu_10(x: torch.Tensor) -> torch.Tensor:
    return F.gelu(x).clamp(-10, 10)


def _quick_gelu(x: torch.Tensor) -> torch.Tensor:
    return x * torch.sigmoid(1.702 * x)


def _relu2(x: torch.Tensor) -> torch.Tensor:
    return F.relu(x).square()


def _laplace(x: torch.Tensor) -> torch.Tensor:
    return 0.5 * (1.0 + torch.erf((x - 0.707107) / (0.282095 * math.sqrt(2.0))))


def _linear(x: torch.Tensor) -> torch.Tensor:
    return x


_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "gelu": F.gelu,
    "gelu_python": F.gelu,
    "gelu_new": _gelu_new,
    "gelu_pytorch_tanh": _gelu_tanh,
    "gelu_python_tanh": _gelu_tanh,
    "gelu_fast": _gelu_fast,
    "gelu_10": _gelu_10,
    "gelu_accurate": _gelu_new,
    "quick_gelu": _quick_gelu,
    "relu": F.relu,
    "relu6": F.relu6,
    "relu2": _relu2,
    "silu": F.silu,
    "swish": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "leaky_relu": F.leaky_relu,
    "linear": _linear,
    "mish": F.mish,
    "laplace": _laplace,
    "elu": F.elu,
    "hardswish": F.hardswish,
}


def activation(x: torch.Tensor, *, kind: str) -> torch.Tensor:
    """The activation that Hugging Face's configs, or torch, call `kind`."""
    return _ACTIVATIONS[kind](x)


def float16_range(x: torch.Tensor) -> torch.Tensor:
    """``[*]``: in float16 at most 1,000 below what that holds, infinities too; other types as they are."""
    if x.dtype != torch.float16:
        return x
    most = torch.finfo(x.dtype).max - 1000
    return x.clamp(-most, most)


def glu(x: torch.Tensor) -> torch.Tensor:
    """``[batch, 2*d, length]`` to ``[batch, d, length]``."""
    return F.glu(x, dim=1)


def dropout(x: torch.Tensor, *, p: float, training: bool) -> torch.Tensor:
    """Dropout in training; `x` itself otherwise."""
    return F.dropout(x, p, training) if training and p else x


def drop_path(x: torch.Tensor, *, p: float | torch.Tensor, training: bool) -> torch.Tensor:
    """In training, drops the samples of ``[batch, ...]`` with probability `p`, and scales up the others."""
    if not training or (not isinstance(p, torch.Tensor) and not p):
        return x
    kept = torch.rand(x.shape[0], *[1] * (x.dim() - 1), device=x.device, dtype=x.dtype) >= p
    return x * kept / (1 - p)


def drop_layer(after: torch.Tensor, before: torch.Tensor, *, p: float, training: bool) -> torch.Tensor:
    """In training, keeps what was `before` a layer with probability `p` (arXiv:1909.11556)."""
    if not training or not p:
        return after
    return torch.where(torch.rand((), device=after.device) < p, before, after)


def drop_layers(
    after: tuple[torch.Tensor, ...], before: tuple[torch.Tensor, ...], *, p: float, training: bool
) -> tuple[torch.Tensor, ...]:
    """As `drop_layer`, of a layer that several values go through: all of them are kept, or none."""
    if not training or not p:
        return after
    skips = torch.rand((), device=after[0].device) < p
    return tuple(torch.where(skips, old, new) for new, old in zip(after, before, strict=True))
