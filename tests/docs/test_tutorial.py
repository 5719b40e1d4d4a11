"""The tutorial, run from top to bottom in an empty folder; and the commands that the README names."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from click.testing import CliRunner

import archwright as aw
from archwright.cli import main

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"```(\w+)([^\n]*)\n(.*?)```", re.DOTALL)


def _commands(text: str) -> list[list[str]]:
    return [shlex.split(line)[2:] for line in text.splitlines() if line.startswith("$ archwright ")]


def test_the_tutorial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    ran = 0
    for language, rest, text in FENCE.findall(page):
        if language == "yaml" and rest.strip():
            Path(rest.strip()).write_text(text, encoding="utf-8")
        elif language == "python":
            exec(compile(text, "tutorial", "exec"), {})
        for command in _commands(text) if language == "console" else ():
            result = CliRunner().invoke(main, command)
            assert result.exit_code == 0, f"{command}: {result.output}"
            ran += 1
    assert ran >= 5
    assert {"reader.svg", "reader.py", "my_model.yaml"} <= {path.name for path in tmp_path.iterdir()}


def test_its_mistake_is_found(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    text = next(text for language, rest, text in FENCE.findall(page) if rest.strip() == "reader.yaml")
    file = tmp_path / "reader.yaml"
    file.write_text(text.replace("num_heads: 4", "num_head: 4"), encoding="utf-8")
    with pytest.raises(aw.SpecError, match="num_heads") as caught:
        aw.check(file)
    assert "num_head" in str(caught.value)


def test_the_readme_names_commands_that_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    spec = next(text for language, _, text in FENCE.findall(readme) if language == "yaml")
    Path("my_model.yaml").write_text(spec, encoding="utf-8")
    for command in _commands("\n".join(text for language, _, text in FENCE.findall(readme) if language == "console")):
        result = CliRunner().invoke(main, [*command, *(["--force"] if command[0] == "new" else [])])
        assert result.exit_code == 0, f"{command}: {result.output}"
