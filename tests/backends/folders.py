"""Folders in Hugging Face's layout: changed, and read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

import archwright as aw


def rewrite(folder: Path, change: Any) -> None:
    """Apply `change` to the table of tensors."""
    tensors = load_file(folder / "model.safetensors")
    save_file(change(dict(tensors)), folder / "model.safetensors", {"format": "pt"})


def reworded(folder: Path, **fields: Any) -> None:
    """Change fields of the config; null takes one away."""
    config = {**json.loads((folder / "config.json").read_text()), **fields}
    (folder / "config.json").write_text(json.dumps({key: value for key, value in config.items() if value is not None}))


def logits(folder: Path, **options: Any) -> torch.Tensor:
    with torch.no_grad():
        return aw.from_pretrained(folder, backend="eager", **options)(input_ids=torch.arange(6)[None]).logits
