"""A checkpoint folder: its config, and the headers of its safetensors files, read without loading a tensor."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError, safe_open

from ....compiler.diagnosing.diagnostics import Label, SpecError, is_slip
from ....compiler.reading.document import SHIPPED, Document, library, shipped_models
from ....compiler.reading.schema import Mount, Spec
from ....compiler.weights.weight_rules import mounted_spec
from ...errors import ArgumentError, CheckpointError

if TYPE_CHECKING:
    from torch import Tensor

MAX_JSON = 100 * 2**20


@dataclass(slots=True)
class Header:
    """Where a tensor lies, its shape, and the type of its numbers in the words of safetensors (``F32``, ``I64``).

    Attributes:
        tensor: of a pickle, which has no headers, the tensor, until it is assigned.
    """

    file: Path
    shape: tuple[int, ...]
    dtype: str
    tensor: Tensor | None = None


@dataclass(slots=True)
class Origin:
    """A folder on disk: what its configs say, and a header for every tensor.

    Attributes:
        generation: what ``generation_config.json`` says; None where there is none.
    """

    folder: Path
    config: dict[str, Any]
    generation: dict[str, Any] | None = None
    headers: dict[str, Header] = field(default_factory=dict)


def is_checkpoint(target: str | Path) -> bool:
    """Whether a folder is meant, not the spec that ships under its name; a folder of that name has to be one."""
    folder = Path(target)
    return folder.is_dir() and (str(target) not in shipped_models() or (folder / "config.json").is_file())


def reads_checkpoint(target: str | Path, *, size: Any, spec: Any) -> bool:
    """Whether a folder is meant, as `is_checkpoint`, with what may be said of one alone.

    Raises:
        ArgumentError: a `size` is said of a folder, or a `spec` that would read one of what is none.
    """
    if is_checkpoint(target):
        if size is not None:
            raise ArgumentError(f"{target} is a checkpoint, which has its size: leave `size` out")
        return True
    if spec is not None:
        raise ArgumentError(f"`spec` is what reads a checkpoint, and {target} is none: leave it out")
    return False


def open_folder(path: str | Path, *, allow_pickle: bool = False) -> Origin:
    """Read ``config.json`` and the headers of ``model.safetensors`` or of the shards that an index names.

    Args:
        allow_pickle: where there is neither, read ``pytorch_model.bin`` or its shards.

    Raises:
        CheckpointError: a file is missing, malformed, or outside the folder, or two have the same key.
    """
    folder = Path(path)
    if not folder.is_dir():
        raise CheckpointError(f"{folder} is no folder; expected one with config.json and model.safetensors")
    written = folder / "generation_config.json"
    origin = Origin(folder, read_json(folder / "config.json"), read_json(written) if written.is_file() else None)
    read, files = read_header, _weight_files(folder, "model.safetensors")
    if files is None:
        files, hint = _weight_files(folder, "pytorch_model.bin"), ""
        if files and not allow_pickle:
            hint = (
                f"; {files[0].name} is a pickle, which only `from_pretrained(..., allow_pickle=True)` reads "
                "and `save_pretrained` then converts"
            )
        if files is None or hint:
            raise CheckpointError(f"{folder} has neither model.safetensors nor model.safetensors.index.json{hint}")
        from .pickled import read_pickle as read
    for file in files:
        found = read(file)
        if twice := next((key for key in found if key in origin.headers), None):
            there = origin.headers[twice].file.name
            raise CheckpointError(f"{folder}: `{twice}` is in two shards, {there} and {file.name}; expected it in one")
        origin.headers.update(found)
    return origin


def _weight_files(folder: Path, name: str) -> list[Path] | None:
    """The shards that the index of a name tells, or the one file of that name; None where there is neither."""
    index = folder / f"{name}.index.json"
    if not index.is_file():
        return [_inside(folder, name)] if (folder / name).is_file() else None
    shards = read_json(index).get("weight_map", {})
    if not isinstance(shards, dict) or not all(isinstance(one, str) for one in shards.values()):
        raise CheckpointError(f"{index}: `weight_map` is no table of keys to file names")
    return [_inside(folder, one) for one in dict.fromkeys(shards.values())]


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
        CheckpointError: it is missing, too large, or no object.
    """
    if not path.is_file():
        raise CheckpointError(f"{path} is missing")
    if path.stat().st_size > MAX_JSON:
        raise CheckpointError(f"{path} is larger than {MAX_JSON} bytes")
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise CheckpointError(f"{path}: expected an object, found {type(value).__name__}")
    return value


