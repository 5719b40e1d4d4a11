"""Modules from specs and checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch

from ...compiler.check import build_graph
from ...compiler.diagnosing.diagnostics import SpecError
from ...compiler.graph import Graph
from ...compiler.reading.document import library
from ..errors import ArgumentError, CheckpointError
from . import quantized
from .checkpoint.folder import (
    Origin, config_from, naming_fields, open_folder, overrides_from, reads_checkpoint, spec_for
)  # fmt: skip
from .checkpoint.load import Plan, are_untied, initialise, load_into, plan
from .checkpoint.mapped import Mapped
from .emit.source import RoundsKind
from .model import Model

_BACKENDS = ("eager", "inductor")


def compile(  # noqa: A001 - the name that users know from torch
    model: str | Path, *, task: str | None = None, size: str | None = None, backend: str = "inductor",
    device: Any = None, dtype: Any = None, dynamic: bool | None = None, inference: bool = False,
    packed: bool = False, recompute: bool = False, quantize: str | None = None, **params: Any,
) -> Model:  # fmt: skip
    """A module from a spec, freshly initialised; from a checkpoint folder, with its weights.

    Args:
        model: a shipped name, a path to a YAML file, or a checkpoint folder; a folder with a ``config.json`` counts
            before a shipped name.
        task: a task of the spec; None is the base model.
        size: a row of the spec's sizes; None takes the parameters' defaults.
        backend: ``eager`` runs the emitted source as it is, ``inductor`` through `torch.compile`.
        device: where the weights go; None is torch's default device.
        dtype: the type of the weights, a torch dtype or its name (``"bfloat16"``).
        dynamic: as in `torch.compile`: True compiles once for all batch sizes and lengths.
        inference: the model never trains, and is rewritten for that (docs/passes.md).
        packed: where a call gives the mask of padded samples, run the real tokens alone (docs/packing.md).
        recompute: in training, what repeated layers make is not kept for the backward pass but made again.
        quantize: rounds the weights of linear maps, to ``int8`` or ``int4``, through torchao.
        **params: the spec's parameters.

    Raises:
        SpecError: the spec is wrong, or cannot run `packed`; the diagnostic names the node.
        ArgumentError: an argument is.
    """
    return compile_with(
        model, params, task=task, size=size, backend=backend, device=device, dtype=dtype, dynamic=dynamic,
        inference=inference, packed=packed, recompute=recompute, quantize=quantize,
    )  # fmt: skip


def compile_with(
    model: str | Path, params: Mapping[str, Any], *, task: str | None = None, size: str | None = None,
    spec: str | Path | None = None, backend: str = "inductor", device: Any = None, dtype: Any = None,
    dynamic: bool | None = None, inference: bool = False, packed: bool = False, recompute: bool = False,
    quantize: str | None = None,
) -> Model:  # fmt: skip
    """As `compile`, with the spec's parameters apart: one may be called as an argument here is."""
    if reads_checkpoint(model, size=size, spec=spec):
        return _read(
            model, params, task=task, spec=spec, backend=backend, device=device, dtype=dtype, dynamic=dynamic,
            inference=inference, packed=packed, recompute=recompute, quantize=quantize,
        )  # fmt: skip
    rounds = _rounds(backend, inference=inference, recompute=recompute, quantize=quantize)
    graph = build_graph(model, task, size, params, params)
    made = Model(graph, backend=backend, dynamic=dynamic, inference=inference, packed=packed, rounds=rounds)
    made.config = config_from(graph.params, graph.document, graph.task, {})
    initialise(made.net, graph, dtype=_dtype(dtype), device=device_of(device))
    return _finished(made, quantize)


def from_pretrained(
    folder: str | Path,
    *,
    task: str | None = None,
    spec: str | Path | None = None,
    backend: str = "inductor",
    device: Any = None,
    dtype: Any = None,
    dynamic: bool | None = None,
    inference: bool = False,
    packed: bool = False,
    recompute: bool = False,
    quantize: str | None = None,
    allow_pickle: bool = False,
    ignore_mismatched_sizes: bool = False,
    **params: Any,
) -> Model:
    """A module with the weights of a folder in Hugging Face's layout (``config.json`` and safetensors).

    Args:
        folder: the folder.
        task: overrides what ``architectures`` in the config says, and is needed where that is no class of the spec.
        spec: overrides the spec that ``model_type`` in the config says, by shipped name or path.
        backend: ``eager`` or ``inductor``.
        device: where the weights go; None is torch's default device.
        dtype: converts the weights; None keeps the file's type, and makes of several the one that the config says, else
            that of most numbers.
        dynamic: as in `torch.compile`.
        inference: as in `compile`; so are `packed`, `recompute` and `quantize`.
        allow_pickle: where there are no safetensors, read ``pytorch_model.bin`` by torch's unpickler for weights alone.
        ignore_mismatched_sizes: weights that the file has in other shapes, such as a head for other labels, get first
            values, which a warning tells, instead of being an error.
        **params: override parameters of the spec.

    Raises:
        CheckpointError: the folder cannot be read, or does not fit its spec; every key that is wrong is named.
        SpecError: `task`, `spec` or a parameter is wrong, or the model cannot run `packed`.
        ArgumentError: another argument is.
    """
    return _read(
        folder, params, task=task, spec=spec, backend=backend, device=device, dtype=dtype, dynamic=dynamic,
        inference=inference, packed=packed, recompute=recompute, quantize=quantize, allow_pickle=allow_pickle,
        ignore_mismatched_sizes=ignore_mismatched_sizes,
    )  # fmt: skip


