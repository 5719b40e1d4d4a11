"""The same model in Hugging Face's library, from the folder that ours writes: for benchmarks, where it is installed."""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


class NoReference(Exception):
    """There is nothing to compare with: why."""


def is_installed() -> bool:
    """Whether Hugging Face's library is there; it is not imported for the answer."""
    return find_spec("transformers") is not None


def reference_class(folder: str | Path) -> Any:
    """The class of Hugging Face's that a checkpoint folder says it is.

    Raises:
        NoReference: the library is not installed or has no such class.
    """
    if not is_installed():
        raise NoReference("transformers is not installed")
    import transformers

    # Not `read_json`: a first call of this model's imports none of ours (`first_call.py`), and ours wrote the folder.
    names = json.loads(Path(folder, "config.json").read_text("utf-8")).get("architectures") or [""]
    made = getattr(transformers, names[0], None)
    if made is None:
        raise NoReference(f"transformers {transformers.__version__} has no class {names[0]!r}")
    return made


def load_reference(
    folder: str | Path, *, device: str | None = None, dtype: str | None = None, use_cache: bool = False
) -> nn.Module:
    """The model that a checkpoint folder is in Hugging Face's library, in eval mode; keys are cached only if asked.

    Raises:
        NoReference: the library is not installed, has no such class, or cannot read the folder.
    """
    made = reference_class(folder)
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    with warnings.catch_warnings(action="ignore"):  # its own, about itself
        try:
            model = made.from_pretrained(str(folder))
        except Exception as error:  # another library's code, which may fail in any way
            why = [*str(error).strip().splitlines(), type(error).__name__][0]
            raise NoReference(f"{made.__name__} cannot be loaded: {why}") from error
    if hasattr(model.config, "use_cache"):
        model.config.use_cache = use_cache
    return model.to(device=device, dtype=getattr(torch, dtype) if dtype else None).eval()


def real_numbers(outputs: Mapping[str, Any], mask: Tensor) -> dict[str, Any]:
    """Outputs with zeros where a mask over samples and tokens is none."""
    mask = mask.flatten(0, -2).bool()
    found = {}
    for name, value in outputs.items():
        is_long = isinstance(value, Tensor) and value.shape[:2] == mask.shape
        found[name] = value.where(mask.view(*mask.shape, *[1] * (value.dim() - 2)), 0) if is_long else value
    return found