def _inside(folder: Path, name: str) -> Path:
    """A shard's path; a name that leads out of the folder is refused."""
    path = folder / name
    bad = name.startswith(("/", "\\")) or ".." in Path(name).parts or "\0" in name or "\\" in name or ":" in name
    # A snapshot folder may link to a store beside it; such links keep the folder's own name for the file.
    if bad or not (path.resolve().is_relative_to(folder.resolve()) or path.is_symlink()):
        raise CheckpointError(f"{folder}: the shard `{name}` lies outside the folder")
    if not path.is_file():
        raise CheckpointError(f"{path} is missing")
    return path


def read_header(file: Path) -> dict[str, Header]:
    """The header of one safetensors file, which the library checks against the file's size.

    Raises:
        CheckpointError: it is truncated or malformed.
    """
    try:
        with safe_open(file, framework="pt") as opened:
            keys = opened.keys()
            slices = {key: opened.get_slice(key) for key in keys}
            return {key: Header(file, tuple(one.get_shape()), one.get_dtype()) for key, one in slices.items()}
    except SafetensorError as error:
        raise CheckpointError(f"{file} is no safetensors file: {error}") from None


def spec_for(
    config: Mapping[str, Any], at: Path, told: str | Path | None = None, *, task: str | None = None
) -> tuple[str, str | None]:
    """The shipped spec and task that a config asks for; of a spec that is `told`, the task of the config's class.

    The first configs have no ``model_type``: then the class says which spec it is.

    Args:
        config: what ``config.json`` says.
        at: the folder, for errors.
        told: the spec.
        task: what a class that no spec knows is read as.

    Raises:
        CheckpointError: no spec knows its ``model_type`` or class, or the spec that is told is of other configs.
    """
    model_type = config.get("model_type")
    architecture = _class_of(config)
    if told is not None:
        spec = library().spec(told).model
        _refuse_others(config, spec, at)
        found = spec.readable.get(str(architecture))
        if architecture is not None and found is None and spec.readable and task is None:
            there = ", ".join(spec.readable)
            raise CheckpointError(
                f"{at}: `{spec.model}` has no class `{architecture}`, only {there}; name the `task` to read it as"
            )
        return str(told), None if found == "base" else found
    if model_type is None and architecture is None:
        raise CheckpointError(f"{at / 'config.json'} has neither `model_type` nor `architectures`; give the `spec`")
    candidates = [name for name in shipped_models() if model_type is None or _mentions(name, str(model_type))]
    known: list[str] = []
    for name in candidates:
        spec = library().spec(name).model
        checkpoint = spec.checkpoint
        if model_type not in (None, checkpoint.model_type) or any(_unmatched(checkpoint.match, config)):
            continue
        if architecture in spec.readable:
            found = spec.readable[architecture]
            return name, None if found == "base" else found
        if model_type is None:
            continue
        if architecture is None or task is not None:
            return name, None if architecture is None or task == "base" else task
        known += spec.architectures
    hint = f"; of this type there are {', '.join(known)}" if known else "; one of your own is given as `spec`"
    raise CheckpointError(f"{at}: no spec for model_type `{model_type}` and class `{architecture}`{hint}")


def _class_of(config: Mapping[str, Any]) -> str | None:
    """The class that a config names."""
    classes = config.get("architectures")
    return str(classes[0] if isinstance(classes, list) else classes) if classes else None


def _mentions(name: str, model_type: str) -> bool:
    text = (SHIPPED / f"{name}.yaml").read_text(encoding="utf-8")
    return name == model_type or re.search(rf"model_type: [\"']?{re.escape(model_type)}\b", text) is not None


