"""Every spec that ships, every task, at `tiny`: checked, emitted, run, trained, compiled. Specs are found by glob."""

from __future__ import annotations

import ast
import math
import types
from collections.abc import Callable
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import archwright as aw
from archwright.backends.torch.emit.source import Source, root_name
from archwright.backends.torch.example import example_inputs
from archwright.compiler.reading.document import library
from archwright.compiler.graph import Graph
from archwright.compiler.check import build_graph
from archwright.compiler.weights.weight_map import table_of
from tests.status import classes_of

LABELS = (
    "labels",
    "next_sentence_label",
    "sentence_image_labels",
    "sentence_order_label",
    "start_positions",
    "end_positions",
    "mc_labels",
    "sampled_negative_indices",
    "targets",
    "future_values",
    "future_time_features",
)
MASKS = ("attention_mask", "decoder_attention_mask", "bool_masked_pos", "mask_time_indices")

STILL = yaml.safe_load(Path(__file__).with_name("still.yaml").read_text(encoding="utf-8"))
"""Which weights a step does not move, and why."""


def _cases() -> list[Any]:
    found = []
    for name in aw.list_models():
        for task in (None, *library().spec(name).model.tasks):
            found.append(pytest.param(name, task, id=f"{name}-{task or 'base'}"))
    return found


CASES = _cases()


@cache
def graph_of(name: str, task: str | None) -> Graph:
    """The graph at `tiny`, built once."""
    return build_graph(name, task, "tiny")


def model_of(name: str, task: str | None) -> Any:
    """A freshly initialised model at `tiny`."""
    torch.manual_seed(0)
    return aw.compile(name, task=task, size="tiny", backend="eager")


def training_inputs(graph: Graph) -> dict[str, torch.Tensor]:
    """Example inputs with every label that the graph takes; of the patches every second is masked."""
    inputs = example_inputs(graph, extra=tuple(name for name in (*LABELS, *MASKS) if name in graph.root.inputs))
    if "bool_masked_pos" in inputs:
        inputs["bool_masked_pos"][:, ::2] = False
    return inputs


@pytest.mark.parametrize("name", aw.list_models())
def test_checks(name: str) -> None:
    graph = aw.check(name)
    assert graph.name == name
    assert graph.num_parameters() > 0
    assert "tiny" in library().spec(name).model.sizes


@pytest.mark.parametrize("name", aw.list_models())
def test_sizes_check(name: str) -> None:
    for size in library().spec(name).model.sizes:
        assert build_graph(name, None, size).num_parameters() > 0


@pytest.mark.parametrize(("name", "task"), CASES)
def test_map_is_complete(name: str, task: str | None) -> None:
    graph = graph_of(name, task)
    mapped = [entry.path for tensor in table_of(graph).tensors.values() for entry in tensor.entries]
    assert sorted(mapped) == sorted(entry.path for entry in graph.weights() if entry.tied_to is None)


@pytest.mark.parametrize(("name", "task"), CASES)
def test_emits_the_same_text_twice(name: str, task: str | None) -> None:
    texts = []
    for graph in (graph_of(name, task), build_graph(name, task, "tiny")):
        source = Source(graph)
        source.specialise(graph.combination(set(example_inputs(graph)) & set(graph.atoms)))
        texts.append(source.text())
    assert texts[0] == texts[1]
    ast.parse(texts[0])
    assert max(map(len, texts[0].splitlines())) <= 120


@pytest.mark.parametrize(("name", "task"), CASES)
def test_standalone_gives_the_same(name: str, task: str | None) -> None:
    model = model_of(name, task)
    inputs = example_inputs(model.graph)
    torch.manual_seed(0)  # some draw what they mask, in training and otherwise
    with torch.no_grad():
        expected = model(**inputs)
    source = Source(model.graph)
    method = source.specialise(model.graph.combination(set(inputs) & set(model.graph.atoms)))
    text = source.text(standalone=True)
    assert "archwright." not in text
    module = types.ModuleType("standalone")
    exec(compile(text, "standalone", "exec"), module.__dict__)
    net = getattr(module, root_name(name, task))().eval()
    net.load_state_dict(model.net.state_dict())
    bound = getattr(net, method)
    takes = bound.__code__.co_varnames[1 : bound.__code__.co_argcount]
    torch.manual_seed(0)
    with torch.no_grad():
        found = bound(**{key: inputs[key] for key in takes})
    assert list(found) == list(expected)
    for key, value in _tensors(found):
        assert torch.equal(value, dict(_tensors(expected))[key]), key


@pytest.mark.parametrize(("name", "task"), CASES)
def test_shapes_are_as_inferred(name: str, task: str | None) -> None:
    model = model_of(name, task)
    inputs = training_inputs(model.graph)
    with torch.no_grad():
        outputs = model(**inputs)
    extents = _extents(model.graph, inputs)
    for key, value in outputs.items():
        inferred = model.graph.outputs[key]
        if isinstance(value, torch.Tensor) and inferred.type is not None:
            dims = [dim.expanded() for dim in inferred.type.dims]
            if {symbol.name for dim in dims for symbol in dim.symbols()} <= set(extents):
                assert tuple(dim.evaluate(extents) for dim in dims) == tuple(value.shape), key


