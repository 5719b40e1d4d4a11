"""Weights of linear maps in the order in which oneDNN's matrix kernels on a CPU read them.

`torch.nn.functional.linear` asks the BLAS that torch was built with, which reads the weight as it lies, and which on
some processors uses narrower instructions than they have. oneDNN's kernels are made for the processor that runs and
read a weight that was put in their order once. The operator is a library's: compiled graphs call it as a whole. One row
alone is the exception: its product is no more work than reading the weight, which compiled sums do faster.
"""

from __future__ import annotations

import torch
from torch.autograd.forward_ad import unpack_dual

LEAST = 1 << 14
"""How many numbers a weight needs: below, finding the kernel takes longer than it saves."""


def prepack(weight: torch.Tensor) -> torch.Tensor | None:
    """A ``[d_out, d_in]`` weight in the kernels' order; None where they are not to be had or not worth it."""
    if weight.device.type != "cpu" or weight.numel() < LEAST or not _has_kernel(weight.dtype):
        return None
    plain = weight.detach()
    return torch.ops.mkldnn._reorder_linear_weight(plain if plain.t().is_contiguous() else plain.contiguous())


def _has_kernel(dtype: torch.dtype) -> bool:
    if not torch.backends.mkldnn.is_available() or not torch.backends.mkldnn.enabled:
        return False
    if dtype == torch.bfloat16:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    if dtype == torch.float16:
        return bool(torch.ops.mkldnn._is_mkldnn_fp16_supported())
    return dtype == torch.float32


def prepacked_linear(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """``x @ weight.T + bias`` of a weight that `prepack` has put in order: ``[*, d_in]`` to ``[*, d_out]``."""
    return torch.ops.archwright.prepacked_linear(x, packed, bias)


def is_plain(x: torch.Tensor) -> bool:
    """Whether a product is left to torch: the operator knows nothing of gradients and of autocast."""
    is_learning = torch.is_grad_enabled() and x.requires_grad
    return is_learning or torch.is_autocast_enabled(x.device.type) or unpack_dual(x).tangent is not None


def is_fused(x: torch.Tensor) -> bool:
    """Whether a compiler writes the product: of one row, which is read once and needs no order."""
    return torch.compiler.is_compiling() and x.numel() == x.shape[-1]


def fused_linear(x: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    """``x @ weight.T + bias`` of one row, written as sums that a compiler joins with what is around."""
    y = (weight * x.reshape(-1)).sum(-1)
    return (y if bias is None else y + bias).view(*x.shape[:-1], -1)


def _run(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return torch.ops.mkldnn._linear_pointwise.default(x, packed, bias, "none", [], None)


def _traced(x: torch.Tensor, packed: torch.Tensor, bias: torch.Tensor | None) -> torch.Tensor:
    return x.new_empty((*x.shape[:-1], packed.shape[0]))


if not hasattr(torch.ops.archwright, "prepacked_linear"):  # a copy of this file may have been here first
    _LIBRARY = torch.library.Library("archwright", "FRAGMENT")
    _LIBRARY.define("prepacked_linear(Tensor x, Tensor packed, Tensor? bias) -> Tensor")
    for _key in ("CPU", "MkldnnCPU"):
        _LIBRARY.impl("prepacked_linear", _run, _key)
    torch.library.register_fake("archwright::prepacked_linear", _traced, lib=_LIBRARY)
