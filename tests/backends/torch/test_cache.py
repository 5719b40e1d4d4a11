"""Compiled code kept between processes: where, under which key, and what becomes of a damaged file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.torch import cache


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(cache.VARIABLE, str(tmp_path / "kept"))
    return tmp_path / "kept"


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What torch is given."""
    seen: list[bytes] = []
    monkeypatch.setattr(torch.compiler, "load_cache_artifacts", lambda data: seen.append(data) or object())
    return seen


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


def test_what_is_saved_is_loaded(folder: Path, given: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "save_cache_artifacts", lambda: (b"code", None))
    path = path_for()
    assert not cache.load(path)
    with cache.apart():
        library = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "ab" / "abc.so"
        library.parent.mkdir()
        library.write_bytes(b"built")
        assert cache.save(path) == path.stat().st_size
    assert not library.exists()
    assert [one.name for one in folder.iterdir()] == [path.name]  # and no temporary one
    with cache.apart():
        assert cache.load(path)
        assert (Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "ab" / "abc.so").read_bytes() == b"built"
    assert given == [b"code"]


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 100])
def test_a_damaged_file_is_told_and_ignored(folder: Path, given: list[bytes], data: bytes) -> None:
    folder.mkdir()
    path_for().write_bytes(data)
    with pytest.warns(UserWarning, match="damaged; compiling anew"):
        assert not cache.load(path_for())
    path_for().unlink()
    path_for().mkdir()
    with pytest.warns(UserWarning, match="cannot read"):
        assert not cache.load(path_for())
    assert not given


def test_nothing_kept_is_an_error(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.compiler, "save_cache_artifacts", lambda: None)
    with pytest.raises(RuntimeError, match="turned off"):
        cache.save(path_for())
    assert not folder.exists()
    with pytest.raises(RuntimeError, match="call the model first"):
        aw.compile("bert", size="tiny", backend="eager").keep_compiled()


def test_a_second_model_finds_what_the_first_kept(
    folder: Path, given: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.compiler, "save_cache_artifacts", lambda: (b"code", None))
    monkeypatch.setattr(torch, "compile", lambda function, **options: function)
    ids = torch.zeros(1, 5, dtype=torch.long)
    with torch.no_grad():
        first = aw.compile("bert", size="tiny")
        first(input_ids=ids)
    with cache.apart():
        path, _ = first.keep_compiled()
    assert path.parent == folder
    with torch.no_grad():
        second = aw.compile("bert", size="tiny")
        second(input_ids=ids, output_hidden_states=True)  # another specialisation does not change the text of this one
        second(input_ids=ids)
        second(input_ids=ids)
        second(input_ids=ids[:, :4])
    assert given == [b"code"]
