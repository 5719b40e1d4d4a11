"""docs/packing.md: its example runs."""

from __future__ import annotations

import re
from pathlib import Path

import archwright as aw

PAGE = (Path(aw.__file__).parent / "docs" / "packing.md").read_text(encoding="utf-8")


def test_the_example() -> None:
    texts = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(texts) == 1
    exec(texts[0], {})
