"""Weights from a folder: the map is proven complete from the headers, then tensors are mapped in and assigned."""

from __future__ import annotations

import difflib
import math
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from torch import nn

from ....compiler.building.origins import quoted
from ....compiler.graph import Graph, WeightEntry
from ....compiler.weights.first_values import FirstValues
from ....compiler.weights.weight_map import FileTensor, Table, shapes_before, table_of
from ...errors import CheckpointError, warn
from ..emit.naming import attribute
from ..modules.layout import rearrange
from .folder import Header, Origin

_LEGACY = ((".gamma", ".weight"), (".beta", ".bias"), (".weight_g", ".parametrizations.weight.original0"),
           (".weight_v", ".parametrizations.weight.original1"))  # fmt: skip


FLOATS = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32, "F64": torch.float64}
_INDEX = re.compile(r"\b\d+\b")
_DRAW: dict[str, Callable[[torch.Tensor, Any], Any]] = {
    "normal": lambda value, std: value.normal_(0.0, std),
    # Cut at -2 and 2 whatever the spread, as torch does; it knows no half precision, and no spread of 0.
    "truncated_normal": lambda value, std: value.copy_(
        nn.init.trunc_normal_(value.float(), std=std) if std else torch.zeros(())
    ),
    "uniform": lambda value, bound: value.uniform_(*(bound if isinstance(bound, list) else (-bound, bound))),
    "kaiming_normal": lambda value, fan: nn.init.kaiming_normal_(value, mode=fan),
    "kaiming_uniform": lambda value, fan: nn.init.kaiming_uniform_(value, mode=fan),
    "xavier_normal": lambda value, gain: nn.init.xavier_normal_(value, gain=gain),
    "xavier_uniform": lambda value, gain: nn.init.xavier_uniform_(value, gain=gain),
}


Read = tuple[FileTensor, str]
"""A tensor as the graph has it, and the key under which the file has it."""


@dataclass(slots=True)
class Plan:
    """Which key of the file serves each tensor; it has no `fresh` ones, and the graph no rounds for those `beyond`.

    Attributes:
        unread: what the file has of the base, and this task or these parameters have not.
        misshaped: what the file has in another shape.
        copies: what the file has twice: the one that is read, and the other.
    """

    found: list[Read] = field(default_factory=list)
    fresh: list[FileTensor] = field(default_factory=list)
    misshaped: list[Read] = field(default_factory=list)
    beyond: list[str] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    copies: list[tuple[Read, Read]] = field(default_factory=list)


