"""T5 and BART."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, variant
from .inputs import embeds, floats, ids, mask, pad_ids, put
from .labels import class_labels, problem_types, spans, tag_labels, token_labels
from .variants import crossed, decoder_variants, encoder_variants, seq2seq_variants

T5 = System(
    "t5",
    "T5Config",
    {"vocab_size": 59, "d_model": 20, "d_kv": 7, "d_ff": 34, "num_layers": 2, "num_decoder_layers": 3, "num_heads": 4,
     "relative_attention_num_buckets": 8, "relative_attention_max_distance": 17, "decoder_start_token_id": 0,
     "layer_norm_epsilon": 1e-5},
)  # fmt: skip

T5_CONFIGS = {
    "gated_gelu": {"feed_forward_proj": "gated-gelu"},
    "gated_silu": {"feed_forward_proj": "gated-silu"},
    "gated_relu": {"feed_forward_proj": "gated-relu"},
    "gelu": {"feed_forward_proj": "gelu"},
    "gelu_new": {"feed_forward_proj": "gelu_new"},
    "told_apart": {"feed_forward_proj": "gated-gelu", "dense_act_fn": "silu", "is_gated_act": False},
    "v1_1": {"feed_forward_proj": "gated-gelu", "tie_word_embeddings": False},
    "untied": {"tie_word_embeddings": False},
    "default_buckets": {"relative_attention_num_buckets": 32, "relative_attention_max_distance": 128},
    "odd_buckets": {"relative_attention_num_buckets": 10, "relative_attention_max_distance": 11},
    "coarse_eps": {"layer_norm_epsilon": 0.1},
    "same_depth": {"num_decoder_layers": None},
    "one_layer_one_head": {"num_layers": 1, "num_decoder_layers": 1, "num_heads": 1},
    "wide_heads": {"num_heads": 3, "d_kv": 16},
}
_decoder = ids(2, 5, name="decoder_input_ids")
_decoder_mask = mask("right", of="decoder_input_ids", name="decoder_attention_mask")
_both = (ids(2, 8), mask("right"), _decoder, _decoder_mask)
_target = (ids(2, 6, name="decoder_input_ids"), token_labels("decoder_input_ids"))
_ended = (ids(2, 8), put("eos_token_id", at=(7, 5)))
_ended_twice = (*_ended, put("eos_token_id", at=(2, 3)))
_labels = token_labels("decoder_input_ids")
_labels_only = (ids(2, 8), mask("right"), ids(2, 6, name="labels"), token_labels("labels"))
_long = (ids(2, 45), mask("right"), ids(2, 40, name="decoder_input_ids"))


T5_CASES: list[Case] = [
    *T5.cases("T5Model", "base", *seq2seq_variants()),
    *T5.cases("T5Model", "base", *(variant(n, *_both, config=c, flags=STATES) for n, c in T5_CONFIGS.items())),
    *T5.cases("T5Model", "base",
        variant("long", *_long, flags=STATES),
        variant("long_default_buckets", *_long, config=T5_CONFIGS["default_buckets"]),
        variant("very_long", ids(1, 150), ids(1, 140, name="decoder_input_ids"), config=T5_CONFIGS["default_buckets"]),
        variant("nocache", *_both, flags={"use_cache": False}),
    ),
    *T5.cases("T5EncoderModel", "encoder", *encoder_variants(segments=False, positions=False)),
    *T5.cases("T5EncoderModel", "encoder", *(variant(n, ids(2, 45), mask("right"), config=T5_CONFIGS[n], flags=STATES)
        for n in ("v1_1", "default_buckets", "odd_buckets"))),
    *T5.cases("T5ForConditionalGeneration", "conditional_generation", *seq2seq_variants(_labels)),
    *T5.cases("T5ForConditionalGeneration", "conditional_generation",
        variant("nolabels", *_both),
        variant("labels_only", *_labels_only, flags=STATES),
        variant("labels_only_other_start", *_labels_only, config={"decoder_start_token_id": 4, "pad_token_id": 3}),
        *(variant(n, *_both, _labels, config=T5_CONFIGS[n]) for n in ("v1_1", "untied", "gated_gelu", "gated_silu")),
    ),
    *T5.cases("T5ForSequenceClassification", "sequence_classification",
        variant("plain", *_ended, class_labels(), flags=STATES),
        variant("nolabels", *_ended),
        variant("rightpad", *_ended, mask("right"), class_labels()),
        variant("ended_twice", *_ended_twice, class_labels()),
        variant("attentions", *_ended, class_labels(), flags=MAPS),
        variant("v1_1", *_ended, class_labels(), config=T5_CONFIGS["v1_1"]),
        *problem_types(*_ended, mask("right")),
        num_labels=5,
    ),
    *T5.cases("T5ForTokenClassification", "token_classification",
        *encoder_variants(tag_labels(), segments=False, positions=False), num_labels=5),
    *T5.cases("T5ForTokenClassification", "token_classification",
        variant("v1_1", ids(2, 8), tag_labels(), config=T5_CONFIGS["v1_1"])),
    *T5.cases("T5ForQuestionAnswering", "question_answering", *seq2seq_variants()),
    *T5.cases("T5ForQuestionAnswering", "question_answering",
        variant("spans", ids(2, 8), mask("right"), spans(), flags=STATES),
        variant("decoder_given_spans", ids(2, 8), ids(2, 9, name="decoder_input_ids"), spans()),
        variant("v1_1", ids(2, 8), spans(), config=T5_CONFIGS["v1_1"]),
    ),
]  # fmt: skip

BART = System(
    "bart",
    "BartConfig",
    {"vocab_size": 71, "d_model": 24, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 3,
     "decoder_attention_heads": 4, "encoder_ffn_dim": 38, "decoder_ffn_dim": 42, "max_position_embeddings": 31},
)  # fmt: skip

BART_CONFIGS = {
    "scaled_embedding": {"scale_embedding": True},
    "relu": {"activation_function": "relu"},
    "gelu_new": {"activation_function": "gelu_new"},
    "silu": {"activation_function": "silu"},
    "deep_encoder": {"encoder_layers": 3, "decoder_layers": 1},
    "one_head": {"encoder_attention_heads": 1, "decoder_attention_heads": 1},
    "other_specials": {"pad_token_id": 4, "bos_token_id": 3, "eos_token_id": 1, "decoder_start_token_id": 3},
}
BART_UNTIED = {
    "untied": {"tie_word_embeddings": False},
    "untied_scaled": {"tie_word_embeddings": False, "scale_embedding": True},
}
UNTIED = "built, encoder and decoder share one table, which is saved once; loaded, theirs are new and random"
_text = (ids(2, 8), mask("right"), pad_ids())
_states = floats("encoder_hidden_states", 2, 6, "d_model")
# The cache is as deep as the *encoder* is said to be, though the class has none; a deeper decoder fails.
_bart_causal = {"is_decoder": True, "is_encoder_decoder": False, "encoder_layers": 3}

BART_CASES: list[Case] = [
    *BART.cases("BartModel", "base", *seq2seq_variants()),
    *BART.cases("BartModel", "base", *(variant(n, *_both, config=c, flags=STATES) for n, c in BART_CONFIGS.items())),
    *BART.cases("BartModel", "base", *(variant(n, *_both, config=c, flags=STATES, reload_differs=UNTIED)
        for n, c in BART_UNTIED.items())),
    *BART.cases("BartModel", "base",
        variant("ids_only", *_text, flags=STATES),
        variant("ids_only_other_start", *_text, config=BART_CONFIGS["other_specials"]),
        variant("nocache", *_both, flags={"use_cache": False}),
    ),
    *BART.cases("BartForConditionalGeneration", "conditional_generation", *seq2seq_variants(_labels)),
    *BART.cases("BartForConditionalGeneration", "conditional_generation",
        variant("nolabels", *_both),
        variant("ids_only", *_text),
        variant("labels_only", *_labels_only, flags=STATES),
        variant("labels_only_other_start", *_labels_only, config=BART_CONFIGS["other_specials"]),
        *(variant(n, *_both, _labels, config=BART_CONFIGS[n])
          for n in ("scaled_embedding", "relu")),
        *(variant(n, *_both, _labels, config=c, reload_differs=UNTIED) for n, c in BART_UNTIED.items()),
    ),
    *BART.cases("BartForSequenceClassification", "sequence_classification",
        variant("plain", *_ended, class_labels(), flags=STATES),
        variant("nolabels", *_ended),
        variant("rightpad", *_ended, mask("right"), class_labels()),
        variant("ended_twice", *_ended_twice, class_labels()),
        variant("three_by_default", *_ended, class_labels(), config={"num_labels": 3}),
        variant("attentions", *_ended, class_labels(), flags=MAPS),
        variant("scaled_embedding", *_ended, class_labels(), config=BART_CONFIGS["scaled_embedding"]),
        *problem_types(*_ended, mask("right")),
        num_labels=5,
    ),
    *BART.cases("BartForQuestionAnswering", "question_answering", *seq2seq_variants()),
    *BART.cases("BartForQuestionAnswering", "question_answering",
        variant("spans", *_text, spans(), flags=STATES),
        variant("decoder_given_spans", ids(2, 8), ids(2, 9, name="decoder_input_ids"), spans()),
        variant("embeds_spans", ids(2, 8), embeds(), ids(2, 9, name="decoder_input_ids"), spans()),
    ),
    *BART.cases("BartForCausalLM", "causal_lm", *decoder_variants(token_labels(), positions=False, everywhere=True),
        **_bart_causal),
    *BART.cases("BartForCausalLM", "causal_lm",
        variant("crossed", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=STATES),
        variant("crossed_unmasked", ids(2, 7), crossed()[0], token_labels()),
        variant("crossed_attentions", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=MAPS),
        variant("untied", ids(2, 7), token_labels(), config=BART_UNTIED["untied"]),
        variant("scaled_embedding", ids(2, 7), token_labels(), config=BART_CONFIGS["scaled_embedding"]),
        **_bart_causal,
    ),
    *BART.cases("BartForCausalLM", "causal_lm", variant("from_seq2seq_config", ids(2, 7), token_labels()),
        encoder_layers=4),
]  # fmt: skip

CASES: list[Case] = [*T5_CASES, *BART_CASES]
