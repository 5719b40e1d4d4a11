"""When a text ends before its greatest length: by a token, by the clock, by what a call says."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor

from ...errors import ArgumentError
from .options import Options

Stop: TypeAlias = Callable[[Tensor], Tensor]
"""Takes ids ``[rows, length]``, and gives whether each row ends there, ``[rows]``."""


def stops_for(options: Options, criteria: Sequence[Callable[[Tensor, Any], Any]], device: torch.device) -> list[Stop]:
    """What ends a row; a `criterion` takes ids and, in place of scores, None, as in Hugging Face.

    Args:
        options: what ends a text, and how long writing may take from now on.
        criteria: further ones.
        device: where the ids are.
    """
    ends, late = torch.tensor(options.ends, device=device), time.monotonic() + (options.max_time or 0.0)
    made: list[Stop] = [lambda ids: torch.isin(ids[:, -1], ends)] if options.ends else []
    if options.max_time is not None:
        made.append(lambda ids: torch.full_like(ids[:, 0], time.monotonic() > late, dtype=torch.bool))
    return made + [_checked(criterion) for criterion in criteria]


def _checked(criterion: Callable[[Tensor, Any], Any]) -> Stop:
    def stop(ids: Tensor) -> Tensor:
        found = torch.as_tensor(criterion(ids, None), device=ids.device)
        if found.dtype != torch.bool or found.shape not in ((), (1,), ids.shape[:1]):
            told = f"{str(found.dtype).removeprefix('torch.')}{list(found.shape)}"
            raise ArgumentError(f"`stopping_criteria` expected bool[{len(ids)}], one for each row, found {told}")
        return found.expand(len(ids))

    return stop
