"""A forward through `torch.compile`, and what other processes have compiled of it and kept."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ...blocks.notation.types import Type
from ...compiler.collector import uncollected
from ..errors import ArgumentError
from . import cache, kept
from .emit.source import Source
from .instructions import settle_instructions
from .layerwise import Layers
from .modules.inference import Held, casts
from .packing import PADDING
from .regions import own_inputs
from .replay import Replays, is_recorded

if TYPE_CHECKING:
    from .model import Model


class Compiled:
    """One specialisation of a model's forward.

    What is kept is taken for the very calls that it was compiled for, and nothing looks again whether it fits: its file
    is found by all that it depends on (`path`).
    """

    def __init__(self, model: Model, combination: int, method: Any) -> None:
        self.model = model
        self.combination = combination
        self.method = method
        self.takes = model.emitter.takes(method)
        self.loose = free_axes(model, self.takes) if model.dynamic else {}
        self.is_packed = PADDING in self.takes.values()
        is_held = any(one.held for one in model.emitter.classes.values())  # holding takes a plain run
        self.held = [one for one in model.net.modules() if isinstance(one, Held)] if is_held else []
        self.kept: dict[Any, kept.Package | kept.Function | None] = {}
        self.runs: dict[tuple[bool, bool], Callable[..., Any]] = {}  # with gradients, and layer by layer
        self.last: Any = None
        self.replays = Replays()

    def __call__(self, values: Mapping[str, Any]) -> Any:
        """Call with inputs by name."""
        told = {text: values[name] for text, name in self.takes.items()}
        key = self.key(told)
        if key not in self.kept:
            self.kept[key] = None if self.is_packed else self.found(told)
            if self.kept[key] is None and (self.model.dynamic is False or len(self.kept) == 1):
                self.hold(key, told)
        found = self.kept[key]
        if found is not None and found.reads_held:
            self.hold(key, told)
        run = self.compiled if found is None or not found.fits() else found
        return self.replays(run, told) if is_recorded(self.model) else run(**told)

    def compiled(self, **told: Any) -> Any:
        """Call what torch compiles: made when it is first asked for, as all that is called may be kept."""
        if self.is_packed:  # how many tokens are real differs from call to call
            torch._dynamo.maybe_mark_dynamic(told["padding"].found, 0)
        for name, axes in self.loose.items():
            # `dynamic=True` would make numbers on modules symbolic too, a norm's eps among them.
            torch._dynamo.maybe_mark_dynamic(told[name], axes)
        how = grads, layerwise = torch.is_grad_enabled(), self.is_layerwise()
        if how not in self.runs:
            self.runs[how] = compile_method(self.model, self.method, grads=grads, layerwise=layerwise)
        given = own_inputs(told) if self.model.emitter.has_regions else told
        try:
            return self.runs[how](**given)
        except RuntimeError as error:
            if not _asks_data(error):
                raise
        self.runs[how] = compile_method(self.model, self.method, grads=grads, is_whole=False)
        return self.runs[how](**given)

    def is_layerwise(self) -> bool:
        """Whether layers are compiled by themselves, on a CPU: what calls cost on a GPU is not measured.

        Not where code is for any shape: of what a layer is given, torch is not told which extents may change.
        """
        if self.is_packed or self.model.dynamic or not self.model.is_deep:
            return False
        return self.model.device.type == "cpu"

    def found(self, values: Mapping[str, Any]) -> kept.Package | kept.Function | None:
        """What is kept for a call: of a model as it is made, as no file knows of hooks, or of parts by others."""
        if not cache.folder().is_dir() or self.model.generated.altered(self.model.net) is not None:
            return None
        files = cache.load(self.path(values))
        if files is None:
            return None
        if kept.PACKAGE in files:
            return kept.Package(files, self.model.net)
        if self.model.device.type == "cpu":
            settle_instructions()  # loading asks for them as well
        return kept.Function(files, self.method)

    def hold(self, key: Any, values: Mapping[str, Any]) -> None:
        """Make what is held for these shapes, if it is not what is held: code finds it there."""
        if self.held and self.last != (key, self.emptied()):
            self.run_plainly(values)
        self.last = key, self.emptied()

    @torch.no_grad()
    def run_plainly(self, values: Mapping[str, Any]) -> None:
        """Call what is not compiled, and draw no numbers that others would have drawn."""
        device = self.model.device
        with torch.random.fork_rng([device] if device.type == "cuda" else []):
            self.method(**values)
        self.replays.forget()  # they read where what was held lay

    def emptied(self) -> int:
        """How often what is held was given up."""
        return sum(one.emptied for one in self.held)

    def key(self, values: Mapping[str, Any]) -> Any:
        """What code depends on beside the text and the weights' shapes."""
        weight = next(self.model.net.parameters(), torch.empty(0))
        called = [cache.likeness(one) for one in values.values()]
        return torch.is_grad_enabled(), self.model.training, weight.dtype, weight.device, *casts(), *called

    def path(self, values: Mapping[str, Any]) -> Path:
        """The file for a call: its text is that of this specialisation alone."""
        model = self.model
        made = model.emitter
        source = Source(
            model.graph, inference=made.inference, holds_extents=made.holds_extents, mask=made.mask, rounds=made.rounds
        )
        source.specialise(self.combination)
        pairs = zip(source.classes.values(), made.classes.values(), strict=True)
        names = [[there.held.get(text) for text in one.held] for one, there in pairs]
        called = torch.is_grad_enabled(), model.training, *casts()
        kinds = [type(one).__name__ for one in model.net.modules()]
        how = (model.dynamic, model.quantized, *called, names, kinds, kept.layout_of(model.net))
        return cache.path_for(source.text(), values, how=how, device=model.device)

    @uncollected()
    @torch.no_grad()
    def keep(self, values: Mapping[str, Any]) -> tuple[Path, int]:
        """Compile for a call without gradients, and keep it: the file, and its bytes.

        Raises:
            ArgumentError: the call is packed: its code is for any number of real tokens, and kept code for one call. Or
                the model has hooks, or parts of somebody else's: what they do is not in the name of a file.
            OSError: the folder cannot be written.
        """
        if self.is_packed:
            raise ArgumentError("code is not kept of calls whose padding is left out; leave the mask or `packed` out")
        altered = self.model.generated.altered(self.model.net)
        if altered is not None:
            part = f"net.{altered}" if altered else "net"
            raise ArgumentError(f"code is kept of a model as it is made; `{part}` has hooks or is another's: undo that")
        told, model = {text: values[name] for text, name in self.takes.items()}, self.model
        for one in self.held:
            one.renew()  # what other calls hold is none of this one's
        self.run_plainly(told)  # which refuses what does not fit, and holds what this call reads
        model.settle_compiler()
        from torch._inductor.utils import fresh_cache  # which imports torch's compiler

        with fresh_cache():  # all is compiled anew, into a folder of its own: what is saved is what was compiled here
            if kept.is_packaged(model.net):
                files = kept.package(model.plain().bound(self.combination), told)
            else:
                files = kept.function(self.method, told)
        path = self.path(told)
        return path, cache.save(path, files)


