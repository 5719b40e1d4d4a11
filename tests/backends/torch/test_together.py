"""Kernels that are compiled together do what those that are compiled alone do."""

from __future__ import annotations

import ctypes
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from archwright.backends.torch.instructions import settle_instructions
from archwright.backends.torch.together import _hollow, together
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
        libraries = list(Path(cache_dir()).glob("*/*.main.so"))
        assert apart or all(b"libtorch_cpu.so" in one.read_bytes() for one in libraries)  # of which they have exp
        return made.detach(), w.grad, len(libraries)


def test_together_is_as_alone() -> None:
    ours = together()
    with ThreadPoolExecutor(1) as threads:  # another thread is in a call of ours, while this one compiles what is not
        threads.submit(ours.__enter__).result()
        many = compiled(apart=True)
        threads.submit(ours.__exit__, None, None, None).result()
    one = compiled(apart=False)
    assert torch.equal(many[0], one[0])
    assert torch.equal(many[1], one[1])
    assert one[2] <= 4 < many[2]  # two forward, two backward


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="libraries are found by their names on Linux")
def test_what_is_linked_defines_nothing() -> None:
    folder = _hollow().split()[0].removeprefix("-L")
    library = Path(folder, "libtorch_cpu.so")
    assert library.stat().st_size < 100_000
    # Named after torch's, which this process has: what is asked of it is found there.
    assert hasattr(ctypes.CDLL("libtorch_cpu.so"), "Sleef_expf8_u10")
