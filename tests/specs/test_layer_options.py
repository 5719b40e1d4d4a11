"""Options of the shipped layers that no shipped spec takes, against decoders of Hugging Face's that have them."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import archwright as aw

LLAMA = Path(__file__).parents[2] / "docs" / "examples" / "llama.yaml"
DECODERS = {
    "gemma2": """
model: gemma2
extends: llama
params: {query_pre_attn_scalar: 256, sliding_window: 4096, final_logit_softcapping: float?, attn_logit_softcapping: float?,
         pad_token_id: {type: int?, default: 0}, tie_word_embeddings: true}
let: {scale: $query_pre_attn_scalar ** -0.5}
graph:
  tokens: {pad_row: $pad_token_id}
  scaled: {expr: inputs_embeds * $d_model ** 0.5}
  offset: {block: relative_position, in: {q: inputs_embeds, k: inputs_embeds}}
  near: {expr: offset > -$sliding_window}
  decoder:
    in: {x: scaled, allow: near if $i % 2 == 0 else null}
    norm: centred_rms_norm
    norm_behind: true
    soft_cap: $attn_logit_softcapping
  norm: {block: centred_rms_norm, eps: $norm_eps}
tasks: {causal_lm: {extends: causal_lm, soft_cap: $final_logit_softcapping}}
checkpoint:
  class: Gemma2
  config: {activation: hidden_activation}
  weights:
    decoder.<i>.<norm_attended|norm2>: layers.<i>.<post_attention_layernorm|pre_feedforward_layernorm>
    decoder.<i>.norm_ffn: layers.<i>.post_feedforward_layernorm
""",
    "olmo2": """
model: olmo2
extends: llama
params: {norm_eps: 1e-5}
graph:
  decoder: {norm_before: false, norm_behind: true, head_norm: rms_norm, across_heads: true}
checkpoint:
  class: Olmo2
  weights:
    decoder.<i>.<norm_attended|norm_ffn>: layers.<i>.<post_attention_layernorm|post_feedforward_layernorm>
    decoder.<i>.attention.<q_norm|k_norm>.norm: layers.<i>.self_attn.<q_norm|k_norm>
""",
    "cohere": """
model: cohere
extends: llama
params: {norm_eps: 1e-5, logit_scale: 0.0625, tie_word_embeddings: true, mlp_bias: null}
graph:
  decoder:
    repeat: {i: $num_layers}
    part: parallel_layer
    in: {x: inputs_embeds, valid: attention_mask, angles: angles}
    pass: [num_kv_heads]
    norm_bias: false
    qkv_bias: $attention_bias
    o_bias: $attention_bias
    bias: false
    rotary: pairs
    gated: true
    causal: true
    empty_rows: mean
  norm: {block: layer_norm, eps: $norm_eps, bias: false}
tasks: {causal_lm: {extends: causal_lm, in: last_hidden_state * $logit_scale}}
checkpoint:
  class: Cohere
  config: {norm_eps: layer_norm_eps}
  weights: {decoder.<i>.norm: layers.<i>.input_layernorm}
