"""Models as files that run without this package: `torch.export` programs, AOTInductor packages, ONNX."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram

from ...blocks.notation.types import RecordType, Type
from ..errors import ArgumentError, ExportError
from ..files import write_whole
from .compiled import free_axes
from .model import Model
from .run import difference, moved, named_tensors

TOLERANCE = 1e-4
"""How far what is read back may be from the model, beside its largest number."""
ONNX_LIMIT = 2**31
"""More bytes no ONNX file holds, weights included."""
_EPSILONS = 4  # for types so short that one rounding is above the tolerance
_SEED = 0

Loaded = Callable[[Mapping[str, Tensor]], Any]


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was written.

    Attributes:
        inputs: the type and shape of each input, an axis by its name where its extent is free.
        difference: the largest one to the model, for the inputs that it was traced with, beside its largest number.
    """

    path: str
    format: str
    size_in_bytes: int
    inputs: dict[str, str]
    difference: float


def export(
    model: Model, path: str | Path, inputs: Mapping[str, Tensor], *, flags: Collection[str] = (),
    dynamic: bool = False, aoti: bool = False,
) -> ExportReport:  # fmt: skip
    """Write a model for one way of calling it, and prove by a call that what is read back computes the same.

    Args:
        model: one that is made without `inference` and `quantize`; it is exported in eval mode.
        path: ``.pt2`` for a `torch.export` program, ``.onnx`` for ONNX.
        inputs: those that the call gives, as tensors to trace it with; they are moved to the model.
        flags: the flags that it sets.
        dynamic: leave free the extents that the spec leaves free and the model does not fix.
        aoti: a ``.pt2`` is an AOTInductor package, machine code for this kind of device.

    Raises:
        ArgumentError: arguments that do not fit, or a library that ONNX needs is missing.
        ExportError: what is read back differs from the model; no file is left.
    """
    file = Path(path)
    kind = _format(model, file, aoti=aoti)
    if dynamic and model.graph.conditions:
        raise ArgumentError(
            f"`{model.graph.name}` asks whether `{next(iter(model.graph.conditions))}`, and an exported file has one "
            "answer: export it without `dynamic`"
        )
    if kind == "aoti":
        model.settle_compiler()
    net, values, takes = _plain(model, inputs, flags)
    free = free_axes(model, takes)
    shapes = {name: dict.fromkeys(free.get(name, ()), Dim.AUTO) or None for name in values}
    found: list[float] = []
    with torch.no_grad():
        expected = _seeded(lambda: net(**values))
        program = torch.export.export(net, (), dict(values), dynamic_shapes=shapes if dynamic else None, strict=False)

        def write(name: str) -> None:
            whole = f"{name}{file.suffix}"  # torch looks at suffixes
            try:
                loaded = _WRITERS[kind](program, whole, values, expected)
                found.append(_difference(expected, _seeded(lambda: loaded(values))))
                limit = max([TOLERANCE, *(_EPSILONS * torch.finfo(one.dtype).eps for one in net.parameters())])
                if found[0] > limit:
                    raise ExportError(
                        f"what was read back differs from `{model.graph.name}` by {found[0]:.2g}, relative to its "
                        f"largest number, more than {limit:.2g}; {file} is not written"
                    )
                os.replace(whole, name)
            finally:
                Path(whole).unlink(missing_ok=True)

        write_whole(file, write)
    taken = dict(zip(values, _taken(model, program, values, takes), strict=True))
    return ExportReport(str(file), kind, file.stat().st_size, taken, found[0])


def _format(model: Model, file: Path, *, aoti: bool) -> str:
    if model.inference or model.quantized:
        raise ArgumentError("weights in the order of one machine, or rounded, are not exported; make the model without "
                            "`inference` and `quantize`")  # fmt: skip
    if file.suffix not in (".pt2", ".onnx") or (aoti and file.suffix == ".onnx"):
        raise ArgumentError(f"expected a file in .pt2{'' if aoti else ' or .onnx'}, found {file.name}")
    if file.suffix == ".pt2":
        return "aoti" if aoti else "export"
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if importlib.util.find_spec(name) is None]
    if missing:
        raise ArgumentError(f'ONNX needs {", ".join(missing)}: pip install "archwright[onnx]"')
    if any(one.dtype == torch.bfloat16 for one in model.net.parameters()):
        raise ArgumentError("numpy, which calls what ONNX holds, has no bfloat16; take float16 or float32")
    if sum(one.nbytes for one in model.net.parameters()) >= ONNX_LIMIT:
        raise ArgumentError("an ONNX file holds less than 2 GiB, and these weights are more; write .pt2")
    return "onnx"


