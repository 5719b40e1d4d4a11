"""Documents: a YAML file read, validated by the schema, and merged with what it extends. Every value has a place."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import ValidationError

from ...blocks.base import all_blocks
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean
from . import source
from .layers import complete, lay_over, prepare
from .schema import Construct, Part, Spec, WeightMap
from .schema_errors import explain, found_text
from .span import Span
from .tree import Mapping, Scalar, Sequence, Tree, locate, plain

SHIPPED = Path(__file__).parents[2] / "specs"
FOLDERS = {"spec": [".", "frames"], "part": ["parts", "."], "map": ["maps", "."]}
MAX_EXTENDED = 8
MAX_READ = 64
_M = TypeVar("_M", bound=Construct)
Stamp = tuple[Path, int, int]
"""A file, when it was written and how long it is: read again where that changes."""


@dataclass(slots=True)
class Document(Generic[_M]):
    """A validated file: the construct, the tree that knows where everything stands, and the order in each part."""

    path: Path
    tree: Mapping
    model: _M
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
        self._cache: dict[tuple[Path, str, type[Construct]], Document[Any]] = {}

    def spec(self, name: str | Path, *, near: Path | None = None, at: Span | None = None) -> Document[Spec]:
        """A spec by shipped name or path, with what it extends merged in.

        Raises:
            SpecError: it is not there, or it is wrong.
            FileNotFoundError: it is not there, and no text (`at`) asked for it.
        """
        path = self._find(str(name), near, at, "spec")
        return self._cached(path, Spec)

    def part(self, name: str, *, near: Path, at: Span, own: Iterable[str] = ()) -> Document[Part]:
        """A part by name, which may have meant one of a spec's `own`.

        Raises:
            SpecError: it is not there, or it is wrong.
        """
        return self._cached(self._find(name, near, at, "part", own), Part)

    def weight_map(self, name: str, *, near: Path, at: Span) -> Document[WeightMap]:
        """A named piece of checkpoint map.

        Raises:
            SpecError: it is not there, or it is wrong.
        """
        return self._cached(self._find(name, near, at, "map"), WeightMap)

    def _cached(self, path: Path, model: type[_M]) -> Document[_M]:
        """The document, read again where its file, or that of what it extends, has changed."""
        absolute, shown = path.absolute(), _shown(path)
        key = (absolute, shown, model)
        found = self._cache.get(key)
        if found is None or found.stamps != tuple(_stamp(file) for file, *_ in found.stamps):
            self._cache[key] = found = self._read(absolute, shown, model)
        return found

    def _read(self, path: Path, shown: str, model: type[_M]) -> Document[_M]:
        tree, stamps = self._tree(path, shown, model, (), [])
        if model is Spec:
            tree = complete(tree)
            frame = tree.entries.get("frame")
            if frame is not None and "model" not in tree.entries:
                label = Label(frame.span, "expected `model` in a spec that extends this frame")
                raise SpecError([Diagnostic("missing-key", "a frame is no model of its own", label)])
        try:
            return Document(path, tree, model.model_validate(plain(tree)), stamps)
        except ValidationError as error:
            raise SpecError(explain(error, tree, model)) from None

    def _tree(
        self, path: Path, shown: str, model: type[Construct], above: tuple[Path, ...], read: list[Path]
    ) -> tuple[Mapping, tuple[Stamp, ...]]:
        """What a file says, laid over what it extends; `above` extend it, and `read` grows by what is read."""
        read.append(path)
        stamps = (_stamp(path),)
        own = source.load_file(path, name=shown)
        if not isinstance(own, Mapping):
            raise SpecError([_no_mapping(own, model)])
        _check_name(own, path, "frame" if model is Spec else _kind(model))
        prepare(own, is_part=model is Part)
        written = own.entries["extends"].value if model is Spec and "extends" in own.entries else None
        tree: Mapping | None = None
        for one in written.items if isinstance(written, Sequence) else [written] if written is not None else ():
            base, more = self._extended(one, path, (*above, path), read)
            tree, stamps = base if tree is None else lay_over(tree, base), stamps + more
        return own if tree is None else lay_over(tree, own), stamps

    def _extended(
        self, written: Tree, path: Path, above: tuple[Path, ...], read: list[Path]
    ) -> tuple[Mapping, tuple[Stamp, ...]]:
        """What a spec extends.

        Raises:
            SpecError: it is not there, it is wrong, or it leads back or too far.
        """
        name = str(getattr(written, "text", ""))
        found = self._find(name, path.parent, written.span, "spec").absolute()
        if found in above or len(above) > MAX_EXTENDED:
            message = (
                f"`{found.stem}` extends itself" if found in above else f"`{above[0].stem}` extends too many in a row"
            )
            text = "what does not lead back here" if found in above else f"at most {MAX_EXTENDED}"
            raise SpecError([Diagnostic("deep-extends", message, Label(written.span, f"expected {text}"))])
        if len(read) > MAX_READ:  # the first is the spec itself
            text = f"expected at most {MAX_READ} files beside it, counted as often as they are read"
            message = f"`{above[0].stem}` extends too many"
            raise SpecError([Diagnostic("deep-extends", message, Label(written.span, text))])
        return self._tree(found, _shown(found), Spec, above, read)

    def _find(self, name: str, near: Path | None, at: Span | None, kind: str, own: Iterable[str] = ()) -> Path:
        folders = FOLDERS[kind] if at is not None or kind != "spec" else ["."]  # a frame is no model to name alone
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
        is_block = kind == "part" and name in all_blocks()
        help_ = did_you_mean(name, own) or did_you_mean(name, known)
        help_ = f"`{name}` is a block: write `block: {name}`" if is_block else help_
        if at is None and name and direct.is_dir():
            raise FileNotFoundError(f"{name} is a folder; expected a YAML file, or the name of a {kind} that ships")
        if at is None:
            hint = help_ or f"there are {', '.join(sorted(known))}"
            raise FileNotFoundError(f"there is no {kind} called `{name}`; {hint}")
        written = name
        if direct.stem != name and name:
            name, help_ = direct.stem, f"a {kind} has a name without folder and suffix: write `{clip(direct.stem)}`"
        text = (
            f"expected `{name}.yaml` beside this file or among those that ship"
            if name
            else "expected a name, found none"
        )
        raise SpecError(
            [Diagnostic(_UNKNOWN[kind], f"there is no {kind} `{clip(written)}`", Label(at, text), help=help_)]
        )


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


def _kind(model: type[Construct]) -> str:
    return model.__name__.lower() if model is not WeightMap else "map"


def _check_name(tree: Mapping, path: Path, kind: str) -> None:
    """What others name by its file may not call itself otherwise; a model may: it is called as it says.

    Raises:
        SpecError: it does.
    """
    said = tree.entries.get(kind)
    if said is None or "model" in tree.entries or not isinstance(said.value, Scalar) or said.value.text == path.stem:
        return
    label = Label(said.value.span, f"expected `{clip(path.stem)}`, found `{clip(said.value.text)}`")
    help_ = f"a {kind} is called as its file: leave `{kind}` out, or rename one of them"
    raise SpecError([Diagnostic("bad-name", f"this {kind} calls itself otherwise than its file", label, help=help_)])


def _no_mapping(tree: Tree, model: type[Construct]) -> Diagnostic:
    kind = _kind(model)
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
