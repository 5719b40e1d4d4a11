"""The command line: ``archwright COMMAND``. Importing it costs click alone; commands import what they need."""

from .group import main

__all__ = ["main"]
