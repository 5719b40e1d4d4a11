"""The module that users hold: it chooses the specialisation for a call, runs it, and names what comes back."""

from __future__ import annotations

import copy
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, overload

import torch
from torch import nn

from ...blocks.notation.dims import Symbol
from ...blocks.notation.types import RecordType, Type
from ...compiler.calls import lacking
from ...compiler.graph import Graph
from ...compiler.passes.packable import find_mask
from ...compiler.passes.unmasked import may_leave_out
from ..errors import ArgumentError
from .arguments import as_tensor, by_name, check_records, extents_of, sample_axes
from .compiled import Compiled, compile_method
from .emit.source import RoundsKind, Source
from .generated import Generated, refuse_overlooked
from .instructions import settle_instructions
from .layerwise import LEAST, Layers, layers_of, mark, rounds_per_layer
from .misfit import explain, misfit, ranks
from .modules.inference import Renewed, lay_rows
from .output import Output, wrap
from .packing import PADDING, padding_for
from .rates import ALIKE, settle_rates
from .records import pack
from .replay import is_recorded

if TYPE_CHECKING:
    from .checkpoint.folder import Origin

_WRITING = threading.RLock()
"""One thread at a time writes a forward: its name is that of no other."""

_NARROW = (torch.uint8, torch.int8, torch.int16)


