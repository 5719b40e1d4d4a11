"""Wav2Vec2 and Whisper."""

from __future__ import annotations

import torch
from torch import Generator
from transformers import PretrainedConfig

from .case import MAPS, STATES, Case, Inputs, Step, System, variant
from .inputs import embeds, flags, floats, given, ids, integers, mask, pad_ids, wrapped
from .labels import class_labels, label_column, token_labels
from .variants import decoder_variants

WAV2VEC2 = System(
    "wav2vec2",
    "Wav2Vec2Config",
    {"vocab_size": 29, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 38,
     "conv_dim": [10, 14, 12], "conv_stride": [3, 2, 1], "conv_kernel": [5, 3, 2], "num_conv_pos_embeddings": 8,
     "num_conv_pos_embedding_groups": 2, "num_codevectors_per_group": 11, "num_codevector_groups": 2,
     "codevector_dim": 10, "proj_codevector_dim": 18, "classifier_proj_size": 16, "tdnn_dim": [16, 20, 26],
     "tdnn_kernel": [3, 2, 1], "tdnn_dilation": [1, 2, 1], "xvector_output_dim": 15, "output_hidden_size": None,
     "num_adapter_layers": 2, "mask_time_length": 2, "layer_norm_eps": 1e-6},
)  # fmt: skip

_WEIGHTED = {"use_weighted_layer_sum": True}
_LAYER = {"feat_extract_norm": "layer"}
_STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
WAV2VEC2_CONFIGS = {
    "layer_norm": _LAYER,
    "stable": _STABLE,
    "stable_group_norm": {"do_stable_layer_norm": True},
    "large": {**_STABLE, "conv_bias": True},
    "conv_bias": {"conv_bias": True},
    "odd_positions": {"num_conv_pos_embeddings": 7},
    "odd_positions_stable": {**_STABLE, "num_conv_pos_embeddings": 5, "num_conv_pos_embedding_groups": 4},
    "gelu_new": {"hidden_act": "gelu_new", "feat_extract_activation": "gelu_new"},
    "relu": {"hidden_act": "relu", "feat_extract_activation": "relu"},
    "coarse_eps": {"layer_norm_eps": 0.1},
    "no_spec_augment": {"apply_spec_augment": False},
    "no_mask_vector": {"mask_time_prob": 0.0},
    "one_conv": {"conv_dim": [13], "conv_stride": [4], "conv_kernel": [6]},
    "adapter": {"add_adapter": True},
    "adapter_narrow": {
        "add_adapter": True,
        "output_hidden_size": 20,
        "num_adapter_layers": 1,
        "adapter_kernel_size": 5,
    },
    "adapter_stable": {**_STABLE, "add_adapter": True, "adapter_stride": 3},
    "attention_adapter": {**_STABLE, "adapter_attn_dim": 6},
}
SAMPLES = 107
FRAMES = 16
"""Frames that the small config makes of `SAMPLES`: (107 - 5) // 3 + 1 = 35, (35 - 3) // 2 + 1 = 17, then 16."""

_wave = floats("input_values", 2, SAMPLES)
_valid = mask("right", of="input_values")
_batch = (floats("input_values", 3, SAMPLES), mask("right", of="input_values"))
_frames = flags("mask_time_indices", 2, FRAMES)
_short = given(attention_mask=[[1] * n + [0] * (SAMPLES - n) for n in (SAMPLES, 11, 6)])  # 0 and -1 frames
_negatives = integers("sampled_negative_indices", 2, FRAMES, 5, below=2 * FRAMES)
_too_long = given(labels=[[4, 9, 9, 3] + [-100] * 8, [7] * 12])  # repeats need blanks between: 23 frames
_transcript = given(labels=[[4, 9, 9, 3, -100], [7, 2, 5, 1, 28]])


