"""Archwright: a declarative compiler for model architectures. Torch is imported only when a module is made."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from .backends.diagrams import draw
    from .backends.errors import ArgumentError, CheckpointError
    from .backends.torch.build import compile, from_pretrained  # noqa: A004 - the name that users know from torch
    from .compiler.diagnosing.diagnostics import SpecError
    from .compiler.reading.document import shipped_models as list_models
    from .compiler.graph import Graph
    from .compiler.check import check

__all__ = [
    "ArgumentError", "CheckpointError", "Graph", "SpecError", "__version__", "check", "compile", "draw",
    "from_pretrained", "list_models",
]  # fmt: skip

_HOME = {
    "ArgumentError": (".backends.errors", "ArgumentError"),
    "CheckpointError": (".backends.errors", "CheckpointError"),
    "Graph": (".compiler.graph", "Graph"),
    "SpecError": (".compiler.diagnosing.diagnostics", "SpecError"),
    "check": (".compiler.check", "check"),
    "compile": (".backends.torch.build", "compile"),
    "draw": (".backends.diagrams", "draw"),
    "from_pretrained": (".backends.torch.build", "from_pretrained"),
    "list_models": (".compiler.reading.document", "shipped_models"),
}


def __getattr__(name: str) -> Any:
    """Import what is asked for, when it is asked for: ``import archwright`` alone costs nothing."""
    if name not in _HOME:
        raise AttributeError(f"module `archwright` has no attribute `{name}`")
    from .compiler.collector import uncollected

    module, attribute = _HOME[name]
    with uncollected():
        return getattr(import_module(module, __name__), attribute)


def __dir__() -> list[str]:
    return sorted(__all__)
