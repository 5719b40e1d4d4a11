"""Images and maps of features brought to another size."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def resize(x: torch.Tensor, like: torch.Tensor, *, mode: str = "bilinear", align_corners: bool = False) -> torch.Tensor:
    """``[batch, d, height, width]`` to the height and width of `like`, its last two axes."""
    return F.interpolate(x, size=like.shape[-2:], mode=mode, align_corners=align_corners or None)


def average_pool(x: torch.Tensor, *, size: int) -> torch.Tensor:
    """``[batch, d, height, width]`` to the means of `size` times `size` parts."""
    return F.adaptive_avg_pool2d(x, size)