def frame_labels(frames: int = FRAMES) -> Step:
    """One class of each frame, as the one-hot rows `[batch, frames, labels]` that frame classification wants."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        integers("labels", 2, frames, below="num_labels")(inputs, draw, config)
        inputs["labels"] = inputs["labels"][..., None].eq(torch.arange(config.num_labels)).long()

    return step


WAV2VEC2_CASES: list[Case] = [
    *WAV2VEC2.cases("Wav2Vec2Model", "base",
        variant("plain", _wave, flags=STATES),
        variant("one", floats("input_values", 1, 61)),
        variant("rightpad", *_batch, flags=STATES),
        variant("nopad", _wave, mask("none", of="input_values")),
        variant("attentions", _wave, _valid, flags=MAPS),
        variant("too_short", *_batch, _short, flags=STATES),
        variant("masked", _wave, _frames, flags=STATES),
        variant("masked_padded", _wave, _valid, _frames),
        variant("masked_stable", _wave, _valid, _frames, config=_STABLE),
        variant("mask_ignored", _wave, _frames, config={"apply_spec_augment": False}),
        variant("stable_attentions", _wave, _valid, config=_STABLE, flags=MAPS),
        *(variant(n, _wave, config=c, flags=STATES) for n, c in WAV2VEC2_CONFIGS.items()),
        *(variant(f"{n}_rightpad", *_batch, config=WAV2VEC2_CONFIGS[n], flags=STATES)
          for n in ("layer_norm", "stable", "adapter", "adapter_stable", "odd_positions")),
    ),
    *WAV2VEC2.cases("Wav2Vec2ForPreTraining", "pretraining",
        variant("plain", _wave, flags=STATES),
        variant("loss", _wave, _frames, _negatives, flags=STATES),
        variant("loss_padded", _wave, _valid, _frames, _negatives),
        variant("masked", _wave, _frames),
        variant("attentions", _wave, _valid, _frames, _negatives, flags=MAPS),
        variant("stable", _wave, _valid, _frames, _negatives, config=_STABLE),
        variant("one_group", _wave, _frames, _negatives, config={"num_codevector_groups": 1}),
        variant("temperature", _wave, _frames, _negatives,
            config={"contrastive_logits_temperature": 0.5, "diversity_loss_weight": 0.7}),
    ),
    *WAV2VEC2.cases("Wav2Vec2ForCTC", "ctc",
        variant("plain", _wave, _transcript, flags=STATES),
        variant("nolabels", _wave, _valid),
        variant("rightpad", _wave, _valid, _transcript),
        variant("attentions", _wave, _valid, _transcript, flags=MAPS),
        variant("mean", _wave, _valid, _transcript, config={"ctc_loss_reduction": "mean"}),
        variant("zero_infinity", _wave, _valid, _too_long, config={"ctc_zero_infinity": True}),
        variant("other_blank", _wave, _valid, _transcript, config={"pad_token_id": 6}),
        *(variant(n, _wave, _valid, _transcript, config=WAV2VEC2_CONFIGS[n])
          for n in ("stable", "large", "attention_adapter")),
        *(variant(n, _wave, _valid, given(labels=[[4, 9], [7, -100]]), config=WAV2VEC2_CONFIGS[n])
          for n in ("adapter", "adapter_stable")),
    ),
    *WAV2VEC2.cases("Wav2Vec2ForSequenceClassification", "sequence_classification",
        variant("plain", _wave, class_labels(), flags=STATES),
        variant("nolabels", _wave, _valid),
        variant("column", _wave, label_column()),
        variant("rightpad", _wave, _valid, class_labels()),
        variant("attentions", _wave, _valid, class_labels(), flags=MAPS),
        variant("too_short", *_batch, _short, class_labels(3)),
        variant("weighted", _wave, _valid, class_labels(), config=_WEIGHTED),
        variant("weighted_stable", _wave, class_labels(), config={**_STABLE, **_WEIGHTED}, flags=STATES),
        variant("stable", _wave, _valid, class_labels(), config=_STABLE),
        num_labels=5,
    ),
    *WAV2VEC2.cases("Wav2Vec2ForAudioFrameClassification", "audio_frame_classification",
        variant("plain", _wave, frame_labels(), flags=STATES),
        variant("nolabels", _wave, _valid),
        variant("rightpad", _wave, _valid, frame_labels()),
        variant("attentions", _wave, _valid, frame_labels(), flags=MAPS),
        variant("weighted", _wave, _valid, frame_labels(), config=_WEIGHTED),
        variant("stable", _wave, _valid, frame_labels(), config=_STABLE),
        num_labels=5,
    ),
    *WAV2VEC2.cases("Wav2Vec2ForXVector", "xvector",
        variant("plain", _wave, class_labels(), flags=STATES),
        variant("nolabels", _wave, _valid),
        variant("column", _wave, label_column()),
        variant("rightpad", _wave, _valid, class_labels()),
        variant("too_short", *_batch, _short, class_labels(3)),
        variant("attentions", _wave, _valid, class_labels(), flags=MAPS),
        variant("weighted", _wave, _valid, class_labels(), config=_WEIGHTED),
        variant("stable", _wave, _valid, class_labels(), config=_STABLE),
        num_labels=5,
    ),
]  # fmt: skip

WHISPER = System(
    "whisper",
    "WhisperConfig",
    {"vocab_size": 73, "num_mel_bins": 9, "d_model": 24, "encoder_layers": 2, "decoder_layers": 3,
     "encoder_attention_heads": 3, "decoder_attention_heads": 4, "encoder_ffn_dim": 38, "decoder_ffn_dim": 42,
     "max_source_positions": 11, "max_target_positions": 21, "pad_token_id": 3, "bos_token_id": 1, "eos_token_id": 2,
     "decoder_start_token_id": 4, "classifier_proj_size": 14, "suppress_tokens": None, "begin_suppress_tokens": None},
)  # fmt: skip

WHISPER_CONFIGS = {
    "scaled_embedding": {"scale_embedding": True},
    "relu": {"activation_function": "relu"},
    "gelu_new": {"activation_function": "gelu_new"},
    "deep_encoder": {"encoder_layers": 3, "decoder_layers": 1},
    "one_head": {"encoder_attention_heads": 1, "decoder_attention_heads": 1},
    "spec_augment": {"apply_spec_augment": True},
    "no_pad": {"pad_token_id": None},
}
_mel = floats("input_features", 2, "num_mel_bins", 22)
_spoken = (_mel, ids(2, 6, name="decoder_input_ids"))
_spoken_mask = mask("right", of="decoder_input_ids", name="decoder_attention_mask")
_labels = token_labels("decoder_input_ids")
_labels_only = (_mel, ids(2, 6, name="labels"), token_labels("labels"))
_encoded = (floats("encoder_outputs", 2, 11, "d_model"), wrapped("encoder_outputs"))
_decoder_embeds = embeds(instead_of="decoder_input_ids", name="decoder_inputs_embeds")
_decoder_positions = integers("decoder_position_ids", like="decoder_input_ids", below=12)

WHISPER_VARIANTS = (
    variant("plain", *_spoken, flags=STATES),
    variant("rightpad", *_spoken, _spoken_mask, pad_ids("decoder_attention_mask", "decoder_input_ids")),
    variant("frame_mask", *_spoken, given(attention_mask=[[1] * 17 + [0] * 5, [1] * 22])),
    variant("attentions", *_spoken, _spoken_mask, flags=MAPS),
    variant("embeds", *_spoken, _decoder_embeds),
    variant("positions", *_spoken, _spoken_mask, _decoder_positions),
    variant("encoder_outputs", *_encoded, ids(2, 6, name="decoder_input_ids")),
    variant("nocache", *_spoken, flags={"use_cache": False}),
    *(variant(n, *_spoken, config=c) for n, c in WHISPER_CONFIGS.items()),
)
# With its default cache, Hugging Face's class fails as soon as it is given encoder states.
_NO_CACHE = {"use_cache": False}
_whisper_causal = {"is_encoder_decoder": False, "encoder_layers": 3}

WHISPER_CASES: list[Case] = [
    *WHISPER.cases("WhisperModel", "base", *WHISPER_VARIANTS),
    *WHISPER.cases("WhisperForConditionalGeneration", "conditional_generation", *WHISPER_VARIANTS),
    *WHISPER.cases("WhisperForConditionalGeneration", "conditional_generation",
        variant("labels", *_spoken, _spoken_mask, _labels, flags=STATES),
        variant("labels_only", *_labels_only),
        variant("untied", *_spoken, _labels, config={"tie_word_embeddings": False}),
        variant("untied_scaled", *_labels_only, config={"tie_word_embeddings": False, "scale_embedding": True}),
    ),
    *WHISPER.cases("WhisperForCausalLM", "causal_lm",
        *decoder_variants(token_labels(), positions=False), **_whisper_causal),
    *WHISPER.cases("WhisperForCausalLM", "causal_lm",
        variant("crossed", ids(2, 7), *_encoded, token_labels(), flags={**STATES, **_NO_CACHE}),
        variant("crossed_attentions", ids(2, 7), mask("right"), *_encoded, token_labels(), flags={**MAPS, **_NO_CACHE}),
        variant("untied", ids(2, 7), *_encoded, token_labels(), flags=_NO_CACHE, config={"tie_word_embeddings": False}),
        **_whisper_causal,
    ),
    *WHISPER.cases("WhisperForAudioClassification", "audio_classification",
        variant("plain", _mel, class_labels(), flags=STATES),
        variant("nolabels", _mel),
        variant("attentions", _mel, class_labels(), flags=MAPS),
        variant("weighted", _mel, class_labels(), config=_WEIGHTED),
        variant("weighted_attentions", _mel, class_labels(), config=_WEIGHTED, flags=MAPS),
        variant("relu", _mel, class_labels(), config=WHISPER_CONFIGS["relu"]),
        num_labels=5,
    ),
]  # fmt: skip

CASES: list[Case] = [*WAV2VEC2_CASES, *WHISPER_CASES]
