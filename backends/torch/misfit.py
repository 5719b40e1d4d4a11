"""What is wrong with the inputs of a call that torch refused; asked only then, so that calls that run pay nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from ...blocks.notation.types import RecordType, Type
from ...compiler.calls import clash
from ...compiler.graph import Graph
from ..errors import ArgumentError
from .arguments import inner_shape
from .example import limits


def explain(
    error: Exception, graph: Graph, values: Mapping[str, Any], *, combination: int | None = None,
    net: nn.Module | None = None, again: Callable[[], Any] | None = None, before: str = "",
) -> None:  # fmt: skip
    """Raise what is wrong with the inputs, where that is seen; an error of torch's compiler gets a note.

    Args:
        error: what torch said.
        graph: what was called.
        values: its inputs.
        combination: of inputs and flags, where that is known.
        net: what was called, as a module.
        again: makes the call once more, in eager mode.
        before: stands in front of what is told.
    """
    if isinstance(error, ArgumentError):
        return
    told = misfit(graph, values, combination) or ("" if net is None else _elsewhere(graph, values, net))
    if not told and net is not None and again is not None:
        told = _beyond(error, net, again)
    if told:
        raise ArgumentError(before + told) from error
    if type(error).__module__.startswith(("torch._dynamo", "torch._inductor")) or "torch.compile" in str(error):
        error.add_note(_UNCOMPILED)


_UNCOMPILED = (
    'A model made with `backend="eager"` runs without torch.compile: it needs no C++ compiler, and takes the hooks, '
    "modes and transforms of torch.func that cannot be compiled."
)


def _elsewhere(graph: Graph, values: Mapping[str, Any], net: nn.Module) -> str:
    """The first input that is not where all weights are, in words."""
    devices = {weight.device for weight in net.parameters()}
    for name, value in values.items():
        if name in graph.root.inputs and isinstance(value, torch.Tensor) and value.dim() and devices != {value.device}:
            there = devices.pop() if len(devices) == 1 else None
            return f"`{name}` expected on {there}, where the model is, found on {value.device}" if there else ""
    return ""


def _beyond(error: Exception, net: nn.Module, again: Callable[[], Any]) -> str:
    """Which of the tables of `net` a call reads beyond, in words, where torch refused it for that; on a CPU."""
    is_beyond = isinstance(error, IndexError) or "index out of bounds" in str(error)  # in eager or in compiled code
    if not is_beyond or any(one.device.type != "cpu" for one in net.parameters()):
        return ""
    lookups = _Lookups(net)
    with suppress(IndexError, RuntimeError, TypeError, ValueError), torch.no_grad(), lookups:
        again()
    return lookups.told


class _Lookups(TorchDispatchMode):
    """Watches the rows that are read of tables, and tells of the first that is not there."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.told = ""
        self.names = {one.data_ptr(): name for name, one in (*net.named_parameters(), *net.named_buffers())}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten.embedding.default:
            self.look(args[0], args[1])
        elif func is torch.ops.aten.index.Tensor and args[1][0] is not None and args[1][0].dtype != torch.bool:
            self.look(args[0], args[1][0])
        return func(*args, **(kwargs or {}))

    def look(self, table: torch.Tensor, index: torch.Tensor) -> None:
        name, rows = self.names.get(table.data_ptr()), len(table)
        most = int(index.max()) if index.numel() else 0
        if name and most >= rows and not self.told:
            beyond = f"expected numbers from 0 to {rows - 1}, found {most}"
            self.told = f"`{name}` has {rows} rows, {beyond}; if they count tokens, give {most - rows + 1} fewer"


def misfit(graph: Graph, values: Mapping[str, Any], combination: int | None = None) -> str:
    """The first input that its type, the extents before it or a table does not admit, in words; empty for none.

    Of a known `combination` of inputs and flags then the first place inside at which extents do not meet.
    """
    extents: dict[str, int] = {}
    for name, given in graph.root.inputs.items():
        kind, value, declared = given.type, values.get(name), graph.spec.inputs.get(name)
        itself = not isinstance(kind, RecordType)
        rows = min((limit for limit in limits(graph.root, name, itself=itself) if limit), default=None)
        if isinstance(kind, RecordType) and isinstance(value, Mapping):
            for field, inner in zip(kind.names, kind.items, strict=True):
                is_whole = getattr(inner, "kind", "") == "int"
                if is_whole and (beyond := _outside(f"{name}.{field}", value[field], rows, ignored=0)):
                    return beyond
        if not isinstance(kind, Type) or not isinstance(value, torch.Tensor):
            extent = extents.get(str(kind.dims[-1])) if isinstance(kind, Type) and kind.dims else None
            if graph.root.defaults.get(name) == "range" and rows is not None and extent is not None and extent > rows:
                return f"`{name}`, which counts, expected {rows} places at most, found {extent}"
            continue
        text = str(kind) if declared is None else declared.type
        shape = inner_shape(graph, name, value)
        shown = text.replace("batch", f"batch, {graph.folds[name]}", 1) if name in graph.folds else text
        told = f"`{name}` expected {shown}, found {str(value.dtype).removeprefix('torch.')}{list(value.shape)}"
        is_bool = value.dtype == torch.bool
        is_other = kind.kind != "bool" and (is_bool or value.is_floating_point() != (kind.kind == "float"))
        is_told = declared is not None or len(kind.dims) > 1  # labels of one axis may have another kind in their part
        if is_told and "*" not in text and (len(shape) not in ranks(graph, name) or is_other):
            return told
        for dim, extent in zip(kind.dims, shape, strict=True) if len(shape) == len(kind.dims) else ():
            wanted = extents.setdefault(str(dim), extent) if dim.known is None else dim.known
            if extent not in (wanted, 1):
                return f"{told}, where `{dim}` is {wanted}"
        if kind.kind == "int" and not is_other and (beyond := _outside(name, value, rows)):
            return beyond
    return "" if combination is None else clash(graph, combination, extents)


def _outside(name: str, value: torch.Tensor, rows: int | None, ignored: int = -100) -> str:
    """That numbers are none of `rows`, in words; empty where they are or are ignored, or to look means to wait."""
    if rows is None or not value.numel() or value.device.type != "cpu":
        return ""
    low, high = int(value.min()), int(value.max())
    found = f"{low}" if low == high else f"{low} to {high}"
    is_fine = high < rows and (low >= 0 or low == ignored)
    return "" if is_fine else f"`{name}` expected numbers from 0 to {rows - 1}, found {found}"


def ranks(graph: Graph, name: str) -> set[int]:
    """How many axes an input may have, after those that are folded into one."""
    kind, declared = graph.root.inputs[name].type, graph.spec.inputs.get(name)
    text = str(kind) if declared is None else declared.type
    axes = (part.partition("[")[2].strip("]") for part in text.split("] |"))
    return {len(kind.dims) if isinstance(kind, Type) else 0, *(len(one.split(",")) if one else 0 for one in axes)}
