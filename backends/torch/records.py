"""Records of the samples of a batch, which differ in how many entries they have, packed into padded tensors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ...blocks.notation.types import FILLED, RecordType, Type
from ..errors import ArgumentError


def pack(records: Any, kind: RecordType, name: str) -> dict[str, torch.Tensor]:
    """One tensor ``[batch, ...]`` for each field, zero beyond a sample's own entries, and `filled`, which are its own.

    Args:
        records: a mapping of tensors for each sample; entries that `kind` does not name are left alone.
        kind: the fields; every axis is padded to the longest of the batch, the entries' to one at least.
        name: the input's name, for messages.

    Raises:
        ArgumentError: a field is missing or has another shape, or fields of a sample differ in their entries.
    """
    if not isinstance(records, (list, tuple)) or not all(isinstance(one, Mapping) for one in records) or not records:
        raise ArgumentError(f"`{name}` expected a list with a mapping for each sample, found {type(records).__name__}")
    fields = [(field, inner) for field, inner in zip(kind.names, kind.items, strict=True) if field != FILLED]
    columns = {
        field: [_entries(one, field, inner, f"{name}[{at}]") for at, one in enumerate(records)]
        for field, inner in fields
        if isinstance(inner, Type)
    }
    counts = [{len(column[at]) for column in columns.values()} for at in range(len(records))]
    for at, found in enumerate(counts):
        if len(found) > 1:
            shapes = ", ".join(f"`{field}` {list(column[at].shape)}" for field, column in columns.items())
            raise ArgumentError(f"`{name}[{at}]` expected as many entries in each field, found {shapes}")
    packed = {field: _padded(column) for field, column in columns.items()}
    first = next(iter(packed.values()))
    return {**packed, FILLED: _padded([first.new_ones(max(count), dtype=torch.bool) for count in counts])}


def _entries(record: Mapping[str, Any], field: str, kind: Type, place: str) -> torch.Tensor:
    """A field of one sample, in the kind of number that is asked for."""
    value = record.get(field)
    if not isinstance(value, torch.Tensor):
        found = "none" if value is None else type(value).__name__
        raise ArgumentError(f"`{place}` expected a tensor `{field}`, found {found}")
    wanted = [dim.known for dim in kind.dims[1:]]
    if value.numel() == 0 and value.dim() != len(wanted):
        value = value.new_zeros([0, *(extent or 0 for extent in wanted[1:])])
    if value.dim() != len(wanted) or any(a not in (None, b) for a, b in zip(wanted, value.shape, strict=True)):
        shape = ", ".join(map(str, kind.dims[1:]))
        raise ArgumentError(f"`{place}` expected `{field}` of the shape [{shape}], found {list(value.shape)}")
    if kind.kind == "float":
        return value if value.is_floating_point() else value.float()
    return value.bool() if kind.kind == "bool" else value.long()


def _padded(parts: list[torch.Tensor]) -> torch.Tensor:
    """Tensors of one rank as one, zeros behind the shorter ones."""
    extents = [max(sizes) for sizes in zip(*(part.shape for part in parts), strict=True)]
    whole = parts[0].new_zeros([len(parts), max(extents[0], 1), *extents[1:]])
    for at, part in enumerate(parts):
        whole[(at, *(slice(0, extent) for extent in part.shape))] = part
    return whole