def _unmatched(match: Mapping[str, Any], config: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The fields of which a config says something else than a spec that is of some configs alone."""
    return ((path, wanted) for path, wanted in match.items() if _said(config, path) != wanted)


def _said(config: Mapping[str, Any], path: str) -> Any:
    """A field of a config, None where there is none: those written today leave it out or say null."""
    value = _field(config, path)
    return None if value is _MISSING else value


def overrides_from(
    config: Mapping[str, Any], document: Document[Spec], told: Mapping[str, Any] = MappingProxyType({})
) -> dict[str, Any]:
    """The parameters that a config sets: each by its field, null being false of a flag, else what is missing.

    A parameter that admits null takes it as it is.

    Args:
        told: parameters that a call sets, which count before the config; those of a mounted spec one by one, unless
            their size is among them.

    Raises:
        CheckpointError: a field holds an expression, labels have no numbers, heads are pruned, a decoder is its
            encoder, or a mounted spec is of other configs.
    """
    if config.get("pruned_heads"):
        raise CheckpointError(
            f"config.json: `pruned_heads` is {config['pruned_heads']}; layers of fewer heads are not read: "
            "save the model before its heads are pruned"
        )
    if config.get("tie_encoder_decoder") and config.get("is_encoder_decoder"):
        raise CheckpointError(
            "config.json: `tie_encoder_decoder` makes one of both stacks; it is not read: save them apart"
        )
    spec = document.model
    found: dict[str, Any] = {}
    for name, declared in spec.params.items():
        one = _written_as(config, spec.checkpoint.config.get(name, name))
        value = _field(config, one)
        if value is _MISSING and name in spec.checkpoint.config:
            _refuse_slip(one, config, spec)
        if isinstance(value, str) and "$" in value:
            raise CheckpointError(f"config.json: `{one}` is `{value}`; expected a value, found an expression")
        if value is None and declared.word == "bool" and not declared.admits_null:
            value = False
        if value is not _MISSING and (value is not None or declared.admits_null):
            found[name] = value
    if "num_labels" in spec.params and config.get("id2label") is not None:
        found["num_labels"] = _labels(config["id2label"])
    if "out_indices" in spec.params and isinstance(config.get("out_features"), list) and not found.get("out_indices"):
        found["out_indices"] = [_stage(name) for name in config["out_features"]]
    found |= told
    for name, mount in spec.mounts.items():
        inner = config.get(_written_as(config, mount.config)) if mount.config else config
        mounted = _mounted(document, mount, {**{name: one.default for name, one in spec.params.items()}, **found})
        below = told.get(name, {})
        if not isinstance(inner, Mapping) or mounted is None:
            continue
        if mount.config:
            _refuse_others(inner, mounted.model, f"config.json, {mount.config}")
        if isinstance(below, Mapping) and "size" not in below:
            found[name] = overrides_from(inner, mounted, below)
    return found


def _refuse_others(config: Mapping[str, Any], spec: Spec, at: Path | str) -> None:
    """Refuse a config that says otherwise than a spec which is of some configs alone.

    Raises:
        CheckpointError: it does.
    """
    for path, wanted in _unmatched(spec.checkpoint.match, config):
        raise CheckpointError(
            f"{at}: `{spec.model}` reads configs whose `{path}` is {json.dumps(wanted)}, "
            f"found {json.dumps(_said(config, path))}; read it by another spec, or change this one's `match`"
        )


def _refuse_slip(field: str, config: Mapping[str, Any], spec: Spec) -> None:
    """A config may lack a field, whose default then counts; not where it has it but for a slip of the pen.

    Raises:
        CheckpointError: there is one.
    """
    told = [spec.checkpoint.config.get(name, name) for name in spec.params]
    read = {one for names in told for one in ([names] if isinstance(names, str) else names)}
    meant = next((one for one in config if one not in read and is_slip(field, one)), None)
    if meant is not None:
        raise CheckpointError(f"config.json has no `{field}`, which `{spec.model}` reads: expected `{meant}`?")


def naming_fields(error: SpecError, config: Mapping[str, Any], document: Document[Spec]) -> SpecError:
    """The findings; where one is at a parameter's default, that names the field which stood in for it."""
    fields = document.model.checkpoint.config
    at = {str(document.span("params", name)): fields.get(name, name) for name in document.model.params}
    told = []
    for one in error.diagnostics:
        names = at.get(str(one.label.span))
        if names is not None and ", found " in one.label.text:
            text = f"{one.label.text} as `{_written_as(config, names)}` of config.json"
            one = replace(one, label=Label(one.label.span, text))
        told.append(one)
    return SpecError(told)


def _written_as(config: Mapping[str, Any], fields: str | list[str]) -> str:
    """The field that counts: of several the last one that is there, as in Hugging Face, else the first."""
    if isinstance(fields, str):
        return fields
    return next((one for one in reversed(fields) if _field(config, one) not in (_MISSING, None)), fields[0])


def _labels(told: Any) -> int:
    """How many labels a config tells by their numbers."""
    if not isinstance(told, Mapping):
        found = f"a {type(told).__name__}"
    elif strange := next((number for number in told if not str(number).isdecimal()), None):
        found = f"`{strange}`"
    else:
        return len(told)
    expected = 'labels by their numbers, such as {"0": "no", "1": "yes"}'
    raise CheckpointError(f"config.json: `id2label` has {found}; expected {expected}")


def _stage(name: Any) -> int:
    """The number of a stage that a config tells by name: ``stem`` is 0, ``stage1`` is 1."""
    number = "0" if name == "stem" else str(name).removeprefix("stage")
    if not number.isdecimal():
        raise CheckpointError(f"config.json: `out_features` has `{name}`; expected `stem`, `stage1` and so on")
    return int(number)


_MISSING = object()


def _field(config: Mapping[str, Any], path: str) -> Any:
    """A field of a config; a dotted one (``encoder.model_type``) is a field of a config inside."""
    value: Any = config
    for word in path.split("."):
        value = value.get(word, _MISSING) if isinstance(value, Mapping) else _MISSING
    return value


def _mounted(document: Document[Spec], mount: Mount, params: Mapping[str, Any]) -> Document[Spec] | None:
    """The spec that is mounted under these parameters; None where none is."""
    try:
        return library().spec(mounted_spec(mount, params.__getitem__), near=document.folder)
    except KeyError:
        return None  # building the graph says so


def config_from(
    params: Mapping[str, Any],
    document: Document[Spec],
    task: str | None,
    previous: Mapping[str, Any],
    told: Mapping[str, Any] = MappingProxyType({}),
) -> dict[str, Any]:
    """The config to write: what was read, with the fields that differ changed; all fields where nothing was read.

    Args:
        told: the parameters that a call has set, of which a config that is silent on them speaks from then on.
    """
    spec = document.model
    config = dict(previous)
    known = overrides_from(previous, document)
    parts = {_written_as(previous, mount.config) for mount in spec.mounts.values() if mount.config}
    for name, value in params.items():
        is_kept = previous and (known[name] == value if name in known else name not in told)
        if name in spec.mounts:
            mount = spec.mounts[name]
            inner = _mounted(document, mount, params)
            if mount.config and inner is not None and isinstance(value, Mapping) and not is_kept:
                field_name = _written_as(previous, mount.config)
                before = previous.get(field_name)
                before = before if isinstance(before, Mapping) else {}
                config[field_name] = config_from(value, inner, None, before, told.get(name, {}))
            continue
        if is_kept:
            continue
        if name == "num_labels":
            labels = range(0 if value is None else int(value))
            config["id2label"] = {str(n): f"LABEL_{n}" for n in labels}
            config["label2id"] = {f"LABEL_{n}": n for n in labels}
            continue
        field_name = _written_as(previous, spec.checkpoint.config.get(name, name))
        head, *below = field_name.split(".")
        is_new = value is not None or _said(previous, field_name) is not None
        if not below or (is_new and head not in parts):  # what is inside a part's config, the mounted spec writes
            _write(config, field_name, value)
    if spec.checkpoint.model_type:
        config.setdefault("model_type", spec.checkpoint.model_type)
    if not previous:
        config["architectures"] = _classes_of(spec, task)
        for path, wanted in _unmatched(spec.checkpoint.match, config):
            _write(config, path, wanted)
    return config


def _write(config: dict[str, Any], path: str, value: Any) -> None:
    """Write a field, a dotted one into a copy of the config inside."""
    *above, last = path.split(".")
    for word in above:
        there = config.get(word)
        config[word] = config = dict(there) if isinstance(there, Mapping) else {}
    config[last] = value


def class_field(spec: Spec, task: str | None, config: Mapping[str, Any]) -> dict[str, list[str]]:
    """The field that names the class, where a config was read as another task than that of the class that it names."""
    name = _class_of(config)
    is_told = task is None if name is None else spec.readable.get(name) == (task or "base")
    names = _classes_of(spec, task)
    return {} if is_told or not names else {"architectures": names}


def _classes_of(spec: Spec, task: str | None) -> list[str]:
    """The class of a task, if it has one."""
    return [name for name, one in spec.architectures.items() if one == (task or "base")][:1]
