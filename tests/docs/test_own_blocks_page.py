"""docs/own_blocks.md: the package that it shows is installed, and its example runs; packages that are wrong are told."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import archwright as aw

PAGE = (Path(aw.__file__).parent / "docs" / "own_blocks.md").read_text(encoding="utf-8")
FILES = dict(re.findall(r"```\w+ (\S+)\n(.*?)```", PAGE, re.DOTALL))
EXAMPLE = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)[0]
ENTRY = re.findall(r"```toml\n.*?\n(.*?)```", PAGE, re.DOTALL)[0].replace('"', "")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the spec and, as if installed, the package."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "my_blocks" / "__init__.py").touch()
    told = tmp_path / "my_blocks-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text("Metadata-Version: 2.1\nName: my-blocks\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[archwright.blocks]\n{ENTRY}")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A fresh process, which finds the package."""
    paths = os.pathsep.join([str(folder), str(Path(aw.__file__).parents[1])])
    environment = {**os.environ, "PYTHONPATH": paths}
    return subprocess.run([sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True)


def test_the_example(folder: Path) -> None:
    done = run(folder, "-c", EXAMPLE)
    assert done.returncode == 0, done.stderr
    options = ["--task", "causal_lm", "--size", "tiny", "--standalone", "-o", "alone.py"]
    assert run(folder, "-m", "archwright", "emit", "clipped.yaml", *options).returncode == 0
    assert "my_blocks" not in (folder / "alone.py").read_text()
    assert run(folder, "-c", "import alone; print(alone.ClippedForCausalLm().scaled)").stdout == "GatedScale()\n"


def test_a_block_that_mixes_places_stands_in_the_way_of_writing(folder: Path) -> None:
    mixing = '\n\n@block\nclass Mixed(Block):\n    inputs: ClassVar = {"x": "float[batch, seq, d]"}\n'
    mixing += '    outputs: ClassVar = inputs\n    torch_module: ClassVar[str] = "my_blocks.modules"\n'
    with (folder / "my_blocks" / "contracts.py").open("a") as contracts:
        contracts.write(mixing)
    with (folder / "my_blocks" / "modules.py").open("a") as modules:
        modules.write("\n\ndef mixed(x):\n    return x + x.mean(1, keepdim=True)\n")
    spec = (folder / "clipped.yaml").read_text().replace("{block: gated_scale}", "{block: mixed}")
    (folder / "clipped.yaml").write_text(spec.partition("checkpoint:")[0])
    done = run(folder, "-c", EXAMPLE.replace("assert model.net.scaled.scale.grad is not None", ""))
    assert "`scaled` cannot be decoded step by step" in done.stderr


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("contracts", "from typing", "import nothere\nfrom typing", "ModuleNotFoundError: No module named 'nothere'"),
        ("contracts", "class SoftClip", "class LayerNorm", "ValueError: the block `layer_norm` is registered twice"),
        ("contracts", '{"x": "float[*]"}', '{"x": "flot[*]"}', "expected a type such as `float[batch, seq, d]`"),
        ("contracts", "    torch_module", "    code", "`SoftClip` expected a `torch_module`"),
        (
            "contracts",
            "my_blocks.modules",
            "my_blocks.module",
            "expected `soft_clip` in my_blocks.module, for the block",
        ),
        (
            "modules",
            "class GatedScale",
            "class Gated",
            "expected `GatedScale` in my_blocks.modules, for the block `gated_scale`",
        ),
    ],
)
def test_a_package_that_is_wrong_is_named(folder: Path, file: str, old: str, new: str, said: str) -> None:
    path = folder / "my_blocks" / f"{file}.py"
    path.write_text(path.read_text().replace(old, new, 1))
    done = run(folder, "-m", "archwright", "emit", "clipped.yaml", "--size", "tiny")
    assert done.returncode == 1 and done.stderr.startswith("error: ") and len(done.stderr.splitlines()) == 1
    assert said in done.stderr and (
        "the package my-blocks (my_blocks.contracts)" in done.stderr or "of my_blocks" in done.stderr
    )
