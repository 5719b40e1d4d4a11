"""Benchmarks of writing: tokens a second beside Hugging Face's `generate`, and beside what memory allows."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from ...blocks.notation.dims import DimError
from ...blocks.notation.types import Type, numel
from ...compiler.calls import called
from ...compiler.decoding import token_axis
from ...compiler.graph import Graph, Node
from ..errors import ArgumentError
from . import memory
from .arguments import extents_of
from .bench import Step, references
from .generation.decoder import Decoder, tokens_of
from .generation.options import options_for
from .generation.prompt import prompt_for
from .generation.writer import Writer
from .model import Model
from .request import Request
from .timing import Spread, interleaved, speedups

PROMPT = 16
"""How long a prompt is, where nobody says."""
_ENDLESS = {"do_sample": False, "num_beams": 1, "eos_token_id": -1, "pad_token_id": None}
"""The likeliest token at each step, and no token that ends a text: all write as many tokens as they are asked for."""


@dataclass(frozen=True, slots=True)
class Written:
    """One contender.

    Attributes:
        name: its name.
        seconds: how long all tokens took, the prompt included.
        tokens_per_second: of all texts together, at the median.
        speedup: how much faster than the baseline.
        bandwidth: the bytes of weights it read each second, as a share of what a plain read of a tensor reaches.
        growth: the most memory that was in use after a step above what was after the third one, in bytes: on a GPU the
            second of one token is recorded.
        first_difference: the first column at which its ids are not the baseline's; None where all are the same.
    """

    name: str
    seconds: Spread
    tokens_per_second: float
    speedup: Spread
    bandwidth: Spread
    growth: int | None
    first_difference: int | None


@dataclass(frozen=True, slots=True)
class GenerationReport:
    """A benchmark of writing.

    Attributes:
        baseline: the row that speedups and ids are relative to.
        weight_bytes: the weights that one step reads.
        bytes_per_second: how fast a plain read of a large tensor is.
        cache_bytes: what is held from step to step for the longest text.
        cache_expected: the same by arithmetic: two tensors for each attention, as long as there is room or as what is
            read; None for a model that holds something else, or whose graph does not say how long that is.
        no_reference: why there is no reference, where one was asked for.
    """

    rows: list[Written]
    baseline: str
    new_tokens: int
    inputs: dict[str, list[int]]
    weight_bytes: int
    bytes_per_second: Spread
    cache_bytes: int
    cache_expected: int | None
    no_reference: str | None
    runs: int
    threads: int


def bench_generation(
    request: Request, *, new_tokens: int = 128, backends: Sequence[str] = ("eager", "inductor"), lookup: int = 0,
    runs: int = 5, reference: bool = True, step: Step = lambda text: None,
) -> GenerationReport:  # fmt: skip
    """Measure how fast a model writes its likeliest tokens.

    Args:
        new_tokens: how many tokens each text gets.
        backends: ``eager``, ``inductor`` or both; the models are made with ``inference=True``.
        lookup: measure each with so many tokens looked up ahead, too (`prompt_lookup_num_tokens`).
        runs: timed rounds.
        reference: compare with Hugging Face's model, where it is installed.
        step: is told what is being done.

    Raises:
        SpecError, CheckpointError, ArgumentError: the model cannot be built, or writes no tokens.
    """
    if min(runs, new_tokens) < 1:
        raise ArgumentError(f"expected at least 1 run and 1 new token, found {runs} and {new_tokens}")
    request = replace(request, inference=True, length=request.length or PROMPT)
    step("building")
    plain = replace(request, inference=False).model("eager")
    ids = tokens_of(plain.graph)
    inputs = request.call(plain)
    if ids == "decoder_input_ids":
        inputs.pop(ids, None)
    with tempfile.TemporaryDirectory(prefix="archwright-") as folder:
        made, why = references(plain, folder, request, ["eager"], wanted=reference, step=step, use_cache=True)
        models: dict[str, Any] = dict(zip(["transformers"], made.values(), strict=False))
    weight_bytes, cache_bytes, expected = _arithmetic(plain, inputs, new_tokens)
    del plain, made
    models |= {f"archwright {backend}": request.model(backend) for backend in backends}
    told = {**inputs, **_ENDLESS, "max_new_tokens": new_tokens}
    calls = {name: partial(model.generate, **told) for name, model in models.items()}
    for name, model in list(models.items()) if lookup else ():
        if name != "transformers":
            models[ahead := f"{name}, looking up {lookup}"] = model
            calls[ahead] = partial(model.generate, **told, prompt_lookup_num_tokens=lookup)
    written: dict[str, torch.Tensor] = {}
    growths: dict[str, int | None] = {}
    for name, call in calls.items():
        step(f"first text of {name}")
        try:
            with warnings.catch_warnings(action="ignore"):
                call()
        except Exception as error:  # another library's code, which may fail in any way: its row is left out
            if name != "transformers":
                raise
            why = f"its `generate` failed: {type(error).__name__}: {error}"
            continue
        watch = _Watch(next(models[name].parameters()).device)
        written[name], growths[name] = call(streamer=watch), watch.growth()
    step("timing")
    reader = memory.plain_read(request.device)
    times = interleaved({**{name: calls[name] for name in written}, "read": reader}, runs=runs, warmup=1)
    read = [memory.READ_BYTES * memory.READS / one for one in times.pop("read")]  # bytes a second
    baseline = next(iter(times))
    faster = speedups(times, baseline=baseline)
    rows = []
    for name, own in times.items():
        spread, texts = Spread.of(own), written[name].shape[0]
        share = Spread.of([weight_bytes * new_tokens / one / all_ for one, all_ in zip(own, read, strict=True)])
        differs = _first_difference(written[name], written[baseline])
        rate = texts * new_tokens / spread.median
        rows.append(Written(name, spread, rate, faster[name], share, growths[name], differs))
    return GenerationReport(
        rows, baseline, new_tokens, {name: list(value.shape) for name, value in inputs.items()}, weight_bytes,
        Spread.of(read), cache_bytes, expected, why, runs, torch.get_num_threads(),
    )  # fmt: skip


class _Watch:
    """A streamer that notes the memory in use after each step; what it is put first is the prompt."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self.seen: list[int | None] = []

    def put(self, tokens: torch.Tensor) -> None:
        self.seen.append(memory.in_use(self.device))

    def end(self) -> None:
        """Nothing is left to do."""

    def growth(self) -> int | None:
        """The most after a step above what was after the third."""
        found = [one for one in self.seen[3:] if one is not None]
        return max(found) - found[0] if found else None


