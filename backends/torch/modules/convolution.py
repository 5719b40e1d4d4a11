"""Convolutions."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Conv1d(nn.Conv1d):
    """``[batch, d_in, length]`` to ``[batch, d_out, length']``."""

    def __init__(
        self,
        d_in: int,
        *,
        d_out: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__(d_in, d_out, kernel, stride, padding, dilation, groups, bias)


class Conv2d(nn.Conv2d):
    """``[batch, d_in, height, width]`` to ``[batch, d_out, height', width']``."""

    def __init__(
        self, d_in: int, *, d_out: int, kernel: int | list[int], stride: int | list[int] = 1,
        padding: int | list[int] = 0, dilation: int | list[int] = 1, groups: int = 1, bias: bool = True,
    ) -> None:  # fmt: skip
        super().__init__(d_in, d_out, kernel, stride, padding, dilation, groups, bias)  # pyright: ignore[reportArgumentType]


class ConvTranspose2d(nn.ConvTranspose2d):
    """``[batch, d_in, height, width]`` to ``[batch, d_out, (height - 1)*stride + kernel, ...]``."""

    def __init__(self, d_in: int, *, d_out: int, kernel: int, stride: int) -> None:
        super().__init__(d_in, d_out, kernel, stride)


def max_pool2d(
    x: torch.Tensor, *, kernel: int | list[int], stride: int | list[int], padding: int | list[int] = 0
) -> torch.Tensor:
    """The largest of each window of ``[batch, d, height, width]``."""
    return F.max_pool2d(x, kernel, stride, padding)


def mean_pool2d(
    x: torch.Tensor, *, kernel: int | list[int], stride: int | list[int], padding: int | list[int] = 0,
    counts_padding: bool = False,
) -> torch.Tensor:  # fmt: skip
    """The means of each window of ``[batch, d, height, width]``, of what is inside or of zeros outside too."""
    return F.avg_pool2d(x, kernel, stride, padding, count_include_pad=counts_padding)


class WeightNormConv1d(nn.Module):
    """A 1-d convolution with the kernel ``g * v / |v|``, the norm over all but the taps (arXiv:1602.07868)."""

    def __init__(
        self,
        d_in: int,
        *,
        d_out: int,
        kernel: int,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: bool = True,
    ) -> None:
        super().__init__()
        self.shape = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
        self.g = nn.Parameter(torch.ones(1, 1, kernel))
        self.v = nn.Parameter(torch.empty(d_out, d_in // groups, kernel))
        self.bias = nn.Parameter(torch.zeros(d_out)) if bias else None

    def kernel(self) -> torch.Tensor:
        """The kernel, ``[d_out, d_in // groups, taps]``."""
        # torch's own weight norm, which its stubs leave out.
        return torch._weight_norm(self.v, self.g, 2)  # pyright: ignore[reportPrivateImportUsage]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve ``[batch, d_in, length]``."""
        return F.conv1d(x, self.kernel(), self.bias, **self.shape)
