"""Gradients that are added up at places are right in compiled models."""

from __future__ import annotations

from pathlib import Path

import torch
from torch._inductor.utils import fresh_cache

import archwright as aw

SPEC = """\
model: enlarged
inputs: {x: "float[batch, 64, 16]", like: "float[batch, 1, 32, 32]"}
graph:
  map: {block: rearrange, in: x, pattern: b (h w) c -> b c h w, h: 8}
  up: {block: conv_transpose2d, d_out: 16, kernel: 2, stride: 2}
  conv: {block: conv2d, d_out: 12, kernel: 3, padding: 1}
  larger: {block: resize, in: {x: conv, like: like}, align_corners: true}
  out: {block: conv2d, in: relu(larger), d_out: 1, kernel: 1}
outputs: {y: out}
"""


def test_what_is_enlarged_has_its_gradient(tmp_path: Path) -> None:
    path = tmp_path / "enlarged.yaml"
    path.write_text(SPEC, encoding="utf-8")
    torch.compiler.reset()
    torch.manual_seed(0)
    model, eager = (aw.compile(path, backend=backend).train() for backend in ("inductor", "eager"))
    eager.load_state_dict(model.state_dict())
    inputs = {"x": torch.randn(2, 64, 16), "like": torch.zeros(2, 1, 32, 32)}
    with fresh_cache():
        for one in (model, eager):
            one(**inputs).y.square().sum().backward()
    for (name, mine), (_, wanted) in zip(model.named_parameters(), eager.named_parameters(), strict=True):
        assert mine.grad is not None and mine.grad.abs().sum() > 0, name
        torch.testing.assert_close(mine.grad, wanted.grad, rtol=1e-4, atol=1e-4)
