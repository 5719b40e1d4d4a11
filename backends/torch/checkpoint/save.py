"""Weights to a folder in Hugging Face's layout: the map backwards, through temporary names."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save_file

from ....compiler.weights.weight_map import table_of
from ...errors import ArgumentError, CheckpointError
from ...files import write_whole
from .folder import class_field, config_from
from .load import joined, weight_at

if TYPE_CHECKING:
    from ..model import Model


def save(model: Model, folder: str | Path, *, max_shard_size: int | str | None = None) -> None:
    """Write ``config.json`` and ``model.safetensors``, or shards with an index where a shard would be too large.

    What a checkpoint said of generation is written too.

    Args:
        max_shard_size: bytes, or a text such as ``5GB``; None writes one file.

    Raises:
        ArgumentError: `max_shard_size` is no size, the config no JSON, or the weights are rounded.
        CheckpointError: a file cannot be written, or a weight has another shape than the config says.
    """
    if model.quantized:
        raise ArgumentError(f'weights that `quantize="{model.quantized}"` has rounded are not saved; keep the original')
    limit = None if max_shard_size is None else _bytes(max_shard_size)
    target = Path(folder)
    tensors: dict[str, torch.Tensor] = {}
    for key, tensor in table_of(model.graph).tensors.items():
        if not tensor.save:
            continue
        parts = [weight_at(model.net, entry.path).detach().cpu() for entry in tensor.entries]
        tensors[key] = joined(parts, tensor).contiguous()
        if tensors[key].shape != tensor.shape:
            found, wanted = list(tensors[key].shape), list(tensor.shape)
            raise CheckpointError(
                f"`{key}` is {found}, where `{model.graph.name}` has {wanted} by its parameters, as the config says; "
                "make the model with others, and give it these weights"
            )
    config = config_from(model.graph.params, model.graph.document, model.graph.task, model.config)
    config |= class_field(model.graph.document.model, model.graph.task, config)
    told = _json(config | _type_of(tensors, config))  # before a file is written
    target.mkdir(parents=True, exist_ok=True)
    shards = _shards(tensors, limit)
    names = {}
    for number, keys in enumerate(shards, start=1):
        name = "model.safetensors" if len(shards) == 1 else f"model-{number:05}-of-{len(shards):05}.safetensors"
        try:
            write_whole(
                target / name,
                lambda path, keys=keys: save_file({key: tensors[key] for key in keys}, path, {"format": "pt"}),
            )
        except SafetensorError as error:
            raise CheckpointError(f"{target / name} cannot be written: {error}") from None
        names.update(dict.fromkeys(keys, name))
    if len(shards) > 1:
        total = sum(value.nbytes for value in tensors.values())
        counts = {"total_parameters": sum(one.numel() for one in model.parameters()), "total_size": total}
        index = {"metadata": counts, "weight_map": dict(sorted(names.items()))}
        write_whole(target / "model.safetensors.index.json", _json(index))
        (target / "model.safetensors").unlink(missing_ok=True)  # Hugging Face reads it before an index
    else:
        (target / "model.safetensors.index.json").unlink(missing_ok=True)
    for old in target.glob("model-?????-of-?????.safetensors"):  # of what the folder held before, as Hugging Face does
        if old.name not in names.values():
            old.unlink()
    write_whole(target / "config.json", told)
    if model.origin is not None and model.origin.generation is not None:
        write_whole(target / "generation_config.json", _json(model.origin.generation))


def _type_of(tensors: dict[str, torch.Tensor], config: dict[str, Any]) -> dict[str, str]:
    """The field that says of which type the weights are, where it is there and none of them is."""
    field = next((name for name in ("dtype", "torch_dtype") if name in config), None)
    found: Counter[str] = Counter()
    for one in tensors.values():
        if one.is_floating_point():
            found[str(one.dtype).removeprefix("torch.")] += one.numel()
    return {field: found.most_common(1)[0][0]} if field and found and config[field] not in found else {}


def _bytes(size: int | str) -> int:
    """A number of bytes, or a text: a number and a unit of thousands."""
    if isinstance(size, int) and size > 0:
        return size
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([KMGT])B", str(size).upper())
    if parts is None:
        raise ArgumentError(f"expected `max_shard_size` in bytes or a text such as `5GB`, found {size!r}")
    return int(float(parts[1]) * 1000 ** ("KMGT".index(parts[2]) + 1))


def _shards(tensors: dict[str, torch.Tensor], limit: int | None) -> list[list[str]]:
    shards: list[list[str]] = [[]]
    size = 0
    for key, value in tensors.items():
        if limit is not None and shards[-1] and size + value.nbytes > limit:
            shards.append([])
            size = 0
        shards[-1].append(key)
        size += value.nbytes
    return shards


def _json(value: dict[str, Any]) -> str:
    try:
        return json.dumps(value, indent=2, sort_keys=True) + "\n"
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"`config` holds what JSON has not: {error}") from None
