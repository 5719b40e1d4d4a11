"""Compiled code kept between processes: where, under which key, and what becomes of a damaged file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._inductor.utils import fresh_cache

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch import cache, kept
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
        return lambda net, **values: "called"

    monkeypatch.setattr(torch.compiler, "load_compiled_function", load)
    return seen


class Made:
    """A compiled function."""

    def __init__(self, method: Any, **options: Any) -> None:
        del method, options

    def aot_compile(self, example: Any) -> Made:
        """As torch's, with a library beside what torch was asked for."""
        library = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"]) / "ab" / "abc.so"
        library.parent.mkdir()
        library.write_bytes(b"built")
        return self

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


def test_what_code_depends_on_of_a_call() -> None:
    records = {"boxes": torch.zeros(2, 4), "filled": torch.ones(2, dtype=torch.bool)}
    more = {"boxes": torch.zeros(3, 4), "filled": torch.ones(3, dtype=torch.bool)}
    found = [
        cache.likeness(one) for one in (torch.zeros(2), torch.zeros(2).long(), torch.zeros(3), 2, 3, records, more)
    ]
    assert len(set(found)) == len(found)
    assert cache.likeness(torch.ones(2)) == found[0]


def test_what_is_saved_is_loaded(folder: Path) -> None:
    path = path_for()
    assert cache.load(path) is None
    files = {"a": b"code", "b/c.so": bytes(1000)}
    assert cache.save(path, files) == path.stat().st_size < 1000
    assert [one.name for one in folder.iterdir()] == [path.name]  # and no temporary one
    assert cache.load(path) == files


