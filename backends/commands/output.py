"""What commands print: tables, JSON, numbers people can read."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from math import isfinite
from typing import Any, Literal

import click


def is_terminal(stream: Literal["stdout", "stderr"]) -> bool:
    """Whether somebody watches; a stream that was closed is None."""
    found = sys.stdout if stream == "stdout" else sys.stderr
    return found is not None and found.isatty()


def color_of(stream: Literal["stdout", "stderr"]) -> bool:
    """Whether colours may be written: to a terminal alone, and not where NO_COLOR says so."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def print_json(value: Any) -> None:
    """Write a value as JSON to stdout, UTF-8 as it is; JSON has no `inf` and `nan`, which become texts."""
    try:
        text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    except ValueError:
        text = json.dumps(_finite(value), indent=2, ensure_ascii=False, allow_nan=False)
    click.echo(text)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(one) for one in value]
    return str(value) if isinstance(value, float) and not isfinite(value) else value


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> str:
    """Rows in columns two spaces apart; the columns numbered in `right` have their numbers under each other.

    Lines are cut at the edge of a terminal, and whole everywhere else.
    """
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(head))]
    texts = [
        "  ".join(
            cell.rjust(width) if at in right else cell.ljust(width)
            for at, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
    if is_terminal("stdout"):
        edge = shutil.get_terminal_size().columns
        texts = [text if len(text) <= edge else f"{text[: edge - 1]}…" for text in texts]
    texts[0] = click.style(texts[0], bold=True)
    return "\n".join(texts)


def print_result(data: Any, text: str, *, as_json: bool) -> None:
    """Write a result to stdout: as JSON, reports field by field, or as text with its colours where they may be."""
    if as_json:
        print_json(asdict(data) if is_dataclass(data) and not isinstance(data, type) else data)
    else:
        click.echo(text, color=color_of("stdout"))


def counted(number: float, *, billion: str = "G") -> str:
    """A number in three or four digits: ``109.5M``; below a thousand as it is.

    Args:
        billion: the letter of a billion: ``G`` for operations, ``B`` for parameters.
    """
    for size, letter in ((1e15, "P"), (1e12, "T"), (1e9, billion), (1e6, "M"), (1e3, "k")):
        if abs(number) >= size:
            return f"{number / size:.1f}{letter}"
    return f"{number:g}"


def in_bytes(number: float) -> str:
    """Bytes in binary units: ``438.0 MiB``."""
    for size, word in ((2**40, "TiB"), (2**30, "GiB"), (2**20, "MiB"), (2**10, "KiB")):
        if abs(number) >= size:
            return f"{number / size:.1f} {word}"
    return f"{number:g} B"


def seconds(value: float) -> str:
    """A time in a unit that suits it: ``3.21 ms``."""
    if value >= 100:
        return f"{value:.0f} s"
    return f"{value:.2f} s" if value >= 1 else f"{value * 1e3:.2f} ms" if value >= 1e-3 else f"{value * 1e6:.1f} us"


def plural(number: int, word: str) -> str:
    """``1 task``, ``2 tasks``."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def shapes(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a call is given: the shape of each tensor, or how many records there are."""
    return {name: list(one.shape) if hasattr(one, "shape") else [len(one)] for name, one in inputs.items()}


def told(shapes: Mapping[str, Any]) -> str:
    """Shapes by the names of inputs, as a line."""
    return ", ".join(f"{name} {shape}" for name, shape in shapes.items())
