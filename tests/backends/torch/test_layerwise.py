"""Models compiled layer by layer: which are, how often torch compiles, and that numbers and slopes hold."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import archwright as aw
from archwright.backends.torch.layerwise import LEAST

SPEC = """\
model: towers
sizes: {tiny: {}}
params: {rounds: 16, slope: 0.5}
inputs: {x: "float[batch, length, 8]", y: "float[batch, other, 6]"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]"}
    params: {slope: 0.5}
    graph:
      norm: {block: layer_norm, in: x}
      map: {block: linear, d_out: $d}
    outputs: {x: x + $slope * map}
graph:
  first: {repeat: {i: $rounds}, part: step, in: {x: x}, slope: $slope}
  second: {repeat: {i: $rounds}, part: step, in: {x: y}}
outputs: {first: first, second: second}
"""

# Torch's compiler looks, and hides what torch says of it unless that is an error.
LOOKS = pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor that is not a leaf")

X, Y = torch.randn(2, 5, 8), torch.randn(2, 7, 6)


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    file = tmp_path / "towers.yaml"
    file.write_text(SPEC)
    return file


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> CompileCounterWithBackend:
    """Counts what torch compiles, which runs as it is traced."""
    torch.compiler.reset()
    real, counter = torch.compile, CompileCounterWithBackend("eager")
    told = {"backend": counter, "options": None}
    monkeypatch.setattr(torch, "compile", lambda function, **how: real(function, **{**how, **told}))
    return counter


def pair(spec: Path, *, dynamic: bool = False, **params: Any) -> tuple[aw.Model, aw.Model]:
    """A compiled model, and an eager one with its weights."""
    model, eager = aw.compile(spec, dynamic=dynamic, **params), aw.compile(spec, backend="eager", **params)
    eager.net.load_state_dict(model.net.state_dict())
    return model, eager


def slopes(model: aw.Model) -> dict[str, torch.Tensor | None]:
    x, y = X.clone().requires_grad_(), Y.clone().requires_grad_()
    sum(one.square().sum() for one in model(x=x, y=y).values()).backward()
    return {name: weight.grad for name, weight in model.net.named_parameters()}


def called(counter: CompileCounterWithBackend, name: str) -> list[int]:
    """How often each graph that was compiled calls what is called so."""
    return [sum(name in str(node.target) for node in graph.graph.nodes) for graph in counter.graphs]


def check(model: aw.Model, eager: aw.Model, x: torch.Tensor = X, y: torch.Tensor = Y) -> None:
    with torch.no_grad():
        found, expected = model(x=x, y=y), eager(x=x, y=y)
    torch.testing.assert_close([found.first, found.second], [expected.first, expected.second])


def test_deep_models_are_compiled_layer_by_layer(spec: Path, counter: CompileCounterWithBackend) -> None:
    check(*pair(spec, rounds=LEAST))
    assert (called(counter, "linear"), called(counter, "invoke_subgraph")) == ([1, 1], [0, 0])


def test_others_are_compiled_whole(spec: Path, counter: CompileCounterWithBackend) -> None:
    check(*pair(spec, rounds=LEAST - 1))
    assert (called(counter, "linear"), called(counter, "invoke_subgraph")) == ([0], [2 * LEAST - 2])


def test_each_distinct_layer_is_compiled_once(spec: Path, counter: CompileCounterWithBackend) -> None:
    model, eager = pair(spec, rounds=LEAST, slope=0.25)  # one class, two widths and two slopes
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(2):
            check(model, eager)
    assert counter.frame_count == 2
    assert not any(isinstance(one, torch.SymInt) for graph in counter.graphs for one in _extents(graph))


def _extents(graph: torch.fx.GraphModule) -> list[Any]:
    return [one for node in graph.graph.find_nodes(op="placeholder") for one in node.meta["example_value"].shape]


def test_calls_of_other_inputs_share_layers(counter: CompileCounterWithBackend) -> None:
    model = aw.compile("bert", size="tiny", num_layers=LEAST, dynamic=False)
    ids = torch.randint(0, 99, (2, 6))
    with torch.no_grad():
        model(input_ids=ids)
        model(input_ids=ids, token_type_ids=torch.ones_like(ids))
    assert counter.frame_count == 1


def test_a_part_may_also_stand_alone(spec: Path, counter: CompileCounterWithBackend) -> None:
    spec.write_text(
        SPEC.replace("outputs: {first: first,", "  alone: {part: step, in: {x: first}}\noutputs: {first: alone,")
    )
    check(*pair(spec, rounds=LEAST))
    assert called(counter, "linear") == [1, 1, 1]


@LOOKS
def test_layers_that_learn_are_compiled_by_themselves(spec: Path, counter: CompileCounterWithBackend) -> None:
    model, eager = pair(spec, rounds=LEAST)
    torch.testing.assert_close(slopes(model), slopes(eager))
    assert counter.frame_count == 2


@LOOKS
def test_layers_learn_through_the_compiler(spec: Path) -> None:
    model, eager = pair(spec, rounds=LEAST)
    torch.testing.assert_close(slopes(model), slopes(eager))


@LOOKS
def test_layers_that_are_computed_again_are_compiled_by_themselves(
    spec: Path, counter: CompileCounterWithBackend
) -> None:
    model, eager = pair(spec, rounds=LEAST, recompute=True)
    hooked = Mock(return_value=None)
    model.net.get_submodule("first.3").register_forward_pre_hook(hooked)
    model.train()
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(2):
            model.zero_grad()
            eager.zero_grad()
            torch.testing.assert_close(slopes(model), slopes(eager))
    assert called(counter, "linear") == [1, 1]
    assert hooked.call_count == 2


@LOOKS
def test_layers_that_are_computed_again_draw_the_same_and_keep_what_they_are_given(spec: Path) -> None:
    spec.write_text(SPEC.replace("map: {block: linear, d_out: $d}", "map: {block: dropout, p: 0.5}"))
    found, kept = [], []
    for recompute in (False, True):
        torch.compiler.reset()
        torch.manual_seed(0)
        model = aw.compile(spec, rounds=LEAST, recompute=recompute).train()
        bytes_kept = 0

        def keep(tensor: torch.Tensor) -> torch.Tensor:
            nonlocal bytes_kept
            bytes_kept += tensor.nbytes
            return tensor

        torch.manual_seed(1)
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            found.append(slopes(model))
        kept.append(bytes_kept)
    torch.testing.assert_close(found[1], found[0])
    assert kept[1] == (LEAST + 1) * (X.nbytes + Y.nbytes) < kept[0]  # what layers are given, and what is squared


def test_code_for_any_shape_is_whole(spec: Path, counter: CompileCounterWithBackend) -> None:
    model, eager = pair(spec, rounds=LEAST, dynamic=True)
    with torch._dynamo.config.patch(error_on_recompile=True):
        for length in (3, 4, 5):
            check(model, eager, torch.randn(length - 1, length, 8), torch.randn(length - 1, length + 3, 6))
    assert counter.frame_count == 1


@pytest.mark.parametrize(("rounds", "made"), [(1, 12), (LEAST, 13)])
def test_any_number_of_shapes_is_compiled(
    spec: Path, counter: CompileCounterWithBackend, rounds: int, made: int
) -> None:
    model, eager = pair(spec, rounds=rounds)
    for length in range(2, 14):
        check(model, eager, torch.randn(2, length, 8))
    assert counter.frame_count == made


def test_copies_are_compiled_layer_by_layer(spec: Path, counter: CompileCounterWithBackend) -> None:
    model, eager = pair(spec, rounds=LEAST)
    for copied in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        counter.clear()
        check(copied, eager)
        assert called(counter, "linear") == [1, 1]


@pytest.mark.parametrize("rounds", [LEAST, LEAST - 1])
def test_hooks_of_some_layers_are_called(spec: Path, rounds: int) -> None:
    model, eager = pair(spec, rounds=rounds)
    for one in (model, eager):
        one.net.get_submodule("first.3").register_forward_hook(lambda module, inputs, output: 2 * output)
        one.net.get_submodule("first.5.map").register_forward_hook(lambda module, inputs, output: 3 * output)
    check(model, eager)
