"""The examples, at tiny settings: they run, and what they show is so."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


def load(name: str) -> ModuleType:
    found = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def test_the_return_rises_with_the_return_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    wanted, got = load("decision_transformer").main(rounds=120, episodes=400, d_model=32)
    assert (got.diff() > 0).all() and (got - wanted).abs().max() < 3
    assert capsys.readouterr().out.count("asked for") == len(wanted)


def test_plans_bring_more_than_the_episodes_learned_from() -> None:
    total, usual = load("trajectory_transformer").main(rounds=100, episodes=400, d_model=32, beams=6)
    assert total > usual + 4


def test_the_forecast_beats_naive_ones() -> None:
    found = load("time_series_transformer").main(rounds=150, count=300, samples=20)
    assert found["the model"] < 0.7 * found["the last value"]
    assert 0.6 < found["within"] <= 1


def test_pictures_are_completed(tmp_path: Path) -> None:
    right, naive = load("imagegpt").main(tmp_path / "x.png", rounds=130, count=500, d_model=48)
    assert right > naive + 0.1
    with Image.open(tmp_path / "x.png") as sheet:
        assert sheet.size == (8 * 10 * 8, 4 * 10 * 8) and sheet.mode == "RGB"
        sheet.load()


def test_every_example_is_on_the_page() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in EXAMPLES.glob("*.py"):
        assert f"({path.name})" in page