def plan(
    graph: Graph, origin: Origin, *, written_by: Graph | None = None, ignore_mismatched_sizes: bool = False
) -> Plan:
    """Match the map against the headers.

    Args:
        written_by: the graph of the task that the file is from, if another; what that one lacks may be missing.
        ignore_mismatched_sizes: what the file has in another shape is left there.

    Raises:
        CheckpointError: missing, unexpected or misshaped keys, each with the line of the spec that asks for it.
    """
    table = table_of(graph)
    named = origin.headers
    prefixes = [prefix for prefix in table.prefixes if prefix and any(key.startswith(f"{prefix}.") for key in named)]
    told = {key for one in table.tensors.values() for key in _spellings(one, table, prefixes)}
    headers = _modern(named, told)
    made = Plan()
    problems: list[str] = []
    used: set[str] = set()
    missing: list[FileTensor] = []
    for tensor in table.tensors.values():
        keys = _keys_of(tensor, table, headers, prefixes)
        if not keys:
            missing.append(tensor)
            continue
        key, *others = keys
        used.update(keys)
        if headers[key][1].shape != tensor.shape:
            made.misshaped.append((tensor, headers[key][0]))
            if ignore_mismatched_sizes:
                continue
            found, wanted = list(headers[key][1].shape), list(tensor.shape)
            problems.append(f"misshaped: `{key}` is {found}, expected {wanted} (rule at {tensor.span})")
        kind = "float" if "F" in headers[key][1].dtype else "int"
        if kind != tensor.entries[0].weight.kind:
            problems.append(f"mistyped: `{key}` is of {kind}s, expected {tensor.entries[0].weight.kind}s")
        made.found.append((tensor, headers[key][0]))
        made.copies += [(made.found[-1], (tensor, headers[one][0])) for one in others]
    for key, copy in _tied(table, headers, prefixes, made):
        used.add(key)
        made.copies.append(copy)
    lacked = set() if written_by is None else _bare_keys(table) - _bare_keys(table_of(written_by))
    left = [key for key in headers if key not in used]
    ignored = table.ignored() if left else []
    unread = [key for key in left if not any(pattern.match(key) for pattern in ignored)]
    # Where the file is from this very task, another head in it is this one's, by a name that the map does not have.
    problems += _missing(missing, table, made, lacked, others=unread if written_by is None else [])
    problems += _unexpected(unread, _nodes_of(made), table)
    rounds = {_INDEX.sub("<i>", key) for key in _bare_keys(table)}
    further = [key for key in left if _INDEX.search(key)]
    made.beyond = [key for key in further if _INDEX.sub("<i>", key.removeprefix(f"{table.prefix}.")) in rounds]
    if problems:
        shown = "\n  ".join(problems[:20]) + (f"\n  … and {len(problems) - 20} more" if len(problems) > 20 else "")
        if under := _prefix_of(missing, unread, table):
            shown += f"\n  the file has them under `{under}.`: the map says so by `prefix: {under}`"
        if rounded := origin.config.get("quantization_config"):
            method = rounded.get("quant_method") if isinstance(rounded, Mapping) else rounded
            shown += (
                f"\n  `quantization_config` in its config.json says that weights are rounded ({method}), which are not "
                "read: save the model dequantized"
            )
        if len(problems) == len(made.misshaped):
            shown += "\n  `ignore_mismatched_sizes=True` leaves what is misshaped in the file, and draws it anew"
        raise CheckpointError(f"{origin.folder} does not fit `{graph.name}`, task `{graph.task or 'base'}`:\n  {shown}")
    rest = sorted(set(unread) - set(made.beyond))  # the map speaks of each, or it would be a problem
    heads = table.known(heads=True) if rest else []
    made.unread = [key for key in rest if not any(pattern.match(key) for pattern in heads)]
    return made


def _modern(headers: dict[str, Header], told: Collection[str]) -> dict[str, tuple[str, Header]]:
    """Headers by today's spelling of their keys, with that in the file; by the latter where the map has it too."""
    found: dict[str, tuple[str, Header]] = {}
    for key, header in headers.items():
        modern = key
        for old, new in _LEGACY:
            if key.endswith(old):
                modern = key.removesuffix(old) + new
        found[key if key in told or modern in headers else modern] = (key, header)
    return found


def _keys_of(tensor: FileTensor, table: Table, headers: Collection[str], prefixes: list[str]) -> list[str]:
    """The keys under which a file has a tensor, the one that is read first.

    Where others have a prefix, what has none is a head's, though the base may call a weight so.
    """
    keys = list(dict.fromkeys(key for key in _spellings(tensor, table, prefixes) if key in headers))
    is_under = [any(key.startswith(f"{prefix}.") for prefix in prefixes) for key in keys]
    return [key for at, key in enumerate(keys) if not at or (key not in table.tensors and is_under[at] == is_under[0])]


def _spellings(tensor: FileTensor, table: Table, there: list[str]) -> Iterator[str]:
    """The keys that may hold a tensor: with the prefixes that are there, as mapped, without; then by other names."""
    for key in (tensor.key, *tensor.also):
        tail = _bare_key(key, tensor, table)
        if not tensor.bare:
            yield from (f"{prefix}.{tail}" for prefix in there)
        yield key
        yield tail


def _tied(
    table: Table, headers: Mapping[str, tuple[str, Header]], prefixes: list[str], made: Plan
) -> Iterator[tuple[str, tuple[Read, Read]]]:
    """The keys of weights that the graph ties; what is read in their place, and they."""
    found = {entry.path: read for read in made.found for entry in read[0].entries}
    for tensor in table.ties.values():
        key = next(iter(_keys_of(tensor, table, headers, prefixes)), None)
        read = found.get(str(tensor.entries[0].tied_to))
        if key is not None and key not in table.tensors and read is not None and headers[key][0] != read[1]:
            yield key, (read, (tensor, headers[key][0]))


