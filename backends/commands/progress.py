"""Progress of long work: a line on stderr that goes away, where stderr is a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .output import color_of, is_terminal


@contextmanager
def steps(message: str) -> Iterator[Callable[[str], None]]:
    """Show what is being done for as long as it takes: gives a function that says what; silent where nobody watches."""
    if not is_terminal("stderr"):
        yield lambda message: None
        return
    from rich.console import Console

    console = Console(stderr=True, no_color=not color_of("stderr"))
    with console.status(message) as status:
        yield status.update
