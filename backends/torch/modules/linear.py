"""Linear maps and embeddings."""

from __future__ import annotations

import torch
from torch import nn


class Linear(nn.Linear):
    """``x @ weight.T + bias`` over the last axis: ``[*, d_in]`` to ``[*, d_out]``.

    One that `stays_float32` may have weights of another type than what it reads, and computes in theirs.
    """

    def __init__(self, d_in: int, *, d_out: int, bias: bool = True, stays_float32: bool = False) -> None:
        super().__init__(d_in, d_out, bias=bias)
        self.stays_float32 = stays_float32

    def reset_parameters(self) -> None:
        """First values, where there is memory for them: without, torch takes up to a millisecond to draw none."""
        if not self.weight.is_meta:
            super().reset_parameters()

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """``[*, d_in]`` to ``[*, d_out]``."""
        return super().forward(input.to(self.weight.dtype) if self.stays_float32 else input)


class Embedding(nn.Embedding):
    """Rows of a table: ``[*]`` integers to ``[*, dim]``; `pad_row` gets no gradient."""

    def __init__(self, *, num: int, dim: int, pad_row: int | None = None) -> None:
        super().__init__(num, dim, padding_idx=pad_row, _weight=torch.empty(num, dim))