class Model(nn.Module):
    """A compiled model.

    Attributes:
        graph: the checked graph that it was lowered from.
        net: the emitted root module, which owns the weights.
        backend: ``eager`` or ``inductor``.
        origin: the checkpoint that it was loaded from, if any.
        inference: it never trains, and its source is written for that.
        mask: the input that says which tokens are real, where the others are left out; None: all run.
        quantized: how its linear maps' weights are rounded, if they are.
        is_deep: it may be compiled layer by layer.
        has_alike: layers that differ in rates alone share what is compiled.
        layers: what its layers were compiled to, where modules have hooks or none has, with gradients or without.
    """

    graph: Graph
    net: nn.Module
    accepts_loss_kwargs = False  # what Hugging Face's Trainer asks: whether `num_items_in_batch` may be told
    _apart: Any = None  # `_called`, but a `torch.compile` around it does not look into it

    def __init__(
        self, graph: Graph, *, backend: str, dynamic: bool | None = None, inference: bool = False, packed: bool = False,
        rounds: RoundsKind = "region",
    ) -> None:  # fmt: skip
        super().__init__()
        self.graph = graph
        self.backend = backend
        self.dynamic = dynamic
        self.origin: Origin | None = None
        self.config: dict[str, Any] = {}
        self.inference = inference
        self.quantized: str | None = None
        # A compiled text is made for any shape; what hangs on shapes is then held only where they are said to stay.
        holds_extents = backend == "eager" or dynamic is False
        self.mask = find_mask(graph) if packed else None
        self.emitter = Source(graph, inference=inference, holds_extents=holds_extents, mask=self.mask, rounds=rounds)
        self._methods: dict[int, Any] = {}
        self._steps: dict[tuple[int, str, bool | None], tuple[Any, dict[str, str]]] = {}
        self._idle: dict[tuple[int, str], bool] = {}
        masks = [name for name, one in graph.root.inputs.items() if getattr(one.type, "kind", "") == "bool"]
        self._axes = {name: max(ranks(graph, name)) + (name in graph.folds) for name in masks}
        self._samples = sample_axes(graph)
        self.emitter.specialise(_plainest(graph))
        layers = layers_of(self.emitter) if backend == "inductor" else {}
        self.is_deep = rounds_per_layer(layers) >= LEAST
        self.has_alike = rounds_per_layer(layers) >= ALIKE and not inference
        self.layers: dict[tuple[bool | None, bool], Layers] = {}
        self.generated = Generated(f"{graph.name}_{graph.task or 'base'}", self.source)
        with torch.device("meta"):
            self.net = self.generated.classes[self.emitter.root.name]()
        mark(self.net, layers if self.is_deep else {})
        if backend == "inductor":  # the hook makes a cycle, and the weights of an eager model go when it does
            self.net.register_load_state_dict_post_hook(self._unrecord)

    @property
    def source(self) -> str:
        """The generated Python, as text: one file with a forward for each specialisation made so far."""
        return self.emitter.text()

    @property
    def device(self) -> torch.device:
        """Where the first of the weights is."""
        return next(self.parameters(), torch.empty(0)).device

    @property
    def dtype(self) -> torch.dtype:
        """The type of the first of the weights that is not whole numbers."""
        return next((one for one in self.parameters() if one.is_floating_point()), torch.empty(0)).dtype

    def train(self, mode: bool = True) -> Model:
        """As torch's.

        Raises:
            ArgumentError: the model is for inference, or its weights are rounded.
        """
        if mode and (self.inference or self.quantized):
            argument = "inference=True" if self.inference else f'quantize="{self.quantized}"'
            raise ArgumentError(f"a model made with `{argument}` cannot train; make it without")
        return super().train(mode)

    def __getstate__(self) -> dict[str, Any]:
        bound: dict[str, Any] = {"_methods": {}, "_steps": {}, "layers": {}}  # to these weights, and this process
        return {**super().__getstate__(), **bound}

    def __deepcopy__(self, memo: dict[int, Any]) -> Model:
        memo[id(self.generated)] = Generated(self.generated.name, self.generated.text)
        memo[id(self)] = made = type(self).__new__(type(self))
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made

    def settle(self, used: Callable[[torch.Tensor], None] = lambda weight: None) -> None:
        """Make what is computed with in the place of rates, and for inference of weights, which from here on stay.

        Args:
            used: is told each weight that something was made from.
        """
        if self.has_alike:
            settle_rates(self.net, self.generated.classes, self.emitter)
        if self.inference:
            self.requires_grad_(False)
            read = {
                one: [weight for source in getattr(one, "sources", (one,)) for weight in source.parameters(False)]
                for one in self.net.modules()
                if isinstance(one, Renewed)
            }
            self._unrecord()
            # The largest first, while little else is made yet: what is read of it and what is made both take memory.
            for module in sorted(read, key=lambda one: -sum(weight.numel() for weight in read[one])):
                module.renew()
                for weight in read[module]:
                    used(weight)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        self._unrecord()
        made = super()._apply(fn, recurse)
        if self.has_alike:
            settle_rates(self.net, self.generated.classes, self.emitter)
        return made

    def _unrecord(self, *loaded: Any) -> None:
        """Weights, or what is made from them, lie elsewhere from here on."""
        for method in self._methods.values():
            if isinstance(method, Compiled):
                method.replays.forget()

    def forward(self, *args: Any, **inputs: Any) -> Output:
        """Run the model on Hugging Face's input names; absent optional inputs are left out or None.

        Raises:
            ArgumentError: an unknown name, inputs from which no output can be made, or that do not fit their types.
        """
        if torch.compiler.is_dynamo_compiling():
            return self._traced(args, inputs)
        return self._called(args, inputs)

    def _called(self, args: tuple[Any, ...], inputs: dict[str, Any]) -> Output:
        method, values = self.chosen(args, inputs)
        try:
            return wrap(self.graph.outputs, method(values))
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            combination = self._combination(by_name(self.graph, args, inputs), set(values))
            again = partial(self._plainly, combination, values)
            explain(error, self.graph, values, combination=combination, net=self.net, again=again)
            raise

    def _plainly(self, combination: int, values: dict[str, Any]) -> Any:
        """The call as it is written, not compiled."""
        bound = self.bound(combination)
        return bound(**{text: values[name] for text, name in self.emitter.takes(bound).items()})

    def _traced(self, args: tuple[Any, ...], inputs: dict[str, Any]) -> Output:
        """The call, as a `torch.compile` around the model traces it: what it computes becomes part of the graph there.

        Not where a packed call looks at numbers first, nor where regions take gradients, for which inductor has to be
        told something (`compiled`); nor where extents decide what is computed.
        """
        regions = self.backend == "inductor" and self.emitter.repeated and torch.is_grad_enabled()
        if self.mask is not None or self.graph.conditions or regions:
            _set_apart()
            return self._apart(args, inputs)
        word, takes = self._written([_told(one) for one in args], {name: _told(one) for name, one in inputs.items()})
        named = {**dict(zip(self.graph.root.inputs, args, strict=False)), **inputs}
        values = {name: self.value(named[name], name) for _, name in takes}
        check_records(self._samples, values)
        return wrap(self.graph.outputs, getattr(self.net, word)(**{text: values[name] for text, name in takes}))

    def _written(self, args: list[Any], inputs: dict[str, Any]) -> tuple[str, tuple[tuple[str, str], ...]]:
        """The method of `net` for a call of which is told what stands where a tensor does not, and what it takes."""
        named = by_name(self.graph, tuple(args), inputs)
        given = self._given(named)
        combination = self._combination(named, set(given))
        self._require(combination, set(given))
        bound = self.bound(combination)
        return bound.__name__, tuple(self.emitter.takes(bound).items())

    def chosen(self, args: tuple[Any, ...], inputs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """The specialisation for a call, and the tensors that it is given."""
        named = by_name(self.graph, args, inputs)
        given = self._given(named)
        combination = self._combination(named, set(given))
        if self.inference:
            for name in self._idle_masks(combination, given):
                del given[name]
            combination = self._combination(named, set(given))
        method = self._methods.get(combination) or self._specialise(combination, set(given))
        values = {name: self.value(value, name) for name, value in given.items()}
        check_records(self._samples, values)
        if self.mask is not None and self.mask in values:
            how = {"is_compiled": self.backend == "inductor", "is_filled": is_recorded(self)}
            values[PADDING] = padding_for(self.graph, self.mask, self.emitter.needs[combination], values, **how)
        return method, values

    def _given(self, named: Mapping[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in named.items() if value is not None and name in self.graph.root.inputs}

    def _combination(self, named: Mapping[str, Any], given: set[str]) -> int:
        flags = {name for name in self.graph.flags if self._flag(name, named)}
        met: set[str] = set()
        if self.graph.conditions:
            values = {name: self.value(named[name], name) for name in given & named.keys()}
            met = self.graph.met(extents_of(self.graph, values))
        return self.graph.combination(given | flags | met, off=self.graph.flags.keys() - flags)

    def _idle_masks(self, combination: int, given: Mapping[str, Any]) -> list[str]:
        """The masks of a call that hide nothing and may be left out; on a CPU, where looking costs no waiting."""
        found = []
        for name in [name for name in given if name in self.graph.atoms]:
            value, kind = given[name], self.graph.root.inputs[name].type
            if not isinstance(value, torch.Tensor) or value.device.type != "cpu":
                continue
            if isinstance(kind, Type) and value.dim() != len(kind.dims):
                continue  # a mask of another form may hide something by what it leaves open
            if (combination, name) not in self._idle:
                self._idle[combination, name] = may_leave_out(self.graph, name, combination)
            if self._idle[combination, name] and bool(value.all()):
                found.append(name)
                combination &= ~(1 << self.graph.atoms.index(name))
        return found

    def value(self, value: Any, name: str) -> Any:
        """A tensor, or records packed into some; a whole number stays one where the input has no axes.

        Integers may be narrow; those of one axis, such as labels, may come as a column.
        """
        kind = self.graph.root.inputs[name].type
        if isinstance(kind, RecordType):
            return pack(value, kind, name)
        rank = len(kind.dims) if isinstance(kind, Type) else None
        if rank == 0 and isinstance(value, int):
            return value
        tensor = as_tensor(value, name)
        if tensor.dim() > self._axes.get(name, tensor.dim()):  # a mask by query would stand in place of causality
            told = f"`{name}` expected {self._axes[name]} axes at most, found {list(tensor.shape)}"
            raise ArgumentError(misfit(self.graph, {name: tensor}) or told)
        if tensor.dtype in _NARROW and getattr(kind, "kind", "") == "int":
            tensor = tensor.long()  # tables are read by these alone
        is_row = rank == 1 and getattr(kind, "kind", "") == "int" and name not in self.graph.folds
        is_column = is_row and tensor.shape[1:] == (1,)
        return tensor[:, 0] if is_column else tensor

    def _flag(self, name: str, named: Mapping[str, Any]) -> bool:
        value = named.get(name)
        return bool(self.config.get(name, self.graph.flags[name])) if value is None else bool(value)

    def _specialise(self, combination: int, given: set[str]) -> Any:
        """Write and load the forward for a new combination of inputs and flags."""
        self._require(combination, given)
        refuse_overlooked(self.net)
        bound = self.bound(combination)
        if self.backend == "inductor":
            self._methods[combination] = Compiled(self, combination, bound)
        else:
            run, takes = self._hooked(bound), self.emitter.takes(bound)
            self._methods[combination] = lambda values: run(**{text: values[name] for text, name in takes.items()})
        return self._methods[combination]

    def bound(self, combination: int) -> Any:
        """The method of `net` for a combination of inputs and flags, as it is written.

        Raises:
            ArgumentError: it needs an extent that none of these inputs has.
        """
        with _WRITING:
            bound = self._bound(self.emitter.specialise(combination))
        for text, name in self.emitter.takes(bound).items():
            if name not in self.graph.root.inputs and name != PADDING:
                kinds = [(one, value.type) for one, value in self.graph.root.inputs.items()]
                told = [f"`{one}`" for one, kind in kinds if isinstance(kind, Type) and text in map(str, kind.dims)]
                raise ArgumentError(f"nothing says how long `{text}` is; give {' or '.join(told)}")
        return bound

    def _bound(self, name: str) -> Any:
        self.generated.grow(self.source)
        return self.generated.bound(self.net, name)

    def _hooked(self, bound: Any) -> Any:
        """A method of `net`, called with its hooks."""
        return self.net if bound.__name__ == "forward" else getattr(self.net, bound.__name__)

    def keep_compiled(self, **inputs: Any) -> tuple[Path, int]:
        """Compile for a call and keep the code for other processes (`compiled.py`): the file, and its bytes.

        Raises:
            ArgumentError: the model does not compile what it runs, or the inputs are wrong.
            OSError: the cache's folder cannot be written.
        """
        if self.backend != "inductor":
            raise ArgumentError('code is kept of models with `backend="inductor"`')
        method, values = self.chosen((), inputs)
        try:
            return method.keep(values)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            explain(error, self.graph, values, net=self.net)
            raise

    def plain(self) -> Model:
        """The same model, weights and all, with its repeated layers as they stand.

        Of a nested region `torch.export` keeps a call of a subgraph in strict mode, and out of it fails on some.
        """
        made = Model(self.graph, backend="inductor", dynamic=self.dynamic, inference=self.inference, rounds="plain")
        made.config = self.config
        made.emitter.root.held.update(self.emitter.root.held)
        for own, other in zip(made.net.modules(), self.net.modules(), strict=True):
            vars(own).update({**vars(other), "_modules": own._modules})
        return made

    def step(self, combination: int, output: str, tokens: Symbol, *, is_first: bool) -> tuple[Any, dict[str, str]]:
        """The method of `net` that gives `output` for new tokens (`compiler/decoding.py`), and what it takes.

        It takes inputs, and what it needs of ``:place`` and ``:held``.

        Raises:
            SpecError: the graph cannot be decoded step by step; the diagnostic names the node.
        """
        key = (combination, output, is_first)
        if key not in self._steps:
            with _WRITING:
                bound = self._bound(self.emitter.step(combination, output, tokens, is_first=is_first).method)
            is_compiled = self.backend == "inductor" and not is_first
            if is_compiled:
                with torch.inference_mode(False):
                    lay_rows(self.net)
            run = compile_method(self, bound) if is_compiled else self._hooked(bound)
            self._steps[key] = run, self.emitter.takes(bound)
        return self._steps[key]

    def part(self, combination: int, output: str) -> tuple[Any, dict[str, str]]:
        """The method of `net` that gives one output and computes no more than that asks for, and what it takes."""
        key = (combination, output, None)
        if key not in self._steps:
            with _WRITING:
                forward = self.emitter.root_forward(combination, {output: self.graph.outputs[output]})
                method = self.emitter.root.keep(forward, "forward_part", before=self.emitter.preamble(forward))
                bound = self._bound(method.method)
            self._steps[key] = self._hooked(bound), self.emitter.takes(bound)
        return self._steps[key]

    def settle_compiler(self) -> None:
        """Set torch's compiler right, and on a CPU spare it finding out what it may use."""
        from .inductor import settle_inductor  # which imports it

        settle_inductor()
        if all(parameter.device.type == "cpu" for parameter in self.net.parameters()):
            settle_instructions()

    def _require(self, combination: int, given: set[str]) -> None:
        """Refuse a call from which what it always returns cannot be made."""
        missing = [name for name in self.graph.root.inputs if name not in self.graph.atoms and name not in given]
        if missing:
            raise ArgumentError(f"`{self.graph.name}` needs {', '.join(f'`{name}`' for name in missing)}")
        for name, value in lacking(self.graph, combination):
            options = [atom for k, atom in enumerate(self.graph.atoms) if value.present >> (combination | 1 << k) & 1]
            if options:
                raise ArgumentError(
                    f"`{name}` cannot be made from these inputs; give {' or '.join(f'`{o}`' for o in options)}"
                )

    @overload
    def generate(  # pyright: ignore[reportOverlappingOverload]: the first that fits counts
        self, inputs: Any = None, *, return_dict_in_generate: Literal[True], **options: Any
    ) -> Output: ...

    @overload
    def generate(self, inputs: Any = None, **options: Any) -> torch.Tensor: ...

    def generate(self, inputs: Any = None, **options: Any) -> torch.Tensor | Output:
        """Write tokens after a prompt, as ``generate`` of Hugging Face does (`docs/generation.md`).

        Args:
            inputs: what is read first, under its name or alone.
            **options: the model's inputs, and options by Hugging Face's names.

        Returns:
            ``[rows, length]``: the ids, prompt or start token included; with ``return_dict_in_generate=True`` the
            `sequences` among what else is asked for.

        Raises:
            ArgumentError: the model writes no tokens, or an option is wrong.
        """
        from .generation.generate import generate, read_first

        try:
            return generate(self, inputs, **options)
        except (IndexError, RuntimeError, TypeError, ValueError) as error:
            again = partial(generate, self, inputs, **options)
            explain(error, self.graph, {read_first(self.graph): inputs, **options}, net=self.net, again=again)
            raise

    def save_pretrained(self, folder: str | Path, *, max_shard_size: int | str | None = None) -> None:
        """Write a folder in Hugging Face's layout: ``config.json`` and ``model.safetensors``.

        Args:
            folder: made where it is not there.
            max_shard_size: bytes, or a text such as ``5GB``: what is larger is written as shards with an index.
        """
        from .checkpoint.save import save

        save(self, folder, max_shard_size=max_shard_size)

    def num_parameters(self) -> int:
        """How many trained numbers the model has; tied ones count once."""
        return self.graph.num_parameters()


def _told(value: Any) -> Any:
    """What a choice by the call may hang on: not what a tensor holds."""
    return value if value is None or isinstance(value, (bool, int)) else ...


def _set_apart() -> None:
    """Make `Model._apart`; not before it is asked for, since that imports the compiler."""
    if Model._apart is None:
        reason = (
            "a model that compiles itself, is packed, or asks how long axes are, is not traced: make it "
            '`backend="eager"`, not packed'
        )
        Model._apart = torch.compiler.disable(Model._called, reason=reason)


# As `torch._dynamo.assume_constant_result` marks them, which would import the compiler.
vars(_set_apart)["_dynamo_marked_constant"] = vars(Model._written)["_dynamo_marked_constant"] = True


def _plainest(graph: Graph) -> int:
    """The combination that the source shows first: required inputs, ids and the mask."""
    first = next(iter(graph.root.inputs), "")
    return graph.combination({first, "attention_mask", "decoder_input_ids"} & {*graph.atoms})
