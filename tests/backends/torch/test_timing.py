"""Timing: rounds are interleaved, ratios taken inside them."""

from __future__ import annotations

import pytest

from archwright.backends.torch import timing
from archwright.backends.torch.timing import Spread, interleaved, speedups


def test_every_round_runs_every_contender_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "SAMPLE_SECONDS", 0.0)  # one call a sample
    calls: list[str] = []
    times = interleaved({name: lambda name=name: calls.append(name) for name in "abc"}, runs=4, warmup=1)
    assert {name: len(own) for name, own in times.items()} == {"a": 4, "b": 4, "c": 4}
    assert "".join(calls) == "abc" + "abc" + "bca" + "cab" + "abc"


def test_short_calls_are_repeated() -> None:
    count = [0]

    def call() -> None:
        count[0] += 1

    interleaved({"a": call}, runs=2, warmup=1)
    assert count[0] > 100


def test_speedups_are_taken_in_pairs() -> None:
    times = {"base": [1.0, 10.0, 100.0], "twice": [0.5, 5.0, 50.0]}
    assert speedups(times, baseline="base") == {"base": Spread(1, 1, 1), "twice": Spread(2, 2, 2)}


def test_spread() -> None:
    assert Spread.of([3.0]) == Spread(3, 3, 3)
    assert Spread.of([4.0, 1.0, 2.0, 3.0, 5.0]) == Spread(3, 2, 4)
