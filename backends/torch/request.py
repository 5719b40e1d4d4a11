"""What is built and how it is called: a model from a spec or a checkpoint, with example inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from ...compiler.calls import chosen_inputs, extents
from ...compiler.graph import Graph
from ...compiler.passes.packable import find_mask
from ..errors import ArgumentError
from . import build
from .example import example_inputs
from .model import Model
from .run import moved

SHORT, LENGTH = 8, 128
"""How long an axis is, where neither the request nor the spec says: to see a call, and to measure one."""


@dataclass(frozen=True, slots=True)
class Request:
    """A model and a call of it.

    Attributes:
        target: a spec, whose fresh weights `seed` decides, or a checkpoint folder.
        dims: extents by name, which count before all else.
        batch: how many samples.
        length: how long the axes are of which the spec's ``example:`` says nothing; None is a length worth measuring.
        inputs: optional inputs to give as well.
        spec: reads a checkpoint, in place of the spec that its config names.
        packed: the samples of the batch have different lengths (`sentence_lengths`).
    """

    target: str
    task: str | None = None
    size: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)
    batch: int = 2
    length: int | None = None
    inputs: Sequence[str] = ()
    device: str | None = None
    dtype: str | None = None
    seed: int = 0
    inference: bool = False
    dynamic: bool | None = None
    packed: bool = False
    spec: str | None = None

    def model(self, backend: str = "eager", *, packed: bool = False) -> Model:
        """The model, on one of our backends; `packed` leaves padding out.

        Raises:
            SpecError: the spec is wrong.
            CheckpointError: the folder is.
            ArgumentError: a device that is not there, or a size for a checkpoint, which has its own.
        """
        torch.manual_seed(self.seed)
        how: dict[str, Any] = {"device": self.device, "dtype": self.dtype, "inference": self.inference,
                               "dynamic": self.dynamic, "packed": packed, "backend": backend}  # fmt: skip
        return build.compile_with(self.target, self.overrides, task=self.task, size=self.size, spec=self.spec, **how)

    def call(self, model: Model) -> dict[str, Any]:
        """The inputs of the call, where the model is.

        Raises:
            ArgumentError: there is no such axis or input.
        """
        graph = model.graph
        extra = (*self.inputs, *([find_mask(graph)] if self.packed else []))
        for name in extra:
            if name not in graph.root.inputs:
                raise ArgumentError(f"`{graph.name}` takes no input `{name}`; it takes {', '.join(graph.root.inputs)}")
        length = usual_length(graph) if self.length is None else self.length
        usual = extents(graph, chosen_inputs(graph, extra), batch=self.batch, length=length)
        for name in self.dims:
            if name not in usual:
                raise ArgumentError(f"`{name}` is no axis of `{graph.name}`; there are {', '.join(usual)}")
        made = example_inputs(graph, dims={**usual, **self.dims}, extra=extra, seed=self.seed)
        if self.packed:
            mask = made[extra[-1]].flatten(0, -2)
            lengths = sentence_lengths(*mask.shape, seed=self.seed)
            mask[torch.arange(mask.shape[1]) >= lengths[:, None]] = 0
        return moved(model, made)


def usual_length(graph: Graph) -> int:
    """A length worth measuring that the model has positions for."""
    limit = graph.params.get("max_positions")
    return min(LENGTH, limit // 2) if isinstance(limit, int) and limit > 1 else LENGTH


def sentence_lengths(batch: int, length: int, *, seed: int = 0) -> torch.Tensor:
    """Lengths as sentences have them, ``[batch]``: many short, few long, a third of `length` on average, one whole."""
    first, second = torch.rand(2, batch, generator=torch.Generator().manual_seed(seed))
    lengths = (-(first * second).log() * length / 6).ceil().clamp(1, length).long()  # a gamma distribution of shape 2
    lengths[0] = length
    return lengths
