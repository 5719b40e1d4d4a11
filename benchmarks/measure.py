"""What is measured of a system: each measurement runs in fresh processes, and gives plain data."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch.optim import SGD

from ..backends.torch.bench import bench
from ..backends.torch.bench_generation import bench_generation
from ..backends.torch.first_call import INPUTS, first_call
from ..backends.torch.fresh import TooLong, fresh
from ..backends.torch.reference import NoReference, load_reference
from ..backends.torch.request import Request
from ..backends.torch.timing import interleaved
from .records import total_of

SECONDS = 8.0
"""How long the rounds of one measurement go on, after which slow models get no more of them."""
ROUNDS = 3
"""How often a first call is made, each time in a process and with folders of its own."""


@dataclass(frozen=True)
class Case:
    """A system that is ready to be measured.

    Attributes:
        request: the model, whose target is a folder, and the call (`Request` as plain data).
        spec: the same with the spec that the folder was made of.
        cache: the folder of compiled code, which one measurement leaves to the next.
        limit: seconds that compiling may take.
        runs: rounds.
        turns: a file that processes lock which are measured beside each other (`timed_alone`).
        has_reference: whether Hugging Face's model writes too.
    """

    request: Mapping[str, Any]
    spec: Mapping[str, Any]
    cache: str
    limit: float
    runs: int
    turns: str | None = None
    has_reference: bool = True

    def fresh(self, function: str, **more: Any) -> Any:
        """Call a function of this file in a fresh process, which finds the code that first calls left."""
        where = {"TORCHINDUCTOR_CACHE_DIR": f"{self.cache}/theirs", "ARCHWRIGHT_CACHE": f"{self.cache}/kept"}
        asked = {"request": self.request, "runs": self.runs, "turns": self.turns, **more}
        return fresh(f"{__name__}:{function}", asked, environment=where, limit=2 * self.limit)

    def compiled(self, function: str, **more: Any) -> Any:
        """The same, with the reference compiled, or without it where that takes too long."""
        try:
            return self.fresh(function, compile_reference=True, **more)
        except TooLong as error:
            left_out = f"transformers compiled: {error}"
            return {**self.fresh(function, compile_reference=False, **more), "left_out": left_out}


def start(case: Case) -> Any:
    """First calls: with no compiled code, ours with what `archwright compile` keeps, theirs with torch's own cache.

    Of each the run that took its median, and the ``totals`` of all runs, those of one place beside each other.
    """
    rounds: list[dict[str, Any]] = []
    while len(rounds) < min(case.runs, ROUNDS):
        made = _first_calls(case, str(len(rounds) or ""))
        if any("failed" in one for one in made.values()):
            return made
        rounds.append(made)
    found: dict[str, Any] = {}
    for name in rounds[0]:
        totals = [total_of(one[name]) for one in rounds]
        middle = sorted(range(len(rounds)), key=lambda at: totals[at])[(len(rounds) - 1) // 2]
        found[name] = {**rounds[middle][name], "totals": totals}
    return found


def _first_calls(case: Case, suffix: str) -> dict[str, Any]:
    """Each first call once; the compiled code of the round without a suffix is what later measurements find."""
    asked, cache = Request(**case.request), case.cache
    found: dict[str, Any] = {}
    ours, theirs, kept = (f"{cache}/{name}{suffix}" for name in ("ours", "theirs", "kept"))
    ways: dict[str, dict[str, Any]] = {
        "archwright cold": {"cache": ours, "keep": True, "kept": kept},
        "archwright warm": {"cache": f"{cache}/empty{suffix}", "kept": kept},
        "transformers cold": {"cache": theirs, "reference": asked.target},
        "transformers warm": {"cache": theirs, "reference": asked.target},
    }
    for name, how in ways.items():
        if name in found:
            continue
        try:
            found[name] = asdict(first_call(name, asked, limit=case.limit, **how))
        except TooLong as error:
            found[name] = {"failed": str(error)}
            if name.endswith("cold"):
                found[name.replace("cold", "warm")] = {"failed": "no first call"}
    return found


MEASUREMENTS: Mapping[str, Callable[[Case], Any]] = {
    "start": start,
    "latency": lambda case: case.compiled("latency_of"),
    "load": lambda case: case.fresh("load_of"),
    "training": lambda case: case.fresh("training_of", compile_reference=False, compile_ours=False),
    "compiled_training": lambda case: case.compiled("training_of"),
    "depth": start,
    "padding": lambda case: case.compiled("latency_of", request={**case.request, "packed": True}),
    "generation": lambda case: case.fresh("generation_of", request=case.spec, reference=case.has_reference),
}
"""What can be measured, in order: first calls leave compiled code that the others use."""
FIRST_CALLS = ("start", "depth")
_OF_ALL = ("start", "latency", "load", "training", "compiled_training")
_OF_BATCHES = ("latency", "training", "compiled_training")


def possible(system: Mapping[str, Any], device: str = "cpu", batch: int | None = None) -> list[str]:
    """What is measured of a row of `systems.yaml`, in order; of a batch that is asked for, what a batch changes."""
    if device.partition(":")[0] not in system.get("devices", ("cpu", "cuda")):
        return []
    wanted = system.get("only", _OF_ALL)
    return [one for one in MEASUREMENTS if one in wanted and (batch is None or one in _OF_BATCHES)]


# In the fresh processes


def prepare(folder: str, request: Mapping[str, Any]) -> None:
    """Write the checkpoint and the inputs that all contenders are given."""
    asked = Request(**request)
    model = asked.model("eager")
    model.save_pretrained(folder)
    torch.save(asked.call(model), Path(folder, INPUTS))


@contextmanager
def timed_alone(turns: str | None) -> Iterator[Callable[[str], None]]:
    """A step of `bench` that waits, before it times, until nobody else with that file prepares or times."""
    if turns is None:
        yield lambda step: None
        return
    import fcntl  # not on Windows

    with open(turns) as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        yield lambda step: fcntl.flock(file, fcntl.LOCK_EX) if step == "timing" else None


def generation_of(request: Mapping[str, Any], runs: int, turns: str | None, reference: bool) -> Any:
    """`bench_generation`, of as many tokens as that writes."""
    with timed_alone(turns) as step:
        return asdict(bench_generation(Request(**request), runs=min(runs, 5), reference=reference, step=step))


def latency_of(request: Mapping[str, Any], runs: int, compile_reference: bool, turns: str | None) -> Any:
    """`bench`, without its first calls."""
    how: dict[str, Any] = {"compile_reference": compile_reference, "seconds": SECONDS, "cold": False}
    with timed_alone(turns) as step:
        report = bench(Request(**request), runs=runs, step=step, **how)
    if report.no_reference is not None:
        raise NoReference(report.no_reference)
    return asdict(report)


def load_of(request: Mapping[str, Any], runs: int, turns: str | None) -> Any:
    """Seconds of each round, and how large the file is."""
    asked = Request(**request)
    files = sorted(Path(asked.target).glob("*.safetensors"))
    calls: dict[str, Callable[[], Any]] = {
        "transformers": lambda: load_reference(asked.target, device=asked.device, dtype=asked.dtype),
        "archwright": lambda: asked.model("eager"),
        "plain read": lambda: [file.read_bytes() for file in files],
    }
    with timed_alone(turns) as wait:
        wait("timing")
        times = interleaved(calls, runs=runs, warmup=1, seconds=SECONDS / 2)
    return {"times": times, "file_bytes": sum(file.stat().st_size for file in files)}


def training_of(
    request: Mapping[str, Any], runs: int, compile_reference: bool, turns: str | None, compile_ours: bool = True
) -> Any:
    """Seconds of each round of forward, backward and a step of SGD; the loss is the mean square of the first output."""
    asked = Request(**{**request, "inference": False})
    inputs = None
    load = partial(load_reference, asked.target, device=asked.device, dtype=asked.dtype)
    with timed_alone(turns) as wait, warnings.catch_warnings(action="ignore"):
        models: dict[str, Any] = {"transformers eager": load()}
        if compile_reference:
            models["transformers inductor"] = torch.compile(load())
        for backend in ("eager", "inductor")[: 1 + compile_ours]:
            models[f"archwright {backend}"] = made = asked.model(backend)
            inputs = asked.call(made)
        calls = {name: _training_step(model.train(), inputs or {}) for name, model in models.items()}
        for call in calls.values():
            call()
        wait("timing")
        times = interleaved(calls, runs=runs, warmup=2, seconds=SECONDS)
    return {"times": times}


def _training_step(model: Any, inputs: Mapping[str, Any]) -> Callable[[], Any]:
    optimizer = SGD(model.parameters(), lr=1e-4)

    def step() -> None:
        optimizer.zero_grad()
        output = next(iter(model(**inputs).values()))
        output.float().square().mean().backward()
        optimizer.step()

    return step
