"""TrOCR, Donut, and models that read text and images together."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, variant
from .cases_vision import image
from .inputs import floats, ids, mask, pad_ids, without
from .labels import class_labels, problem_types, token_labels
from .variants import crossed, decoder_variants

TROCR = System(
    "trocr",
    "TrOCRConfig",
    {"vocab_size": 61, "d_model": 24, "decoder_layers": 2, "decoder_attention_heads": 3, "decoder_ffn_dim": 38,
     "max_position_embeddings": 31},
)  # fmt: skip

_waves = {"use_learned_position_embeddings": False}
TROCR_CONFIGS = {
    "waves": _waves,
    "odd_waves": {**_waves, "d_model": 21, "pad_token_id": 3},
    "printed": {**_waves, "layernorm_embedding": False, "scale_embedding": True, "activation_function": "relu"},
    "no_norm": {"layernorm_embedding": False},
    "untied_scaled": {"tie_word_embeddings": False, "scale_embedding": True},
}
_words = (ids(2, 8), mask("right"), token_labels())
_wide = floats("encoder_hidden_states", 2, 6, 17)

TROCR_CASES: list[Case] = [
    *TROCR.cases("TrOCRForCausalLM", "causal_lm", *decoder_variants(token_labels(), positions=False)),
    *TROCR.cases("TrOCRForCausalLM", "causal_lm", *(variant(n, *_words, config=c) for n, c in TROCR_CONFIGS.items())),
    *TROCR.cases("TrOCRForCausalLM", "causal_lm",
        variant("leftpad_everywhere", ids(2, 11), mask("left")),
        variant("crossed", *_words, *crossed(), flags=STATES),
        variant("crossed_attentions", *_words, *crossed(), flags=MAPS),
        variant("crossed_wide", *_words, _wide, config={"cross_attention_hidden_size": 17}),
        variant("padding_among_waves", ids(2, 8), mask("left"), pad_ids(), without("attention_mask"), config=_waves),
    ),
]  # fmt: skip

# `use_absolute_embeddings` is not here, for the reason given at Swin's cases.
DONUT = System(
    "donut",
    "DonutSwinConfig",
    {"image_size": [24, 36], "patch_size": 2, "embed_dim": 12, "depths": [2, 3, 1], "num_heads": [2, 3, 4],
     "window_size": 3, "mlp_ratio": 2.5, "layer_norm_eps": 1e-6},
)  # fmt: skip
_page = image(24, 36)

DONUT_CASES: list[Case] = [
    *DONUT.cases("DonutSwinModel", "base",
        variant("plain", _page, flags=STATES),
        variant("attentions", _page, flags=MAPS),
        variant("padded_everywhere", image(25, 38), flags=MAPS),
        variant("square", image(24, 24), config={"image_size": 24, "window_size": 4, "qkv_bias": False,
            "depths": [2, 1], "num_heads": [2, 3]}),
        variant("gray_relu", _page, config={"num_channels": 1, "hidden_act": "relu", "layer_norm_eps": 0.1}),
        variant("small", image(32, 32), flags=STATES, config={"image_size": 32, "embed_dim": 16, "depths": [1, 2, 1],
            "num_heads": [2, 2, 4], "window_size": 2, "mlp_ratio": 2.0}),
    ),
    *DONUT.cases("DonutSwinForImageClassification", "image_classification",
        variant("plain", _page, class_labels(), flags=STATES),
        variant("nolabels", _page),
        variant("attentions", image(26, 31), class_labels(), flags=MAPS),
        *problem_types(_page),
        num_labels=5,
    ),
]  # fmt: skip

CASES: list[Case] = [*TROCR_CASES, *DONUT_CASES]
