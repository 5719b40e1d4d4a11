"""OPT, GPT-J and BLOOM."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, Variant, variant
from .inputs import given, ids, integers, mask, pad_ids, put, without
from .labels import class_labels, problem_types, spans, tag_labels, token_labels
from .variants import decoder_variants

OPT = System(
    "opt",
    "OPTConfig",
    {"vocab_size": 73, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "ffn_dim": 38,
     "max_position_embeddings": 29, "bos_token_id": 2, "eos_token_id": 3, "pad_token_id": 1},
)  # fmt: skip

OPT_CONFIGS = {
    "post_norm": {"do_layer_norm_before": False},
    "narrow": {"word_embed_proj_dim": 14},
    "narrow_post_norm": {"word_embed_proj_dim": 14, "do_layer_norm_before": False},
    "no_final_norm": {"_remove_final_layer_norm": True},
    "no_bias": {"enable_bias": False},
    "no_bias_post_norm": {"enable_bias": False, "do_layer_norm_before": False},
    "gelu": {"activation_function": "gelu"},
    "one_layer_one_head": {"num_hidden_layers": 1, "num_attention_heads": 1},
}
_tokens = (ids(2, 8), mask("right"))
KINDS = ("single_label_given", "regression", "multi_label")
HEAD = ("nolabels", "plain", "leftpad", "embeds", "attentions", "positions")


def some(names: tuple[str, ...], variants: tuple[Variant, ...]) -> list[Variant]:
    """Those of the usual variants whose other half a head shares with the base model."""
    return [v for v in variants if v.name in names]


_narrow = OPT_CONFIGS["narrow"]

OPT_CASES: list[Case] = [
    *OPT.cases("OPTModel", "base", *decoder_variants(everywhere=True)),
    *OPT.cases("OPTModel", "base", *(variant(n, *_tokens, config=c, flags=STATES) for n, c in OPT_CONFIGS.items())),
    *OPT.cases("OPTModel", "base",
        variant("positions_and_mask", *_tokens, integers("position_ids", like="input_ids", below=12)),
        variant("no_position", *_tokens, given(position_ids=[[-1, -1, 0, 1, 2, 3, 4, 5]])),
        variant("leftpad_attentions", ids(2, 11), mask("left"), flags=MAPS),
    ),
    *OPT.cases("OPTForCausalLM", "causal_lm", *some(HEAD, decoder_variants(token_labels()))),
    *OPT.cases("OPTForCausalLM", "causal_lm",
        *(variant(n, *_tokens, token_labels(), config=OPT_CONFIGS[n], flags=STATES)
          for n in ("narrow", "narrow_post_norm")),
        variant("narrow_untied", *_tokens, token_labels(), config={**_narrow, "tie_word_embeddings": False}),
    ),
    *OPT.cases("OPTForSequenceClassification", "sequence_classification",
        *some(HEAD, decoder_variants(class_labels())), num_labels=5),
    *OPT.cases("OPTForSequenceClassification", "sequence_classification",
        *some(KINDS, problem_types(ids(2, 8), mask("right"), pad_ids())),
        variant("pad_inside", ids(2, 8), put("pad_token_id", at=(4, 2)), class_labels()),
        variant("padded_without_mask", ids(2, 8), mask("right"), pad_ids(), without("attention_mask"), class_labels()),
        variant("one_row_no_pad", ids(1, 7), class_labels(1), config={"pad_token_id": None}),
        variant("narrow", *_tokens, class_labels(), config=_narrow),
    ),
    *OPT.cases("OPTForQuestionAnswering", "question_answering", *some(HEAD, decoder_variants(spans()))),
    *OPT.cases("OPTForQuestionAnswering", "question_answering", variant("narrow", *_tokens, spans(), config=_narrow)),
]  # fmt: skip

GPTJ = System(
    "gptj",
    "GPTJConfig",
    {"vocab_size": 67, "n_embd": 24, "n_layer": 3, "n_head": 3, "n_positions": 29, "n_inner": 38, "rotary_dim": 6,
     "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 3, "layer_norm_epsilon": 1e-6},
)  # fmt: skip

GPTJ_CONFIGS = {
    "inner_default": {"n_inner": None},
    "whole_head_turns": {"rotary_dim": 8},
    "no_rotary_dim": {"rotary_dim": None, "n_head": 1},
    "gelu": {"activation_function": "gelu"},
    "one_layer": {"n_layer": 1},
}
_types = integers("token_type_ids", like="input_ids", below="vocab_size")
_packed = given(position_ids=[[0, 1, 2, 0, 1, 2, 3], [0, 1, 2, 3, 4, 0, 1]])

GPTJ_CASES: list[Case] = [
    *GPTJ.cases("GPTJModel", "base", *decoder_variants(everywhere=True)),
    *GPTJ.cases("GPTJModel", "base", *(variant(n, *_tokens, config=c, flags=STATES) for n, c in GPTJ_CONFIGS.items())),
    *GPTJ.cases("GPTJModel", "base",
        variant("segments", *_tokens, _types),
        variant("positions_alone", ids(2, 7), _packed),
        variant("leftpad_attentions", ids(2, 11), mask("left"), flags=MAPS),
    ),
    *GPTJ.cases("GPTJForCausalLM", "causal_lm", *some(HEAD, decoder_variants(token_labels()))),
    *GPTJ.cases("GPTJForCausalLM", "causal_lm",
        variant("tied", *_tokens, token_labels(), config={"tie_word_embeddings": True}),
        variant("segments", *_tokens, _types, token_labels()),
    ),
    *GPTJ.cases("GPTJForSequenceClassification", "sequence_classification",
        *some(HEAD, decoder_variants(class_labels())), num_labels=5),
    *GPTJ.cases("GPTJForSequenceClassification", "sequence_classification",
        *some(KINDS, problem_types(ids(2, 8), mask("right"), pad_ids())),
        variant("one_row_no_pad", ids(1, 7), class_labels(1), config={"pad_token_id": None}),
    ),
    *GPTJ.cases("GPTJForQuestionAnswering", "question_answering", *some(HEAD, decoder_variants(spans()))),
]  # fmt: skip

BLOOM = System(
    "bloom",
    "BloomConfig",
    {"vocab_size": 71, "hidden_size": 30, "n_layer": 3, "n_head": 5, "bos_token_id": 1, "eos_token_id": 2,
     "pad_token_id": 3, "layer_norm_epsilon": 1e-6},
)  # fmt: skip

BLOOM_CONFIGS = {
    "normed_residual": {"apply_residual_connection_post_layernorm": True},
    "exact_on_one_device": {"slow_but_exact": True},
    "eight_heads": {"n_head": 8, "hidden_size": 32},
    "fourteen_heads": {"n_head": 14, "hidden_size": 28},
    "one_layer_one_head": {"n_layer": 1, "n_head": 1},
}

BLOOM_CASES: list[Case] = [
    *BLOOM.cases("BloomModel", "base", *decoder_variants(positions=False, everywhere=True)),
    *BLOOM.cases("BloomModel", "base", *(variant(n, ids(2, 9), mask("left"), config=c, flags=STATES)
        for n, c in BLOOM_CONFIGS.items())),
    *BLOOM.cases("BloomModel", "base", variant("leftpad_attentions", ids(2, 11), mask("left"), flags=MAPS)),
    *BLOOM.cases("BloomForCausalLM", "causal_lm", *some(HEAD, decoder_variants(token_labels(), positions=False))),
    *BLOOM.cases("BloomForCausalLM", "causal_lm",
        variant("untied", *_tokens, token_labels(), config={"tie_word_embeddings": False})),
    *BLOOM.cases("BloomForSequenceClassification", "sequence_classification",
        *some(HEAD, decoder_variants(class_labels(), positions=False)), num_labels=5),
    *BLOOM.cases("BloomForSequenceClassification", "sequence_classification",
        *some(KINDS, problem_types(ids(2, 8), mask("right"), pad_ids())),
        variant("one_row_no_pad", ids(1, 7), class_labels(1), config={"pad_token_id": None}),
    ),
    *BLOOM.cases("BloomForTokenClassification", "token_classification",
        *some(HEAD, decoder_variants(tag_labels(), positions=False)), num_labels=5),
    *BLOOM.cases("BloomForQuestionAnswering", "question_answering",
        *some(HEAD, decoder_variants(spans(), positions=False))),
]  # fmt: skip

CASES: list[Case] = [*OPT_CASES, *GPTJ_CASES, *BLOOM_CASES]
