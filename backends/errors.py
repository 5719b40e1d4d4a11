"""What a user of a module or checkpoint can get wrong."""

from __future__ import annotations


class ArgumentError(TypeError, ValueError):
    """An argument of a call that does not fit: what was expected, what was found, what to do."""


class ExportError(ValueError):
    """A file that does not compute what the model does."""


class CheckpointError(ValueError):
    """A folder that cannot be loaded or saved: which file or key, what was expected and found."""
