"""Functions called in processes of their own."""

from __future__ import annotations

import time

import pytest

from archwright.backends.errors import ArgumentError
from archwright.backends.torch.fresh import TooLong, fresh


def test_a_result_comes_back() -> None:
    assert fresh("os:getenv", {"key": "ARCHWRIGHT_TOLD"}, environment={"ARCHWRIGHT_TOLD": "so"}) == "so"


def test_a_failure_is_told() -> None:
    with pytest.raises(ArgumentError, match="fresh process failed: FileNotFoundError"):
        fresh("os:stat", {"path": "/nothing/of/that/name"})


def test_what_takes_too_long_is_ended_with_what_it_started() -> None:
    began = time.monotonic()
    with pytest.raises(TooLong, match="longer than 1 s"):
        fresh("subprocess:getoutput", {"cmd": "sleep 60"}, limit=1)
    assert time.monotonic() - began < 30
