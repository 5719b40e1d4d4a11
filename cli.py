"""The command line, ``archwright COMMAND``; the commands are in `backends.commands`, each imported when called."""

from __future__ import annotations

from .backends.commands import main

__all__ = ["main"]
