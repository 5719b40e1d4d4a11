"""Python's collector of reference cycles, which rests where many objects are made that stay."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Iterator
from contextlib import contextmanager

MANY = 30_000
OFTEN = 5
_aged = itertools.count(1)


@contextmanager
def uncollected() -> Iterator[None]:
    """Let the collector rest: of modules, trees and graphs that stay, looking at them takes up to half the time.

    Where many were made, all that there is counts as old from then on: as young, it would all be looked at as soon as
    this ends, which is up to a seventh of a warm start. What is old is hardly ever looked at; this is
    done while a process begins, and not by each call of what is compiled, nor for each model that it makes.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            many = gc.get_count()[0] > MANY and not gc.get_freeze_count()  # what others have frozen stays so
            if many and next(_aged) <= OFTEN:
                gc.freeze()
                gc.unfreeze()
            gc.enable()
