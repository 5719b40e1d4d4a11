"""The classes that a generated text makes: executed, grown as the text grows, copied and pickled."""

from __future__ import annotations

import functools
import itertools
import linecache
import sys
import types
import weakref
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.nn.modules.module import _has_any_global_hook

from ...compiler.building.parts import MAX_ROUNDS
from ..errors import ArgumentError
from .layerwise import layer
from .modules.inference import Derived
from .regions import apart

_NUMBERS = itertools.count()
_VARIANT = ":forward"
"""How a call of a module says which forward is meant: no name that an input may have."""


class Generated:
    """The classes of a text, by name.

    Attributes:
        is_layerwise: layers may be compiled by themselves (`layerwise.py`); from when the first are.
        is_watched: whether there are hooks; None where nobody has looked, and each call looks. Where there are none and
            a call is compiled, looking takes time for nothing; where there are, no layer stands for another.

    A pickle holds the text, and executes it again. A copy of a module shares its class; a copy of a whole model has
    classes of its own, since a model writes the forwards that its calls ask for into them.
    """

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.classes: dict[str, type[nn.Module]] = {}
        self.forwards: dict[type[nn.Module], dict[str, Callable[..., Any]]] = {}  # as they are written
        self.runs: dict[type[nn.Module], dict[str, Callable[..., Any]]] = {}  # as they are called
        self.modules: list[str] = []
        self.alive: set[int] = set()  # a number for each module of these classes
        self.is_watched: bool | None = None
        self.is_layerwise = False
        self.grow(text)

    def __reduce__(self) -> Any:
        return Generated, (self.name, self.text)

    def __deepcopy__(self, memo: dict[int, Any]) -> Generated:
        return self

    def grow(self, text: str) -> None:
        """Execute a text, registered so that tracebacks show its lines; classes that are here take its new forwards."""
        self.text = text
        name = f"archwright_{self.name}_{next(_NUMBERS)}"
        filename = f"<{name}>"
        linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
        module = types.ModuleType(name)
        sys.modules[name] = module  # torch.compile looks up a function's globals by its module's name
        self.modules.append(name)
        exec(compile(text, filename, "exec"), module.__dict__)  # the text is ours: made from checked types alone
        for word, made in list(vars(module).items()):
            if getattr(made, "__module__", None) == name:
                self._adopt(self.classes.setdefault(word, made), made)

    def bound(self, module: nn.Module, name: str) -> types.MethodType:
        """A forward as it is written, which looks for no hooks."""
        kind = next(one for one in type(module).__mro__ if one in self.forwards)  # `fully_shard` makes classes of these
        return types.MethodType(self.forwards[kind][name], module)

    def watch(self, net: nn.Module, *, is_layerwise: bool = False) -> None:
        """Let calls look for hooks where there are some now, and for layers that are compiled by themselves."""
        how = any(map(_is_watched, net.modules())), self.is_layerwise or is_layerwise
        if how != (self.is_watched, self.is_layerwise):
            self.is_watched, self.is_layerwise = how
            for kind, forwards in self.forwards.items():
                for name in forwards:
                    self._install(kind, name)

    def altered(self, net: nn.Module) -> str | None:
        """The path of the first part that the text does not make so: with hooks, or of a class of somebody else's."""
        used = [*self.classes.values(), *vars(sys.modules[self.modules[-1]]).values()]
        homes = {_home(one) for one in (nn.Module, *used) if isinstance(one, type)}
        strange = (path for path, one in net.named_modules() if _is_watched(one) or _home(type(one)) not in homes)
        return next(strange, None)

    def made(self, kind: type[nn.Module], *args: Any, **options: Any) -> nn.Module:
        """A module of one of the classes, without its state; when the last of all is gone, their names are too."""
        module = object.__new__(kind)
        number = next(_NUMBERS)
        self.alive.add(number)
        weakref.finalize(module, self._forget, number).atexit = False
        return module

    def _forget(self, number: int) -> None:
        """Drop the Python modules where this was the last module of theirs: a part may outlive its model."""
        self.alive.discard(number)
        for name in () if self.alive else self.modules:
            sys.modules.pop(name, None)
            linecache.cache.pop(f"<{name}>", None)

    def _adopt(self, old: Any, new: type) -> None:
        """Give a class the forwards that its newer text has, or a new one its own."""
        if old is new:
            old._generated, old.__reduce_ex__, old.__new__ = self, _reduced, self.made
        forwards = self.forwards.setdefault(old, {})
        for name, method in list(vars(new).items()):
            if name.startswith("forward") and name not in forwards:
                forwards[name] = method
                self._install(old, name)

    def _install(self, kind: type[nn.Module], name: str) -> None:
        method = self.forwards[kind][name]
        plain = getattr(method, "__marked_compile_region_fn__", None)
        if plain is not None:
            # A variant for every round: in training, other rates of `drop_path` are that.
            plain.__marked_compile_region_max_reuse_entries__ = MAX_ROUNDS
            method = plain if self.is_watched else apart(method)
            method = layer(plain, method) if self.is_layerwise else method
        elif self.is_layerwise and hasattr(method, "__wrapped__"):  # recomputed
            method = layer(method, method)
        runs = self.runs.setdefault(kind, {})
        runs[name] = method
        if self.is_watched is not False:
            method = _main(method, runs) if name == "forward" else _variant(name, method)
        setattr(kind, name, method)


def refuse_overlooked(net: nn.Module) -> None:
    """Refuse a model that computes with what was made of weights, where one that these are read of is changed since.

    Raises:
        ArgumentError: it has hooks, which also prune, or parametrizations, or another stands in its place.
    """
    for path, part in net.named_modules():
        for source in [one for made in part.children() if isinstance(made, Derived) for one in made.sources]:
            if source not in part._modules.values() or source._modules or _is_hooked(source):
                raise ArgumentError(
                    f"something in `net.{path}` has hooks, or another in its place, which a model made with "
                    "`inference=True` does not see: it computes with what was made of the weights; make it without"
                )


def _reduced(module: nn.Module, protocol: Any) -> Any:
    kind: Any = type(module)
    return _blank, (kind._generated, kind.__name__), module.__getstate__()


def _blank(generated: Generated, name: str) -> nn.Module:
    """A module without its state."""
    kind = generated.classes[name]
    return kind.__new__(kind)


def _main(method: Callable[..., Any], runs: dict[str, Callable[..., Any]]) -> Callable[..., Any]:
    """`forward`; where `_variant` asks for it, another of the class."""

    @functools.wraps(method, updated=())
    def forward(self: nn.Module, *args: Any, **inputs: Any) -> Any:
        if _VARIANT not in inputs:
            return method(self, *args, **inputs)
        return runs[inputs.pop(_VARIANT)](self, *args, **inputs)

    return forward


def _variant(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    """A forward beside `forward`, where there are hooks or another `forward` a call of the module as well."""

    @functools.wraps(method, updated=())
    def forward(self: nn.Module, *args: Any, **inputs: Any) -> Any:
        return self(*args, **inputs, **{_VARIANT: name}) if _is_watched(self) else method(self, *args, **inputs)

    return forward


def _home(kind: type) -> str:
    """The package of a class."""
    return kind.__module__.partition(".")[0]


def _is_watched(module: nn.Module) -> bool:
    """Whether a call of a module is more than its class's `forward`."""
    return _is_hooked(module) or bool(_has_any_global_hook())


def _is_hooked(module: nn.Module) -> bool:
    return bool(
        module._forward_hooks or module._forward_pre_hooks or module._backward_hooks or module._backward_pre_hooks
        or "forward" in module.__dict__
    )  # fmt: skip
