"""Weights that were pickled, in the ``pytorch_model.bin`` of older checkpoints: read where that is asked for."""

from __future__ import annotations

import zipfile
from pathlib import Path

import torch

from ...errors import CheckpointError
from .folder import Header
from .load import FLOATS


def read_pickle(file: Path) -> dict[str, Header]:
    """The tensors of a file that `torch.save` wrote, by its unpickler for weights alone, mapped where the file allows.

    Raises:
        CheckpointError: it is damaged, or holds anything but tensors by name.
    """
    try:
        found = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except Exception as error:  # what is damaged may fail anywhere
        raise CheckpointError(f"{file} holds no weights that are safe to read: {_reason(error)}") from None
    if not isinstance(found, dict) or not all(
        isinstance(key, str) and isinstance(value, torch.Tensor) for key, value in found.items()
    ):
        raise CheckpointError(f"{file}: expected tensors by name, found other values")
    words = {kind: word for word, kind in FLOATS.items()}
    headers: dict[str, Header] = {}
    shared: set[int] = set()
    for key, value in found.items():
        place = value.untyped_storage().data_ptr()
        # What is tied was written once; whether it is tied here, the spec says.
        apart = value.clone() if place in shared else value
        headers[key] = Header(file, tuple(value.shape), words.get(value.dtype, "I64"), apart)
        shared.add(place)
    return headers


def _reason(error: Exception) -> str:
    """What torch says of a file, without its advice to read it all the same."""
    _, _, found = str(error).partition("WeightsUnpickler error: ")
    lines = [line for line in (found or str(error)).splitlines() if line.strip() and "weights_only" not in line]
    return lines[0].split(". ")[0].rstrip(".") if lines else type(error).__name__
