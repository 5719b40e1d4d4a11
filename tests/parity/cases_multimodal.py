"""TrOCR, Donut, and models that read text and images together."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, variant
from .inputs import floats, ids, mask, pad_ids, without
from .labels import token_labels
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

CASES: list[Case] = [*TROCR_CASES]
