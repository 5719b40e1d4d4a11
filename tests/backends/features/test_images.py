"""What a picture becomes, beside the reference's slow image processors."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from PIL import Image
from transformers import (
    BeitImageProcessor,
    CLIPImageProcessor,
    ConvNextImageProcessor,
    DeiTImageProcessor,
    DonutImageProcessor,
    SegformerImageProcessor,
    ViTImageProcessor,
)

from archwright.backends.errors import ArgumentError
from archwright.backends.features.images import image_inputs

PROCESSORS: dict[str, tuple[Any, dict[str, Any]]] = {
    "vit": (ViTImageProcessor, {"size": {"height": 30, "width": 22}}),
    "vit-usual": (ViTImageProcessor, {}),
    "vit-plain": (ViTImageProcessor, {"do_resize": False, "do_normalize": False}),
    "vit-bytes": (ViTImageProcessor, {"size": {"height": 8, "width": 8}, "do_rescale": False, "do_normalize": False}),
    "vit-trocr": (ViTImageProcessor, {"size": {"height": 38, "width": 38}, "image_mean": [0.4, 0.5, 0.6]}),
    "deit": (DeiTImageProcessor, {"size": {"height": 32, "width": 32}, "crop_size": {"height": 25, "width": 24}}),
    "deit-small": (DeiTImageProcessor, {"size": {"height": 15, "width": 40}, "crop_size": {"height": 24, "width": 25}}),
    "deit-uncropped": (DeiTImageProcessor, {"size": {"height": 32, "width": 32}, "do_center_crop": False}),
    "beit": (BeitImageProcessor, {"size": {"height": 32, "width": 32}, "crop_size": {"height": 20, "width": 20}}),
    "clip": (CLIPImageProcessor, {"size": {"shortest_edge": 21}, "crop_size": {"height": 18, "width": 18}}),
    "segformer": (SegformerImageProcessor, {"size": {"height": 20, "width": 20}}),
    "convnext": (ConvNextImageProcessor, {"size": {"shortest_edge": 28}}),
    "convnext-large": (ConvNextImageProcessor, {}),
    "donut": (DonutImageProcessor, {"size": {"height": 40, "width": 30}}),
    "donut-turned": (DonutImageProcessor, {"size": {"height": 40, "width": 30}, "do_align_long_axis": True}),
    "donut-wide": (DonutImageProcessor, {"size": {"height": 20, "width": 64}, "do_align_long_axis": True}),
}


def picture(path: Path, width: int, height: int, mode: str = "RGB") -> Path:
    """A picture of noise over a slope."""
    noise = torch.randint(0, 90, (height, width, 3), generator=torch.Generator().manual_seed(0))
    slope = torch.arange(width).view(1, -1, 1) * 160 // width
    values = (noise + slope).to(torch.uint8).contiguous()
    Image.frombytes("RGB", (width, height), values.numpy().tobytes()).convert(mode).save(path)
    return path


@pytest.mark.parametrize("shape", [(47, 33), (31, 52)])
@pytest.mark.parametrize("name", PROCESSORS)
def test_pixels_are_the_references(name: str, shape: tuple[int, int], tmp_path: Path) -> None:
    kind, settings = PROCESSORS[name]
    processor = kind(**settings)
    path = picture(tmp_path / "x.png", *shape)
    found = image_inputs(path, processor.to_dict() | {"image_processor_type": kind.__name__})["pixel_values"]
    expected = processor(Image.open(path), return_tensors="pt").pixel_values
    assert found.shape == expected.shape
    torch.testing.assert_close(found, expected.float(), rtol=1e-5, atol=1e-5)


def test_what_a_folder_leaves_out_is_the_processors_own(tmp_path: Path) -> None:
    path = picture(tmp_path / "x.png", 20, 30)
    for kind in (ViTImageProcessor, DeiTImageProcessor, BeitImageProcessor, CLIPImageProcessor, ConvNextImageProcessor):
        found = image_inputs(path, {"image_processor_type": f"{kind.__name__}Fast"})["pixel_values"]
        torch.testing.assert_close(found, kind()(Image.open(path), return_tensors="pt").pixel_values.float())


def test_old_folders_have_one_number_as_size(tmp_path: Path) -> None:
    path = picture(tmp_path / "x.png", 20, 30)
    old = {"feature_extractor_type": "CLIPFeatureExtractor", "size": 16, "crop_size": 12}
    expected = CLIPImageProcessor(size=16, crop_size=12)(Image.open(path), return_tensors="pt").pixel_values
    torch.testing.assert_close(image_inputs(path, old)["pixel_values"], expected.float())
    donut = {"feature_extractor_type": "DonutFeatureExtractor", "size": [12, 16]}
    expected = DonutImageProcessor(size=[12, 16])(Image.open(path), return_tensors="pt").pixel_values
    torch.testing.assert_close(image_inputs(path, donut)["pixel_values"], expected.float())


@pytest.mark.parametrize("mode", ["L", "RGBA", "P"])
def test_every_kind_of_picture_is_read_as_colours(mode: str, tmp_path: Path) -> None:
    path = picture(tmp_path / "x.png", 20, 30, mode)
    found = image_inputs(path, {"image_processor_type": "ViTImageProcessor", "size": {"height": 8, "width": 8}})
    assert found["pixel_values"].shape == (1, 3, 8, 8)


def test_what_is_no_picture_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("no picture")
    with pytest.raises(ArgumentError, match=r"x\.png is no picture"):
        image_inputs(tmp_path / "x.png", {"image_processor_type": "ViTImageProcessor"})
    with pytest.raises(ArgumentError, match="found 'SamImageProcessor'"):
        image_inputs(tmp_path / "x.png", {"image_processor_type": "SamImageProcessor"})
    good = picture(tmp_path / "y.png", 8, 8)
    with pytest.raises(ArgumentError, match="`height` and `width`, found"):
        image_inputs(good, {"image_processor_type": "ViTImageProcessor", "size": {"longest_edge": 4}})


def test_pillow_is_asked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "PIL", None)
    with pytest.raises(ArgumentError, match=r"pip install \"archwright\[generate\]\""):
        image_inputs(tmp_path / "x.png", {"image_processor_type": "ViTImageProcessor"})
