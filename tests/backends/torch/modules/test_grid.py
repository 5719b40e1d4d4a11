"""Maps that are resized against the lines between their cells' middles."""

from __future__ import annotations

import pytest
import torch
from pydantic import ValidationError

from archwright.backends.torch.modules.grid import resize
from archwright.blocks.grid import Resize


def test_corners_that_are_aligned_stay() -> None:
    x = torch.arange(3.0)[:, None] * 10 + torch.arange(4.0)  # linear along both axes
    found = resize(x[None, None], torch.zeros(5, 7), align_corners=True)[0, 0]
    torch.testing.assert_close(found, torch.linspace(0, 20, 5)[:, None] + torch.linspace(0, 3, 7))
    assert found[0, 0] == x[0, 0]
    assert found[-1, -1] == x[-1, -1]
    assert not torch.allclose(found, resize(x[None, None], torch.zeros(5, 7))[0, 0])


def test_nearest_has_no_corners() -> None:
    with pytest.raises(ValidationError, match="expected `bilinear` or `bicubic`"):
        Resize(mode="nearest", align_corners=True)
