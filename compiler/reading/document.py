"""Documents: a YAML file read, validated by the schema, and merged with what it extends. Every value has a place."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, nearest
from . import source
from .composer import clip
from .schema import Part, Spec, WeightMap
from .schema_errors import explain, found_text
from .span import Span
from .tree import Entry, Mapping, Scalar, Tree, locate, plain

SHIPPED = Path(__file__).parents[2] / "specs"
MERGED_SECTIONS = (
    "params", "let", "sizes", "flags", "inputs", "mounts", "parts", "graph", "outputs", "tasks", "checkpoint", "init",
)  # fmt: skip
_M = TypeVar("_M", bound=BaseModel)
Stamp = tuple[Path, int, int]
"""A file, when it was written and how long it is: read again where that changes."""


@dataclass(slots=True)
class Document(Generic[_M]):
    """A validated file: the construct, the tree that knows where everything stands, and the order in each part."""

    path: Path
    tree: Mapping
    model: _M
    extends: Document[Any] | None = None
    stamps: tuple[Stamp, ...] = ()
    orders: dict[tuple[str, ...], list[str]] = field(default_factory=dict)
    _spans: dict[tuple[Any, ...], Span] = field(default_factory=dict)

    def span(self, *path: str | int, key: bool = False) -> Span:
        """The place of a path in the file; of its nearest ancestor where the path was left out."""
        known = (key, *path)
        found = self._spans.get(known)
        if found is None:
            self._spans[known] = found = locate(self.tree, path, key=key)
        return found

    @property
    def folder(self) -> Path:
        """Where the parts and specs that it names are looked for first."""
        return self.path.parent


class Library:
    """Finds specs, parts and weight maps by name: beside the file that names them, then among those that ship."""

    def __init__(self) -> None:
        self._cache: dict[tuple[Path, str, type[BaseModel]], Document[Any]] = {}
        self._reading: list[Path] = []

    def spec(self, name: str | Path, *, near: Path | None = None, at: Span | None = None) -> Document[Spec]:
        """A spec by shipped name or path, with what it extends merged in.

        Raises:
            SpecError: it is not there, or it is wrong.
            FileNotFoundError: it is not there, and no text (`at`) asked for it.
        """
        path = self._find(str(name), ["."], near, at, "spec")
        return self._cached(path, Spec)

    def part(self, name: str, *, near: Path, at: Span) -> Document[Part]:
        """A part by name.

        Raises:
            SpecError: it is not there, or it is wrong.
        """
        return self._cached(self._find(name, ["parts", "."], near, at, "part"), Part)

    def weight_map(self, name: str, *, near: Path, at: Span) -> Document[WeightMap]:
        """A named piece of checkpoint map.

        Raises:
            SpecError: it is not there, or it is wrong.
        """
        return self._cached(self._find(name, ["maps"], near, at, "map"), WeightMap)

    def _cached(self, path: Path, model: type[_M]) -> Document[_M]:
        """The document, read again where its file, or that of what it extends, has changed."""
        absolute, shown = path.absolute(), _shown(path)
        key = (absolute, shown, model)
        found = self._cache.get(key)
        if found is None or found.stamps != tuple(_stamp(file) for file, *_ in found.stamps):
            self._reading.append(absolute)
            try:
                self._cache[key] = found = self._read(absolute, shown, model)
            finally:
                self._reading.pop()
        return found

    def _read(self, path: Path, shown: str, model: type[_M]) -> Document[_M]:
        stamps = (_stamp(path),)
        tree = source.load_file(path, name=shown)
        if not isinstance(tree, Mapping):
            raise SpecError([_no_mapping(tree, model)])
        _note_order(tree)
        base = None
        if model is Spec and "extends" in tree.entries:
            base = self._base(tree.entries["extends"].value, path)
            tree = _merge(base.tree, tree)
            stamps += base.stamps
        return Document(path, tree, validate(tree, model), base, stamps)

    def _base(self, written: Tree, path: Path) -> Document[Spec]:
        """The spec that another one extends.

        Raises:
            SpecError: it is not there, it is wrong, or it extends another one itself.
        """
        name = str(getattr(written, "text", ""))
        found = self._find(name, ["."], path.parent, written.span, "spec")
        base = None if found.absolute() in self._reading else self._cached(found, Spec)
        if base is None or base.extends is not None:
            label = Label(written.span, f"expected a spec that extends none, found that `{name}` does")
            raise SpecError([Diagnostic("deep-extends", "`extends` goes one level deep", label)])
        return base

    def _find(self, name: str, folders: Sequence[str], near: Path | None, at: Span | None, kind: str) -> Path:
        direct = Path(name)
        if kind == "spec" and at is None and (direct.suffix in (".yaml", ".yml") or direct.is_file()):
            if direct.is_file():
                return direct
            ships = f"; `{direct.stem}` without a suffix ships" if direct.stem in shipped_models() else ""
            raise FileNotFoundError(f"there is no file {name}{ships}")
        roots = [near, SHIPPED] if near is not None else [SHIPPED]
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_-]*", name):
            for root in roots:
                for folder in folders:
                    path = root / folder / f"{name}.yaml"
                    if path.is_file():
                        return path
        known = {file.stem for root in roots for folder in folders for file in (root / folder).glob("*.yaml")}
        close = nearest(name, known)
        if at is None:
            hint = f"; did you mean `{close}`?" if close else f"; there are {', '.join(sorted(known))}"
            raise FileNotFoundError(f"there is no {kind} called `{name}`{hint}")
        text = (
            f"expected `{name}.yaml` beside this file or among those that ship"
            if name
            else "expected a name, found none"
        )
        help_ = f"did you mean `{close}`?" if close else None
        raise SpecError([Diagnostic(_UNKNOWN[kind], f"there is no {kind} `{clip(name)}`", Label(at, text), help=help_)])


_UNKNOWN = {"spec": "unknown-spec", "part": "unknown-part", "map": "unknown-map"}


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:  # reading it says what is wrong
        return path, 0, 0
    return path, found.st_mtime_ns, found.st_size


def _shown(path: Path) -> str:
    """What diagnostics call a file: its path as given or below the working directory, short for what ships."""
    if path.is_relative_to(SHIPPED):
        return f"archwright/specs/{path.relative_to(SHIPPED).as_posix()}"
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)


def _no_mapping(tree: Tree, model: type[BaseModel]) -> Diagnostic:
    kind = model.__name__.lower() if model is not WeightMap else "map"
    label = Label(
        tree.span, f"expected a mapping such as `{'model' if model is Spec else kind}: bert`, found {found_text(tree)}"
    )
    return Diagnostic("wrong-type", f"a {kind} is a mapping", label)


@lru_cache(maxsize=1)
def library() -> Library:
    """The library of this process, which remembers what it has read."""
    return Library()


def shipped_models() -> list[str]:
    """The names of the specs that ship."""
    return sorted(file.stem for file in SHIPPED.glob("*.yaml"))


def _note_order(tree: Mapping) -> None:
    """Fix where it is written what an `in` left out means: the node before (language F3)."""
    holders = [tree, *_children(tree, "parts")]
    for holder in [*holders, *_children(tree, "tasks")]:
        graph = holder.entries.get("graph")
        if graph is None or not isinstance(graph.value, Mapping):
            continue
        previous: str | None = None
        for name, entry in graph.value.entries.items():
            node = entry.value
            if isinstance(node, Mapping) and "in" not in node.entries and previous is not None:
                text = Scalar(value=previous, span=entry.key_span, quoted=False, text=previous)
                node.entries["<previous>"] = Entry(entry.key_span, text)
            previous = name


def _children(tree: Mapping, key: str) -> Iterable[Mapping]:
    entry = tree.entries.get(key)
    if entry is not None and isinstance(entry.value, Mapping):
        yield from (child.value for child in entry.value.entries.values() if isinstance(child.value, Mapping))


def _merge(base: Mapping, own: Mapping) -> Mapping:
    """`own` laid over `base`: sections by entry (``null`` removes one), the rest replaced, such as the class names."""
    entries = {
        key: entry for key, entry in base.entries.items() if key != "published"
    }  # it is said of that model alone
    for key, entry in own.entries.items():
        below = entries.get(key)
        if key in MERGED_SECTIONS and below and isinstance(below.value, Mapping) and isinstance(entry.value, Mapping):
            deeper = ("config", "weights", "also") if key == "checkpoint" else ()
            entries[key] = Entry(entry.key_span, _merge_section(below.value, entry.value, deeper))
        else:
            entries[key] = entry
    return Mapping(entries, own.span)


def _merge_section(base: Mapping, own: Mapping, deeper: tuple[str, ...]) -> Mapping:
    entries = dict(base.entries)
    for key, entry in own.entries.items():
        below = entries.get(key)
        if isinstance(entry.value, Scalar) and entry.value.value is None and not entry.value.quoted and below:
            del entries[key]
        elif key in deeper and below and isinstance(below.value, Mapping) and isinstance(entry.value, Mapping):
            entries[key] = Entry(entry.key_span, _merge_section(below.value, entry.value, ()))
        else:
            entries[key] = entry
    return Mapping(entries, own.span)


def validate(tree: Tree, model: type[_M]) -> _M:
    """Check a tree against a construct of the schema.

    Raises:
        SpecError: with a diagnostic for every mistake.
    """
    try:
        return model.model_validate(plain(tree))
    except ValidationError as error:
        raise SpecError(explain(error, tree, model)) from None