@pytest.mark.parametrize(("name", "task"), CASES)
def test_trains(name: str, task: str | None, status: Callable[..., None]) -> None:
    for hf_class in classes_of(name, task):
        status(hf_class, "train")
    model = model_of(name, task).train()
    inputs = training_inputs(model.graph)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    losses = []
    for _ in range(10):
        torch.manual_seed(1)
        loss = _loss(model(**inputs))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert all(math.isfinite(loss) for loss in losses)
    assert losses[-1] < max(losses[:2])  # a loss that sees directions alone may start low by luck
    still = [path for path, weight in model.net.named_parameters() if weight.requires_grad and weight.grad is None]
    known = [
        pattern
        for entry in STILL
        if name in entry["spec"].split("|") and (task or "base") in entry["tasks"]
        for pattern in entry["weights"]
    ]
    assert not [path for path in still if not any(fnmatchcase(path, pattern) for pattern in known)]
    assert not [pattern for pattern in known if not any(fnmatchcase(path, pattern) for path in still)]


@pytest.mark.parametrize(("name", "task"), CASES)
def test_compiles_whole_and_once(
    name: str, task: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: Callable[..., None]
) -> None:
    for hf_class in classes_of(name, task):
        status(hf_class, "compile")
    _compiles(name, task, tmp_path, monkeypatch)


@pytest.mark.parametrize("name", aw.list_models())
def test_compiles_for_inference(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _compiles(name, None, tmp_path, monkeypatch, inference=True)


def _compiles(name: str, task: str | None, folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> None:
    torch.compiler.reset()
    monkeypatch.setattr(torch, "compile", _tracing(torch.compile))
    model_of(name, task).save_pretrained(str(folder))  # weights lie in memory as a file has them
    model = aw.from_pretrained(folder, spec=name, task=task or "base", backend="inductor", **options)
    inputs = example_inputs(model.graph)
    with torch.no_grad(), torch._dynamo.config.patch(error_on_recompile=True):
        first = _seeded(model, inputs)
        second = _seeded(model, inputs)
        model.backend = "eager"
        model._methods.clear()
        eager = _seeded(model, inputs)
    for key, value in _tensors(first):
        torch.testing.assert_close(value, dict(_tensors(eager))[key])
        torch.testing.assert_close(value, dict(_tensors(second))[key])


def _seeded(model: Any, inputs: dict[str, torch.Tensor]) -> Any:
    torch.manual_seed(0)
    return model(**inputs)


def _tracing(real: Any) -> Any:
    """`torch.compile` that captures as ever (`fullgraph` refuses a graph break) and runs what it captured as it is."""

    def compile_(function: Any, **options: Any) -> Any:
        assert options["fullgraph"]
        return real(function, **{**options, "backend": "eager"})

    return compile_


def _tensors(outputs: Any, prefix: str = "") -> list[tuple[str, torch.Tensor]]:
    found: list[tuple[str, torch.Tensor]] = []
    for key, value in outputs.items():
        if isinstance(value, torch.Tensor):
            found.append((prefix + key, value))
        elif isinstance(value, dict):
            found.extend(_tensors(value, f"{prefix}{key}."))
        else:
            found.extend((f"{prefix}{key}.{number}", one) for number, one in enumerate(value))
    return found


def _loss(outputs: Any) -> torch.Tensor:
    """The loss, or how far the outputs are from one where there is none."""
    if "loss" in outputs:
        return outputs["loss"]
    return sum((value.float() - 1).square().mean() for _, value in _tensors(outputs) if value.is_floating_point())


def _extents(graph: Graph, inputs: dict[str, torch.Tensor]) -> dict[str, int]:
    """The extent of each free dimension that is an axis of an input."""
    found: dict[str, int] = {}
    for name, value in inputs.items():
        if name in graph.folds:
            continue
        kind = graph.root.inputs[name].type
        for dim, extent in zip(getattr(kind, "dims", ()), getattr(value, "shape", ()), strict=False):
            symbols = dim.expanded().symbols()
            if len(symbols) == 1 and dim.expanded() == next(iter(symbols)):
                found[next(iter(symbols)).name] = extent
    return found


def test_list_is_the_folder() -> None:
    folder = Path(aw.__file__).parent / "specs"
    assert aw.list_models() == sorted(path.stem for path in folder.glob("*.yaml"))


HEADS = {"masked_lm", "causal_lm", "conditional_generation", "ctc", "question_answering", "pre_training"}
WITHOUT_STATES = {"clip", "owlvit", "trajectory_transformer", "vision_encoder_decoder"}


@pytest.mark.parametrize("name", sorted({*aw.list_models()} - WITHOUT_STATES))
def test_heads_follow_what_a_spec_that_extends_gives(name: str, tmp_path: Path) -> None:
    """They read the output by its name, so that what stands behind the last layer is theirs too."""
    spec = library().spec(name).model
    path, read = tmp_path / "moved.yaml", spec.outputs["last_hidden_state"]
    given = f"{{moved: {{block: dropout, in: {read}, p: 0.1}}}}"
    path.write_text(f"model: moved\nextends: {name}\ngraph: {given}\noutputs: {{last_hidden_state: moved}}\n")
    for task in HEADS & spec.tasks.keys():
        if (name, task) != ("vilt", "question_answering"):  # which is read from what is pooled
            assert "moved" in build_graph(path, task).root.nodes, task
