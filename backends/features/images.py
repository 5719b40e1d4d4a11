"""From a picture to pixels: resized, cropped, scaled and normalised as a checkpoint's folder says. Needs Pillow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError

_BILINEAR, _BICUBIC = 2, 3
_HALF, _IMAGENET = ([0.5] * 3, [0.5] * 3), ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225])
_CLIP = ([0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711])


def _usual(
    size: int, resample: int, colours: tuple[list[float], list[float]], *, crop: int | None = None, **more: Any
) -> dict[str, Any]:
    cropped = {} if crop is None else {"do_center_crop": True, "crop_size": crop}
    return {"size": size, "resample": resample, "image_mean": colours[0], "image_std": colours[1], **cropped, **more}


PROCESSORS: dict[str, dict[str, Any]] = {
    "ViT": _usual(224, _BILINEAR, _HALF),
    "DeiT": _usual(256, _BICUBIC, _HALF, crop=224),
    "Beit": _usual(256, _BICUBIC, _HALF, crop=224),
    "CLIP": _usual(224, _BICUBIC, _CLIP, crop=224, by_shortest=True),
    "Segformer": _usual(512, _BILINEAR, _IMAGENET),
    "ConvNext": _usual(384, _BILINEAR, _HALF, by_shortest=True, crop_pct=224 / 256),
    "Donut": _usual(0, _BILINEAR, _HALF, do_thumbnail=True, do_pad=True) | {"size": {"height": 2560, "width": 1920}},
}  # fmt: skip
"""What a folder need not say, by the first word of ``image_processor_type``."""


def image_inputs(path: str | Path, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """The inputs that a picture is for a model.

    Args:
        path: a PNG file, or whatever else Pillow reads.
        settings: those of the checkpoint's ``preprocessor_config.json``.

    Returns:
        ``pixel_values`` ``[1, 3, height, width]``.

    Raises:
        ArgumentError: Pillow is missing, the settings are not known, or the file is no picture.
        OSError: the file cannot be read.
    """
    name = str(settings.get("image_processor_type") or settings.get("feature_extractor_type") or "")
    word = name.removesuffix("Fast").removesuffix("ImageProcessor").removesuffix("FeatureExtractor")
    if word not in PROCESSORS:
        known = ", ".join(f"{one}ImageProcessor" for one in PROCESSORS)
        raise ArgumentError(f"expected an `image_processor_type` among {known}, found {name!r}")
    chosen = PROCESSORS[word] | {key: value for key, value in settings.items() if value is not None}
    return {"pixel_values": _scaled(_fitted(read_image(path), word, chosen), chosen)[None]}


def read_image(path: str | Path) -> Any:
    """A picture as Pillow's, in RGB.

    Raises:
        ArgumentError: Pillow is missing, or the file is no picture.
        OSError: it cannot be read.
    """
    try:
        from PIL import Image, UnidentifiedImageError
    except ImportError:
        raise ArgumentError('reading pictures needs Pillow: pip install "archwright[generate]"') from None
    try:
        return Image.open(path).convert("RGB")
    except UnidentifiedImageError:
        raise ArgumentError(f"{path} is no picture that can be read (PNG is)") from None


def _fitted(image: Any, word: str, settings: Mapping[str, Any]) -> Any:
    """Resized and cropped; for Donut (arXiv:2111.15664) shrunk to fit and padded."""
    if word == "Donut":
        return _as_page(image, settings)
    if settings.get("do_resize", True):
        image = _resized(image, word, settings)
    if settings.get("do_center_crop"):
        image = _cropped(image, *_height_and_width(settings["crop_size"]))
    return image


def _resized(image: Any, word: str, settings: Mapping[str, Any]) -> Any:
    size, resample = settings["size"], settings["resample"]
    by_shortest = "shortest_edge" in size if isinstance(size, Mapping) else bool(settings.get("by_shortest"))
    if not by_shortest:
        height, width = _height_and_width(size)
        return image.resize((width, height), resample=resample)
    edge = int(size["shortest_edge"] if isinstance(size, Mapping) else size)
    if word != "ConvNext":
        return _by_shortest(image, edge, resample)
    if edge >= 384:
        return image.resize((edge, edge), resample=resample)
    return _cropped(_by_shortest(image, int(edge / settings["crop_pct"]), resample), edge, edge)


def _by_shortest(image: Any, edge: int, resample: int) -> Any:
    """Resized so that the shorter edge has this length."""
    width, height = image.size
    longer = int(edge * max(width, height) / min(width, height))
    return image.resize((edge, longer) if width <= height else (longer, edge), resample=resample)


def _cropped(image: Any, height: int, width: int) -> Any:
    """The middle; where the picture is smaller, with black around it."""
    left, top = (image.width - width) // 2, (image.height - height) // 2
    return image.crop((left, top, left + width, top + height))


def _as_page(image: Any, settings: Mapping[str, Any]) -> Any:
    size = settings["size"]
    height, width = _height_and_width(size[::-1] if isinstance(size, (list, tuple)) else size)
    is_across = (width - height) * (image.width - image.height) < 0
    if settings.get("do_align_long_axis") and is_across:
        image = image.rotate(-90, expand=True)
    if settings.get("do_resize", True):
        image = _by_shortest(image, min(height, width), settings["resample"])
    if settings.get("do_thumbnail") and (image.height > height or image.width > width):
        down, across = min(image.height, height), min(image.width, width)
        if image.height > image.width:
            across = int(image.width * down / image.height)
        elif image.width > image.height:
            down = int(image.height * across / image.width)
        image = image.resize((across, down), resample=_BICUBIC, reducing_gap=2.0)
    if settings.get("do_pad"):
        left, top = (width - image.width) // 2, (height - image.height) // 2
        image = image.crop((-left, -top, width - left, height - top))
    return image


def _height_and_width(size: Any) -> tuple[int, int]:
    if isinstance(size, Mapping) and {"height", "width"} <= size.keys():
        return int(size["height"]), int(size["width"])
    if isinstance(size, (list, tuple)):
        return int(size[0]), int(size[1])
    if isinstance(size, int):
        return size, size
    raise ArgumentError(f"expected a size with `height` and `width`, found {size!r}")


def _scaled(image: Any, settings: Mapping[str, Any]) -> Tensor:
    """The pixels as numbers, ``[3, height, width]``."""
    data = torch.frombuffer(bytearray(image.tobytes()), dtype=torch.uint8)
    pixels = data.view(image.height, image.width, 3).permute(2, 0, 1).double()
    if settings.get("do_rescale", True):
        pixels = pixels * settings.get("rescale_factor", 1 / 255)
    if settings.get("do_normalize", True):
        mean, std = (torch.tensor(settings[name], dtype=torch.float64) for name in ("image_mean", "image_std"))
        pixels = (pixels - mean.view(-1, 1, 1)) / std.view(-1, 1, 1)
    return pixels.float().contiguous()
