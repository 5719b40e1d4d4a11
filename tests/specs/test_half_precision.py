"""Every model runs in bfloat16 and gives nearly the numbers of float32."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import archwright as aw
from archwright.backends.torch.example import example_inputs

KEPT = {
    ("gptj", "causal_lm"): {"logits"},
    ("owlvit", "object_detection"): {"logits", "pred_boxes"},
    ("owlvit", "image_guided_detection"): {"target_pred_boxes", "query_pred_boxes"},
    ("visual_bert", "region_to_phrase_alignment"): {"logits"},
    ("vit_mae", None): {"mask"},
    ("vit_mae", "pre_training"): {"loss", "mask"},
}
"""What is given in float32 whatever the weights are."""


def cases() -> Iterator[tuple[str, str | None]]:
    for name in aw.list_models():
        yield from ((name, task) for task in (None, *aw.check(name).spec.tasks))


def told(model: Any, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The outputs that are tensors; what is drawn is the same for every model."""
    torch.manual_seed(2)
    with torch.no_grad():
        output = model(**inputs)
    return {name: value for name, value in output.items() if isinstance(value, torch.Tensor)}


def lowered(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: lowered(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [lowered(inner) for inner in value]
    return value.bfloat16() if torch.is_floating_point(value) else value


@pytest.mark.parametrize(("name", "task"), [*cases()])
def test_bfloat16(name: str, task: str | None) -> None:
    torch.manual_seed(0)
    model = aw.compile(name, task=task, size="tiny", backend="eager")
    inputs = example_inputs(model.graph)
    wanted = told(model, inputs)
    found = told(model.bfloat16(), lowered(inputs))
    floats = {key for key, value in wanted.items() if value.is_floating_point()}
    assert {key for key in floats if found[key].dtype != torch.bfloat16} == KEPT.get((name, task), set())
    for key in floats:
        assert (found[key] - wanted[key]).abs().max() <= 0.06 * wanted[key].abs().max() + 1e-6, key


@pytest.mark.parametrize("kind", ["t5", "bart", "whisper"])
def test_float16_is_kept_in_range(kind: str, tmp_path: Path) -> None:
    """Where Hugging Face cuts what float16 cannot hold, and keeps weights in float32, numbers and files are the same."""
    configs = {
        "t5": ("T5", {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_heads": 2, "num_layers": 2, "vocab_size": 40}),
        "bart": ("Bart", {"d_model": 16, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "vocab_size": 40,
                          "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
                          "decoder_attention_heads": 2}),
        "whisper": ("Whisper", {"d_model": 16, "encoder_ffn_dim": 24, "decoder_ffn_dim": 24, "vocab_size": 40,
                                "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 2,
                                "decoder_attention_heads": 2, "max_source_positions": 10, "num_mel_bins": 6,
                                "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2,
                                "decoder_start_token_id": 1, "suppress_tokens": None}),
    }  # fmt: skip
    name, options = configs[kind]
    torch.manual_seed(0)
    theirs = getattr(transformers, f"{name}Model")(getattr(transformers, f"{name}Config")(**options)).eval()
    with torch.no_grad():
        for key, parameter in theirs.named_parameters():
            is_last = key.endswith(
                {"t5": "wo.weight", "bart": "final_layer_norm.weight", "whisper": "fc2.weight"}[kind]
            )
            value = torch.randn_like(parameter)
            parameter.copy_(value.sign() * (2_000 if kind == "whisper" else 40_000) if is_last else value)
    ids = torch.randint(3, 40, (2, 7))
    inputs = {"decoder_input_ids": ids}
    if kind == "whisper":
        inputs["input_features"] = torch.randn(2, 6, 20).half()
    else:
        inputs["input_ids"] = ids
    theirs.save_pretrained(tmp_path / "whole")
    half = type(theirs).from_pretrained(tmp_path / "whole", dtype=torch.float16)
    half.save_pretrained(tmp_path / "half")
    with torch.no_grad():
        wanted = half(**inputs, output_hidden_states=True)
    most = max(float(state.abs().max()) for state in wanted.encoder_hidden_states)
    assert most >= 64504  # it would not hold
    for folder, dtype in (("whole", "float16"), ("half", None)):
        for inference in (False, True):
            ours = aw.from_pretrained(tmp_path / folder, backend="eager", dtype=dtype, inference=inference)
            with torch.no_grad():
                found = ours(**inputs, output_hidden_states=True)
            for one, other in zip(found.encoder_hidden_states, wanted.encoder_hidden_states, strict=True):
                assert one.dtype == other.dtype
                torch.testing.assert_close(one, other, rtol=2e-2, atol=2e-2 * float(other.abs().max()))
    ours.save_pretrained(tmp_path / "again")
    files = [(tmp_path / one / "model.safetensors").read_bytes() for one in ("half", "again")]
    assert files[0] == files[1]
