"""Rates that differ from layer to layer: what is compiled is shared, and draws, numbers and weights are the same."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import archwright as aw
from archwright.backends.torch.layerwise import LEAST
from archwright.backends.torch.modules.elementwise import drop_path

SPEC = """\
model: depth
sizes: {tiny: {}}
params: {rounds: 6, kind: drop_path}
inputs: {x: "float[batch, length, 8]"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]"}
    params: {rate: float, slope: 1.0}
    graph:
      norm: {block: layer_norm, in: x}
      map: {block: linear, d_out: $d}
      path: {block: drop_path, p: $rate}
    outputs: {x: x + $slope * path}
graph:
  steps: {repeat: {i: $rounds}, part: step, in: {x: x}, rate: 0.05 * $i}
outputs: {x: steps}
"""

# Torch's compiler looks, and hides what torch says of it unless that is an error.
LOOKS = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "depth.yaml"
    file.write_text(SPEC)
    return file


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> CompileCounterWithBackend:
    """Counts what torch compiles, which draws as it is written."""
    torch.compiler.reset()
    real, counter = torch.compile, CompileCounterWithBackend("aot_eager")
    told = {"backend": counter, "options": None}
    monkeypatch.setattr(torch, "compile", lambda function, **how: real(function, **{**how, **told}))
    return counter


def rates(model: aw.Model) -> list[Any]:
    return [one.rate for one in model.net.get_submodule("steps").children()]


def step(model: aw.Model, x: torch.Tensor) -> list[torch.Tensor | None]:
    model.zero_grad()
    torch.manual_seed(0)
    model(x=x)["x"].square().sum().backward()
    return [weight.grad for weight in model.parameters()]


def check(model: aw.Model, **params: Any) -> None:
    """The same draws and numbers as layers that are not compiled."""
    x, eager = torch.randn(9, 3, 8), aw.compile(model.graph.document.path, backend="eager", **params).train()
    eager.net.load_state_dict(model.net.state_dict())
    assert rates(eager) == [0.05 * i for i in range(len(rates(model)))]
    torch.testing.assert_close(step(model, x), step(eager, x))


def compiled(counter: CompileCounterWithBackend) -> list[torch.fx.GraphModule]:
    """The graphs that were compiled; the compiler itself makes one of nothing."""
    return [one for one in counter.graphs if one.graph.find_nodes(op="placeholder")]


@LOOKS
def test_layers_that_differ_in_a_rate_are_one_region(spec: Path, counter: CompileCounterWithBackend) -> None:
    check(aw.compile(spec).train())
    (graph,) = compiled(counter)
    assert len(list(graph.children())) == 2  # the first layer, which draws nothing, and the others


@LOOKS
@pytest.mark.parametrize("recompute", [False, True])
def test_deep_ones_are_one_layer(spec: Path, counter: CompileCounterWithBackend, recompute: bool) -> None:
    model = aw.compile(spec, rounds=LEAST, recompute=recompute).train()
    check(model, rounds=LEAST)
    assert len(compiled(counter)) == 2
    model.eval()
    with torch.no_grad():
        model(x=torch.randn(9, 3, 8))
    assert len(compiled(counter)) == 3


def test_what_else_reads_a_rate_has_a_number(spec: Path) -> None:
    assert [isinstance(one, torch.Tensor) for one in rates(aw.compile(spec))] == [False, *[True] * 5]
    spec.write_text(SPEC.replace("$slope * path", "$rate * path"))
    assert rates(aw.compile(spec)) == [0.05 * i for i in range(6)]


def test_rates_are_no_state(spec: Path, tmp_path: Path) -> None:
    model = aw.compile(spec).half()
    assert list(model.state_dict()) == list(aw.compile(spec, backend="eager").state_dict())
    assert rates(copy.deepcopy(model)) == rates(model) == [0.05 * i for i in range(6)]
    assert rates(model)[1].dtype == torch.float64
    assert not any(isinstance(one, torch.Tensor) for one in rates(model.to("meta")))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_a_rate_as_a_tensor_is_the_number(dtype: torch.dtype) -> None:
    x = torch.randn(64, 3, dtype=dtype)
    found = []
    for p in (0.3, torch.tensor(0.3, dtype=torch.float64)):
        torch.manual_seed(0)
        found.append(drop_path(x, p=p, training=True))
    assert found[0].dtype == dtype
    assert torch.equal(*found)
    assert 0 < (found[0] == 0).all(1).sum() < 64
