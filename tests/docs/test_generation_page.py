"""The snippets of docs/generation.md run from top to bottom."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import torch

from archwright.backends.torch.generation.options import Options

PAGE = (Path(__file__).parents[2] / "docs" / "generation.md").read_text(encoding="utf-8")
INNER = {"given", "forced_decoder_ids", "lang_to_id", "task_to_id", "no_timestamps_token_id"}
"""What a checkpoint says and no call does."""


def test_the_snippets() -> None:
    torch.manual_seed(0)
    scope: dict[str, object] = {}
    for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(text, "generation", "exec"), scope)
    assert "helped" in scope


def test_every_option_is_named() -> None:
    assert {one.name for one in fields(Options)} - INNER <= set(re.findall(r"`(\w+)`", PAGE))
