"""Rounds that are compiled as one region (`nested_compile_region`): what torch asks of what they are given."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def apart(region: Callable[..., Any]) -> Callable[..., Any]:
    """A region whose arguments are tensors of their own, of one that is given twice the second is a copy.

    Torch (2.13) reads such a pair as one input, and goes on to do so in the rounds that give two: what it computes is
    then wrong, and told by nobody.
    """

    def called(self: Any, *args: Any, **inputs: Any) -> Any:
        seen: list[torch.Tensor] = []
        own = [_own(one, seen) for one in args]
        return region(self, *own, **{name: _own(one, seen) for name, one in inputs.items()})

    return called


def _own(given: Any, seen: list[torch.Tensor]) -> Any:
    if isinstance(given, list):
        return [_own(one, seen) for one in given]
    if isinstance(given, torch.Tensor):
        if any(given is one for one in seen):
            return given.clone()
        seen.append(given)
    return given


def own_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    """What a call gives; of views of one tensor all but the first are copied: torch refuses a region that reads two.

    What another program made for all shapes has a note that its extents may change. Beside an input without one, they
    are symbols when torch (2.13) comes to a region and numbers when it leaves, and it stops at the next round; the
    note is a hint, and taken off.
    """
    firsts: dict[torch.Tensor, torch.Tensor] = {}  # a tensor is a key by itself, not by its numbers

    def own(given: Any) -> Any:
        if not isinstance(given, torch.Tensor):
            return given
        vars(given).pop("_dynamo_propagated_dynamic_indices", None)
        base = given if given._base is None else given._base
        return given if firsts.setdefault(base, given) is given else given.clone()

    return {name: own(given) for name, given in inputs.items()}
