"""Every model on CUDA: the CPU's numbers as emitted, compiled, recorded and in half precision, and its gradients."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

import archwright as aw
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.run import moved, named_tensors
from tests.specs.test_every_spec import CASES, model_of, training_inputs
from tests.specs.test_on_a_device import TRAINED

WAITS = {"longformer"}
"""What asks the GPU for a number on its way, and is not recorded."""


def given_to(model: Any) -> dict[str, Any]:
    inputs = training_inputs(model.graph)
    if "noise" in model.graph.root.inputs:  # which another device would draw otherwise
        inputs |= example_inputs(model.graph, extra=("noise",))
    return inputs


@torch.no_grad()
def told(model: Any, inputs: dict[str, Any], **flags: bool) -> dict[str, Tensor]:
    with warnings.catch_warnings(action="ignore"):
        return dict(named_tensors(model(**moved(model, inputs), **flags)))


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor], *, slack: float = 2e-5) -> None:
    """Compare with the largest number of each tensor, or a thousandth of the largest of all: some gradients are 0."""
    assert found.keys() == wanted.keys()
    heres = {name: value.cpu().double() for name, value in wanted.items()}
    largest = {name: here[here.isfinite()].abs().amax().item() for name, here in heres.items() if here.isfinite().any()}
    for name, value in found.items():
        assert value.device.type == "cuda", name
        scale = max(largest.get(name, 1.0), 1e-3 * max(largest.values()))
        torch.testing.assert_close(
            value.cpu().double(), heres[name], rtol=slack, atol=slack * scale, equal_nan=True,
            msg=lambda text, name=name: f"{name}: {text}",
        )  # fmt: skip


@pytest.mark.parametrize(("name", "task"), CASES)
def test_numbers(name: str, task: str | None) -> None:
    model = model_of(name, task)
    inputs = given_to(model)
    wanted = told(model, inputs)
    assert_same(told(model.to("cuda"), inputs), wanted)


@pytest.mark.parametrize("name", aw.list_models())
def test_compiled(name: str) -> None:
    """Compiled for any sizes."""
    torch.manual_seed(0)
    model = aw.compile(name, size="tiny", device="cpu", backend="inductor")
    inputs = given_to(model)
    wanted = told(model_of(name, None), inputs)
    model.to("cuda")
    assert_same(told(model, inputs), wanted)


@pytest.mark.parametrize("name", aw.list_models())
def test_recorded(name: str, recwarn: pytest.WarningsRecorder) -> None:
    """Made for inference with sizes that stay: the third call is a CUDA graph's, of other numbers."""
    how: dict[str, Any] = {"size": "tiny", "inference": True}
    torch.manual_seed(0)
    plain = aw.compile(name, backend="eager", **how)
    model = aw.compile(name, device="cuda", dynamic=False, **how)
    model.load_state_dict(plain.state_dict())
    inputs = given_to(plain)
    kept: list[tuple[dict[str, Tensor], dict[str, Tensor]]] = []
    for number in range(4):
        if number % 2:
            inputs = tree_map_only(Tensor, lambda one: one.flip(0), inputs)
        with torch.no_grad():
            kept.append((dict(named_tensors(model(**moved(model, inputs)))), told(plain, inputs)))
    for found, wanted in kept:
        assert_same(found, wanted)
    refused = [str(one.message) for one in recwarn if "no CUDA graph" in str(one.message)]
    assert bool(refused) == (name in WAITS), refused
    torch.rand(1, device="cuda")  # as ever, also after a recording that failed
    assert torch.cuda.current_stream() == torch.cuda.default_stream()


@pytest.mark.parametrize("name", aw.list_models())
def test_half_precision(name: str) -> None:
    """In bfloat16 as a CPU computes it, to that type's rounding."""
    how: dict[str, Any] = {"size": "tiny", "inference": True, "dtype": "bfloat16", "backend": "eager"}
    torch.manual_seed(0)
    plain = aw.compile(name, **how)
    model = aw.compile(name, device="cuda", **how)
    model.load_state_dict(plain.state_dict())
    inputs = given_to(plain)
    assert_same(told(model, inputs), told(plain, inputs), slack=0.1)


@pytest.mark.parametrize("backend", ["eager", "inductor"])
@pytest.mark.parametrize(("name", "task"), TRAINED)
def test_gradients(name: str, task: str, backend: str) -> None:
    plain = model_of(name, task)
    model = aw.compile(name, task=task, size="tiny", device="cuda", backend=backend)
    model.load_state_dict(plain.state_dict())
    inputs, grads = given_to(plain), []
    for one in (model.eval(), plain.eval()):
        with warnings.catch_warnings(action="ignore"):
            one(**moved(one, inputs)).loss.backward()
        grads.append({key: weight.grad for key, weight in one.named_parameters() if weight.grad is not None})
    assert_same(*grads, slack=1e-4)


@pytest.mark.parametrize("recompute", [False, True])
def test_a_step_in_half_precision(recompute: bool) -> None:
    """Training as it is done: float32 weights, dropout, bfloat16 by autocast, compiled."""
    torch.manual_seed(0)
    model = aw.compile("gpt2", task="causal_lm", size="tiny", device="cuda", recompute=recompute).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.arange(24, device="cuda").view(2, 12) % 7
    losses = []
    for _ in range(20):
        with torch.autocast("cuda", torch.bfloat16):
            loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[-1] < losses[0] / 2
