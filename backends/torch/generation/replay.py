"""Steps that a GPU repeats by itself: what one launches is recorded once, as a CUDA graph, and then launched whole.

A step for one token launches some hundred kernels, and launching one takes the host longer than running takes the GPU.
A graph reads and writes where the recorded step did: what a step is told is copied there, and what is held stays there.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import torch

from ..modules.decoding import Place

if TYPE_CHECKING:
    from ..model import Model

Run = Callable[..., torch.Tensor]


def is_replayed(model: Model) -> bool:
    """Whether a model's steps are recorded: on CUDA, where they are compiled."""
    return model.backend == "inductor" and all(one.device.type == "cuda" for one in model.net.parameters())


class Replays:
    """The steps of one text, a graph for each form of what they are told; the first of a form runs as it is."""

    def __init__(self) -> None:
        self.steps: dict[Any, _Recorded | None] = {}
        self.is_possible = True

    def forget(self) -> None:
        """What is held lies elsewhere from here on."""
        self.steps.clear()

    def __call__(self, run: Run, told: Mapping[str, torch.Tensor], held: dict[str, Any], place: Place) -> torch.Tensor:
        """The logits of a step."""
        form = (place.news, *((name, value.shape, value.dtype) for name, value in told.items()))
        if not self.is_possible or form not in self.steps:
            self.steps[form] = None
            return run(**told, held=held, place=place)
        try:
            recorded = self.steps[form] = self.steps[form] or _Recorded(run, told, held, place)
        except RuntimeError as error:
            self.is_possible = False
            warnings.warn(f"steps are launched kernel by kernel, since no CUDA graph was made: {error}", stacklevel=2)
            return run(**told, held=held, place=place)
        return recorded(told, place)


class _Recorded:
    """A step, recorded where its arguments and its logits lie."""

    def __init__(self, run: Run, told: Mapping[str, torch.Tensor], held: dict[str, Any], place: Place) -> None:
        self.told = {name: value.clone() for name, value in told.items()}
        self.place = place._replace(start=place.start.clone())
        here, aside = torch.cuda.current_stream(), torch.cuda.Stream()
        aside.wait_stream(here)
        with torch.cuda.stream(aside):  # libraries prepare themselves; what a step writes, it may write again
            run(**self.told, held=held, place=self.place)
        here.wait_stream(aside)
        self.graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self.graph):
            self.logits = run(**self.told, held=held, place=self.place)

    def __call__(self, told: Mapping[str, torch.Tensor], place: Place) -> torch.Tensor:
        for name, value in told.items():
            self.told[name].copy_(value)
        self.place.start.copy_(place.start)
        self.graph.replay()
        return self.logits.clone()
