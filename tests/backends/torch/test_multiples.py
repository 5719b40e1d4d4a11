"""A map with channels last whose extents are all symbols goes through inductor."""

from __future__ import annotations

import torch
from torch._inductor.utils import fresh_cache

import archwright as aw


def test_batch_height_and_width_of_a_map_change_from_call_to_call() -> None:
    torch.compiler.reset()
    torch.manual_seed(0)
    one_stage = {"num_stages": 1, "depths": [1]}
    model = aw.compile("segformer", task="base", size="tiny", **one_stage).eval()
    eager = aw.compile("segformer", task="base", size="tiny", backend="eager", **one_stage).eval()
    eager.load_state_dict(model.state_dict())
    for shape in ((2, 3, 45, 61), (3, 3, 64, 32), (4, 3, 50, 37)):
        image = torch.randn(shape)
        with torch.no_grad(), fresh_cache():
            torch.testing.assert_close(model(image).last_hidden_state, eager(image).last_hidden_state)
