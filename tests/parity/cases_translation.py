"""mBART, Pegasus and Marian, which are BART with differences."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, variant
from .inputs import embeds, floats, ids, mask, pad_ids, put, wrapped
from .labels import class_labels, problem_types, spans, token_labels
from .variants import crossed, decoder_variants, seq2seq_variants

_decoder = ids(2, 5, name="decoder_input_ids")
_both = (ids(2, 8), mask("right"), _decoder, mask("right", of="decoder_input_ids", name="decoder_attention_mask"))
_text = (ids(2, 8), mask("right"), pad_ids())
_labels = token_labels("decoder_input_ids")
_labels_only = (ids(2, 8), mask("right"), ids(2, 6, name="labels"), token_labels("labels"))
_ended = (ids(2, 8), put("eos_token_id", at=(7, 5)))
_states = (floats("encoder_outputs", 2, 8, "d_model"), wrapped("encoder_outputs"))
_decoder_embeds = embeds(instead_of="decoder_input_ids", name="decoder_inputs_embeds")
_numbers = {"d_model": 24, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 3,
            "decoder_attention_heads": 4, "encoder_ffn_dim": 38, "decoder_ffn_dim": 42, "max_position_embeddings": 31}  # fmt: skip
# The cache is as deep as the *encoder* is said to be, though the class has none; a deeper decoder fails.
_alone = {"is_decoder": True, "is_encoder_decoder": False, "encoder_layers": 3}
UNTIED = "built, encoder and decoder share one table, which is saved once; loaded, theirs are new and random"
CONFIGS = {
    "scaled_embedding": {"scale_embedding": True},
    "relu": {"activation_function": "relu"},
    "deep_encoder": {"encoder_layers": 3, "decoder_layers": 1},
    "no_decoder_layers": {"decoder_layers": 0},
}
_scaled = CONFIGS["scaled_embedding"]
_untied = {"tie_word_embeddings": False}
_no_pad = {"pad_token_id": None}

MBART = System("mbart", "MBartConfig", {"vocab_size": 71, **_numbers})

MBART_CASES: list[Case] = [
    *MBART.cases("MBartModel", "base", *seq2seq_variants()),
    *MBART.cases("MBartModel", "base", *(variant(n, *_both, config=c, flags=STATES) for n, c in CONFIGS.items())),
    *MBART.cases("MBartModel", "base",
        variant("ids_only", *_text, flags=STATES),
        variant("ids_only_one_row", ids(1, 6)),
        variant("untied", *_both, config=_untied, reload_differs=UNTIED),
    ),
    *MBART.cases("MBartForConditionalGeneration", "conditional_generation",
        variant("plain", *_both, _labels, flags=STATES),
        variant("nolabels", *_both),
        variant("ids_only", *_text),
        variant("labels_only", *_labels_only, flags=STATES),
        variant("labels_only_other_pad", *_labels_only, config={"pad_token_id": 4}),
        variant("attentions", *_both, _labels, flags=MAPS),
        variant("scaled_embedding", *_both, _labels, config=_scaled),
        variant("untied", *_both, _labels, config=_untied, reload_differs=UNTIED),
    ),
    *MBART.cases("MBartForSequenceClassification", "sequence_classification",
        variant("plain", *_ended, class_labels(), flags=STATES),
        variant("nolabels", *_ended),
        variant("encoder_outputs", *_ended, *_states, class_labels(), flags=STATES),
        *(v for v in problem_types(*_ended, mask("right")) if v.name in ("single_label_given", "regression")),
        num_labels=5,
    ),
    *MBART.cases("MBartForQuestionAnswering", "question_answering",
        variant("spans", *_text, spans(), flags=STATES),
        variant("decoder_given_spans", ids(2, 8), ids(2, 9, name="decoder_input_ids"), spans()),
    ),
    *MBART.cases("MBartForCausalLM", "causal_lm", *decoder_variants(token_labels(), positions=False, everywhere=True),
        **_alone),
    *MBART.cases("MBartForCausalLM", "causal_lm",
        variant("crossed", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=STATES),
        variant("crossed_attentions", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=MAPS),
        variant("scaled_embedding", ids(2, 7), token_labels(), config=_scaled),
        variant("untied", ids(2, 7), token_labels(), config=_untied),
        **_alone,
    ),
]  # fmt: skip

PEGASUS = System("pegasus", "PegasusConfig", {"vocab_size": 71, **_numbers})

PEGASUS_CASES: list[Case] = [
    *PEGASUS.cases("PegasusModel", "base", *seq2seq_variants()),
    *PEGASUS.cases("PegasusModel", "base", *(variant(n, *_both, config=c, flags=STATES) for n, c in CONFIGS.items())),
    *PEGASUS.cases("PegasusModel", "base",
        variant("scaled_embeds", *_both, embeds(), _decoder_embeds, config=_scaled),
        variant("untied", *_both, config=_untied),
        variant("odd_width", *_both, config={"d_model": 21, "encoder_attention_heads": 3, "decoder_attention_heads": 7}),
    ),
    *PEGASUS.cases("PegasusForConditionalGeneration", "conditional_generation",
        variant("plain", *_both, _labels, flags=STATES),
        variant("nolabels", *_both),
        variant("labels_only", *_labels_only, flags=STATES),
        variant("labels_only_other_start", *_labels_only, config={"decoder_start_token_id": 4, "pad_token_id": 3}),
        variant("attentions", *_both, _labels, flags=MAPS),
        variant("embeds", *_both, _labels, embeds(), _decoder_embeds),
        variant("scaled_embedding", *_both, _labels, config=_scaled),
        variant("untied", *_both, _labels, config=_untied),
    ),
    *PEGASUS.cases("PegasusForCausalLM", "causal_lm",
        *decoder_variants(token_labels(), positions=False, everywhere=True), **_alone),
    *PEGASUS.cases("PegasusForCausalLM", "causal_lm",
        variant("crossed", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=STATES),
        variant("crossed_attentions", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=MAPS),
        variant("scaled_embedding", ids(2, 7), token_labels(), config=_scaled),
        variant("scaled_embeds", ids(2, 7), token_labels(), embeds(), config=_scaled),
        variant("untied", ids(2, 7), token_labels(), config=_untied),
        **_alone,
    ),
]  # fmt: skip

MARIAN = System(
    "transformer",
    "MarianConfig",
    {"vocab_size": 71, **_numbers, "pad_token_id": 70, "decoder_start_token_id": 70, "eos_token_id": 0},
)  # fmt: skip
_apart = {"share_encoder_decoder_embeddings": False}

MARIAN_CASES: list[Case] = [
    *MARIAN.cases("MarianModel", "base", *seq2seq_variants()),
    *MARIAN.cases("MarianModel", "base", *(variant(n, *_both, config=c, flags=STATES) for n, c in CONFIGS.items())),
    *MARIAN.cases("MarianModel", "base",
        variant("scaled_embeds", *_both, embeds(), _decoder_embeds, config=_scaled),
        variant("two_tables", *_both, config=_apart),
        variant("untied", *_both, config=_untied),
        variant("no_pad", *_both, config=_no_pad, flags=STATES),
    ),
    *MARIAN.cases("MarianMTModel", "conditional_generation",
        variant("plain", *_both, _labels, flags=STATES),
        variant("nolabels", *_both),
        variant("labels_only", *_labels_only, flags=STATES),
        variant("labels_only_other_start", *_labels_only, config={"decoder_start_token_id": 4, "pad_token_id": 3}),
        variant("attentions", *_both, _labels, flags=MAPS),
        variant("embeds", *_both, _labels, embeds(), _decoder_embeds),
        variant("swish", *_both, _labels, config={"activation_function": "swish", **_scaled}),
        variant("odd_width", *_both, config={"d_model": 21, "encoder_attention_heads": 3, "decoder_attention_heads": 7}),
        variant("two_tables", *_both, _labels, config=_apart),
        variant("two_tables_untied", *_both, _labels, config={**_apart, **_untied}),
        variant("two_vocabularies", *_both, token_labels("decoder_input_ids", below="decoder_vocab_size"),
                config={**_apart, **_untied, "decoder_vocab_size": 58}),
        variant("untied", *_both, _labels, config=_untied),
        variant("no_pad", *_both, _labels, config=_no_pad),
    ),
    *MARIAN.cases("MarianForCausalLM", "causal_lm",
        *decoder_variants(token_labels(), positions=False, everywhere=True), **_alone),
    *MARIAN.cases("MarianForCausalLM", "causal_lm",
        variant("crossed", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=STATES),
        variant("crossed_attentions", ids(2, 7), mask("right"), *crossed(), token_labels(), flags=MAPS),
        variant("scaled_embedding", ids(2, 7), token_labels(), config=_scaled),
        variant("two_tables", ids(2, 7), token_labels(), config=_apart),
        variant("untied", ids(2, 7), token_labels(), config=_untied),
        variant("two_vocabularies", ids(2, 7), config={"decoder_vocab_size": 80}),
        variant("two_vocabularies_untied", ids(2, 7), token_labels(), config={**_untied, "decoder_vocab_size": 80}),
        **_alone,
    ),
]  # fmt: skip

CASES: list[Case] = [*MBART_CASES, *PEGASUS_CASES, *MARIAN_CASES]
