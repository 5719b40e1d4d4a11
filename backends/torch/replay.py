"""Calls that a GPU repeats by itself: what one launches is recorded once, as a CUDA graph, and then launched whole.

A step for one token launches some hundred kernels, and launching one takes the host longer than running takes the GPU.
A graph reads and writes where the recorded call did: what a call is told is copied there, and all else stays there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import torch
from torch.utils._pytree import tree_flatten, tree_map_only

from .cache import likeness
from .modules.inference import casts

if TYPE_CHECKING:
    from .model import Model


def is_recorded(model: Model) -> bool:
    """Whether a model's forwards are: its weights stay where they are, and shapes as they are."""
    return model.inference and model.dynamic is False and is_replayed(model)


def is_replayed(model: Model) -> bool:
    """Whether a model's calls may be recorded: on CUDA, where they are compiled and nothing is differentiated."""
    return model.backend == "inductor" and model.device.type == "cuda" and not torch.is_grad_enabled()


class Replays:
    """Calls of one function, a graph for each form of what they are told; the first of a form runs as it is."""

    def __init__(self) -> None:
        self.recorded: dict[Any, _Recorded | None] = {}
        # One memory, that of one stream, for all: what one leaves there is copied before another is launched.
        self.place: tuple[Any, torch.cuda.Stream] | None = None
        self.is_possible = True

    def forget(self) -> None:
        """What is read beside what a call is told lies elsewhere from here on."""
        self.recorded.clear()
        self.place = None  # perhaps on another device

    def __call__(self, run: Callable[..., Any], told: Mapping[str, Any]) -> Any:
        """What `run` gives for arguments by name: tensors, and what holds some, in tensors of its own."""
        leaves, form = tree_flatten(dict(told))
        key = form, likeness(leaves), *casts()
        if not self.is_possible or key not in self.recorded:
            self.recorded[key] = None
            return run(**told)
        try:
            if self.place is None:
                device = next(one.device for one in leaves if isinstance(one, torch.Tensor))
                self.place = torch.cuda.graph_pool_handle(), torch.cuda.Stream(device)
            recorded = self.recorded[key] = self.recorded[key] or _Recorded(run, told, *self.place)
        except RuntimeError as error:
            self.is_possible = False
            why = error.__context__ or error  # the operation's error comes before that of ending the recording
            warnings.warn(f"calls are launched kernel by kernel, since no CUDA graph was made: {why}", stacklevel=2)
            return run(**told)
        return recorded(leaves)


class _Recorded:
    """A call, recorded where its arguments and its results lie."""

    def __init__(self, run: Callable[..., Any], told: Mapping[str, Any], pool: Any, aside: torch.cuda.Stream) -> None:
        self.told = tree_map_only(torch.Tensor, torch.clone, dict(told))
        here = torch.cuda.current_stream(aside.device)
        aside.wait_stream(here)
        with torch.cuda.stream(aside):  # libraries prepare themselves; what a call writes, it may write again
            run(**self.told)
        here.wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        try:  # what other threads do meanwhile is no matter
            with torch.cuda.graph(self.graph, pool, aside, "thread_local"):
                self.results = run(**self.told)
        except RuntimeError:
            _mend(here, aside, pool)
            raise

    def __call__(self, leaves: list[Any]) -> Any:
        for mine, told in zip(tree_flatten(self.told)[0], leaves, strict=True):
            if isinstance(told, torch.Tensor):
                mine.copy_(told)
        self.graph.replay()
        return tree_map_only(torch.Tensor, torch.clone, self.results)


def _mend(here: torch.cuda.Stream, aside: torch.cuda.Stream, pool: Any) -> None:
    """Take back what torch (2.11 to 2.14) leaves of a recording that failed.

    That is its stream, memory that is taken for it, and generators that refuse to draw until a recording ends well.
    """
    with suppress(RuntimeError):  # where it was taken back
        torch._C._cuda_endAllocateToPool(here.device_index, pool)
    with torch.cuda.graph(torch.cuda.CUDAGraph(), None, aside, "thread_local"):
        torch.zeros((), device=here.device)
    torch.cuda.set_stream(here)
