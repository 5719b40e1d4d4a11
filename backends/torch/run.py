"""One call of a model, with what it gave in numbers, how long it took and how much memory."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

from ..errors import ArgumentError
from .memory import peak
from .model import Model
from .timing import sample


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
    except (ValueError, TypeError, AttributeError, RecursionError, RuntimeError) as error:
        raise ArgumentError(f"{file}: expected an object of lists of numbers: {error}") from None


def run_once(model: Model, inputs: Mapping[str, Tensor], *, flags: Collection[str] = ()) -> RunReport:
    """Call a model twice, the second time to see what a call costs once everything is made.

    Args:
        inputs: tensors by name; they are moved to the model's device, floating-point ones to its dtype.
        flags: flags of the call that are set.

    Raises:
        ArgumentError: the inputs do not fit the model.
    """
    device, given = model.device, moved(model, inputs)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
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
        weight_bytes=sum(one.nbytes for one in tensors),
        peak_bytes=peak(device),
    )


def moved(model: Model, inputs: Mapping[str, Any]) -> dict[str, Any]:
    """Inputs where the model is, floating-point tensors of its type; those of records too."""
    device, dtype = model.device, model.dtype

    def move(value: Tensor) -> Tensor:
        return value.to(device, dtype if value.is_floating_point() else None)

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


def difference(expected: Tensor, found: Tensor) -> float:
    """The largest one of two tensors of one shape, beside the largest number that is expected; what is none counts."""
    one, other = expected.double().cpu(), found.double().cpu()
    gap = (one - other).abs().nan_to_num(nan=float("inf"))
    apart = torch.where((one == other) | (one.isnan() & other.isnan()), 0.0, gap)
    largest = one[one.isfinite()].abs().max().item() if one.isfinite().any() else 0.0
    return (apart.max().item() if apart.numel() else 0.0) / (largest or 1.0)


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
