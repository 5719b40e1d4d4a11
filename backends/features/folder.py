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


def settings_of(folder: str | Path, part: str) -> dict[str, Any]:
    """What ``preprocessor_config.json`` says, or ``processor_config.json`` of a part, as of transformers 5.

    Args:
        folder: the checkpoint.
        part: ``feature_extractor`` or ``image_processor``.

    Raises:
        CheckpointError: neither says anything, or it cannot be read.
    """
    own, shared = Path(folder) / "preprocessor_config.json", Path(folder) / "processor_config.json"
    if own.is_file():
        return read_json(own)
    found = read_json(shared).get(part) if shared.is_file() else None
    if not isinstance(found, dict):
        raise CheckpointError(
            f"{folder} has no preprocessor_config.json, and no processor_config.json with `{part}`, one of which says "
            "how files are read"
        )
    return found


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
        found |= audio_inputs(audio, settings_of(folder, "feature_extractor"))
    if image is not None:
        _require(takes, ("pixel_values",), "pictures")
        found |= image_inputs(image, settings_of(folder, "image_processor"))
    return {name: value for name, value in found.items() if name in takes}


def _require(takes: Mapping[str, Any], names: tuple[str, ...], what: str) -> None:
    if not set(names) & set(takes):
        raise ArgumentError(f"the model reads no {what}; it takes {', '.join(takes)}")
