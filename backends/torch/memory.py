"""Memory: how much is in use, how fast it is read, and how much of it the weights are that a call reads."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

READ_BYTES = 2**29
"""The size of the tensor that is read to see how fast memory is: far more than caches hold."""
READS = 8


def peak(device: torch.device) -> int | None:
    """The most bytes at once: of the device on CUDA, of the process elsewhere; None where nobody counts."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource  # not on Windows
    except ImportError:
        return None
    found = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return found if sys.platform == "darwin" else found * 1024


def in_use(device: torch.device) -> int | None:
    """The bytes in use now: of the device on CUDA, of the process on Linux; None elsewhere."""
    if device.type == "cuda":
        return torch.cuda.memory_allocated(device)
    counts = Path("/proc/self/statm")
    if not counts.exists():
        return None
    import resource

    return int(counts.read_text().split()[1]) * resource.getpagesize()


def plain_read(device: Any = None) -> Callable[[], Any]:
    """A call that reads `READ_BYTES` of one tensor `READS` times and does next to nothing with them."""
    large = torch.ones(READ_BYTES // 4, device=device)

    def read() -> None:
        for _ in range(READS):
            large.sum()

    return read


def weights_read(call: Callable[[], Any], module: torch.nn.Module) -> int:
    """The bytes of a module's parameters that a call reads: each once, and of a table the rows that are looked up."""
    counter = _Reads(module)
    with counter:
        call()
    return sum(counter.read.values())


class _Reads(TorchDispatchMode):
    """Notes the largest part of each parameter that an operation is given; views read nothing."""

    def __init__(self, module: torch.nn.Module) -> None:
        super().__init__()
        self.owned = {one.untyped_storage().data_ptr() for one in module.parameters()}
        self.read: dict[int, int] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if not func.is_view:
            is_table = func is torch.ops.aten.embedding.default
            rows = args[1].numel() if is_table else None
            for one in tree_leaves((args, kwargs)):
                place = one.untyped_storage().data_ptr() if isinstance(one, torch.Tensor) else None
                if place in self.owned:
                    count = one.numel() if rows is None else min(rows, one.shape[0]) * one.shape[1]
                    self.read[place] = max(self.read.get(place, 0), count * one.element_size())
        return func(*args, **(kwargs or {}))