def _plain(
    model: Model, inputs: Mapping[str, Tensor], flags: Collection[str]
) -> tuple[nn.Module, dict[str, Any], dict[str, str]]:
    """A module with the model's weights whose forward is that of one call, its arguments, and which inputs they are."""
    made = model.plain()
    for name in inputs:
        if isinstance(getattr(model.graph.root.inputs.get(name), "type", None), RecordType):
            raise ArgumentError(f"`{name}` is a list of records, which no exported call takes; leave it out")
    call, given = made.chosen((), {**moved(model, inputs), **dict.fromkeys(flags, True)})
    made.net.forward = call.method
    return made.net.eval(), {text: given[name] for text, name in call.takes.items()}, call.takes


def _seeded(call: Callable[[], Any]) -> Any:
    """What a call gives with the same random numbers each time, for models that draw some."""
    with torch.random.fork_rng():
        torch.manual_seed(_SEED)
        return call()


def _difference(expected: Any, found: Any) -> float:
    """The largest difference of two outputs beside the largest number; infinite where they are of another form."""
    ours, theirs = ([tensor for _, tensor in named_tensors(one)] for one in (expected, found))
    if [(one.shape, one.dtype) for one in ours] != [(one.shape, one.dtype) for one in theirs]:
        return float("inf")
    return max(map(difference, ours, theirs), default=0.0)


def _taken(
    model: Model, program: ExportedProgram, values: Mapping[str, Any], takes: Mapping[str, str]
) -> Iterator[str]:
    """The type and shape that the program takes for each input; an axis that is free by name, with its bounds."""
    placeholders = {node.name: node.meta["val"] for node in program.graph.nodes if node.op == "placeholder"}
    for name, placeholder in zip(values, program.graph_signature.user_inputs, strict=True):
        kind, value = model.graph.root.inputs[takes[name]].type, placeholders.get(str(placeholder))
        if not isinstance(value, Tensor) or not isinstance(kind, Type):
            yield str(values[name])
            continue
        texts = [_axis(program, extent, str(dim)) for extent, dim in zip(value.shape, kind.dims, strict=False)]
        yield f"{str(value.dtype).removeprefix('torch.')}[{', '.join(texts)}]"


def _axis(program: ExportedProgram, extent: Any, name: str) -> str:
    if not isinstance(extent, torch.SymInt):
        return str(extent)
    bounds = program.range_constraints.get(extent.node.expr)
    upper = "" if bounds is None or not bounds.upper.is_Integer else f" <= {bounds.upper}"
    return f"{name}{upper}"


# Formats


def _program(program: ExportedProgram, path: str, values: Mapping[str, Tensor], expected: Any) -> Loaded:
    torch.export.save(program, path)
    module = torch.export.load(path).module()
    return lambda values: module(**values)


def _package(program: ExportedProgram, path: str, values: Mapping[str, Tensor], expected: Any) -> Loaded:
    torch._inductor.aoti_compile_and_package(program, package_path=path)
    package = torch._inductor.aoti_load_package(path)
    return lambda values: package(**values)


def _onnx(program: ExportedProgram, path: str, values: Mapping[str, Tensor], expected: Any) -> Loaded:
    import onnxruntime  # pyright: ignore[reportMissingImports]

    names = [name for name, _ in named_tensors(expected, item=".{}")]
    made = torch.onnx.export(program, (), kwargs=dict(values), output_names=names, dynamo=True, verbose=False)
    assert made is not None
    made.save(path, external_data=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda values: [
        torch.from_numpy(one)
        for one in session.run(None, {name: value.cpu().numpy() for name, value in values.items()})
    ]


_WRITERS = {"export": _program, "aoti": _package, "onnx": _onnx}
