"""The pretended device is as strict as a GPU, and its tensors are one memory where a GPU's are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from tests.pretended import Accelerator, Generator


@pytest.mark.parametrize(
    "call",
    [
        lambda x: x + torch.ones(3),
        lambda x: torch.cat([x, torch.ones(1, 3)]),
        lambda x: x.index_select(1, torch.tensor([0])),
        lambda x: x.gather(0, torch.zeros(1, 3, dtype=torch.long)),
        lambda x: torch.nn.functional.linear(x, torch.ones(3, 3)),
        lambda x: x.cumsum(0).add_(torch.ones(2, 3)),
        lambda x: torch.rand(2, device="gpu", generator=Generator()),
    ],
)
def test_two_sides_are_refused(call: Callable[[torch.Tensor], Any]) -> None:
    with Accelerator(), pytest.raises(RuntimeError, match="expected"):
        call(torch.zeros(2, 3, device="gpu"))


@pytest.mark.parametrize(
    ("call", "waits"),
    [
        (lambda x: (x + 1).softmax(-1) @ x.t(), []),
        (lambda x: x * torch.tensor(2.0), []),
        (lambda x: torch.where(x > 0, 0.0, -1.0), []),
        (lambda x: torch.full((), 2, device=x.device), []),
        (lambda x: torch.tensor(2, device=x.device), ["aten._to_copy.default"]),
        (lambda x: x.cpu(), ["aten._to_copy.default"]),
        (lambda x: torch.zeros(2, 3).copy_(x), ["aten.copy_.default"]),
        (lambda x: bool(x.any()), ["aten._local_scalar_dense.default"]),
        (lambda x: x[x > 0], ["aten.index.Tensor"]),
        (lambda x: x[:, [0, 1]], ["aten._to_copy.default"]),
        (lambda x: x.nonzero(), ["aten.nonzero.default"]),
        (lambda x: (x + 1).multinomial(1), ["aten.multinomial.default"]),
    ],
)
@pytest.mark.parametrize("is_inference", [False, True])
def test_what_waits(call: Callable[[torch.Tensor], Any], waits: list[str], is_inference: bool) -> None:
    with torch.inference_mode(is_inference), Accelerator() as accelerator:
        call(torch.zeros(2, 3, device="gpu"))
        assert accelerator.waits == waits


def test_views_share_memory() -> None:
    with Accelerator():
        whole = torch.zeros(2, 4, device="gpu")
        part = whole[:, 1:3].t()
        part.copy_(torch.ones(2, 2))
        whole.index_copy_(1, torch.full((1,), 3, device="gpu"), torch.full((2, 1), 5.0, device="gpu"))
        whole[0, 0] = 7
        assert whole.tolist() == [[7, 1, 1, 5], [0, 1, 1, 5]]
        layer = torch.nn.Linear(4, 4)
        tied = layer.weight
        layer.to("gpu").weight.data = whole
        assert tied is layer.weight and tied.tolist() == whole.tolist()
