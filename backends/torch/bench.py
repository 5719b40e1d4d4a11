"""Benchmarks: latency and throughput, as emitted and compiled, cold and warm, beside Hugging Face's model.

Run as a module it is the fresh process of `first_call`: it reads a request as JSON from its argument, builds and calls
a model once, and prints the seconds of each step as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import Any

import torch

from ..errors import ArgumentError
from .reference import NoReference, is_installed, largest_difference, load_reference
from .run import built, made_inputs
from .timing import Spread, interleaved, sample, speedups

Step = Callable[[str], None]
LENGTH = 128
"""How long an axis is, where neither the request nor the spec says."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is measured: a model as `run.built` takes it, and a call of it."""

    target: str
    task: str | None = None
    size: str | None = None
    overrides: Mapping[str, Any] = field(default_factory=dict)
    dims: Mapping[str, int] = field(default_factory=dict)
    batch: int = 2
    length: int | None = None
    inputs: Sequence[str] = ()
    device: str | None = None
    dtype: str | None = None
    seed: int = 0
    inference: bool = False
    dynamic: bool | None = None

    def model(self, backend: str) -> Any:
        """The model, on one of our backends."""
        return built(
            self.target, task=self.task, size=self.size, overrides=self.overrides, backend=backend, device=self.device,
            dtype=self.dtype, seed=self.seed, inference=self.inference, dynamic=self.dynamic,
        )  # fmt: skip

    def call(self, graph: Any) -> dict[str, torch.Tensor]:
        """The inputs of the call, where the model is."""
        length = usual_length(graph) if self.length is None else self.length
        made = made_inputs(graph, dims=self.dims, batch=self.batch, length=length, extra=self.inputs, seed=self.seed)
        dtype = getattr(torch, self.dtype) if self.dtype else None
        return {
            name: value.to(self.device or "cpu", dtype if value.is_floating_point() else None)
            for name, value in made.items()
        }


def usual_length(graph: Any) -> int:
    """A length worth measuring that the model has positions for."""
    limit = graph.params.get("max_positions")
    return min(LENGTH, limit // 2) if isinstance(limit, int) and not isinstance(limit, bool) and limit > 1 else LENGTH


@dataclass(frozen=True, slots=True)
class Row:
    """One contender: seconds of a call, samples a second, and how much faster than the baseline it was."""

    name: str
    latency: Spread
    throughput: float
    speedup: Spread


@dataclass(frozen=True, slots=True)
class FirstCall:
    """A fresh process: seconds to start and import, to build, for the first call (compiling) and for the second."""

    name: str
    start: float
    build: float
    first: float
    again: float


@dataclass(frozen=True, slots=True)
class BenchReport:
    """A benchmark.

    Attributes:
        baseline: the row that speedups are relative to.
        difference: how far outputs are from the reference's, relative to their largest number.
        no_reference: why there is no reference, where one was asked for.
    """

    rows: list[Row]
    baseline: str
    first_calls: list[FirstCall]
    inputs: dict[str, list[int]]
    difference: float | None
    no_reference: str | None
    runs: int
    threads: int

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)


def bench(
    request: Request, *, backends: Sequence[str] = ("eager", "inductor"), runs: int = 30, reference: bool = True,
    cold: bool = True, step: Step = lambda text: None,
) -> BenchReport:  # fmt: skip
    """Measure a model.

    Args:
        backends: ``eager``, ``inductor`` or both.
        runs: timed rounds.
        reference: compare with Hugging Face's model, where it is installed.
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
    inputs = request.call(first.graph)
    with tempfile.TemporaryDirectory(prefix="archwright-") as folder:
        others, why = references(first, folder, request, backends, wanted=reference, step=step)
        contenders = {**others, **models}
        calls = {name: _call(model, inputs) for name, model in contenders.items()}
        for name, call in calls.items():
            step(f"first call of {name}")
            with quiet():
                call()
        difference = None
        if others:
            difference = largest_difference(first(**inputs), next(iter(others.values()))(**inputs))
        step("timing")
        times = interleaved(calls, runs=runs)
        is_compiled = cold and "inductor" in backends
        firsts = list(_first_calls(request, folder if others else None, step)) if is_compiled else []
    baseline = next(iter(calls))
    faster = speedups(times, baseline=baseline)
    samples = next(iter(inputs.values())).shape[0]
    rows = [Row(name, spread := Spread.of(own), samples / spread.median, faster[name]) for name, own in times.items()]
    return BenchReport(
        rows, baseline, firsts, {name: list(value.shape) for name, value in inputs.items()}, difference, why, runs,
        torch.get_num_threads(),
    )  # fmt: skip


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
        made = load_reference(folder, device=request.device, dtype=model_dtype(request), use_cache=use_cache)
    except NoReference as error:
        return {}, str(error)
    compiled = {"transformers inductor": torch.compile(made)} if "inductor" in backends else {}
    return {"transformers eager": made, **compiled}, None


def model_dtype(request: Request) -> torch.dtype | None:
    """The dtype asked for."""
    return getattr(torch, request.dtype) if request.dtype else None


def _call(model: Any, inputs: Mapping[str, torch.Tensor]) -> Callable[[], Any]:
    @torch.no_grad()
    def call() -> Any:
        return model(**inputs)

    return call


@contextmanager
def quiet() -> Iterator[None]:
    """The compiler's own warnings are not the user's."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# Fresh processes


def _first_calls(request: Request, reference: str | None, step: Step) -> Iterator[FirstCall]:
    """First calls with an empty cache, then with the one that it left."""
    for name, folder in (("archwright", None), ("transformers", reference)):
        if name == "transformers" and folder is None:
            continue
        with tempfile.TemporaryDirectory(prefix="archwright-cache-") as cache:
            for state in ("cold", "warm"):
                step(f"{state} first call of {name} in a fresh process")
                yield first_call(f"{name} {state}", request, cache=cache, reference=folder)


def first_call(name: str, request: Request, *, cache: str, reference: str | None = None) -> FirstCall:
    """Compile and call a model in a fresh process whose compiled code is kept in `cache`.

    Raises:
        ArgumentError: the process failed; its last line is told.
    """
    message = json.dumps({"request": asdict(request), "reference": reference, "spawned": time.time()})
    environment = {**os.environ, "TORCHINDUCTOR_CACHE_DIR": cache, "TRITON_CACHE_DIR": os.path.join(cache, "triton")}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", __spec__.name if __spec__ else __name__, message],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it said nothing"]
        raise ArgumentError(f"the fresh process for {name} failed: {last[0]}")
    return FirstCall(name, **json.loads(done.stdout.splitlines()[-1]))


def _serve(message: str) -> dict[str, float]:
    """What the fresh process does."""
    asked = json.loads(message)
    start = time.time() - asked["spawned"]
    request = Request(**asked["request"])
    began = time.perf_counter()
    model = request.model("inductor")
    build = time.perf_counter() - began
    inputs = request.call(model.graph)
    if asked["reference"] is not None:
        began = time.perf_counter()
        model = torch.compile(load_reference(asked["reference"], device=request.device, dtype=model_dtype(request)))
        build = time.perf_counter() - began
    call = _call(model, inputs)
    first, again = (sample(call, 1) for _ in range(2))
    return {"start": start, "build": build, "first": first, "again": again}


if __name__ == "__main__":
    print(json.dumps(_serve(sys.argv[1])))