def are_untied(made: Plan, origin: Origin) -> bool:
    """Whether a file has other numbers for weights that the graph ties, and reads both sides of such a tie.

    Hugging Face does as of its version 5, whatever the config says of ties; before, the config alone counts.

    Raises:
        CheckpointError: it has two values of one weight.
    """
    with Weights(origin) as weights:
        different = [(read, other) for read, other in made.copies if not _is_copy(read, other, weights)]
    for (tensor, key), (other, other_key) in different:
        if other is tensor:
            raise CheckpointError(
                f"{origin.folder}: `{key}` and `{other_key}` hold different numbers, where the spec has one weight, "
                f"`{tensor.entries[0].path}` (rule at {tensor.span})"
            )
    version = re.match(r"\d+", str(origin.config.get("transformers_version")))
    if different and (version is None or int(version[0]) < 5):
        told = ", ".join(f"`{other[1]}`, which is tied to `{read[1]}`" for read, other in different)
        warn(f"left in the file, as the config says, though its numbers differ: {told}")
        return False
    return bool(different)


def _is_copy(read: Read, other: Read, weights: Weights) -> bool:
    """Whether two tensors of the file are the same numbers, as the graph has them."""
    (tensor, key), (copy, copy_key) = read, other
    if copy is tensor:
        return torch.equal(weights[key], weights[copy_key])
    at = [entry.path for entry in tensor.entries].index(str(copy.entries[0].tied_to))
    return torch.equal(parts_of(weights[key], tensor)[at], parts_of(weights[copy_key], copy)[0])


class Weights(ExitStack):
    """The tensors of a folder by key, read when they are asked for; files stay open for as long as this does."""

    def __init__(self, origin: Origin, device: torch.device | str = "cpu") -> None:
        super().__init__()
        self.headers, self.device = origin.headers, str(device)
        self.files: dict[Path, Any] = {}

    def __getitem__(self, key: str) -> torch.Tensor:
        header = self.headers[key]
        if header.tensor is not None:
            return header.tensor.to(self.device)
        if header.file not in self.files:
            opened = safe_open(header.file, framework="pt", device=self.device)
            self.files[header.file] = self.enter_context(opened)
        return self.files[header.file].get_tensor(key)


def _bare_keys(table: Table) -> set[str]:
    """The keys of a table without its prefix."""
    return {_bare_key(tensor.key, tensor, table) for tensor in table.tensors.values()}


def _bare_key(key: str, tensor: FileTensor, table: Table) -> str:
    return key if tensor.bare else key.removeprefix(f"{table.prefix}.")


def _missing(missing: list[FileTensor], table: Table, made: Plan, lacked: set[str], others: list[str]) -> Iterator[str]:
    """Name what is missing; what may be is put among the fresh: a head, and what the file's own task has not.

    Args:
        others: keys of which one may be that of a head, or what is below a rule that names no leaf.
    """
    heads = [tensor for tensor in table.tensors.values() if tensor.bare]
    all_heads_fresh = not others and bool(heads) and all(tensor in missing for tensor in heads)
    may_lack = table.may_lack()
    for tensor in missing:
        optional = any(pattern.match(tensor.key) for pattern in may_lack)
        if tensor.is_derived:
            continue
        if optional or (tensor.bare and all_heads_fresh) or _bare_key(tensor.key, tensor, table) in lacked:
            made.fresh.append(tensor)
        else:
            near = others if tensor.bare else [key for key in others if key.startswith(f"{tensor.key}.")]
            found = f", found {quoted(near[:4])} that nothing reads" if near else ""
            yield f"missing: `{tensor.key}` {list(tensor.shape)} (rule at {tensor.span}){found}"


def _prefix_of(missing: list[FileTensor], unread: list[str], table: Table) -> str | None:
    """What precedes, in the keys that nothing reads, each of several keys that are missing; None: nothing does."""
    bare = [_bare_key(tensor.key, tensor, table) for tensor in missing if not tensor.bare and not tensor.is_derived]
    if len(bare) < 2:
        return None
    starts = (key.removesuffix(f".{bare[0]}") for key in unread if key.endswith(f".{bare[0]}"))
    return next((start for start in starts if all(f"{start}.{key}" in unread for key in bare)), None)


def _nodes_of(made: Plan) -> dict[str, FileTensor]:
    """What the file calls the nodes of which it has a weight by the block's own name, each with that weight."""
    return {
        key.rpartition(".")[0]: tensor
        for tensor, key in made.found
        if "." in key and key.rpartition(".")[2] == tensor.entries[0].path.rpartition(".")[2]
    }


