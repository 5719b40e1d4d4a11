"""Benchmarks: what is measured and reported, beside Hugging Face's model and without it."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch import bench as module
from archwright.backends.torch.bench import bench, largest_difference
from archwright.backends.torch.first_call import FirstCall, first_call
from archwright.backends.torch.reference import NoReference, load_reference
from archwright.backends.torch.request import Request, usual_length

REQUEST = Request("bert", task="masked_lm", size="tiny", length=6)


def test_beside_the_reference() -> None:
    pytest.importorskip("transformers")
    told: list[str] = []
    report = bench(REQUEST, backends=["eager"], runs=2, step=told.append)
    assert [row.name for row in report.rows] == ["transformers eager", "archwright eager"]
    assert report.baseline == "transformers eager"
    assert report.rows[0].speedup.median == 1
    assert report.difference is not None
    assert report.difference < 1e-5
    assert report.inputs["input_ids"] == [2, 6]
    assert all(row.throughput == pytest.approx(2 / row.latency.median) for row in report.rows)
    assert not report.first_calls
    assert "timing" in told
    json.dumps(asdict(report))


def test_a_packed_batch_beside_the_reference() -> None:
    pytest.importorskip("transformers")
    report = bench(replace(REQUEST, packed=True, batch=4), backends=["eager"], runs=1)
    assert [row.name for row in report.rows] == ["transformers eager", "archwright eager", "archwright eager packed"]
    assert report.inputs["attention_mask"] == [4, 6]
    assert report.difference is not None
    assert report.difference < 1e-5


def test_the_difference_is_beside_the_largest_number_and_sees_what_is_none() -> None:
    theirs = torch.tensor([1.0, -4.0])
    assert largest_difference({"x": theirs + 1, "others": theirs}, {"x": theirs}) == 0.25
    assert largest_difference({"x": theirs * torch.nan}, {"x": theirs}) == float("inf")


def test_without_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert bench(REQUEST, backends=["eager"], runs=1, reference=False).no_reference is None
    monkeypatch.setattr(module, "is_installed", lambda: False)
    report = bench(REQUEST, backends=["eager"], runs=1)
    assert report.no_reference == "transformers is not installed"
    assert report.baseline == "archwright eager"


def test_a_class_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    Request("bert", size="tiny").model().save_pretrained(str(tmp_path))
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, "architectures": ["BertForNothing"]}))
    with pytest.raises(NoReference, match="BertForNothing"):
        load_reference(tmp_path)


def test_a_fresh_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TORCHDYNAMO_DISABLE", "1")  # the protocol is tested here, the compiler elsewhere
    found = first_call("archwright cold", REQUEST, cache=str(tmp_path))
    assert isinstance(found, FirstCall)
    assert min(found.start, found.build, found.first, found.again) > 0


def test_a_fresh_process_that_fails(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="x: the fresh process failed"):
        first_call("x", Request("nothing_of_that_name"), cache=str(tmp_path))


def test_the_usual_length_has_positions() -> None:
    assert usual_length(aw.check("bert", task="base", size="tiny")) == 32
    assert usual_length(aw.check("bert", task="base")) == 128
    assert usual_length(aw.check("vit", task="base")) == 128


def test_no_runs() -> None:
    with pytest.raises(ArgumentError, match="at least 1 run"):
        bench(REQUEST, runs=0)
