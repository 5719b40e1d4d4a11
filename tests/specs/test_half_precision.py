"""Every model runs in bfloat16 and gives nearly the numbers of float32."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.torch.example import example_inputs

KEPT = {
    ("gptj", "causal_lm"): {"logits"},
    ("owlvit", "object_detection"): {"logits", "pred_boxes"},
    ("owlvit", "image_guided_detection"): {"target_pred_boxes", "query_pred_boxes"},
    ("visual_bert", "region_to_phrase_alignment"): {"logits"},
    ("vit_mae", None): {"mask"},
    ("vit_mae", "pre_training"): {"loss", "mask"},
}
"""What is given in float32 whatever the weights are."""


def cases() -> Iterator[tuple[str, str | None]]:
    for name in aw.list_models():
        yield from ((name, task) for task in (None, *aw.check(name).spec.tasks))


def told(model: Any, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The outputs that are tensors; what is drawn is the same for every model."""
    torch.manual_seed(2)
    with torch.no_grad():
        output = model(**inputs)
    return {name: value for name, value in output.items() if isinstance(value, torch.Tensor)}


def lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: lowered(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [lowered(inner) for inner in value]
    return value.bfloat16() if torch.is_floating_point(value) else value


@pytest.mark.parametrize(("name", "task"), [*cases()])
def test_bfloat16(name: str, task: str | None) -> None:
    torch.manual_seed(0)
    model = aw.compile(name, task=task, size="tiny", backend="eager")
    inputs = example_inputs(model.graph)
    wanted = told(model, inputs)
    found = told(model.bfloat16(), lowered(inputs))
    floats = {key for key, value in wanted.items() if value.is_floating_point()}
    assert {key for key in floats if found[key].dtype != torch.bfloat16} == KEPT.get((name, task), set())
    for key in floats:
        assert (found[key] - wanted[key]).abs().max() <= 0.06 * wanted[key].abs().max() + 1e-6, key