@uncollected()  # it imports the compiler
def compile_method(
    model: Model, method: Any, *, grads: bool = False, layerwise: bool = False, is_whole: bool = True
) -> Callable[..., Any]:
    """A method of a model's `net`, compiled when it is first called; extents may depend on numbers.

    Args:
        model: the model.
        method: the method, which is called with names.
        grads: calls take gradients. What the backward pass reads that is a view is then made there again, at no cost,
            of what it is a view of: kept, it may lie otherwise than traced, and torch (2.13) then holds its backward
            pass to the strides of the first call.
        layerwise: not the whole is compiled, but each distinct layer by itself (`layerwise.py`).
        is_whole: as one graph; otherwise as several, between which extents that depend on data become known.
    """
    model.settle_compiler()
    model.generated.watch(model.net, is_layerwise=layerwise)
    is_watched, dynamic = model.generated.is_watched, False if model.dynamic is False else None
    if layerwise:
        run = model.layers.setdefault((is_watched, grads), Layers(dynamic, LEARNING if grads else None)).around(method)
    else:
        options = LEARNING | (_OF_REGIONS_THAT_LEARN if model.emitter.has_regions else {}) if grads else None
        run = torch.compile(method, fullgraph=is_whole, dynamic=dynamic, options=options)
    settings: dict[str, Any] = {"capture_scalar_outputs": is_whole, "run_gc_after_compile": False, **_LIMITS}
    if is_watched:  # some layers may have hooks that others have not
        settings["skip_nnmodule_hook_guards"] = False
    run = torch._dynamo.config.patch(**settings)(run)
    if grads:
        from torch._functorch import config as gradients

        run = gradients.patch(recompute_views=True)(run)
    from .together import prepare, together  # which imports torch's compiler

    if model.device.type == "cpu":
        prepare()
    return uncollected()(together()(run if is_whole else _untold()(run)))


@contextmanager
def _untold() -> Iterator[None]:
    """Torch does not warn that one graph has become several, at the number that it was not to capture."""
    log = logging.getLogger("torch._dynamo.variables.tensor")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(level)


def _asks_data(error: BaseException | None) -> bool:
    """Whether torch's compiler stopped as it has to know an extent that depends on data: attention's, a product's."""
    from torch.fx.experimental.symbolic_shapes import GuardOnDataDependentSymNode  # which imports sympy

    while error is not None and not isinstance(error, GuardOnDataDependentSymNode):
        error = error.__cause__ or error.__context__
    return error is not None


_LIMITS = dict.fromkeys(("recompile_limit", "accumulated_recompile_limit"), 1000)
"""How often torch compiles one function: for each layer that differs, and each shape where `dynamic` is False."""
LEARNING: dict[str, Any] = {"reorder_for_peak_memory": False}
"""What inductor (2.13) does to a backward pass and is wrong where gradients are added up at places, as those of
`resize` and `max_pool2d` are: what reads the sum may come before what adds, and gets zeros."""
_OF_REGIONS_THAT_LEARN: dict[str, Any] = {
    "allow_buffer_reuse": False, "inplace_buffers": False, "layout_optimization": False
}  # fmt: skip
"""What inductor (to 2.13 at least) does to save memory and time, and is wrong where regions have gradients.

A region hands on what it was given where its backward pass reads it: inductor does not see that the two are one, and
would write the next value there. And in a graph with convolutions it lays what regions keep with channels last, which
their backward passes do not expect.
"""


def free_axes(model: Model, takes: Mapping[str, str]) -> dict[str, list[int]]:
    """The axes of each argument whose extents a call may choose."""
    found: dict[str, list[int]] = {}
    for text, name in takes.items():
        kind = model.graph.root.inputs[name].type if name in model.graph.root.inputs else None
        if isinstance(kind, Type):
            found[text] = [axis for axis, dim in enumerate(kind.dims) if dim.known is None]
    return found
