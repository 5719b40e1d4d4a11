"""Training as in Hugging Face: the same gradient at every parameter, and none where there is none.

What is compared is the gradient of the loss, or of the squares of the outputs where a class has no loss, with dropout
off. A parameter that should move and does not, or that is frozen there and moves here, shows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import torch
from torch import Tensor

from archwright.backends.torch.checkpoint.load import joined, weight_at
from archwright.compiler.weights.weight_map import table_of

from .case import Case
from .collect import all_cases
from .compare import leaves
from .reference import build, first_draws, make_inputs, quiet
from .test_parity import open_checkpoint
from .test_reference import is_labelled

TOLERANCE = 1e-3
"""Of the largest gradient of the model: sums over all positions lose a digit more than outputs."""
NOISE = 1e-6
"""What may be left where the other side has exactly none, as of a bias before a softmax."""


def _one_of_each_class() -> Iterator[Case]:
    """The first case of each class with labels; of a class that takes none the first."""
    chosen: dict[str, Case] = {}
    for case in all_cases():
        if not case.variant.method and case.hf_class not in chosen:
            chosen[case.hf_class] = case
    for case in all_cases():
        first = chosen.get(case.hf_class)
        if first is not None and not case.variant.method and is_labelled(case) and not is_labelled(first):
            chosen[case.hf_class] = case
    yield from chosen.values()


CASES = list(_one_of_each_class())
NO_PAD = [case for case in all_cases() if case.variant.name == "no_pad"]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.hf_class)
def test_gradients(case: Case, checkpoint: Callable[[Case], Path], status: Callable[..., None]) -> None:
    status(case.hf_class, "train")
    _compare(case, checkpoint(case))


@pytest.mark.parametrize("case", NO_PAD, ids=lambda case: case.id)
def test_gradients_where_no_token_is_padding(case: Case, checkpoint: Callable[[Case], Path]) -> None:
    _compare(case, checkpoint(case))


def _compare(case: Case, folder: Path) -> None:
    reference = build(case)
    with quiet(), mock.patch("torch.multinomial", first_draws):
        _backward(reference(**make_inputs(case), **case.variant.flags, return_dict=True))
    theirs = {name: one.grad for name, one in reference.named_parameters(remove_duplicate=False)}
    model = open_checkpoint(folder, case)
    _backward(model(**make_inputs(case), **case.variant.flags))
    ours = _gradients_by_key(model)
    largest = max(float(one.abs().max()) for one in theirs.values() if one is not None)
    wrong = {}
    for key, found in ours.items():
        pair = [torch.zeros(()) if one is None else one for one in (found, theirs[key])]
        off = float((pair[0] - pair[1]).abs().max()) / largest
        one_is_still = bool(pair[0].any()) != bool(pair[1].any())
        if not off <= (NOISE if one_is_still else TOLERANCE):
            wrong[key] = f"{off:.0e}"
    assert not wrong, f"{case.id}: {len(wrong)} of {len(ours)} gradients differ: {wrong}"


def _backward(outputs: Mapping[str, Any]) -> None:
    """The gradients of the loss, or of the outputs' squares."""
    if outputs.get("loss") is not None:
        outputs["loss"].backward()
        return
    numbers = (one for _, one in leaves(outputs) if one.is_floating_point() and one.requires_grad)
    torch.stack([one.square().mean() for one in numbers]).sum().backward()


def _gradients_by_key(model: Any) -> dict[str, Tensor | None]:
    """The gradient of every parameter that is saved, in the layout of the file; None where none came."""
    found: dict[str, Tensor | None] = {}
    for key, tensor in table_of(model.graph).tensors.items():
        weights = [weight_at(model.net, entry.path) for entry in tensor.entries]
        if tensor.save and all(isinstance(one, torch.nn.Parameter) for one in weights):
            parts = [torch.zeros_like(one) if one.grad is None else one.grad for one in weights]
            is_reached = any(one.grad is not None for one in weights)
            found[key] = joined(parts, tensor) if is_reached else None
    return found
