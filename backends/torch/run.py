"""One call of a model, with what it gave in numbers, how long it took and how much memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from ...compiler.calls import chosen_inputs, extents
from ...compiler.graph import Graph
from ..errors import ArgumentError
from .build import compile  # noqa: A004 - the name that users know from torch
from .example import example_inputs
from .memory import peak
from .model import Model
from .timing import sample

LENGTH = 8
"""How long an axis of an example is, where nobody says."""


@dataclass(frozen=True, slots=True)
class OutputReport:
    """One tensor of the output: its dotted name, type, shape, and statistics where it holds numbers."""

    name: str
    dtype: str
    shape: list[int]
    mean: float | None
    std: float | None
    least: float | None
    greatest: float | None
    finite: bool


@dataclass(frozen=True, slots=True)
class RunReport:
    """One call.

    Attributes:
        seconds: how long the call took, the first of its kind, so that compiling is in it.
        again: how long the same call took the second time.
        weight_bytes: what parameters and buffers take.
        peak_bytes: the most memory at once: of the device on CUDA, of the process elsewhere; None where nobody counts.
    """

    outputs: list[OutputReport]
    seconds: float
    again: float
    parameters: int
    weight_bytes: int
    peak_bytes: int | None

    def to_json(self) -> dict[str, Any]:
        """The report as plain data."""
        return asdict(self)


def built(
    target: str | Path, *, task: str | None = None, size: str | None = None, overrides: Mapping[str, Any] | None = None,
    backend: str = "eager", device: Any = None, dtype: Any = None, seed: int = 0, inference: bool = False,
    dynamic: bool | None = None, packed: bool = False,
) -> Model:  # fmt: skip
    """A module from a checkpoint folder, or from a spec with fresh weights that `seed` decides.

    Raises:
        SpecError: the spec is wrong.
        CheckpointError: the folder is.
        ArgumentError: a device that is not there, or a size for a checkpoint, which has its own.
    """
    torch.manual_seed(seed)
    how = {"backend": backend, "device": device, "dtype": dtype, "inference": inference, "dynamic": dynamic,
           "packed": packed}  # fmt: skip
    given = {**(overrides or {}), **how}
    if size is not None and Path(target).is_dir():
        raise ArgumentError(f"{target} is a checkpoint, which has its size: leave `size` out")
    return compile(target, task=task, size=size, **given)


def made_inputs(
    graph: Graph, *, dims: Mapping[str, int] | None = None, batch: int = 2, length: int | None = None,
    extra: Collection[str] = (), seed: int = 0,
) -> dict[str, Tensor]:  # fmt: skip
    """Example inputs of a call.

    Args:
        dims: extents by name, which count before all else.
        batch: how many samples.
        length: how long the axes are of which the spec's ``example:`` says nothing; None is short.
        extra: optional inputs to give as well.
        seed: of the numbers.

    Raises:
        ArgumentError: there is no such axis or input.
    """
    for name in extra:
        if name not in graph.root.inputs:
            raise ArgumentError(f"`{graph.name}` takes no input `{name}`; it takes {', '.join(graph.root.inputs)}")
    given = {*chosen_inputs(graph, tuple(extra))}
    usual = extents(graph, given, batch=batch, length=LENGTH if length is None else length)
    for name in dims or ():
        if name not in usual:
            raise ArgumentError(f"`{name}` is no axis of `{graph.name}`; there are {', '.join(usual)}")
    return example_inputs(graph, dims={**usual, **(dims or {})}, extra=tuple(extra), seed=seed)


def read_inputs(path: str | Path) -> dict[str, Tensor]:
    """The inputs of a call from a file: ``.safetensors``, or ``.json`` with nested lists of numbers by name.

    Raises:
        ArgumentError: the file is neither, or holds something else.
        OSError: it cannot be read.
    """
    file = Path(path)
    if file.suffix == ".safetensors":
        from safetensors import SafetensorError
        from safetensors.torch import load_file

        try:
            return load_file(file)
        except SafetensorError as error:
            raise ArgumentError(f"{file} is no safetensors file: {error}") from None
    if file.suffix != ".json":
        raise ArgumentError(f"expected inputs in a .safetensors or .json file, found {file.name}")
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        return {name: torch.tensor(value) for name, value in found.items()}
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ArgumentError(f"{file}: expected an object of lists of numbers: {error}") from None


def run_once(model: Model, inputs: Mapping[str, Tensor], *, flags: Collection[str] = ()) -> RunReport:
    """Call a model twice, the second time to see what a call costs once everything is made.

    Args:
        inputs: tensors by name; they are moved to the model's device, floating-point ones to its dtype.
        flags: flags of the call that are set.

    Raises:
        ArgumentError: the inputs do not fit the model.
    """
    first, given = next(iter(model.net.parameters())), moved(model, inputs)
    if first.is_cuda:
        torch.cuda.reset_peak_memory_stats(first.device)
    outputs: list[Any] = []
    with torch.no_grad():
        seconds, again = (
            sample(lambda: outputs.append(model(**given, **dict.fromkeys(flags, True))), 1) for _ in range(2)
        )
    tensors = [*model.net.parameters(), *model.net.buffers()]
    return RunReport(
        outputs=[_described(name, value) for name, value in named_tensors(outputs[0])],
        seconds=seconds,
        again=again,
        parameters=model.num_parameters(),
        weight_bytes=sum(one.numel() * one.element_size() for one in tensors),
        peak_bytes=peak(first.device),
    )


def keep(model: Model, inputs: Mapping[str, Tensor], *, flags: Collection[str] = ()) -> tuple[Path, int]:
    """Compile for calls without gradients and keep the code, with arguments as for `run_once`: the file, its bytes."""
    with torch.no_grad():
        return model.keep_compiled(**moved(model, inputs), **dict.fromkeys(flags, True))


def moved(model: Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs where the model is, floating-point tensors of its type; those of records too."""
    first = next(iter(model.net.parameters()))

    def move(value: Tensor) -> Tensor:
        return value.to(first.device, first.dtype if value.is_floating_point() else None)

    return tree_map_only(Tensor, move, dict(inputs))


def named_tensors(value: Any, prefix: str = "", *, item: str = "[{}]") -> Iterator[tuple[str, Tensor]]:
    """The tensors of an output by dotted names; `item` is how a place in a list is written."""
    if isinstance(value, Tensor):
        yield prefix, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from named_tensors(inner, f"{prefix}.{name}" if prefix else str(name), item=item)
    elif isinstance(value, (list, tuple)):
        for number, inner in enumerate(value):
            yield from named_tensors(inner, prefix + item.format(number), item=item)


def _described(name: str, value: Tensor) -> OutputReport:
    numbers = value.detach().double()
    has_any = numbers.numel() > 0
    return OutputReport(
        name=name,
        dtype=str(value.dtype).removeprefix("torch."),
        shape=list(value.shape),
        mean=numbers.mean().item() if has_any else None,
        std=numbers.std(correction=0).item() if has_any else None,
        least=numbers.min().item() if has_any else None,
        greatest=numbers.max().item() if has_any else None,
        finite=bool(numbers.isfinite().all()),
    )
