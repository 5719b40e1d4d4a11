"""First calls: a fresh process up to its first output, which imports no more than a user of that model does."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...compiler.collector import uncollected
from ..errors import ArgumentError
from .fresh import fresh

if TYPE_CHECKING:
    from .request import Request

INPUTS = "inputs.pt"
"""The file of the call's inputs, in the folder that a reference is loaded from."""


@dataclass(frozen=True, slots=True)
class FirstCall:
    """A fresh process: seconds to start and import, to build, for the first call (compiling) and for the second.

    Attributes:
        build_bytes: the most memory at once while it was built, above what was in use before.
        peak_bytes: the most memory at once in all.
    """

    name: str
    start: float
    build: float
    first: float
    again: float
    build_bytes: int | None = None
    peak_bytes: int | None = None


def first_call(
    name: str, request: Request, *, cache: str, reference: str | None = None, kept: str | None = None,
    keep: bool = False, limit: float | None = None,
) -> FirstCall:  # fmt: skip
    """Compile and call a model in a fresh process.

    Args:
        name: what it is called.
        request: the model and the call.
        cache: the folder in which torch keeps compiled code.
        reference: the folder of Hugging Face's model and of the inputs, where that is meant.
        kept: the folder of `archwright compile`; None is one that is empty.
        keep: keep the compiled code there, as that does.
        limit: seconds that it may take.

    Raises:
        TooLong: it took longer.
        ArgumentError: the process failed; its last line is told.
    """
    from .cache import VARIABLE  # imports torch

    environment = {"TORCHINDUCTOR_CACHE_DIR": cache, "TRITON_CACHE_DIR": os.path.join(cache, "triton"),
                   VARIABLE: kept or os.path.join(cache, "kept")}  # fmt: skip
    asked = {"request": asdict(request), "reference": reference, "keep": keep, "spawned": time.time()}
    try:
        return FirstCall(name, **fresh(f"{__name__}:serve", asked, environment=environment, limit=limit))
    except ArgumentError as error:
        raise type(error)(f"{name}: {error}") from None


def serve(request: dict[str, Any], reference: str | None, keep: bool, spawned: float) -> dict[str, Any]:
    """What the fresh process does."""
    make, given = _ours(request) if reference is None else _theirs(request, reference)
    import torch

    from .memory import in_use, peak
    from .timing import sample

    start = time.time() - spawned
    device = torch.device(request["device"] or "cpu")
    before, began = in_use(device), time.perf_counter()
    model = make()
    build, most = time.perf_counter() - began, peak(device)
    inputs = given(model)
    call = torch.no_grad()(partial(model, **inputs))
    first, again = (sample(call, 1) for _ in range(2))
    if keep:
        with torch.no_grad():
            model.keep_compiled(**inputs)
    build_bytes = None if most is None or before is None else most - before
    return {
        "start": start, "build": build, "first": first, "again": again, "build_bytes": build_bytes,
        "peak_bytes": peak(device),
    }  # fmt: skip


_Parts = tuple[Callable[[], Any], Callable[[Any], Mapping[str, Any]]]


def _ours(request: Mapping[str, Any]) -> _Parts:
    """What makes our model, and the inputs of its call."""
    with uncollected():  # as the package imports what it is asked for
        from .request import Request

    asked = Request(**request)
    return partial(asked.model, "inductor", packed=asked.packed), asked.call


def _theirs(request: Mapping[str, Any], reference: str) -> _Parts:
    """The same of Hugging Face's."""
    import torch

    from .reference import load_reference, reference_class

    reference_class(reference)  # what it imports is part of the start
    load = partial(load_reference, reference, device=request["device"], dtype=request["dtype"])
    return lambda: torch.compile(load()), lambda model: torch.load(Path(reference, INPUTS))
