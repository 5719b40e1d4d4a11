"""The snippets of docs/language.md check as they stand."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

import archwright as aw

PAGE = Path(__file__).parents[2] / "docs" / "language.md"
SNIPPETS = re.findall(r"```yaml([^\n]*)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
PRELUDE = next(text for kind, text in SNIPPETS if kind.strip() == "prelude")


@pytest.mark.parametrize(("kind", "text"), [pair for pair in SNIPPETS if pair[0].strip() != "prelude"])
def test_snippet_checks(kind: str, text: str, tmp_path: Path) -> None:
    if kind.strip() == "graph":
        last = list(yaml.safe_load(text))[-1]
        indented = "".join(f"  {line}\n" for line in text.splitlines())
        text = f"{PRELUDE}graph:\n{indented}outputs: {{y: {last}}}\n"
    file = tmp_path / "spec.yaml"
    file.write_text(text, encoding="utf-8")
    aw.check(file)
