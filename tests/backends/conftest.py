"""What tests of folders begin with."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny BERT for masked language modelling."""
    torch.manual_seed(0)
    aw.compile("bert", task="masked_lm", size="tiny", backend="eager").save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"
