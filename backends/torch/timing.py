"""Timing calls against each other: interleaved runs, medians, and ratios of the runs that stood side by side.

A machine's speed drifts, so that two blocks of runs one after the other compare the machine with itself. Here every
round runs each contender once, in an order that turns from round to round, and a ratio is taken inside each round.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from typing import Any

import torch

SAMPLE_SECONDS = 0.005
"""The least that one timed sample takes; shorter calls are repeated inside it."""
MAX_REPEATS = 1000
FEWEST = 3
"""Rounds that are run even where they take longer than they may."""


@dataclass(frozen=True, slots=True)
class Spread:
    """A median and its quartiles."""

    median: float
    low: float
    high: float

    @staticmethod
    def of(values: Sequence[float]) -> Spread:
        """The spread of at least one value."""
        if len(values) == 1:
            return Spread(values[0], values[0], values[0])
        low, _, high = quantiles(values, n=4, method="inclusive")
        return Spread(median(values), low, high)


def interleaved(
    calls: Mapping[str, Callable[[], Any]], *, runs: int, warmup: int = 3, seconds: float = math.inf
) -> dict[str, list[float]]:
    """Seconds of each call, a list of at most `runs` samples that stand side by side.

    Args:
        calls: the contenders by name; all are warmed up before any is timed.
        runs: rounds, each of which times every contender once.
        warmup: untimed calls of each contender, at least one.
        seconds: no more rounds than `FEWEST` begin after this long.
    """
    repeats: dict[str, int] = {}
    for name, call in calls.items():
        fastest = min(sample(call, 1) for _ in range(max(warmup, 1)))
        repeats[name] = min(max(math.ceil(SAMPLE_SECONDS / max(fastest, 1e-9)), 1), MAX_REPEATS)
    times: dict[str, list[float]] = {name: [] for name in calls}
    order, began = list(calls), time.perf_counter()
    for number in range(runs):
        if number >= FEWEST and time.perf_counter() - began > seconds:
            break
        turn = number % len(order)
        for name in (*order[turn:], *order[:turn]):
            times[name].append(sample(calls[name], repeats[name]))
    return times


def speedups(times: Mapping[str, Sequence[float]], *, baseline: str) -> dict[str, Spread]:
    """How much faster than the baseline each contender was, round by round."""
    base = times[baseline]
    return {name: Spread.of([b / one for b, one in zip(base, own, strict=True)]) for name, own in times.items()}


def sample(call: Callable[[], Any], repeats: int) -> float:
    """Seconds of one call, the mean of `repeats`; a GPU's work is waited for."""
    _wait()
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    _wait()
    return (time.perf_counter() - start) / repeats


def _wait() -> None:
    for device in range(torch.cuda.device_count()):
        if torch.cuda.memory_reserved(device):  # of those that are used
            torch.cuda.synchronize(device)
