"""What a ``{choose: ...}`` selects: by texts, truth values, whole numbers and null."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archwright as aw

SPEC = """\
archwright: 1
model: small
params: {kind: any?}
inputs: {x: "float[batch, 4]"}
graph:
  a: {block: linear, d_out: {choose: $kind, wide: 8, true: 7, false: 6, 1: 5, 2: 4, null: 3}}
outputs: {y: a}
"""


@pytest.mark.parametrize(("kind", "width"), [("wide", 8), (True, 7), (False, 6), (1, 5), (2, 4), (None, 3)], ids=repr)
def test_a_value_chooses_the_entry_that_is_written_like_it(tmp_path: Path, kind: Any, width: int) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    assert aw.check(path, kind=kind).text().endswith(f"-> float[batch, {width}]\nout y = a\n")
