"""What a call of a model gives, as Hugging Face's forward takes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...blocks.notation.dims import Dim
from ...blocks.notation.types import RecordType, Type
from ...compiler.graph import Graph
from ..errors import ArgumentError

_IGNORED: dict[str, tuple[int, ...]] = {
    "return_dict": (True,),
    "use_cache": (True, False),  # what a cache would hold is not returned
    "past_key_values": (),
    "head_mask": (1,),
    "decoder_head_mask": (1,),
    "cross_attn_head_mask": (1,),
    "logits_to_keep": (0,),
}
"""Arguments of Hugging Face's forward that no graph reads, and what changes nothing there: values, or all entries."""


def by_name(graph: Graph, args: tuple[Any, ...], inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a call gives, by name.

    Raises:
        ArgumentError: a name is none of an input or flag, or is given twice; or an argument that Hugging Face reads and
            no graph does has a value that counts.
    """
    order = list(graph.root.inputs)
    if len(args) > len(order):
        raise ArgumentError(f"expected at most {len(order)} positional inputs, found {len(args)}")
    if twice := set(order[: len(args)]) & inputs.keys():
        raise ArgumentError(f"`{min(twice)}` is given twice, by its place and by its name")
    named = {**dict(zip(order, args, strict=False)), **inputs}
    for name, value in inputs.items():
        if name in graph.root.inputs or name in graph.flags:
            continue
        if name in _IGNORED:
            if value is None or _changes_nothing(value, _IGNORED[name]):
                continue
            found = f"a {tuple(value.shape)} tensor" if isinstance(value, torch.Tensor) else repr(value)
            raise ArgumentError(f"`{name}={found}` is not supported by forward; leave it out")
        if value is not None:
            known = ", ".join([*order, *graph.flags])
            raise ArgumentError(f"`{graph.name}` takes no input `{name}`; it takes {known}")
    return named


def _changes_nothing(value: Any, neutral: tuple[int, ...]) -> bool:
    if isinstance(value, torch.Tensor):
        return any(bool((value == one).all()) for one in neutral)
    return isinstance(value, (bool, int)) and value in neutral


def extents_of(graph: Graph, values: Mapping[str, Any]) -> dict[str, int]:
    """How long the free axes of a call are, by name: as the longest of its tensors, of which some may be for all."""
    found: dict[str, int] = {}
    for name, value in values.items():
        kind = graph.root.inputs[name].type
        if isinstance(value, torch.Tensor) and isinstance(kind, Type):
            for dim, extent in zip(kind.dims, inner_shape(graph, name, value), strict=False):
                free = dim.expanded()
                if free in map(Dim.of, free.symbols()):
                    found[str(free)] = max(extent, found.get(str(free), 0))
    return found


def sample_axes(graph: Graph) -> dict[str, list[tuple[str, int]]]:
    """Of each input of records the axes, by their inputs, that are as long as there are samples."""
    found: dict[str, list[tuple[str, int]]] = {}
    for name, value in graph.root.inputs.items():
        if isinstance(value.type, RecordType) and isinstance(value.type.items[0], Type):
            samples = value.type.items[0].dims[0]
            kinds = {one: other.type for one, other in graph.root.inputs.items() if one not in graph.folds}
            found[name] = [
                (one, kind.dims.index(samples))
                for one, kind in kinds.items()
                if isinstance(kind, Type) and samples in kind.dims
            ]
    return found


def check_records(axes: Mapping[str, list[tuple[str, int]]], values: Mapping[str, Any]) -> None:
    """Refuse records, packed by now, that are not one for each sample; also while a call is traced.

    Raises:
        ArgumentError: there are more or fewer of them than samples, of whom torch would let all have a single one.
    """
    for name, others in axes.items():
        if name in values:
            found = len(next(iter(values[name].values())))
            known = [values[one].shape[at] for one, at in others if one in values and values[one].dim() > at]
            wanted = max(known, default=found)
            if wanted != found:
                raise ArgumentError(f"`{name}` expected a mapping for each of {wanted} samples, found {found}")


def inner_shape(graph: Graph, name: str, value: torch.Tensor) -> torch.Size:
    """The shape of what an input is given, as the graph has it: an axis that a task folds makes the batch longer."""
    return (value.flatten(0, 1) if name in graph.folds and value.dim() > 1 else value).shape


def as_tensor(value: Any, name: str) -> Any:
    """The tensor that is given for an input: of another model's outputs the first, of several one of them all.

    Raises:
        ArgumentError: it is none.
    """
    if isinstance(value, Mapping) and "last_hidden_state" in value:
        value = value["last_hidden_state"]
    if isinstance(value, (tuple, list)) and value and isinstance(value[0], torch.Tensor) and name.endswith("outputs"):
        value = value[0]
    if isinstance(value, (tuple, list)) and value and all(isinstance(one, torch.Tensor) for one in value):
        value = torch.stack(tuple(value))
    if not isinstance(value, torch.Tensor):
        raise ArgumentError(f"`{name}` expected a tensor, found {type(value).__name__}")
    return value
