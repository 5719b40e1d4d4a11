"""Memory: what is in use, how fast it is read, and which weights a call reads."""

from __future__ import annotations

import mmap
import os
import sys
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from archwright.backends.torch import memory
from archwright.backends.torch.checkpoint.mapped import Mapped


def test_weights_are_counted_once_and_tables_by_rows() -> None:
    net = nn.Sequential(nn.Embedding(100, 8), nn.Linear(8, 3), nn.Linear(8, 5))
    table, used, _ = net

    def call() -> None:
        for _ in range(2):
            used(table(torch.tensor([[1, 2]])))

    with torch.inference_mode():
        assert memory.weights_read(call, net) == 4 * (2 * 8 + 3 * 8 + 3)


def test_a_table_that_gives_the_scores_too_is_read_whole() -> None:
    table = nn.Embedding(100, 8)
    with torch.inference_mode():
        assert memory.weights_read(lambda: table(torch.tensor([[1]])) @ table.weight.T, table) == 4 * 100 * 8


def test_what_is_in_use() -> None:
    here = torch.device("cpu")
    before = memory.in_use(here)
    held = torch.ones(2**23)
    after, most = memory.in_use(here), memory.peak(here)
    assert before is not None and after is not None and most is not None
    assert after - before > held.nbytes // 2
    assert most >= after - 2**20


def test_a_plain_read_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "READ_BYTES", 2**12)
    memory.plain_read()()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says where files are mapped")
def test_what_was_read_of_a_file_is_given_back(tmp_path: Path) -> None:
    here, path, held = torch.device("cpu"), tmp_path / "weights.safetensors", torch.rand(2**22)
    save_file({"first": torch.rand(77), "large": held}, path)
    with safe_open(path, framework="pt") as file:
        large, first = file.get_tensor("large"), file.get_tensor("first")
    mapped = Mapped([path])
    assert torch.equal(large, held)
    read = memory.in_use(here)
    mapped.let_go(large)
    after = memory.in_use(here)
    assert read is not None and after is not None
    assert read - after > held.nbytes * 0.9
    assert torch.equal(large, held), "it is read again"
    kept, small = held.clone(), first.clone()
    mapped.let_go(held)
    mapped.let_go(first)
    assert torch.equal(held, kept), "what lies in no file stays"
    assert torch.equal(first, small), "less than a page stays"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says where files are mapped")
def test_a_file_that_is_mapped_has_any_name(tmp_path: Path) -> None:
    path = tmp_path / os.fsdecode(b"caf\xe9\r \xc2\x85.bin")
    path.write_bytes(bytes(5000))
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ):
        ((start, end),) = Mapped([path]).ranges
        assert end - start == -(-5000 // mmap.PAGESIZE) * mmap.PAGESIZE
