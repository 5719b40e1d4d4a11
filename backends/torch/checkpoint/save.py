"""Weights to a folder in Hugging Face's layout: the map backwards, through temporary names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import save_file

from ....compiler.weights.weight_map import table_of
from ...files import write_whole
from .folder import config_from
from .load import joined, weight_at

if TYPE_CHECKING:
    from ..model import Model


def save(model: Model, folder: str | Path, *, max_shard_size: int | None = None) -> None:
    """Write ``config.json`` and ``model.safetensors``, or shards with an index where a shard would be too large.

    What a checkpoint said of generation is written too.

    Args:
        max_shard_size: bytes; None writes one file.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, torch.Tensor] = {}
    for key, tensor in table_of(model.graph).tensors.items():
        if not tensor.save:
            continue
        parts = [weight_at(model.net, entry.path).detach().cpu() for entry in tensor.entries]
        tensors[key] = joined(parts, tensor).contiguous()
    shards = _shards(tensors, max_shard_size)
    names = {}
    for number, keys in enumerate(shards, start=1):
        name = "model.safetensors" if len(shards) == 1 else f"model-{number:05}-of-{len(shards):05}.safetensors"
        write_whole(
            target / name,
            lambda path, keys=keys: save_file({key: tensors[key] for key in keys}, path, {"format": "pt"}),
        )
        names.update(dict.fromkeys(keys, name))
    if len(shards) > 1:
        total = sum(value.numel() * value.element_size() for value in tensors.values())
        index = {"metadata": {"total_size": total}, "weight_map": dict(sorted(names.items()))}
        _write_json(target / "model.safetensors.index.json", index)
    else:
        (target / "model.safetensors.index.json").unlink(missing_ok=True)
    _write_json(
        target / "config.json",
        config_from(model.graph.params, model.graph.document, model.graph.task, model.config),
    )
    if model.origin is not None and model.origin.generation is not None:
        _write_json(target / "generation_config.json", model.origin.generation)


def _shards(tensors: dict[str, torch.Tensor], limit: int | None) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    size = 0
    for key, value in tensors.items():
        own = value.numel() * value.element_size()
        if limit is not None and shards[-1] and size + own > limit:
            shards.append([])
            size = 0
        shards[-1].append(key)
        size += own
    return shards


def _write_json(path: Path, value: Any) -> None:
    write_whole(path, json.dumps(value, indent=2, sort_keys=True) + "\n")
