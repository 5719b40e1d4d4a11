"""What a user of a module or checkpoint can get wrong, or should know."""

from __future__ import annotations

import sys
import warnings


class ArgumentError(TypeError, ValueError):
    """An argument of a call that does not fit: what was expected, what was found, what to do."""


class ExportError(ValueError):
    """A file that does not compute what the model does."""


class CheckpointError(ValueError):
    """A folder that cannot be loaded or saved: which file or key, what was expected and found."""


def warn(text: str) -> None:
    """Warn of the line that led here, which is none of this package's."""
    frame, level = sys._getframe(), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith(f"{_PACKAGE}."):
        frame, level = frame.f_back, level + 1
    warnings.warn(text, stacklevel=level)


_PACKAGE = __name__.partition(".")[0]
