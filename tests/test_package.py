"""The package: every folder with code or specs is listed, so that a wheel has it."""

from __future__ import annotations

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
    import subprocess
    import sys

    program = "import sys, archwright; print(*[name for name in ('torch', 'pydantic', 'yaml') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
