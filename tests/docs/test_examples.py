"""The examples, at tiny settings: they run, and what they show is so."""

from __future__ import annotations

import importlib.util
import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
import transformers
from PIL import Image

import archwright as aw

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


def is_same_by(spec: str, theirs: Any, *, length: int, num_real: int, folder: Path) -> None:
    """See to it that an example reads a model of another make: outputs at real tokens, ids that it writes, bytes."""
    for value in theirs.parameters():
        value.data.normal_(0, 0.2)
    theirs.save_pretrained(folder / "theirs")
    model = aw.from_pretrained(folder / "theirs", spec=EXAMPLES / f"{spec}.yaml", backend="eager")
    ids, mask = torch.arange(1, 2 * length + 1).view(2, length), torch.ones(2, length, dtype=torch.long)
    mask[0, num_real:] = 0
    with torch.no_grad():
        expected, found = (one(input_ids=ids, attention_mask=mask) for one in (theirs, model))
    for name, value in found.items():
        real = mask.bool() if value.shape[:2] == mask.shape else slice(None)
        torch.testing.assert_close(value[real], expected[name][real], rtol=1e-5, atol=1e-5)
    if model.graph.task == "causal_lm":
        assert torch.equal(
            model.generate(ids, max_new_tokens=6), theirs.generate(ids, max_new_tokens=6, do_sample=False)
        )
    model.save_pretrained(folder / "ours")
    name = "model.safetensors"
    assert (folder / "ours" / name).read_bytes() == (folder / "theirs" / name).read_bytes()


KINDS = ["CausalLM", "SequenceClassification", "TokenClassification", "QuestionAnswering", ""]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "given",
    [{}, {"num_key_value_heads": 1, "attention_bias": True, "head_dim": 12, "rope_theta": 5e3, "rms_norm_eps": 1e-2}],
)
def test_a_folder_of_llama_is_read_by_a_spec(kind: str, given: dict[str, Any], tmp_path: Path) -> None:
    told = {"num_attention_heads": 4, "num_key_value_heads": 2, "pad_token_id": 0, **given}
    config = transformers.LlamaConfig(99, 32, 72, num_hidden_layers=2, **told)
    theirs = getattr(transformers, f"LlamaFor{kind}" if kind else "LlamaModel")(config).eval()
    is_same_by("llama", theirs, length=7, num_real=5, folder=tmp_path)


@pytest.mark.parametrize("window", [4, None])
def test_a_folder_of_mistral_is_read_by_what_differs(window: int | None, tmp_path: Path) -> None:
    told = {
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "pad_token_id": 0,
        "sliding_window": window,
        "rms_norm_eps": 1e-2,
    }
    config = transformers.MistralConfig(99, 32, 72, num_hidden_layers=2, attn_implementation="eager", **told)
    theirs = transformers.MistralForCausalLM(config).eval()
    for value in theirs.parameters():
        value.data.normal_(0, 0.2)
    theirs.save_pretrained(tmp_path)
    model = aw.from_pretrained(tmp_path, spec=EXAMPLES / "mistral.yaml", backend="eager")
    ids, mask = torch.arange(1, 19).view(2, 9), torch.ones(2, 9, dtype=torch.long)
    mask[0, :3] = 0
    with torch.no_grad():
        expected, found = (one(input_ids=ids, attention_mask=mask).logits for one in (theirs, model))
    torch.testing.assert_close(found[mask.bool()], expected[mask.bool()], rtol=1e-5, atol=1e-5)
    how = {"attention_mask": mask, "max_new_tokens": 6, "do_sample": False}
    assert torch.equal(model.generate(ids, **how), theirs.generate(ids, **how))


SCALED = [
    {"rope_type": "linear", "factor": 3.0},
    {"type": "linear", "factor": 3.0},
    {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.5, "high_freq_factor": 4.0,
     "original_max_position_embeddings": 40},
    {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 40},
    {"rope_type": "yarn", "factor": 4.0, "beta_slow": 0.5, "beta_fast": 4.0, "attention_factor": 1.5},
]  # fmt: skip


