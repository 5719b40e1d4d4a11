"""Linear maps and embeddings."""

from __future__ import annotations

import torch
from torch import nn


class Linear(nn.Linear):
    """``x @ weight.T + bias`` over the last axis: ``[*, d_in]`` to ``[*, d_out]``."""

    def __init__(self, d_in: int, *, d_out: int, bias: bool = True) -> None:
        super().__init__(d_in, d_out, bias=bias)


class Embedding(nn.Embedding):
    """Rows of a table: ``[*]`` integers to ``[*, dim]``; `pad_row` gets no gradient."""

    def __init__(self, *, num: int, dim: int, pad_row: int | None = None) -> None:
        super().__init__(num, dim, padding_idx=pad_row, _weight=torch.empty(num, dim))
