"""What runs on CUDA alone. Without it nothing here is collected, and `tests/pretended.py` stands in for a GPU."""

from __future__ import annotations

import pytest
import torch

collect_ignore_glob = [] if torch.cuda.is_available() else ["test_*.py"]


@pytest.fixture(autouse=True)
def exact(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convolutions of float32 are computed in float32, as products are."""
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
