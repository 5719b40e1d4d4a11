"""The inputs that files and text are for a checkpoint, by what its folder says of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from ..errors import ArgumentError, CheckpointError
from ..torch.checkpoint.folder import read_json
from .audio import audio_inputs
from .images import image_inputs


def settings_of(folder: str | Path) -> dict[str, Any]:
    """What ``preprocessor_config.json`` says.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    path = Path(folder) / "preprocessor_config.json"
    if not path.is_file():
        raise CheckpointError(f"{folder} has no preprocessor_config.json, which says how files are read")
    return read_json(path)


def file_inputs(
    folder: str | Path, takes: Mapping[str, Any], *, audio: str | Path | None = None, image: str | Path | None = None
) -> dict[str, Tensor]:
    """The inputs that a recording or a picture is.

    Args:
        folder: the checkpoint.
        takes: the inputs of the model, by name.
        audio: a WAV file.
        image: a PNG file.

    Raises:
        ArgumentError: the model reads no such file, or the file is wrong.
        CheckpointError: the folder does not say how files are read.
        OSError: a file cannot be read.
    """
    found: dict[str, Tensor] = {}
    if audio is not None:
        _require(takes, ("input_features", "input_values"), "recordings")
        found |= audio_inputs(audio, settings_of(folder))
    if image is not None:
        _require(takes, ("pixel_values",), "pictures")
        found |= image_inputs(image, settings_of(folder))
    return {name: value for name, value in found.items() if name in takes}


def _require(takes: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    if not set(names) & set(takes):
        raise ArgumentError(f"the model reads no {what}; it takes {', '.join(takes)}")
