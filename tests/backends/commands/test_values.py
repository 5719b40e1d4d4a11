"""Values that options do not take: each is told in a line, with its exit code."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from archwright.cli import main

TINY = ("run", "bert", "--size", "tiny")


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        (("show", "bert", "--dim", "batch=²"), 2, "expected NAME=N with a whole number from 1, found 'batch=²'"),
        ((*TINY, "--seed", str(2**64)), 2, f"expected a whole number of 64 bits, found {2**64}"),
        ((*TINY, "--device", "meta"), 2, "expected a device that holds numbers, found 'meta'"),
        (("bench", "bert", "--size", "tiny", "--device", "meta:0"), 2, "expected a device that holds numbers"),
        ((*TINY, "--batch", str(10**14)), 1, "error: there is not enough memory: "),
        (("new", "in"), 2, "'in' is a word of the language"),
        (("new", "True"), 2, "'True' is a word of the language"),
    ],
)
def test_a_value_that_is_none_is_told(
    command: tuple[str, ...], code: int, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, command)
    assert result.exit_code == code and told in result.stderr.replace("\n", " ")
    assert not list(tmp_path.iterdir())
