"""Tensors that are kept from step to step while a text is written."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch


class Place(NamedTuple):
    """Where the new tokens of a step stand.

    Attributes:
        start: how many tokens came before, a tensor without axes.
        news: how many are new.
        length: how many there is room for.
    """

    start: torch.Tensor
    news: int
    length: int

    def positions(self) -> torch.Tensor:
        """The numbers of the new tokens, ``[news]``."""
        return self.start + torch.arange(self.news, device=self.start.device)


def held_by(held: dict[str, Any], name: str) -> dict[str, Any]:
    """What is held for a part."""
    return held.setdefault(name, {})


def held_by_each(held: dict[str, Any], name: str, count: int) -> list[dict[str, Any]]:
    """What is held for each round of a repeat."""
    if name not in held:
        held[name] = [{} for _ in range(count)]
    return held[name]


def remembered(held: dict[str, Any], name: str, new: torch.Tensor, place: Place, *, axis: int) -> torch.Tensor:
    """All tokens so far and the room behind them, the new ones written in their place."""
    if name not in held:
        shape = list(new.shape)
        shape[axis] = place.length
        held[name] = new.new_zeros(shape)
    return held[name].index_copy_(axis, place.positions(), new)


def apart(value: Any) -> Any:
    """Tensors that share no memory, as keys and values of one product do: no compiled region may be given such two."""
    if isinstance(value, (list, tuple)):
        return [apart(one) for one in value]
    return value.clone(memory_format=torch.contiguous_format)


def newest(whole: torch.Tensor, place: Place, *, axis: int) -> torch.Tensor:
    """The new tokens out of all."""
    return whole.index_select(axis, place.positions())
