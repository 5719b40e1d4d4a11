"""Benchmarks: latency and throughput, as emitted and compiled, cold and warm, beside Hugging Face's model."""

from __future__ import annotations

import math
import tempfile
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ...compiler.passes.packable import find_mask
from ..errors import ArgumentError
from .first_call import INPUTS, FirstCall, first_call
from .instructions import settle_instructions
from .reference import NoReference, is_installed, load_reference, real_numbers
from .request import Request
from .run import difference
from .timing import Spread, interleaved, speedups

Step = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Row:
    """One contender: seconds of a call, samples a second, and how much faster than the baseline it was."""

    name: str
    latency: Spread
    throughput: float
    speedup: Spread


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A benchmark.

    Attributes:
        baseline: the row that speedups are relative to.
        difference: how far outputs are from the reference's, relative to their largest number.
        no_reference: why there is no reference, where one was asked for.
        times: the seconds of every run, by row.
    """

    rows: list[Row]
    baseline: str
    first_calls: list[FirstCall]
    inputs: dict[str, list[int]]
    difference: float | None
    no_reference: str | None
    runs: int
    threads: int
    times: dict[str, list[float]]


def bench(
    request: Request, *, backends: Sequence[str] = ("eager", "inductor"), runs: int = 30, reference: bool = True,
    compile_reference: bool = True, seconds: float = math.inf, cold: bool = True, step: Step = lambda text: None,
) -> BenchReport:  # fmt: skip
    """Measure a model.

    Args:
        backends: ``eager``, ``inductor`` or both.
        runs: timed rounds.
        reference: compare with Hugging Face's model, where it is installed.
        compile_reference: and with that through `torch.compile`, if ours is compiled.
        seconds: no more rounds begin after this long, unless there are too few (`timing.FEWEST`).
        cold: also measure first calls in fresh processes, with an empty and with a filled cache of compiled code.
        step: is told what is being done.

    Raises:
        SpecError, CheckpointError, ArgumentError: the model cannot be built or called.
    """
    if runs < 1:
        raise ArgumentError(f"expected at least 1 run, found {runs}")
    step("building")
    models = {f"archwright {backend}": request.model(backend) for backend in backends}
    first = next(iter(models.values()))
    if "inductor" in backends and first.device.type == "cpu":
        settle_instructions()  # a missing C++ compiler is told before the reference is compiled, and fails at length
    if request.packed:
        models |= {f"archwright {backend} packed": request.model(backend, packed=True) for backend in backends}
    inputs = request.call(first)
    with tempfile.TemporaryDirectory(prefix="archwright-") as folder:
        theirs = backends if compile_reference else ("eager",)
        others, why = references(first, folder, request, theirs, wanted=reference, step=step)
        contenders = {**others, **models}
        calls = {name: torch.no_grad()(partial(model, **inputs)) for name, model in contenders.items()}
        for name, call in calls.items():
            step(f"first call of {name}")
            with warnings.catch_warnings(action="ignore"):  # the compiler's own
                call()
        apart = None
        if others:
            ours = next(model for name, model in models.items() if name.endswith("packed") or not request.packed)
            pair = [model(**inputs) for model in (ours, next(iter(others.values())))]
            if request.packed:
                pair = [real_numbers(outputs, inputs[find_mask(first.graph)]) for outputs in pair]
            apart = largest_difference(*pair)
        step("timing")
        times = interleaved(calls, runs=runs, seconds=seconds)
        torch.save(inputs, Path(folder, INPUTS))
        is_compiled = cold and "inductor" in backends
        firsts = list(_first_calls(request, folder if others else None, step)) if is_compiled else []
    baseline = next(iter(calls))
    faster = speedups(times, baseline=baseline)
    samples = next(iter(inputs.values())).shape[0]
    rows = [Row(name, spread := Spread.of(own), samples / spread.median, faster[name]) for name, own in times.items()]
    return BenchReport(
        rows, baseline, firsts, {name: list(value.shape) for name, value in inputs.items()}, apart, why,
        len(times[baseline]), torch.get_num_threads(), times,
    )  # fmt: skip


def largest_difference(ours: Mapping[str, Any], theirs: Mapping[str, Any]) -> float:
    """The largest difference between outputs of one name and shape, relative to the reference's largest number."""
    pairs = [(theirs.get(name), value) for name, value in ours.items() if isinstance(value, Tensor)]
    alike = [(other, value) for other, value in pairs if isinstance(other, Tensor) and other.shape == value.shape]
    return max((difference(*pair) for pair in alike), default=0.0)


def references(
    model: Any, folder: str, request: Request, backends: Sequence[str], *, wanted: bool, step: Step,
    use_cache: bool = False,
) -> tuple[dict[str, Any], str | None]:  # fmt: skip
    """Hugging Face's model on the same backends, or why there is none."""
    if not wanted:
        return {}, None
    if not is_installed():
        return {}, "transformers is not installed"
    step("building the reference")
    try:
        model.save_pretrained(folder)
        made = load_reference(folder, device=request.device, dtype=request.dtype, use_cache=use_cache)
    except NoReference as error:
        return {}, str(error)
    compiled = {"transformers inductor": torch.compile(made)} if "inductor" in backends else {}
    return {"transformers eager": made, **compiled}, None


def _first_calls(request: Request, reference: str | None, step: Step) -> Iterator[FirstCall]:
    """First calls with an empty cache, then with the one that it left."""
    if reference is not None:  # both read the same files
        request = replace(request, target=reference, size=None, overrides={})
    for name, folder in (("archwright", None), ("transformers", reference)):
        if name == "transformers" and folder is None:
            continue
        with tempfile.TemporaryDirectory(prefix="archwright-cache-") as cache:
            for state in ("cold", "warm"):
                step(f"{state} first call of {name} in a fresh process")
                yield first_call(f"{name} {state}", request, cache=cache, reference=folder)
