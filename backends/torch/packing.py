"""Where the real tokens of a call stand, and whether they can be run alone, as far as only the call can tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import torch

from ...compiler.graph import Graph
from ...compiler.passes.packed import Need
from ..errors import ArgumentError
from .modules.packing import Padding, padding_of

PADDING = ":padding"
"""What a packed forward takes beside the inputs, whose names have no colon."""


def padding_for(
    graph: Graph, name: str, needs: Iterable[Need], values: Mapping[str, Any], *, is_compiled: bool,
    is_filled: bool = False,
) -> Padding:  # fmt: skip
    """What the mask called `name` says of a call's values.

    Raises:
        ArgumentError: the mask has another form, or the call reads padding: a token by its number that is none, or
            labels that are not ignored.
    """
    mask = values[name]
    axes = 2 + (name in graph.folds)
    if mask.dim() != axes:
        raise ArgumentError(f"a packed model expected `{name}` with {axes} axes, found {list(mask.shape)}")
    padding = padding_of(mask, is_compiled=is_compiled, is_filled=is_filled)
    for need in needs:
        if not _is_kept(need, padding.mask, values):
            where = "at padding and right behind it" if need.shift else "at padding"
            what = f"`{need.labels}` to be {need.ignored} {where}" if need.labels else f"token {need.place} to be real"
            raise ArgumentError(f"`{need.node}` expected {what} in every sample of a packed model's call")
    return padding


def _is_kept(need: Need, mask: torch.Tensor, values: Mapping[str, Any]) -> bool:
    if need.place is not None:
        return bool(mask[:, need.place].all())
    labels = values[str(need.labels)].reshape(mask.shape)
    if need.shift:
        labels, mask = labels[:, 1:], mask[:, :-1]
    return bool((labels == need.ignored)[~mask].all())