def test_a_function_is_kept_with_its_libraries(given: list[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", Made)
    method = torch.nn.Linear(1, 1).forward
    with fresh_cache():
        files = kept.function(method, {})
    assert files == {"function": b"code", "ab/abc.so": b"built"}
    with fresh_cache():
        own = Path(os.environ["TORCHINDUCTOR_CACHE_DIR"])
        assert kept.Function({**files, "../away.so": b"", "a/b/c.so": b"", "ab/d.txt": b""}, method)(x=1) == "called"
        assert [one.name for one in own.glob("**/*") if one.is_file()] == ["abc.so"]
        assert (own / "ab" / "abc.so").read_bytes() == b"built"
    assert given == [b"code"]


@pytest.mark.parametrize("data", [b"", b"short", b"x" * 100])
def test_a_damaged_file_is_told_and_ignored(folder: Path, data: bytes) -> None:
    folder.mkdir()
    path_for().write_bytes(data)
    with pytest.warns(UserWarning, match="damaged; compiling anew"):
        assert cache.load(path_for()) is None
    path_for().unlink()
    path_for().mkdir()
    with pytest.warns(UserWarning, match="cannot read"):
        assert cache.load(path_for()) is None


def test_what_is_not_compiled_or_does_not_run_is_not_kept(folder: Path) -> None:
    with pytest.raises(ArgumentError, match='backend="inductor"'):
        aw.compile("bert", size="tiny", backend="eager").keep_compiled(input_ids=torch.zeros(1, 5).long())
    with pytest.raises(ArgumentError, match="64 places at most, found 100"):
        aw.compile("bert", size="tiny").keep_compiled(input_ids=torch.zeros(1, 100).long())
    assert not folder.exists()


@pytest.mark.parametrize(
    ("name", "inference", "form"), [("bert", False, "Package"), ("t5", True, "Package"), ("bert", True, "Function")]
)
def test_a_second_model_finds_what_the_first_kept(
    name: str, inference: bool, form: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "Function":
        monkeypatch.setattr(kept, "is_packaged", lambda net: False)
    monkeypatch.setattr(prepacked, "LEAST", 0)

    def made() -> Any:
        return aw.compile(name, size="tiny", inference=inference, dynamic=False)

    first = made()
    given = example_inputs(first.graph)
    with torch.no_grad():
        path, _ = first.keep_compiled(**given)
    assert path.parent == folder
    assert ("function" in (cache.load(path) or {})) == (form == "Function")
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
    assert len(compiled) == 2  # with gradients it is other code


def test_what_is_kept_is_for_weights_that_lie_as_they_did(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = aw.compile("gpt2", size="tiny", dynamic=False)
    given = example_inputs(model.graph)
    other = aw.compile("gpt2", size="tiny", dynamic=False)
    compiled: list[Any] = []
    with torch.no_grad():
        model.keep_compiled(**given)
        other.load_state_dict(model.state_dict())
        monkeypatch.setattr(torch, "compile", lambda method, **options: compiled.append(method) or method)
        expected = model(**given)
        turned = {key: value.repeat_interleave(2, -1)[..., ::2] for key, value in given.items()}
        for key, value in model(**turned).items():
            torch.testing.assert_close(value, expected[key])
        assert not compiled  # what is given may lie as it likes
        for one in (model, other):  # in a call that found kept code, and before one
            for weight in one.net.parameters():
                weight.data = weight.t().contiguous().t() if weight.dim() == 2 else weight
            for key, value in one(**given).items():
                torch.testing.assert_close(value, expected[key])
        assert len(compiled) == 2


def test_what_is_kept_is_for_calls_with_or_without_autocast(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other, eager = (aw.compile("bert", size="tiny", backend=one) for one in ("inductor", "inductor", "eager"))
    given = example_inputs(model.graph)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        model.keep_compiled(**given)
    monkeypatch.setattr(torch, "compile", lambda method, **options: method)
    for one in (other, eager):
        one.load_state_dict(model.state_dict())
    with torch.no_grad():
        for dtype in (torch.bfloat16, None, torch.float16):
            with torch.autocast("cpu", dtype, enabled=dtype is not None):
                found, expected = other(**given).pooler_output, eager(**given).pooler_output
            assert found.dtype == expected.dtype == (dtype or torch.float32)


class Doubled(torch.nn.Linear):
    """Another's part, with the weights of the one that it stands for."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return 2 * super().forward(input)


def hooked(part: Any) -> None:
    part.up.register_forward_hook(lambda module, inputs, output: 2 * output)


def replaced(part: Any) -> None:
    doubled = Doubled(part.up.in_features, part.up.out_features)
    doubled.load_state_dict(part.up.state_dict())
    part.up = doubled


@pytest.mark.parametrize("alter", [hooked, replaced])
def test_what_is_kept_is_for_a_model_as_it_is_made(alter: Any, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model, other = (aw.compile("bert", size="tiny", dynamic=False) for _ in range(2))
    given = example_inputs(model.graph)
    eager = aw.compile("bert", size="tiny", backend="eager")
    with torch.no_grad():
        model.keep_compiled(**given)
        for one in (other, eager):
            one.load_state_dict(model.state_dict())
            alter(one.net.encoder[1].ffn)
        with pytest.raises(ArgumentError, match=r"`net\.encoder\.1\.ffn\.up` has hooks or is another's"):
            other.keep_compiled(**given)
        monkeypatch.setattr(torch, "compile", lambda method, **options: method)
        expected = eager(**given).last_hidden_state
        assert not torch.allclose(model(**given).last_hidden_state, expected)
        torch.testing.assert_close(other(**given).last_hidden_state, expected)
        if alter is replaced:  # hooks that come after the first call are not seen
            alter(model.net.encoder[1].ffn)
            torch.testing.assert_close(model(**given).last_hidden_state, expected)


def test_what_is_kept_counts_what_a_call_marks(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = aw.compile("longformer", size="tiny", dynamic=False)
    eager = aw.compile("longformer", size="tiny", backend="eager")
    eager.load_state_dict(model.state_dict())
    ids, marked = torch.arange(40).view(2, 20) + 2, torch.zeros(2, 20, dtype=torch.long)
    with torch.no_grad():
        model.keep_compiled(input_ids=ids, global_attention_mask=marked)
        monkeypatch.delattr(torch, "compile")
        for count in (1, 3, 0):
            marked[0, :count] = 1
            marked[1, 2 * count :] = count > 0
            expected = eager(input_ids=ids, global_attention_mask=marked).last_hidden_state
            found = model(input_ids=ids, global_attention_mask=marked).last_hidden_state
            torch.testing.assert_close(found, expected)


class Scaled(torch.nn.Module):
    """A module whose weights have no axis, one, and two."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(2.0))
        self.map = torch.nn.Linear(3, 4)

    def forward(self, x: torch.Tensor) -> dict[str, Any]:
        """What a model gives: tensors, some in lists, and what is absent."""
        return {"y": self.scale * self.map(x), "states": [x, None]}


def test_a_package_reads_the_weights_of_its_module() -> None:
    net, x = Scaled(), torch.randn(2, 3)
    files = kept.package(net.forward, {"x": x})
    other = Scaled()
    run = kept.Package(files, other)
    assert run.fits() and not run.reads_held
    found = run(x=x)
    torch.testing.assert_close(found["y"], other(x)["y"])
    assert found["states"][1] is None and torch.equal(found["states"][0], x)
    other.scale = None
    assert not run.fits()
