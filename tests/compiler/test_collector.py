"""The collector rests where it is told to, and goes on as before."""

from __future__ import annotations

import gc
import itertools

import pytest
import torch

import archwright as aw
from archwright.compiler import collector
from archwright.compiler.collector import MANY, OFTEN, uncollected


def test_it_goes_on_after_an_error() -> None:
    with pytest.raises(KeyError), uncollected(), uncollected():
        {}[gc.isenabled()]
    assert gc.isenabled()


def test_it_stays_off() -> None:
    gc.disable()
    try:
        with uncollected():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_compiling(monkeypatch: pytest.MonkeyPatch) -> None:
    rested = []
    monkeypatch.setattr(
        torch, "compile", lambda run, **how: lambda **told: rested.append(gc.isenabled()) or run(**told)
    )
    model = aw.compile("bert", size="tiny")
    model(input_ids=torch.ones(1, 4, dtype=torch.long))
    assert rested == [False]
    assert gc.isenabled()


@pytest.fixture
def anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a process that begins."""
    monkeypatch.setattr(collector, "_aged", itertools.count(1))


@pytest.mark.usefixtures("anew")
def test_what_was_made_is_not_looked_at_at_once() -> None:
    looks = []
    gc.collect()
    gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
    try:
        with uncollected():
            made = [[] for _ in range(MANY + 1000)]
        assert len([[] for _ in range(100)]) == 100
    finally:
        gc.callbacks.pop()
    assert not looks
    assert any(one is made for one in gc.get_objects(generation=2))


@pytest.mark.usefixtures("anew")
@pytest.mark.parametrize(("many", "times"), [(MANY // 2, 0), (MANY + 1000, OFTEN)])
def test_how_often(monkeypatch: pytest.MonkeyPatch, many: int, times: int) -> None:
    aged: list[int] = []
    monkeypatch.setattr(gc, "freeze", lambda: aged.append(1))
    for _ in range(OFTEN + 3):
        with uncollected():
            made = [[] for _ in range(many)]
        del made
    assert len(aged) == times


@pytest.mark.usefixtures("anew")
def test_what_others_have_frozen_stays_so() -> None:
    made: list[int] = []
    gc.freeze()
    try:
        with uncollected():
            others = [[] for _ in range(MANY + 1000)]
        assert len(others) > MANY
        assert gc.get_freeze_count()
        assert not any(one is made for one in gc.get_objects())
    finally:
        gc.unfreeze()