def _unexpected(keys: list[str], nodes: Mapping[str, FileTensor], table: Table) -> Iterator[str]:
    """Name what nothing reads. What other tasks or parameters would may be there, but no more of a node than it has."""
    known = table.known() if keys else []
    for key in sorted(keys):
        stem, _, leaf = key.rpartition(".")
        if stem in nodes:
            tensor = nodes[stem]
            yield f"unexpected: `{key}`, since `{tensor.entries[0].owner}` has no `{leaf}` (rule at {tensor.span})"
        elif not any(pattern.match(key) for pattern in known):
            close = difflib.get_close_matches(key, table.tensors, n=1)
            yield f"unexpected: `{key}`" + (f", near `{close[0]}`" if close else "")


def load_into(
    net: nn.Module,
    graph: Graph,
    origin: Origin,
    made: Plan,
    *,
    dtype: torch.dtype | None,
    device: torch.device,
    apart: bool = False,
) -> None:
    """Assign the folder's tensors, as planned, to a module that was built on the meta device.

    Args:
        apart: weights that one tensor of the folder becomes lie in memory of their own, instead of in its.
    """
    usual, are_several = _types_of(made, origin)
    if dtype is None and are_several:
        dtype = usual
    given: set[str] = set()
    with Weights(origin, device) as weights:
        for tensor, key in made.found:
            parts = parts_of(weights[key], tensor)
            origin.headers[key].tensor = None
            if apart and len(parts) > 1:
                parts = [part.clone() for part in parts]
            for entry, part in zip(tensor.entries, parts, strict=True):
                _assign(net, entry, _cast(part, entry, dtype))
                given.add(entry.path)
    for header in origin.headers.values():
        header.tensor = None  # of a pickle: what nothing reads is not held either
    if made.beyond:
        told = f"{len(made.beyond)} such as {made.beyond[0]}"
        warn(f"weights of rounds that `{graph.name}` has not are left in the file: {told}")
    if made.unread:
        told = f"{len(made.unread)} such as {made.unread[0]}"
        task = f"task `{graph.task}`" if graph.task else "the base"
        warn(f"left in the file, as `{graph.name}`, {task}, has no place for them: {told}")
    if made.fresh:
        names = ", ".join(entry.path for tensor in made.fresh for entry in tensor.entries)
        warn(f"freshly initialised, since the checkpoint has no weights for them: {names}")
    if made.misshaped:
        names = ", ".join(
            f"`{key}` {list(origin.headers[key].shape)} (here {list(tensor.shape)})" for tensor, key in made.misshaped
        )
        warn(f"freshly initialised, since the checkpoint has other shapes of them: {names}")
    initialise(net, graph, dtype=dtype or usual, device=device, given=given)


def _types_of(made: Plan, origin: Origin) -> tuple[torch.dtype | None, bool]:
    """The type of most numbers of a folder, or of several the one that its config says; and if there are several.

    No kernel multiplies numbers of two types, so weights of several become one, as in Hugging Face.
    """
    found: Counter[torch.dtype] = Counter()
    for _, key in made.found:
        header = origin.headers[key]
        if header.dtype in FLOATS:
            found[FLOATS[header.dtype]] += math.prod(header.shape)
    told = getattr(torch, str(origin.config.get("dtype") or origin.config.get("torch_dtype")), None)
    if len(found) > 1 and told in FLOATS.values():
        return told, True
    return (found.most_common(1)[0][0] if found else None), len(found) > 1


