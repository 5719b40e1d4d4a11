"""HuBERT, Speech2Text, Decision Transformer, Trajectory Transformer and Time Series Transformer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .case import MAPS, STATES, Case, Step, System, variant
from .inputs import flags, floats, given, ids, integers, mask, pad_ids, without, wrapped
from .labels import as_floats, class_labels, token_labels
from .variants import crossed

HUBERT = System(
    "hubert",
    "HubertConfig",
    {"vocab_size": 29, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 38,
     "conv_dim": [10, 14, 12], "conv_stride": [3, 2, 1], "conv_kernel": [5, 3, 2], "num_conv_pos_embeddings": 8,
     "num_conv_pos_embedding_groups": 2, "classifier_proj_size": 16, "mask_time_length": 2, "layer_norm_eps": 1e-6},
)  # fmt: skip

_STABLE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True}
HUBERT_CONFIGS = {
    "stable": _STABLE,
    "large": {**_STABLE, "conv_bias": True},
    "no_feature_norm": {"feat_proj_layer_norm": False},
    "batch_norm": {"conv_pos_batch_norm": True},
    "batch_norm_stable": {**_STABLE, "conv_pos_batch_norm": True, "num_conv_pos_embeddings": 7},
    "no_mask_vector": {"mask_time_prob": 0.0},
    "feature_masks": {"mask_time_prob": 0.0, "mask_feature_prob": 0.2},
    "no_spec_augment": {"apply_spec_augment": False},
    "activations": {"hidden_act": "relu", "feat_extract_activation": "gelu_new"},
    "attention_adapter": {**_STABLE, "adapter_attn_dim": 6},
    "tester": {"hidden_size": 16, "conv_dim": [32, 32, 32], "conv_stride": [4, 4, 4], "conv_kernel": [8, 8, 8],
               "num_conv_pos_embeddings": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
               "intermediate_size": 20},
}  # fmt: skip
_wave = floats("input_values", 2, 107)
_valid = mask("right", of="input_values")
_batch = (floats("input_values", 3, 107), _valid)
_transcript = given(labels=[[4, 9, 9, 3, -100], [7, 2, 5, 1, 28]])

HUBERT_CASES: list[Case] = [
    *HUBERT.cases("HubertModel", "base",
        variant("plain", _wave, flags=STATES),
        variant("rightpad", *_batch, flags=STATES),
        variant("attentions", _wave, _valid, flags=MAPS),
        variant("masked", _wave, _valid, flags("mask_time_indices", 2, 16), flags=STATES),
        *(variant(n, floats("input_values", 2, 307), _valid, config=c, flags=STATES)
          for n, c in HUBERT_CONFIGS.items()),
        variant("stable_attentions", _wave, _valid, config=_STABLE, flags=MAPS),
    ),
    *HUBERT.cases("HubertForCTC", "ctc",
        variant("plain", _wave, _transcript, flags=STATES),
        variant("nolabels", _wave, _valid),
        variant("rightpad", _wave, _valid, _transcript),
        variant("mean", _wave, _valid, _transcript, config={"ctc_loss_reduction": "mean", "pad_token_id": 6}),
        variant("zero_infinity", _wave, given(labels=[[4, 9, 9, 3] + [-100] * 8, [7] * 12]),
            config={"ctc_zero_infinity": True}),
        variant("large", _wave, _valid, _transcript, config=HUBERT_CONFIGS["large"], flags=MAPS),
    ),
    *HUBERT.cases("HubertForSequenceClassification", "sequence_classification",
        variant("plain", _wave, class_labels(), flags=STATES),
        variant("nolabels", _wave),
        variant("rightpad", _wave, _valid, class_labels(), flags=MAPS),
        variant("weighted", _wave, _valid, class_labels(), config={"use_weighted_layer_sum": True}),
        variant("stable", _wave, _valid, class_labels(), config={**_STABLE, "use_weighted_layer_sum": True}),
        num_labels=5,
    ),
]  # fmt: skip

SPEECH2TEXT = System(
    "speech_to_text",
    "Speech2TextConfig",
    {"vocab_size": 73, "d_model": 24, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 3,
     "decoder_attention_heads": 4, "encoder_ffn_dim": 38, "decoder_ffn_dim": 42, "conv_channels": 14,
     "input_feat_per_channel": 9, "max_source_positions": 40, "max_target_positions": 21, "pad_token_id": 1,
     "bos_token_id": 0, "eos_token_id": 2, "decoder_start_token_id": 3},
)  # fmt: skip

SPEECH2TEXT_CONFIGS = {
    "unscaled": {"scale_embedding": False},
    "gelu": {"activation_function": "gelu"},
    "one_conv": {"num_conv_layers": 1, "conv_kernel_sizes": [3]},
    "three_convs": {"num_conv_layers": 3, "conv_kernel_sizes": [5, 3, 7], "input_channels": 2,
                    "input_feat_per_channel": 4},
    "pad_zero": {"pad_token_id": 0},
    "pad_four": {"pad_token_id": 4},
    "odd_width": {"d_model": 21, "decoder_attention_heads": 3},
    "short_tables": {"max_source_positions": 3, "max_target_positions": 2},
    "tester": {"vocab_size": 99, "d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 4,
               "decoder_ffn_dim": 4, "encoder_attention_heads": 4, "conv_channels": 32, "input_feat_per_channel": 24},
}  # fmt: skip
_decoder_mask = {"of": "decoder_input_ids", "name": "decoder_attention_mask"}


def _spoken(config: Mapping[str, Any] | None = None) -> tuple[Step, ...]:
    """Frames as wide as the config wants, and what the decoder reads."""
    config = {**SPEECH2TEXT.config, **(config or {})}
    width = config["input_feat_per_channel"] * config.get("input_channels", 1)
    return floats("input_features", 3, 31, width), ids(3, 6, name="decoder_input_ids")


_frame_mask = mask("right", of="input_features")
SPEECH2TEXT_VARIANTS = (
    variant("plain", *_spoken(), flags=STATES),
    variant("rightpad", *_spoken(), _frame_mask, mask("right", **_decoder_mask),
        pad_ids("decoder_attention_mask", "decoder_input_ids"), flags=STATES),
    variant("leftpad", *_spoken(), mask("left", of="input_features"), mask("left", **_decoder_mask),
        pad_ids("decoder_attention_mask", "decoder_input_ids")),
    variant("pads_unmasked", *_spoken(), mask("left", **_decoder_mask),
        pad_ids("decoder_attention_mask", "decoder_input_ids"), without("decoder_attention_mask")),
    variant("attentions", *_spoken(), _frame_mask, mask("right", **_decoder_mask), flags=MAPS),
    variant("silent", *_spoken(), given(attention_mask=[[1] * 31, [1] * 9 + [0] * 22, [0] * 31])),
    variant("nomask", *_spoken(), mask("none", of="input_features"), flags={"use_cache": False}),
    variant("encoder_outputs", floats("encoder_outputs", 3, 8, "d_model"), wrapped("encoder_outputs"),
        ids(3, 6, name="decoder_input_ids"), flags=STATES),
    *(variant(n, *_spoken(c), _frame_mask, config=c, flags=STATES) for n, c in SPEECH2TEXT_CONFIGS.items()),
)  # fmt: skip

SPEECH2TEXT_CASES: list[Case] = [
    *SPEECH2TEXT.cases("Speech2TextModel", "base", *SPEECH2TEXT_VARIANTS),
    *SPEECH2TEXT.cases("Speech2TextForConditionalGeneration", "conditional_generation",
        *SPEECH2TEXT_VARIANTS[:8],
        variant("labels", *_spoken(), _frame_mask, mask("right", **_decoder_mask), token_labels("decoder_input_ids"),
            flags=MAPS),
        variant("labels_only", _spoken()[0], ids(3, 6, name="labels"), token_labels("labels")),
        variant("pad_zero", _spoken()[0], ids(3, 6, name="labels"), token_labels("labels"),
            config=SPEECH2TEXT_CONFIGS["pad_zero"]),
        variant("untied", *_spoken(), token_labels("decoder_input_ids"), config={"tie_word_embeddings": False}),
        variant("tester", *_spoken(SPEECH2TEXT_CONFIGS["tester"]), _frame_mask,
            config=SPEECH2TEXT_CONFIGS["tester"]),
    ),
]  # fmt: skip

DECISION = System(
    "decision_transformer",
    "DecisionTransformerConfig",
    {"state_dim": 7, "act_dim": 5, "hidden_size": 24, "max_ep_len": 30, "vocab_size": 11, "n_positions": 40, "n_layer": 3,
     "n_head": 3, "n_inner": 37},
)  # fmt: skip

_episode = (floats("states", 3, 6, "state_dim"), floats("actions", 3, 6, "act_dim"), floats("rewards", 3, 6, 1),
            floats("returns_to_go", 3, 6, 1), integers("timesteps", 3, 6, below="max_ep_len"))  # fmt: skip
_started = mask("left", of="timesteps")
DECISION_CONFIGS = {
    "no_tanh": {"action_tanh": False},
    "wide": {"n_inner": None, "activation_function": "gelu_new", "n_head": 1},
    "unscaled": {"scale_attn_weights": False},
    "by_layer": {"scale_attn_by_inverse_layer_idx": True, "reorder_and_upcast_attn": True},
    "coarse_eps": {"layer_norm_epsilon": 0.1},
    "tester": {"act_dim": 6, "state_dim": 17, "hidden_size": 23, "n_head": 1, "n_inner": None, "vocab_size": 1,
               "n_positions": 1024, "max_ep_len": 4096},
}  # fmt: skip
_embeds = floats("inputs_embeds", 2, 7, "hidden_size")
_crossed = crossed()
_embeds_mask = mask("right", of="inputs_embeds")

DECISION_CASES: list[Case] = [
    *DECISION.cases("DecisionTransformerModel", "base",
        variant("plain", *_episode, flags=STATES),
        variant("leftpad", *_episode, _started, flags=MAPS),
        variant("rightpad", *_episode, mask("right", of="timesteps")),
        variant("norewards", *_episode, without("rewards"), mask("none", of="timesteps")),
        *(variant(n, *_episode, _started, config=c) for n, c in DECISION_CONFIGS.items()),
    ),
    *DECISION.cases("DecisionTransformerGPT2Model", "trunk",
        variant("plain", _embeds, flags=STATES),
        variant("leftpad", _embeds, mask("left", of="inputs_embeds"), flags=MAPS),
        variant("positions", _embeds, _embeds_mask, integers("position_ids", 2, 7, below="n_positions")),
        variant("types", _embeds, _embeds_mask, integers("token_type_ids", 2, 7, below="vocab_size")),
        variant("nocache", _embeds, flags={"use_cache": False}),
        variant("by_layer", _embeds, config=DECISION_CONFIGS["by_layer"]),
        variant("crossed", _embeds, *_crossed, config={"add_cross_attention": True}, flags=STATES),
        variant("crossed_attentions", _embeds, _embeds_mask, *_crossed, config={"add_cross_attention": True},
            flags=MAPS),
    ),
]  # fmt: skip

TRAJECTORY = System(
    "trajectory_transformer",
    "TrajectoryTransformerConfig",
    {"vocab_size": 19, "observation_dim": 3, "action_dim": 2, "transition_dim": 7, "block_size": 40, "n_embd": 24,
     "n_layer": 3, "n_head": 3, "action_weight": 5, "reward_weight": 2, "value_weight": 3},
)  # fmt: skip

_numbers = integers("trajectories", 3, 20, below=20)  # the last is the stop token
_targets = (integers("targets", 3, 20, below=20), mask("right", of="trajectories"))

TRAJECTORY_CASES: list[Case] = TRAJECTORY.cases("TrajectoryTransformerModel", "base",
    variant("plain", _numbers, flags=STATES),
    variant("loss", _numbers, *_targets, flags=STATES),
    variant("attentions", _numbers, *_targets, flags=MAPS),
    variant("one_transition", integers("trajectories", 2, 6, below=20), integers("targets", 2, 6, below=20),
        mask("none", of="trajectories")),
    variant("part", integers("trajectories", 2, 9, below=20)),
    variant("whole", integers("trajectories", 2, 14, below=20), flags={"use_cache": False}),
    variant("unweighted", integers("trajectories", 2, 17, below=20), integers("targets", 2, 17, below=20),
        mask("left", of="trajectories"), config={"action_weight": 1, "reward_weight": 1, "value_weight": 1}),
    variant("ignored", _numbers, token_labels("trajectories", name="targets"), mask("none", of="trajectories")),
    variant("wider", _numbers, config={"transition_dim": 9}, flags=STATES),
    variant("defaults", integers("trajectories", 2, 49, below=101), integers("targets", 2, 49, below=101),
        mask("none", of="trajectories"), config={"vocab_size": 100, "observation_dim": 17, "action_dim": 6,
        "transition_dim": 25, "block_size": 249, "action_weight": 5, "reward_weight": 1, "value_weight": 1}),
)  # fmt: skip

SERIES = System(
    "time_series_transformer",
    "TimeSeriesTransformerConfig",
    {"prediction_length": 4, "context_length": 6, "lags_sequence": [1, 3, 5], "num_time_features": 2,
     "num_dynamic_real_features": 1, "num_static_real_features": 2, "num_static_categorical_features": 2,
     "cardinality": [5, 7], "embedding_dimension": [3, 2], "encoder_ffn_dim": 38, "decoder_ffn_dim": 42,
     "encoder_attention_heads": 3, "decoder_attention_heads": 4, "encoder_layers": 2, "decoder_layers": 3, "d_model": 24},
)  # fmt: skip

_PLAIN = {"num_dynamic_real_features": 0, "num_static_real_features": 0, "num_static_categorical_features": 0,
          "cardinality": None, "embedding_dimension": None}  # fmt: skip
SERIES_CONFIGS = {
    "std": {"scaling": "std"},
    "std_floor": {"scaling": "std", "minimum_scale": 0.5},
    "mean_floor": {"minimum_scale": 0.7},
    "unscaled": {"scaling": None},
    "scaled_by_flag": {"scaling": True},
    "unscaled_by_flag": {"scaling": False},
    "unscaled_by_number": {"scaling": 1},
    "normal": {"distribution_output": "normal"},
    "activation": {"activation_function": "relu", "d_model": 12},
    "lag_zero": {"lags_sequence": [5, 0, 2]},
}  # fmt: skip
TESTER = {
    **_PLAIN, "prediction_length": 7, "context_length": 14, "lags_sequence": [1, 2, 3, 4, 5], "num_time_features": 4,
    "num_static_categorical_features": 1, "cardinality": [19], "embedding_dimension": [5], "d_model": 16,
    "encoder_attention_heads": 4, "encoder_ffn_dim": 4, "decoder_ffn_dim": 4, "scaling": "std",
}  # fmt: skip


def series(*channels: int, future: bool = True, counts: bool = False, **config: Any) -> tuple[Step, ...]:
    """Three series as long as the config wants, one or several `channels` at once, with what goes beside them."""
    config = {**SERIES.config, **config}
    past, ahead = config["context_length"] + max(config["lags_sequence"]), config["prediction_length"]
    covariates = config["num_time_features"] + config["num_dynamic_real_features"]

    def values(name: str, *shape: int) -> tuple[Step, ...]:
        return (integers(name, *shape, below=9), as_floats(name)) if counts else (floats(name, *shape),)

    steps = [*values("past_values", 3, past, *channels), floats("past_time_features", 3, past, covariates),
             flags("past_observed_mask", 3, past, *channels)]  # fmt: skip
    if config["num_static_categorical_features"]:
        of = config["num_static_categorical_features"]
        steps.append(integers("static_categorical_features", 3, of, below=5))
    if config["num_static_real_features"]:
        steps.append(floats("static_real_features", 3, config["num_static_real_features"]))
    if future:
        steps += [*values("future_values", 3, ahead, *channels), floats("future_time_features", 3, ahead, covariates)]
    return tuple(steps)


_ahead = {"of": "future_values", "name": "decoder_attention_mask"}
_encoded = (floats("encoder_outputs", 3, 6, "d_model"), wrapped("encoder_outputs"))
_two = {"input_size": 2}
_half_seen = given(past_observed_mask=[[0] * 11, [1] * 11, [0] * 11])

SERIES_CASES: list[Case] = [
    *SERIES.cases("TimeSeriesTransformerModel", "base",
        variant("plain", *series(), flags=STATES),
        variant("past", *series(future=False), flags=STATES),
        variant("unmasked", *series(), without("past_observed_mask"), given(past_observed_mask=[[1] * 11] * 3)),
        variant("unseen", *series(), without("past_observed_mask"), _half_seen),
        variant("unseen_default", *series(), without("past_observed_mask"), _half_seen, config={"default_scale": 2.0}),
        variant("attentions", *series(), mask("right", **_ahead), flags=MAPS),
        variant("leftpad", *series(), mask("left", **_ahead), flags={"use_cache": False}),
        variant("encoder_outputs", *series(), *_encoded, flags=STATES),
        variant("bare", *series(**_PLAIN), config=_PLAIN),
        variant("channels", *series(2), config=_two, flags=STATES),
        variant("channels_std", *series(2, future=False), config={**_two, "scaling": "std"}),
        variant("tester", *series(**TESTER), config=TESTER, flags=MAPS),
        *(variant(n, *series(**c), config=c) for n, c in SERIES_CONFIGS.items()),
    ),
    *SERIES.cases("TimeSeriesTransformerForPrediction", "prediction",
        variant("past", *series(future=False), flags=STATES),
        variant("loss", *series(), flags=STATES),
        variant("loss_masked", *series(), flags("future_observed_mask", 3, 4), flags=MAPS),
        variant("loss_encoder_outputs", *series(), *_encoded),
        variant("loss_channels", *series(2), flags("future_observed_mask", 3, 4, 2), config=_two),
        variant("loss_channels_normal", *series(2), config={**_two, "distribution_output": "normal", "scaling": "std"}),
        variant("loss_channels_counts", *series(2, counts=True),
            config={**_two, "distribution_output": "negative_binomial"}),
        variant("loss_counts", *series(counts=True), flags("future_observed_mask", 3, 4),
            config={"distribution_output": "negative_binomial"}),
        variant("loss_tester", *series(**TESTER), config=TESTER),
        *(variant(f"loss_{n}", *series(**c), config=c) for n, c in SERIES_CONFIGS.items()),
    ),
]  # fmt: skip

CASES: list[Case] = [*HUBERT_CASES, *SPEECH2TEXT_CASES, *DECISION_CASES, *TRAJECTORY_CASES, *SERIES_CASES]
