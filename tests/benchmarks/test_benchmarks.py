"""The benchmarks of all systems: measured at a tiny size, resumed, and drawn; processes are stood in for."""

from __future__ import annotations

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner, Result

from archwright.backends.errors import ArgumentError
from archwright.backends.torch import first_call
from archwright.backends.torch.fresh import TooLong
from archwright.backends.torch.model import Model
from archwright.benchmarks import __main__ as command
from archwright.benchmarks import measure, records
from archwright.benchmarks.page import BLANK, _pair, write_page
from archwright.benchmarks.records import SYSTEMS, Record
from archwright.compiler.check import build_graph

pytest.importorskip("transformers")
PAGES = Path(__file__).parents[2] / "docs" / "benchmarks"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The functions that fresh processes were asked for; here they run in this one, and nothing is compiled."""
    told: list[str] = []

    def here(function: str, arguments: dict[str, Any], **how: Any) -> Any:
        place, name = function.split(":")
        told.append(name)
        return json.loads(json.dumps(getattr(import_module(place), name)(**json.loads(json.dumps(arguments)))))

    for module in (command, measure, first_call):
        monkeypatch.setattr(module, "fresh", here)
    monkeypatch.setattr(Model, "keep_compiled", lambda self, **inputs: told.append("kept"))
    monkeypatch.setattr(torch, "compile", lambda model, **options: model)
    return told


def run(folder: Path, *more: str) -> Result:
    given = ["--folder", str(folder), "--size", "tiny", "--runs", "1", *more]
    return CliRunner().invoke(command.main, given, catch_exceptions=False)


def test_all_of_it(called: list[str], tmp_path: Path) -> None:
    every = ("--systems", "bert,vit", "--only", ",".join(measure.MEASUREMENTS))
    assert re.search(r"^bert: latency: \d+ s$", run(tmp_path, *every).stderr, re.MULTILINE)
    each = [
        "prepare",
        "serve",
        "kept",
        "serve",
        "serve",
        "serve",
        "latency_of",
        "load_of",
        "training_of",
        "training_of",
    ]
    assert called == each * 2
    data = json.loads((tmp_path / "cpu" / "bert.json").read_text())
    assert list(data["measured"]) == measure.possible(SYSTEMS["bert"])
    assert all(entry["environment"]["torch"] == torch.__version__ for entry in data["measured"].values())
    assert list(data["measured"]["latency"]["result"]["times"]) == [
        "transformers eager", "transformers inductor", "archwright eager", "archwright inductor"
    ]  # fmt: skip
    assert data["measured"]["latency"]["result"]["difference"] < 1e-5
    page = (tmp_path / "README.md").read_text()
    assert "Geometric mean over 2 systems" in page
    assert page.count("| bert, tiny | ") == 4
    assert f"| gpt2 | {BLANK} |" in page
    assert page.endswith(f"## GPU\n\n{BLANK}\n")
    called.clear()
    run(tmp_path, *every)
    assert not called
    run(tmp_path, "--systems", "vit", "--only", "load", "--again")
    assert called == ["prepare", "load_of"]


def test_what_is_measured_of_few(called: list[str], tmp_path: Path) -> None:
    chosen = ["bert of 32 sentences", "bert of 12 layers", "t5 that writes"]
    run(tmp_path, "--systems", ",".join(chosen))
    assert [one for one in called if one not in ("serve", "kept")] == [
        "prepare", "latency_of", "prepare", "generation_of"
    ]  # fmt: skip
    page = (tmp_path / "README.md").read_text()
    for title, section in zip(chosen, ("Padding", "Depth", "Writing"), strict=True):
        rows = page.split(f"### {section}")[1].split("###")[0]
        assert re.search(rf"\| {title}, tiny \| .* \d+\.\d\d( \(| \|)", rows), rows
        assert page.count(title) == 1
    assert "| the same |" in page


def test_what_was_measured_before_an_option_was_there_counts(tmp_path: Path) -> None:
    (tmp_path / "bert.json").write_text('{"name": "bert", "request": {"size": "base"}, "measured": {"latency": {}}}')
    record = Record.read(tmp_path, "bert")
    assert record.of({"size": "base", "spec": None}).data["measured"] == {"latency": {}}
    assert record.of({"size": "base", "spec": "mine.yaml"}).data["measured"] == {}
    assert record.of({"size": None}).data["measured"] == {}


def test_another_transformers_has_a_part_of_its_own(
    called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "_version", lambda package: "5.24.0")
    run(tmp_path, "--systems", "bert", "--only", "load")
    page = (tmp_path / "README.md").read_text()
    assert "## CPU\n" not in page
    assert "transformers 5.24.0" in page.split("## CPU, transformers 5\n")[1].split("## GPU")[0]


def test_a_batch_has_a_part_of_its_own(called: list[str], tmp_path: Path) -> None:
    run(tmp_path, "--systems", "bert,gpt2 that writes", "--batch", "3", "--only", "latency,load,generation")
    assert called == ["prepare", "latency_of"]
    page = (tmp_path / "README.md").read_text()
    part = page.split("## CPU, batch 3\n")[1].split("## GPU")[0]
    assert "| bert, tiny | input_ids 3×32 |" in part
    assert "### Load" not in part and "### Writing" not in part


def test_systems_beside_each_other(called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = ["--systems", "bert,vit,swin", "--jobs", "2"]
    turns = []
    monkeypatch.setattr(measure, "prepare", lambda **told: None)
    monkeypatch.setattr(measure, "load_of", lambda **told: turns.append(told["turns"]) or {"failed": 1})
    monkeypatch.setattr(command, "write_page", lambda folder: None)
    run(tmp_path, *given, "--only", "load")
    assert len(turns) == 3 and len(set(turns)) == 1 and turns[0] is not None
    monkeypatch.setattr(measure, "load_of", lambda **told: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        run(tmp_path, *given, "--only", "load", "--again")
    result = run(tmp_path, *given, "--only", "start")
    assert result.exit_code == 2 and "one after the other" in result.stderr


def test_each_is_timed_alone(tmp_path: Path) -> None:
    """Whoever is about to be timed waits for those that prepare; descriptors of one file stand for processes."""
    import fcntl

    turns = tmp_path / "turns"
    turns.touch()
    with turns.open() as other:
        with measure.timed_alone(str(turns)) as step:
            fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)  # all prepare at once
            fcntl.flock(other, fcntl.LOCK_UN)
            step("timing")
            with pytest.raises(BlockingIOError):
                fcntl.flock(other, fcntl.LOCK_SH | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_the_plot(called: list[str], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    run(tmp_path, "--systems", "bert", "--only", "latency")
    assert (tmp_path / "latency-cpu.png").read_bytes().startswith(b"\x89PNG")
    first = (tmp_path / "latency-cpu.svg").read_text()
    run(tmp_path, "--draw")
    assert (tmp_path / "latency-cpu.svg").read_text() == first


def test_a_failure_is_a_row(called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(**told: Any) -> None:
        raise ArgumentError("no such luck")

    monkeypatch.setattr(measure, "load_of", fails)
    assert "bert: load: no such luck" in run(tmp_path, "--systems", "bert", "--only", "load").stderr
    assert "| bert, tiny | failed: no such luck |" in (tmp_path / "README.md").read_text()
    called.clear()
    run(tmp_path, "--systems", "bert", "--only", "load")
    assert called == ["prepare", "load_of"]


def test_a_reference_that_compiles_too_long(called: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = measure.fresh

    def slow(function: str, arguments: dict[str, Any], **how: Any) -> Any:
        if arguments.get("compile_reference"):
            raise TooLong("the fresh process took longer than 1 s")
        return here(function, arguments, **how)

    monkeypatch.setattr(measure, "fresh", slow)
    run(tmp_path, "--systems", "bert", "--only", "latency")
    page = (tmp_path / "README.md").read_text()
    assert "bert, tiny: transformers compiled: the fresh process took longer than 1 s" in page
    assert "Geometric mean over 1 systems" in page


def test_first_calls_are_made_in_turn_and_their_ratio_is_a_median(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([2.0, 1.0, 6.0, 2.0, 4.0, 1.0, 8.0, 2.0, 3.0, 1.0, 12.0, 2.0])  # ours cold, warm, theirs cold, warm
    caches = []

    def call(name: str, *_: Any, cache: str, **__: Any) -> first_call.FirstCall:
        caches.append(Path(cache).name)
        return first_call.FirstCall(name, start=0.0, build=0.0, first=next(seconds), again=0.1)

    monkeypatch.setattr(measure, "first_call", call)
    case = measure.Case({"target": "bert"}, {}, str(tmp_path), 1.0, runs=5)
    found = measure.start(case)
    assert caches[:4] == ["ours", "empty", "theirs", "theirs"] and caches[4:6] == ["ours1", "empty1"]
    assert found["archwright cold"]["totals"] == [2.0, 4.0, 3.0] and found["archwright cold"]["first"] == 3.0
    assert _pair(found, "cold") == ["8.0 s", "3.0 s", "3.00 (2.50 .. 3.50)"]
    for one in found.values():
        del one["totals"]  # as files of one run each are
    assert _pair(found, "warm") == ["2.0 s", "1.0 s", "2.00"]


def test_what_is_not_there(tmp_path: Path) -> None:
    result = run(tmp_path, "--systems", "brt")
    assert result.exit_code == 2 and "no 'brt'" in result.stderr
    result = run(tmp_path, "--device", "nowhere")
    assert result.exit_code == 2 and "--device: 'nowhere' is no device" in result.stderr


def test_every_system_has_its_size() -> None:
    for name, system in SYSTEMS.items():
        build_graph(system.get("spec", name), None, system.get("size"), system.get("set", {}))


def test_the_page_is_what_was_measured(tmp_path: Path) -> None:
    for file in PAGES.glob("*/*.json"):
        (tmp_path / file.parent.name).mkdir(exist_ok=True)
        (tmp_path / file.parent.name / file.name).write_bytes(file.read_bytes())
    write_page(tmp_path)
    assert (PAGES / "README.md").read_text() == (tmp_path / "README.md").read_text()
