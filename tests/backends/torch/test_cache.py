"""Compiled code kept between processes: where, under which key, and what becomes of a damaged file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch import cache
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.modules import prepacked


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What torch is given."""
    seen: list[bytes] = []

    def load(file: Any, f_globals: dict[str, Any]) -> Any:
        seen.append(file.read())
        return lambda *args: args

    monkeypatch.setattr(torch.compiler, "load_compiled_function", load)
    return seen


class Made:
    """A compiled function."""

    def save_compiled_function(self, path: str) -> None:
        """As torch's."""
        Path(path).write_bytes(b"code")


def path_for(text: str = "a", **more: Any) -> Path:
    values = {"x": torch.zeros(more.pop("length", 3))}
    return cache.path_for(text, values, **{"how": ("inductor", None), "device": "cpu", **more})


def test_the_folder_moves(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert cache.folder() == folder
    monkeypatch.delenv(cache.VARIABLE)
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache.folder() == Path("/somewhere/archwright")
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache.folder() == Path.home() / ".cache" / "archwright"


def test_each_way_of_calling_has_its_file(folder: Path) -> None:
    paths = [path_for(), path_for("b"), path_for(length=4), path_for(how=()), path_for(device="meta")]
    assert len(set(paths)) == len(paths)
    assert path_for() == paths[0]
    assert all(path.parent == folder for path in paths)


def test_what_is_saved_is_loaded(folder: Path, given: list[bytes]) -> None:
    path = path_for()
    assert cache.load(path, {}) is None
    with cache.apart():
        library = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "ab" / "abc.so"
        library.parent.mkdir()
        library.write_bytes(b"built")
        assert cache.save(path, Made()) == path.stat().st_size
    assert not library.exists()
    assert [one.name for one in folder.iterdir()] == [path.name]  # and no temporary one
    with cache.apart():
        assert cache.load(path, {}) is not None
        assert (Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "ab" / "abc.so").read_bytes() == b"built"
    assert given == [b"code"]


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 100])
def test_a_damaged_file_is_told_and_ignored(folder: Path, given: list[bytes], data: bytes) -> None:
    folder.mkdir()
    path_for().write_bytes(data)
    with pytest.warns(UserWarning, match="damaged; compiling anew"):
        assert cache.load(path_for(), {}) is None
    path_for().unlink()
    path_for().mkdir()
    with pytest.warns(UserWarning, match="cannot read"):
        assert cache.load(path_for(), {}) is None
    assert not given


def test_what_runs_as_it_is_written_is_not_kept(folder: Path) -> None:
    with pytest.raises(ArgumentError, match='backend="inductor"'):
        aw.compile("bert", size="tiny", backend="eager").keep_compiled(input_ids=torch.zeros(1, 5).long())
    assert not folder.exists()


@pytest.mark.parametrize(("name", "inference"), [("bert", False), ("t5", True)])
def test_a_second_model_finds_what_the_first_kept(
    name: str, inference: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)

    def made() -> Any:
        return aw.compile(name, size="tiny", inference=inference, dynamic=False)

    first = made()
    given = example_inputs(first.graph)
    with torch.no_grad():
        path, _ = first.keep_compiled(**given)
    assert path.parent == folder
    second = made()
    second.load_state_dict(first.state_dict())
    compiled: list[Any] = []
    monkeypatch.setattr(torch, "compile", lambda method, **options: compiled.append(method) or method)
    eager = aw.compile(name, size="tiny", backend="eager")
    eager.load_state_dict(first.state_dict())
    with torch.no_grad():
        found = second(**given)
        assert not compiled
        for key, value in eager(**given).items():
            torch.testing.assert_close(found[key], value)
        for model in (second, eager):  # what is held is made anew
            model.load_state_dict({key: 0.5 * one for key, one in first.state_dict().items()})
        torch.testing.assert_close(second(**given)[key], eager(**given)[key])
        assert not compiled
        found = second(**given)
        second(**{key: torch.cat([value, value]) for key, value in given.items()})  # other shapes
        assert len(compiled) == 1
        torch.testing.assert_close(second(**given)[key], found[key])
    second(**given)
    assert len(compiled) == 1  # with gradients it is other code
