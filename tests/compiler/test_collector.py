"""The collector rests where it is told to, and goes on as before."""

from __future__ import annotations

import gc

import pytest
import torch

import archwright as aw
from archwright.compiler.collector import uncollected


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
