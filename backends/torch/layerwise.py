"""Models compiled layer by layer: each distinct layer by itself, while what is around them runs as it is written.

A compiler that is given a whole model traces and places every layer again, even where it compiles what they compute but
once: at 50 to 80 ms a layer, with gradients 300 (2 cores, torch 2.13). A layer that is compiled by itself takes some
0.2 ms more a call, as torch looks each time whether its code still fits; a step of training takes 2 to 7 % more. Of a
layer that is recomputed what is compiled is called twice: once more for the backward pass.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

import torch
from torch import nn

from ...compiler.graph import Body
from ...compiler.passes.rewrites import bodies
from .emit.classes import written
from .emit.naming import attribute
from .emit.source import Source
from .modules.recomputing import recomputed

LEAST = 16
"""How many rounds are of one layer where it is compiled by itself; below, what calls cost more is not worth it."""


def layers_of(source: Source) -> dict[str, int]:
    """Which distinct layer each round is, by its module's path; nothing where one cannot be compiled once for all."""
    pairs = [(path, body) for path, body in bodies(source.graph) if path.rpartition(".")[2].isdigit()]
    pairs = [(path, body) for path, body in pairs if source.class_of(body).init and not source.holds_repeated(body)]
    told = {path: _told(source, body) for path, body in pairs}
    distinct = {one: number for number, one in enumerate(dict.fromkeys(told.values()))}
    if not all(source.is_round(body) for _, body in pairs):
        return {}
    return {".".join(map(attribute, path.split("."))): distinct[one] for path, one in told.items()}


def rounds_per_layer(layers: Mapping[str, int]) -> float:
    """How many rounds are of one layer, on average."""
    return len(layers) / len(set(layers.values())) if layers else 0


def _told(source: Source, body: Body) -> tuple[str, ...]:
    """A layer's class, and what its constructor is told but for rates."""
    owner = source.class_of(body)
    return owner.name, *(written(body, name) for name in owner.takes() if name not in owner.rates())


def mark(net: nn.Module, layers: Mapping[str, int]) -> None:
    """Tell modules which distinct layer they are."""
    for path, number in layers.items():
        vars(net.get_submodule(path))[_LAYER] = number


class Layers(dict[tuple[types.FunctionType, int | None], Callable[..., Any]]):
    """What torch makes of a forward for a distinct layer, made when it is first called."""

    def __init__(self, dynamic: bool | None, options: dict[str, Any] | None = None) -> None:
        super().__init__()
        self.how = {"dynamic": dynamic, "options": options}

    def __missing__(self, key: tuple[types.FunctionType, int | None]) -> Callable[..., Any]:
        method, number = key
        plain = getattr(method, "__wrapped__", method)  # of one that is recomputed
        # Torch tells functions apart by their code: one for several layers would be compiled anew for the next.
        code = plain.__code__.replace(co_name=f"{plain.__name__}_of_layer_{number}")
        own = types.FunctionType(code, plain.__globals__, argdefs=plain.__defaults__, closure=plain.__closure__)
        made = torch.compile(own, fullgraph=True, **self.how)
        self[key] = made if plain is method else recomputed(made)
        return self[key]

    def around(self, run: Callable[..., Any]) -> Callable[..., Any]:
        """A call in which layers are compiled."""

        def call(**inputs: Any) -> Any:
            token = _LAYERS.set(self)
            try:
                return run(**inputs)
            finally:
                _LAYERS.reset(token)

        return call


_LAYER = "_layer_number"
"""Where a module has its number; what else is of its class, a part that stands alone for one, has none."""
_LAYERS: ContextVar[Layers | None] = ContextVar("layers", default=None)


def layer(method: Any, otherwise: Callable[..., Any]) -> Callable[..., Any]:
    """The forward of a layer: compiled by itself in a call that is made so (`Layers.around`)."""

    @functools.wraps(method, updated=())
    def forward(self: Any, *args: Any, **inputs: Any) -> Any:
        layers = None if torch.compiler.is_compiling() else _LAYERS.get()
        run = otherwise if layers is None else layers[method, vars(self).get(_LAYER)]
        return run(self, *args, **inputs)

    return forward
