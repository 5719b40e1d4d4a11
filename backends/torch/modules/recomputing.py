"""Less memory in training for more time: what the backward pass needs of a layer is computed a second time."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import torch
from torch.utils.checkpoint import checkpoint


def recomputed(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a module that keeps, in training, nothing but what it is given (arXiv:1604.06174).

    Random draws are the same the second time.
    """

    @wraps(method)
    def run(self: Any, *args: Any, **kwargs: Any) -> Any:
        if self.training and torch.is_grad_enabled():
            return checkpoint(method, self, *args, use_reentrant=False, **kwargs)
        return method(self, *args, **kwargs)

    return run