def parts_of(value: torch.Tensor, tensor: FileTensor) -> list[torch.Tensor]:
    """The weights that a tensor of the file becomes: its operations forwards."""
    parts = [value]
    for at, (name, number) in enumerate(tensor.ops, start=1):
        shapes = shapes_before([entry.shape for entry in tensor.entries], tensor.ops[at:])
        if name == "transpose":
            parts = [part.t() if part.dim() == 2 else part for part in parts]  # views: the file stays the only copy
        elif name == "split":
            parts = list(parts[0].split([shape[0] for shape in shapes]))
        elif name == "heads":
            grouped = parts[0].unflatten(0, (number, -1)).split([shape[0] // number for shape in shapes], 1)
            parts = [part.reshape(shape) for part, shape in zip(grouped, shapes, strict=True)]
        elif name == "rearrange":
            pairs = zip(parts, map(number.sizes, shapes), strict=True)
            parts = [rearrange(part, pattern=number.pattern, **sizes).contiguous() for part, sizes in pairs]
    return parts


def joined(parts: list[torch.Tensor], tensor: FileTensor) -> torch.Tensor:
    """The tensor of the file that weights become: the operations backwards."""
    for name, number in reversed(tensor.ops):
        if name == "transpose":
            parts = [part.t() if part.dim() == 2 else part for part in parts]
        elif name == "split":
            parts = [torch.cat(parts)]
        elif name == "heads":
            parts = [torch.cat([part.unflatten(0, (number, -1)) for part in parts], 1).flatten(0, 1)]
        elif name == "rearrange":
            sizes = [number.sizes(tuple(part.shape)) for part in parts]
            parts = [rearrange(part, pattern=number.inverse, **one) for part, one in zip(parts, sizes, strict=True)]
    return parts[0]


def _cast(part: torch.Tensor, entry: WeightEntry, dtype: torch.dtype | None) -> torch.Tensor:
    return part.to(_kept(entry, dtype)) if dtype is not None and part.is_floating_point() else part


def _kept(entry: WeightEntry, dtype: torch.dtype | None) -> torch.dtype | None:
    """The type that was asked for, or what takes its place for a weight that float16 cannot serve."""
    stays = dtype == torch.float16 and getattr(entry.node.contract, "stays_float32", False)
    return torch.float32 if stays else dtype


def _assign(net: nn.Module, entry: WeightEntry, value: torch.Tensor) -> None:
    owner, name = _owner(net, entry.path)
    if entry.weight.buffer or name in owner._buffers:
        owner._buffers[name] = value
    else:
        owner._parameters[name] = nn.Parameter(value, requires_grad=value.is_floating_point())


def _owner(net: nn.Module, path: str) -> tuple[nn.Module, str]:
    *above, name = [attribute(word) for word in path.split(".")]
    return net.get_submodule(".".join(above)), name


def weight_at(net: nn.Module, path: str) -> torch.Tensor:
    """The parameter or buffer at a path of the graph."""
    owner, name = _owner(net, path)
    return getattr(owner, name)


def initialise(
    net: nn.Module, graph: Graph, *, dtype: torch.dtype | None, device: torch.device, given: Collection[str] = ()
) -> None:
    """Give every weight but those that are `given`, by path, its first value, and tie what is tied."""
    laws = FirstValues(graph)
    entries = graph.weights()
    for entry in entries:
        if entry.tied_to is None and entry.path not in given:
            if entry.weight.init == "norm":
                v = weight_at(net, entry.path.removesuffix("g") + "v").detach()
                value = v.norm(dim=[axis for axis, extent in enumerate(entry.shape) if extent == 1], keepdim=True)
            else:
                value = _first(net, entry, laws, dtype, device)
            _assign(net, entry, value)
    for entry in entries:
        if entry.tied_to is not None:
            owner, name = _owner(net, entry.path)
            shared = weight_at(net, entry.tied_to)
            store: dict[str, Any] = owner._parameters if isinstance(shared, nn.Parameter) else owner._buffers
            store[name] = shared
    for entry in entries:
        if laws.is_frozen(entry):
            weight_at(net, entry.path).requires_grad_(False)


def _first(
    net: nn.Module, entry: WeightEntry, laws: FirstValues, dtype: torch.dtype | None, device: torch.device
) -> torch.Tensor:
    if entry.weight.init == "given":
        made = weight_at(net, entry.path)
        return made.to(device=device, dtype=dtype if made.is_floating_point() else None)
    kind = torch.long if entry.weight.kind == "int" else _kept(entry, dtype) or torch.get_default_dtype()
    value = torch.empty(entry.shape, dtype=kind, device=device)
    law, number = laws.law(entry)
    if law == "constant":
        return value.fill_(number)
    _DRAW[law](value, number)
    pad_row = getattr(entry.node.contract, "pad_row", None)
    if pad_row is not None and 0 <= pad_row < value.shape[0]:
        value[pad_row].zero_()
    return value
