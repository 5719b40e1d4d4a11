"""HuBERT, Speech2Text, Decision Transformer, Trajectory Transformer and Time Series Transformer."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, variant
from .inputs import flags, floats, given, mask
from .labels import class_labels

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

CASES: list[Case] = [*HUBERT_CASES]
