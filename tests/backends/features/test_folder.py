"""How a folder says what its files are as inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from archwright.backends.errors import CheckpointError
from archwright.backends.features.folder import file_inputs

SETTINGS = {"image_processor_type": "ViTImageProcessor", "size": {"height": 6, "width": 4}}


def pixels(folder: Path) -> torch.Tensor:
    Image.new("RGB", (9, 7), (200, 30, 90)).save(folder / "x.png")
    return file_inputs(folder, {"pixel_values": None}, image=folder / "x.png")["pixel_values"]


def write(folder: Path, name: str, content: Any) -> None:
    (folder / name).write_text(json.dumps(content))


def test_settings_lie_in_either_file(tmp_path: Path) -> None:
    write(tmp_path, "preprocessor_config.json", SETTINGS)
    write(tmp_path, "processor_config.json", {"processor_class": "TrOCRProcessor"})
    own = pixels(tmp_path)
    (tmp_path / "preprocessor_config.json").unlink()
    write(tmp_path, "processor_config.json", {"image_processor": SETTINGS, "processor_class": "TrOCRProcessor"})
    assert torch.equal(pixels(tmp_path), own)
    assert own.shape == (1, 3, 6, 4)


@pytest.mark.parametrize("shared", [None, {}, {"feature_extractor": SETTINGS}])
def test_a_folder_that_says_nothing_of_pictures(tmp_path: Path, shared: Any) -> None:
    if shared is not None:
        write(tmp_path, "processor_config.json", shared)
    with pytest.raises(CheckpointError, match=r"no processor_config.json with `image_processor`"):
        pixels(tmp_path)
