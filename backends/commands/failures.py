"""Failures and warnings as users see them: diagnostics or a line on stderr, an exit code, JSON where it is wanted."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from .output import color_of, print_json

WRONG, USAGE = 1, 2
"""Exit codes: the spec or checkpoint is wrong; the command was used wrongly."""


def report(error: Exception, *, as_json: bool) -> int:
    """Tell a user's mistake, and give its exit code.

    Raises:
        Exception: the error itself, where it is no mistake of the user.
    """
    from ..errors import ArgumentError, CheckpointError, ExportError
    from ...blocks.base import BlocksError
    from ...compiler.diagnosing.diagnostics import SpecError

    if isinstance(error, SpecError):
        tell_diagnostics(error, as_json=as_json)
        return WRONG
    if _lacks_memory(error):
        error = MemoryError(f"there is not enough memory: {str(error).splitlines()[0]}")
    if not isinstance(error, (ArgumentError, BlocksError, CheckpointError, ExportError, MemoryError, OSError)):
        raise error
    if not as_json or not _printed({"ok": False, "message": _message(error), "diagnostics": []}):
        tell(_message(error))
    return USAGE if isinstance(error, ArgumentError) else WRONG


def _lacks_memory(error: Exception) -> bool:
    """Whether torch says so: of a GPU by a class of its own, on a CPU by a text."""
    texts = ("can't allocate memory", "Storage size calculation overflowed")
    is_told = isinstance(error, RuntimeError) and any(text in str(error) for text in texts)
    return is_told or type(error).__name__ == "OutOfMemoryError"


def tell_diagnostics(error: Any, *, as_json: bool) -> None:
    """Print the findings of a `SpecError`: with their lines on stderr, or as JSON on stdout."""
    found = [diagnostic.to_json() for diagnostic in error.diagnostics] if as_json else []
    if not as_json or not _printed({"ok": False, "message": error.summary(), "diagnostics": found}):
        colored = color_of("stderr")
        click.echo(error.render(color=colored), err=True, color=colored)


def tell(message: str) -> None:
    """Print one error on stderr."""
    click.echo(f"{click.style('error', fg='red', bold=True)}: {message}", err=True, color=color_of("stderr"))


@contextmanager
def plain_warnings() -> Iterator[None]:
    """Print this package's warnings as a line each: the one that led to them is click's, which says nothing."""
    usual = warnings.showwarning

    def show(message: Any, category: type[Warning], filename: str, *where: Any) -> None:
        if filename == click.core.__file__:
            word = click.style("warning", fg="yellow", bold=True)
            click.echo(f"{word}: {message}", err=True, color=color_of("stderr"))
        else:
            usual(message, category, filename, *where)

    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = usual


def _printed(value: Any) -> bool:
    """Whether stdout took it: what could not be written there may be what there is to tell."""
    try:
        print_json(value)
    except BrokenPipeError:
        raise
    except OSError:
        return False
    return True


def _message(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
