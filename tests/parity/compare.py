"""How outputs are compared: every tensor of every field, by its largest difference relative to its largest value."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from .case import Case, Inputs

TOLERANCE = 1e-4


def differences(case: Case, expected: Mapping[str, Any], found: Mapping[str, Any], inputs: Inputs) -> dict[str, float]:
    """Returns the relative difference of each tensor, by its place in the outputs (`hidden_states[2]`).

    Raises:
        AssertionError: A field is absent, or a tensor has another shape or kind of number.
    """
    theirs, ours = dict(leaves(expected)), dict(leaves(found))
    assert list(ours) == list(theirs), f"{case.id}: expected the outputs {list(theirs)}, found {list(ours)}"
    padding = [inputs[name] for name in case.variant.skip_padding]
    return {place: difference(place, theirs[place], ours[place], padding) for place in theirs}


def leaves(value: Any, place: str = "") -> Iterator[tuple[str, Tensor]]:
    """Yields the tensors of an output and where each is; what is absent or a cache is left out."""
    if isinstance(value, Tensor):
        yield place, value
    elif isinstance(value, Mapping):
        for name in value:
            if name != "past_key_values":
                yield from leaves(value[name], f"{place}.{name}" if place else name)
    elif isinstance(value, Sequence) and not isinstance(value, str):
        for index, item in enumerate(value):
            yield from leaves(item, f"{place}[{index}]")


def difference(place: str, expected: Tensor, found: Tensor, padding: Sequence[Tensor]) -> float:
    """Returns `max |found - expected| / max |expected|`; infinities and NaN must stand in the same places."""
    assert found.shape == expected.shape, f"{place}: expected shape {tuple(expected.shape)}, found {tuple(found.shape)}"
    assert found.dtype == expected.dtype, f"{place}: expected {expected.dtype}, found {found.dtype}"
    expected, found = without_padding(expected.detach().cpu(), padding), without_padding(found.detach().cpu(), padding)
    if not expected.is_floating_point():
        return 0.0 if torch.equal(expected, found) else float("inf")
    odd = ~torch.isfinite(expected)
    if not torch.equal(odd, ~torch.isfinite(found)) or not torch.equal(expected[odd].isnan(), found[odd].isnan()):
        return float("inf")
    expected, found = expected[~odd].double(), found[~odd].double()
    if expected.numel() == 0:
        return 0.0
    return float((found - expected).abs().max() / expected.abs().max().clamp_min(1e-9))


def without_padding(tensor: Tensor, padding: Sequence[Tensor]) -> Tensor:
    """Returns what a mask keeps of `[batch, seq, ...]`, or of the queries of maps `[batch, heads, query, key]`."""
    for mask in padding:
        if tensor.dim() == 4 and tensor.shape[0::2] == mask.shape:
            return tensor.transpose(1, 2)[mask.bool()]
        if tensor.dim() >= 2 and tensor.shape[:2] == mask.shape:
            return tensor[mask.bool()]
    return tensor
