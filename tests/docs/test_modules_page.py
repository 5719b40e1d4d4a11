"""docs/modules.md: its examples run, one after the other."""

from __future__ import annotations

import re
from pathlib import Path

import archwright as aw

PAGE = (Path(aw.__file__).parent / "docs" / "modules.md").read_text(encoding="utf-8")


def test_the_examples() -> None:
    texts = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(texts) == 3
    exec("\n".join(texts), {})