def _first_difference(ids: torch.Tensor, others: torch.Tensor) -> int | None:
    if ids.shape != others.shape:
        return min(ids.shape[1], others.shape[1])
    columns = (ids != others).any(0).nonzero()
    return int(columns[0]) if len(columns) else None


@torch.inference_mode()
def _arithmetic(model: Model, inputs: Mapping[str, torch.Tensor], new_tokens: int) -> tuple[int, int, int | None]:
    """The bytes of weights that a step reads, of what is held, and of what should be."""
    options = options_for(model, {**_ENDLESS, "max_new_tokens": new_tokens}, inputs)
    prompt = prompt_for(model, dict(inputs), options)
    writer = Writer(model, prompt, length=prompt.ids.shape[1] + new_tokens)
    ids, scores = writer.begin(1)
    read = memory.weights_read(lambda: writer.step(scores.argmax(-1)[:, None]), model)
    decoder = writer.decoder
    if not isinstance(decoder, Decoder):
        return read, sum(map(_bytes, decoder.memory or [])), None
    held = sum(map(_bytes, tree_leaves(decoder.held)))
    try:
        numbers = _cached_numbers(model.graph, decoder, {**inputs, decoder.ids: ids})
    except DimError:
        return read, held, None
    return read, held, numbers * next(model.parameters()).element_size()


def _cached_numbers(graph: Graph, decoder: Decoder, inputs: Mapping[str, torch.Tensor]) -> int:
    """How many numbers the keys and values are that attention reads for the tokens.

    Raises:
        DimError: the graph does not say how long an encoder's side is.
    """
    sizes = {**extents_of(graph, inputs), decoder.tokens.name: decoder.length}
    nodes = called(graph.root, graph.combination(inputs.keys() & {*graph.atoms}))
    attentions = [node for node in nodes if node.contract is not None and {"q", "k", "v"} <= node.inputs.keys()]
    return sum(
        numel(_kind(node, port)).evaluate(sizes)
        for node in attentions
        if token_axis(_kind(node, "q"), decoder.tokens) is not None
        for port in "kv"
    )


def _kind(node: Node, port: str) -> Type:
    value = node.inputs[port]
    assert not isinstance(value, list) and isinstance(value.type, Type)
    return value.type


def _bytes(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().nbytes()