@pytest.mark.parametrize("told", SCALED, ids=lambda told: f"{'-'.join(map(str, told.values()))}")
@pytest.mark.parametrize("is_new", [False, True])
def test_positions_of_llama_are_scaled(told: dict[str, Any], is_new: bool, tmp_path: Path) -> None:
    config = transformers.LlamaConfig(99, 64, 72, 2, 4, rope_theta=500.0, max_position_embeddings=64, rope_scaling=told)
    theirs = transformers.LlamaForCausalLM(config).eval()
    for value in theirs.parameters():
        value.data.normal_(0, 0.2)
    theirs.save_pretrained(tmp_path)
    if is_new:  # as transformers 5 writes it
        written = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
        scaling = written.pop("rope_scaling")
        kind = scaling.pop("type", None) or scaling.get("rope_type")
        written["rope_parameters"] = {**scaling, "rope_type": kind, "rope_theta": written.pop("rope_theta")}
        (tmp_path / "config.json").write_text(json.dumps(written), encoding="utf-8")
    model = aw.from_pretrained(tmp_path, spec=EXAMPLES / "llama.yaml", backend="eager")
    ids = torch.arange(1, 97).view(2, 48)
    with torch.no_grad():
        expected, found = (one(input_ids=ids).logits for one in (theirs, model))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(model.generate(ids, max_new_tokens=6), theirs.generate(ids, max_new_tokens=6, do_sample=False))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"rope_type": "dynamic", "factor": 2.0}, "expected one of none, turns, pairs, found `dynamic`"),
        ({"rope_type": "yarn", "factor": 2.0, "truncate": False}, "whose `rope_scaling.truncate` is null, found false"),
    ],
)
def test_positions_that_llama_does_not_scale_so_are_refused(told: dict[str, Any], said: str, tmp_path: Path) -> None:
    transformers.LlamaModel(transformers.LlamaConfig(99, 32, 72, 1, 4, rope_scaling=told)).save_pretrained(tmp_path)
    with pytest.raises(aw.CheckpointError, match=said):
        aw.from_pretrained(tmp_path, spec=EXAMPLES / "llama.yaml", backend="eager")


WINDOWS = {"use_sliding_window": True, "sliding_window": 3}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "windows",
    [
        {},
        {**WINDOWS, "max_window_layers": 1},
        {**WINDOWS, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]},
    ],
)
def test_a_folder_of_qwen3_is_read_by_what_differs(kind: str, windows: dict[str, Any], tmp_path: Path) -> None:
    told = {"num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 12, "pad_token_id": 0, "rms_norm_eps": 1e-3}
    how = {"num_hidden_layers": 3, "attn_implementation": "eager", **windows}
    config = transformers.Qwen3Config(99, 32, 72, **told, **how)
    theirs = getattr(transformers, f"Qwen3For{kind}" if kind else "Qwen3Model")(config).eval()
    is_same_by("qwen3", theirs, length=9, num_real=6, folder=tmp_path)


def test_positions_of_llama_are_read_where_transformers_5_writes_them(tmp_path: Path) -> None:
    transformers.LlamaModel(transformers.LlamaConfig(99, 32, 72, 1, 4)).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    config["rope_parameters"] = {"rope_theta": config.pop("rope_theta") / 2, "rope_type": "default"}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    model = aw.from_pretrained(tmp_path, spec=EXAMPLES / "llama.yaml", backend="eager")
    assert model.graph.params["rope_theta"] == 5000.0


def test_a_prefix_that_a_map_does_not_say_is_told(tmp_path: Path) -> None:
    text = (EXAMPLES / "llama.yaml").read_text(encoding="utf-8")
    (tmp_path / "llama.yaml").write_text(re.sub(r"  prefix: \{.*?\}\n", "", text, flags=re.DOTALL), encoding="utf-8")
    transformers.LlamaForCausalLM(transformers.LlamaConfig(99, 32, 72, 1, 4)).save_pretrained(tmp_path)
    with pytest.raises(aw.CheckpointError, match=r"file has them under `model\.`: the map says so by `prefix: model`"):
        aw.from_pretrained(tmp_path, spec=tmp_path / "llama.yaml", backend="eager")


def test_every_example_is_on_the_page() -> None:
    page = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for path in (*EXAMPLES.glob("*.py"), *EXAMPLES.glob("*.yaml")):
        assert f"({path.name})" in page


def test_a_folder_of_llava_is_read_by_what_mounts_two_specs(tmp_path: Path) -> None:
    vision = transformers.CLIPVisionConfig(
        40, 72, num_hidden_layers=3, num_attention_heads=4, image_size=30, patch_size=6
    )
    text = transformers.LlamaConfig(99, 32, 72, 2, 4, num_key_value_heads=2, pad_token_id=1)
    config = transformers.LlavaConfig(vision, text, image_token_index=9, attn_implementation="eager")
    theirs = transformers.LlavaForConditionalGeneration(config).eval()
    for value in theirs.parameters():
        value.data.normal_(0, 0.2)
    theirs.save_pretrained(tmp_path / "theirs")
    model = aw.from_pretrained(tmp_path / "theirs", spec=EXAMPLES / "llava.yaml", backend="eager")
    ids, mask = torch.arange(10, 90).view(2, 40), torch.ones(2, 40, dtype=torch.long)
    ids[0, 3:28] = ids[1, 10:35] = 9
    ids[1, :4], mask[1, :4] = 1, 0
    given = {"input_ids": ids, "attention_mask": mask, "pixel_values": torch.randn(2, 3, 30, 30)}
    expected, found = (one(**given, labels=ids.clamp(max=50)) for one in (theirs, model))
    real = mask.bool()
    torch.testing.assert_close(found.logits[real], expected.logits[real], rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.loss, expected.loss)
    for how in ({}, {"num_beams": 3}):
        written = (one.generate(**given, max_new_tokens=6, do_sample=False, **how) for one in (theirs, model))
        assert torch.equal(*written)
    model.save_pretrained(tmp_path / "ours")
    one, other = (tmp_path / made / "model.safetensors" for made in ("ours", "theirs"))
    assert one.read_bytes() == other.read_bytes()