def _read(
    folder: str | Path, params: Mapping[str, Any], *, task: str | None, spec: str | Path | None = None, backend: str,
    device: Any, dtype: Any, dynamic: bool | None, inference: bool, packed: bool, recompute: bool, quantize: str | None,
    allow_pickle: bool = False, ignore_mismatched_sizes: bool = False,
) -> Model:  # fmt: skip
    """As `from_pretrained`, with the parameters apart."""
    rounds = _rounds(backend, inference=inference, recompute=recompute, quantize=quantize)
    origin = open_folder(folder, allow_pickle=allow_pickle)
    name, found = spec_for(origin.config, origin.folder, spec, task=task)
    told = dict(params)
    overrides = overrides_from(origin.config, library().spec(name), told)
    chosen = found if task is None else None if task == "base" else task
    plan_for = partial(_planned, name, chosen, found, origin, params, ignore_mismatched_sizes=ignore_mismatched_sizes)
    try:
        graph, planned = plan_for(overrides)
        if are_untied(planned, origin):
            if "tie_word_embeddings" in graph.params:
                told["tie_word_embeddings"] = False
                graph, planned = plan_for({**overrides, "tie_word_embeddings": False})
            if are_untied(planned, origin):
                raise CheckpointError(f"{origin.folder} has two values of a weight that the spec ties to another")
    except SpecError as error:
        if task is not None or params or str(error) == _fault_of(name, chosen):
            raise
        error = naming_fields(error, origin.config, library().spec(name))
        raise CheckpointError(f"{origin.folder / 'config.json'} does not fit `{name}`:\n{error}") from None
    made = Model(graph, backend=backend, dynamic=dynamic, inference=inference, packed=packed, rounds=rounds)
    made.origin, made.config = origin, dict(origin.config)
    if told:
        made.config = config_from(graph.params, graph.document, graph.task, origin.config, told)
    # A region refuses inputs that share memory; for inference, weights that do are joined again before.
    apart = backend == "inductor" and rounds == "region" and not inference
    load_into(made.net, graph, origin, planned, dtype=_dtype(dtype), device=device_of(device), apart=apart)
    return _finished(made, quantize)


def _fault_of(name: str | Path, task: str | None) -> str:
    """What is wrong with a spec whatever a folder says."""
    try:
        build_graph(name, task)
    except SpecError as error:
        return str(error)
    return ""


def _planned(
    name: str | Path, task: str | None, written_by: str | None, origin: Origin, told: Mapping[str, Any],
    params: Mapping[str, Any], **how: bool,
) -> tuple[Graph, Plan]:  # fmt: skip
    """The graph of a folder's task, and which of its tensors becomes what."""
    graph = build_graph(name, task, None, params, told)
    other = build_graph(name, written_by, None, params) if task != written_by else None
    return graph, plan(graph, origin, written_by=other, **how)


def _rounds(backend: str, *, inference: bool, recompute: bool, quantize: str | None) -> RoundsKind:
    """What becomes of repeated layers.

    Raises:
        ArgumentError: arguments that do not go together, or a backend that there is not.
    """
    if backend not in _BACKENDS:
        raise ArgumentError(f"expected a backend of {', '.join(_BACKENDS)}, found {backend!r}")
    if quantize is not None:
        quantized.require(quantize)
    told = [
        name for name, value in (("inference", inference), ("recompute", recompute), ("quantize", quantize)) if value
    ]
    if len(told) > 1:
        raise ArgumentError(f"`{told[0]}` and `{told[1]}` do not go together; give one of them")
    # No region takes a rounded weight, and gradients through regions are right only as `Model.compiled` compiles them:
    # whoever compiles an eager model by hand would get others.
    return "recomputed" if recompute else "plain" if quantize or backend == "eager" else "region"


def _finished(model: Model, quantize: str | None) -> Model:
    """The model with all that is made from its weights, in eval mode."""
    if quantize is not None:
        quantized.quantize(model.net.requires_grad_(False), quantize)
        model.quantized = quantize
    if model.inference and model.origin is not None:
        model.settle(used=Mapped({header.file for header in model.origin.headers.values()}).let_go)
    else:
        model.settle()
    return model.eval()


def _dtype(dtype: Any) -> torch.dtype | None:
    if dtype is None:
        return None
    found = dtype if isinstance(dtype, torch.dtype) else getattr(torch, str(dtype).removeprefix("torch."), None)
    computes = isinstance(found, torch.dtype) and found.is_floating_point and found.itemsize > 1  # 8 bits are only held
    if not computes:
        raise ArgumentError(f"expected a torch dtype such as 'bfloat16', found {dtype!r}")
    return found


def device_of(device: Any) -> torch.device:
    """A device that is there; None is torch's default device.

    Raises:
        ArgumentError: it is not.
    """
    try:
        return torch.empty(0, device=device).device
    except (RuntimeError, AssertionError, TypeError) as error:
        raise ArgumentError(f"{device!r} is no device: {str(error).splitlines()[0]}") from None
