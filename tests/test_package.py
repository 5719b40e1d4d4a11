"""The package: every folder with code or specs is listed, so that a wheel has it."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

import archwright

ROOT = Path(archwright.__file__).parent
OUTSIDE = {"tests", "docs", "build", "dist"}


def test_every_folder_is_listed() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    folders = {
        file.parent.relative_to(ROOT)
        for suffix in ("py", "yaml")
        for file in ROOT.glob(f"*/**/*.{suffix}")
        if file.relative_to(ROOT).parts[0] not in OUTSIDE and not file.relative_to(ROOT).parts[0].startswith(".")
    }
    assert sorted(listed) == sorted(["archwright", *(".".join(("archwright", *folder.parts)) for folder in folders)])


def test_importing_it_costs_nothing() -> None:
    assert _imported("archwright", "torch", "pydantic", "yaml") == []


def test_what_a_model_needs_leaves_the_compiler_alone() -> None:
    assert _imported("archwright.backends.torch.model", "torch", "sympy", "torch._dynamo") == ["torch"]


def _imported(package: str, *names: str) -> list[str]:
    """Which of the modules a fresh process has that imports the package."""
    program = f"import sys, {package}; print(*[name for name in {names!r} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
