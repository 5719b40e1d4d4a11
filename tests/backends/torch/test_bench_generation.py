"""Benchmarks of writing: tokens a second, ids beside Hugging Face's, and the memory that is held."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest
import torch

from archwright.backends.errors import ArgumentError
from archwright.backends.torch import bench_generation as module
from archwright.backends.torch import memory
from archwright.backends.torch.bench_generation import bench_generation
from archwright.backends.torch.request import Request

REQUEST = Request("gpt2", task="causal_lm", size="tiny", batch=1, length=5)


@pytest.fixture(autouse=True)
def _little_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "READ_BYTES", 2**20)


def test_beside_the_reference() -> None:
    pytest.importorskip("transformers")
    report = bench_generation(REQUEST, new_tokens=6, backends=["eager"], runs=2)
    theirs, ours = report.rows
    assert (report.baseline, theirs.name, ours.name) == ("transformers", "transformers", "archwright eager")
    assert ours.first_difference is None
    assert theirs.speedup.median == 1
    assert ours.tokens_per_second == pytest.approx(6 / ours.seconds.median)
    assert ours.bandwidth.median > 0
    # Two layers of width 32 and 72, norms, scores for 99 tokens, and a row of the table of positions.
    layer = 4 * 32 * 32 + 4 * 32 + 2 * 32 * 72 + 32 + 72 + 4 * 32
    assert report.weight_bytes == 4 * (2 * layer + 99 * 32 + 2 * 32 + 32)
    assert report.cache_bytes == report.cache_expected == 4 * 2 * 2 * 64 * 32
    json.dumps(asdict(report))


@pytest.mark.parametrize(
    ("name", "cached"),
    [("bart", 4 * 2 * 2 * (64 + 5) * 32), ("whisper", None)],  # its graph does not say how long the sound becomes
)
def test_an_encoder_with_a_decoder(name: str, cached: int | None) -> None:
    request = Request(name, task="conditional_generation", size="tiny", batch=1, length=5)
    report = bench_generation(request, new_tokens=3, backends=["eager"], runs=1, reference=False)
    assert report.baseline == "archwright eager"
    assert report.cache_expected == cached
    assert report.cache_bytes == (cached or 4 * 3 * 2 * (64 + 12) * 24)
    assert "decoder_input_ids" not in report.inputs


def test_a_reference_that_cannot_write() -> None:
    pytest.importorskip("transformers")  # whose cache has as many layers as the encoder
    request = Request("t5", task="conditional_generation", size="tiny", batch=1, length=5)
    report = bench_generation(request, new_tokens=3, backends=["eager"], runs=1)
    assert report.no_reference is not None and "`generate` failed: IndexError" in report.no_reference
    assert [row.name for row in report.rows] == ["archwright eager"]


def test_the_first_difference() -> None:
    ids = torch.tensor([[1, 2, 3], [4, 5, 6]])
    assert module._first_difference(ids, ids) is None
    assert module._first_difference(ids, torch.tensor([[1, 2, 3], [4, 0, 0]])) == 1
    assert module._first_difference(ids, ids[:, :2]) == 2


def test_growth_is_above_the_third_step(monkeypatch: pytest.MonkeyPatch) -> None:
    watch = module._Watch(torch.device("cpu"))
    for seen in (10, 40, 90, 50, 40, 70):  # the prompt, then five steps
        monkeypatch.setattr(memory, "in_use", lambda device, seen=seen: seen)
        watch.put(torch.tensor([1]))
    watch.end()
    assert watch.growth() == 20


def test_no_tokens() -> None:
    with pytest.raises(ArgumentError, match="1 new token"):
        bench_generation(REQUEST, new_tokens=0)
    with pytest.raises(ArgumentError, match="writes no tokens"):
        bench_generation(Request("bert", size="tiny"))
