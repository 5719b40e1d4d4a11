"""Kernels that are compiled together do what those that are compiled alone do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import torch
from archwright.backends.torch.instructions import settle_instructions
from archwright.backends.torch.together import together
from torch._inductor.runtime.cache_dir_utils import cache_dir
from torch._inductor.utils import fresh_cache


def branch(x: torch.Tensor, w: torch.Tensor) -> torch.Tensor:
    for _ in range(3):  # a product lies between the kernels of two rounds
        x = torch.softmax(torch.nn.functional.gelu(x) @ w, -1) * x.shape[0] + x.flip(0)
        w = w.cumsum(1).sin()
    return x


def compiled(*, apart: bool) -> tuple[torch.Tensor, torch.Tensor, int]:
    settle_instructions()
    torch._dynamo.reset()
    torch.manual_seed(0)
    x, w = torch.randn(5, 8), torch.randn(8, 8, requires_grad=True)
    run = torch.compile(branch, dynamic=True)
    with fresh_cache(), torch._inductor.config.patch(compile_threads=2):
        made = run(x, w) if apart else together()(run)(x, w)
        made.square().sum().backward()
        assert w.grad is not None
        return made.detach(), w.grad, len(list(Path(cache_dir()).glob("*/*.main.cpp")))


def test_together_is_as_alone() -> None:
    with together(), ThreadPoolExecutor(1) as threads:  # what other threads compile meanwhile is not ours
        many = threads.submit(compiled, apart=True).result()
    one = compiled(apart=False)
    assert torch.equal(many[0], one[0])
    assert torch.equal(many[1], one[1])
    assert one[2] <= 4 < many[2]  # two forward, two backward