""",
}
SMALL = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 72,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "rope_theta": 777.0,
    "pad_token_id": 0,
}
HOW: dict[str, dict[str, Any]] = {
    "gemma2": {
        "head_dim": 12,
        "rms_norm_eps": 1e-3,
        "sliding_window": 4,
        "query_pre_attn_scalar": 10,
        "attn_logit_softcapping": 3.0,
        "final_logit_softcapping": 7.0,
    },
    "olmo2": {"rms_norm_eps": 1e-3, "attention_bias": True},
    "cohere": {"layer_norm_eps": 1e-3, "attention_bias": True, "logit_scale": 0.3},
}


@pytest.mark.parametrize("name", DECODERS)
def test_a_decoder_is_said_by_the_options_of_its_layers(name: str, tmp_path: Path) -> None:
    shutil.copy(LLAMA, tmp_path)
    (tmp_path / f"{name}.yaml").write_text(DECODERS[name], encoding="utf-8")
    config = transformers.AutoConfig.for_model(name, **SMALL, **HOW[name])
    torch.manual_seed(0)
    theirs = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    for value in theirs.parameters():
        value.data.normal_(0, 0.3)
    theirs.save_pretrained(tmp_path / "theirs")
    model = aw.from_pretrained(tmp_path / "theirs", spec=tmp_path / f"{name}.yaml", backend="eager")
    ids, mask = torch.arange(1, 23).view(2, 11), torch.ones(2, 11, dtype=torch.long)
    mask[0, :4] = 0
    told = {"input_ids": ids, "attention_mask": mask}
    shown = {"labels": ids, "output_hidden_states": True, "output_attentions": True}
    with torch.no_grad():
        expected, found = (one(**told, **shown) for one in (theirs, model))
    torch.testing.assert_close(found.loss, expected.loss, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.logits[mask.bool()], expected.logits[mask.bool()], rtol=1e-4, atol=1e-5)
    for one, other in zip(found.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(one[mask.bool()], other[mask.bool()], rtol=1e-4, atol=1e-4)
    for one, other in zip(found.attentions, expected.attentions, strict=True):
        torch.testing.assert_close(one[1], other[1], rtol=1e-4, atol=1e-5)
    written = (one.generate(**told, max_new_tokens=8, do_sample=False) for one in (theirs, model))
    assert torch.equal(*written)
    model.save_pretrained(tmp_path / "ours")
    ours, files = tmp_path / "ours" / "model.safetensors", tmp_path / "theirs" / "model.safetensors"
    assert ours.read_bytes() == files.read_bytes()


CROSSED = """
model: crossed
params: {d_model: 16, num_heads: 4, d_ff: 24, activation: relu, norm_before: true, norm_behind: false}
inputs: {x: "float[batch, seq, $d_model]", memory: "float[batch, source, $d_model]?"}
graph:
  layer:
    part: pre_norm_layer
    in: {x: x, memory: memory}
    pass: [norm_before, norm_behind]
    has_cross: true
outputs: {x: layer}
"""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("behind", [True, False])
def test_each_branch_has_its_norms(before: bool, behind: bool, tmp_path: Path) -> None:
    (tmp_path / "crossed.yaml").write_text(CROSSED, encoding="utf-8")
    model = aw.compile(tmp_path / "crossed.yaml", backend="eager", norm_before=before, norm_behind=behind).eval()
    norms = {name.split(".")[2] for name in model.state_dict() if ".norm" in name}
    of_what_is_read, of_branches = {"norm1", "norm_cross", "norm2"}, {"norm_attended", "norm_crossed", "norm_ffn"}
    assert norms == (of_what_is_read if before else set()) | (of_branches if behind else set())
    x, memory = torch.randn(2, 5, 16), torch.randn(2, 3, 16)
    assert not torch.equal(model(x=x).x, model(x=x, memory=memory).x)
    for name, value in model.state_dict().items():
        if ".norm_crossed." in name:
            value.zero_()
    found = torch.equal(model(x=x).x, model(x=x, memory=memory).x)
    assert found is behind, "what is scaled by zero is not added"


def test_what_is_said_of_projections_holds_for_both_attentions(tmp_path: Path) -> None:
    text = CROSSED.replace("has_cross: true", "has_cross: true\n    qkv_bias: false\n    head_norm: rms_norm")
    (tmp_path / "crossed.yaml").write_text(text, encoding="utf-8")
    model = aw.compile(tmp_path / "crossed.yaml", backend="eager")
    names = [name.removeprefix("net.layer.") for name in model.state_dict()]
    own, cross = (
        [name.split(".", 1)[1] for name in names if name.startswith(f"{one}.")] for one in ("attention", "cross")
    )
    assert own == cross
    assert {"q.weight", "k.weight", "v.weight", "o.bias", "q_norm.norm.weight"} <= set(cross)
    assert not {"q.bias", "k.bias", "v.bias"} & set(cross)
