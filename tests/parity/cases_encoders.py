"""RoBERTa, DistilBERT, ALBERT and ESM: BERT's kin."""

from __future__ import annotations

from .case import MAPS, STATES, Case, Step, System, Variant, variant
from .inputs import embeds, ids, integers, mask, pad_ids, put
from .labels import class_labels, problem_types, spans, tag_labels, token_labels
from .variants import crossed, decoder_variants, encoder_variants

ROBERTA = System(
    "roberta",
    "RobertaConfig",
    {"vocab_size": 59, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 38,
     "max_position_embeddings": 31, "type_vocab_size": 3, "layer_norm_eps": 1e-5},
)  # fmt: skip

_padded = (ids(2, 8), mask("right"), pad_ids())
_choices = (ids(2, 3, 7), mask("right"), pad_ids())
_choice = integers("labels", 2, below=3)
_segments = integers("token_type_ids", like="input_ids", below="type_vocab_size")
_decoder = {"is_decoder": True}
_crossed = {"is_decoder": True, "add_cross_attention": True}

ROBERTA_CASES: list[Case] = [
    *ROBERTA.cases("RobertaModel", "base", *encoder_variants()),
    *ROBERTA.cases("RobertaModel", "base",
        variant("pad_inside", ids(2, 9), put("pad_token_id", at=(4, 2)), mask("none")),
        variant("other_pad", *_padded, config={"pad_token_id": 4}),
        variant("relative_key", *_padded, config={"position_embedding_type": "relative_key"}),
        variant("relative_key_query", *_padded, config={"position_embedding_type": "relative_key_query"}),
        variant("decoder", *_padded, _segments, config=_decoder, flags=STATES),
        variant("crossed", *_padded, *crossed(), config=_crossed, flags=MAPS),
    ),
    *ROBERTA.cases("RobertaForMaskedLM", "masked_lm",
        variant("plain", ids(2, 7), token_labels(), flags=STATES),
        variant("rightpad", *_padded, token_labels()),
        variant("leftpad", ids(2, 11), mask("left"), token_labels(), pad_ids(), flags=MAPS),
        variant("untied", *_padded, token_labels(), config={"tie_word_embeddings": False}),
        variant("relu", *_padded, config={"hidden_act": "relu"}),
        variant("crossed", *_padded, *crossed(), config=_crossed, flags=MAPS),
    ),
    *ROBERTA.cases("RobertaForCausalLM", "causal_lm",
        *decoder_variants(token_labels(), segments=True, everywhere=True), **_decoder),
    *ROBERTA.cases("RobertaForCausalLM", "causal_lm",
        variant("crossed", *_padded, *crossed(), token_labels(), config=_crossed, flags=MAPS),
        variant("bidirectional", *_padded, token_labels(), config={"hidden_act": "silu"}),
    ),
    *ROBERTA.cases("RobertaForSequenceClassification", "sequence_classification", *problem_types(*_padded)),
    *ROBERTA.cases("RobertaForSequenceClassification", "sequence_classification",
        variant("embeds", ids(2, 7), mask("left"), class_labels(), embeds(), flags=MAPS), num_labels=5),
    *ROBERTA.cases("RobertaForTokenClassification", "token_classification",
        variant("rightpad", *_padded, tag_labels(), flags=STATES),
        variant("nolabels", ids(3, 5), _segments), num_labels=5),
    *ROBERTA.cases("RobertaForQuestionAnswering", "question_answering",
        variant("rightpad", *_padded, spans(), flags=MAPS),
        variant("nolabels", ids(1, 5))),
    *ROBERTA.cases("RobertaForMultipleChoice", "multiple_choice",
        variant("plain", ids(2, 3, 7), _choice, flags=STATES),
        variant("leftpad", ids(2, 3, 7), mask("left"), pad_ids(), _choice),
        variant("segments", *_choices, integers("position_ids", like="input_ids", below=12), _segments, _choice),
        variant("embeds", ids(2, 3, 7), mask("right"), embeds(), flags=MAPS),
    ),
]  # fmt: skip

DISTILBERT = System(
    "distilbert",
    "DistilBertConfig",
    {"vocab_size": 57, "dim": 24, "n_layers": 3, "n_heads": 2, "hidden_dim": 36, "max_position_embeddings": 27},
)  # fmt: skip


def _without_segments(*head: Step) -> tuple[Variant, ...]:
    return encoder_variants(*head, segments=False, positions=False)


DISTILBERT_CASES: list[Case] = [
    *DISTILBERT.cases("DistilBertModel", "base", *_without_segments()),
    *DISTILBERT.cases("DistilBertModel", "base",
        variant("sinusoidal", *_padded, config={"sinusoidal_pos_embds": True}, flags=STATES),
        variant("relu", *_padded, config={"activation": "relu"}, flags=MAPS),
        variant("other_pad", *_padded, config={"pad_token_id": 4}),
        variant("no_pad", ids(2, 6), config={"pad_token_id": None}),
    ),
    *DISTILBERT.cases("DistilBertForMaskedLM", "masked_lm", *_without_segments(token_labels())),
    *DISTILBERT.cases("DistilBertForMaskedLM", "masked_lm",
        variant("untied", *_padded, token_labels(), config={"tie_word_embeddings": False}),
        variant("gelu_new", *_padded, token_labels(), config={"activation": "gelu_new"}),
    ),
    *DISTILBERT.cases("DistilBertForSequenceClassification", "sequence_classification", *problem_types(*_padded)),
    *DISTILBERT.cases("DistilBertForSequenceClassification", "sequence_classification",
        variant("embeds", ids(2, 7), mask("left"), class_labels(), embeds(), flags=MAPS), num_labels=5),
    *DISTILBERT.cases("DistilBertForTokenClassification", "token_classification",
        variant("rightpad", *_padded, tag_labels(), flags=STATES),
        variant("nolabels", ids(3, 5)), num_labels=5),
    *DISTILBERT.cases("DistilBertForQuestionAnswering", "question_answering",
        variant("rightpad", *_padded, spans(), flags=MAPS),
        variant("nolabels", ids(1, 5))),
    *DISTILBERT.cases("DistilBertForMultipleChoice", "multiple_choice",
        variant("plain", ids(2, 3, 7), _choice, flags=STATES),
        variant("leftpad", ids(2, 3, 7), mask("left"), pad_ids(), _choice),
        variant("embeds", ids(2, 3, 7), mask("right"), embeds(), flags=MAPS),
    ),
]  # fmt: skip

ALBERT = System(
    "albert",
    "AlbertConfig",
    {"vocab_size": 53, "embedding_size": 14, "hidden_size": 24, "num_hidden_layers": 4, "num_hidden_groups": 2,
     "num_attention_heads": 3, "intermediate_size": 34, "max_position_embeddings": 29, "type_vocab_size": 3,
     "layer_norm_eps": 1e-6},
)  # fmt: skip

ALBERT_CONFIGS = {
    "one_group": {"num_hidden_groups": 1},
    "own_weights": {"num_hidden_groups": 4},
    "uneven_groups": {"num_hidden_layers": 5, "num_hidden_groups": 3},
    "inner_layers": {"inner_group_num": 2},
    "relu": {"hidden_act": "relu"},
    "gelu": {"hidden_act": "gelu"},
    "other_pad": {"pad_token_id": 4},
    "relative_key": {"position_embedding_type": "relative_key"},
    "relative_key_query": {"position_embedding_type": "relative_key_query", "inner_group_num": 2},
}
_order = integers("sentence_order_label", 2, below=2)
_narrow = embeds(width="embedding_size")

ALBERT_CASES: list[Case] = [
    *ALBERT.cases("AlbertModel", "base", *encoder_variants(width="embedding_size")),
    *ALBERT.cases("AlbertModel", "base",
        *(variant(n, *_padded, _segments, config=c, flags=MAPS if "r" in n[:2] else STATES)
            for n, c in ALBERT_CONFIGS.items())),
    *ALBERT.cases("AlbertForPreTraining", "pretraining",
        variant("plain", ids(2, 7), token_labels(), _order, flags=STATES),
        variant("rightpad", *_padded, token_labels(), _order),
        variant("untied", *_padded, token_labels(), _order, config={"tie_word_embeddings": False}),
        variant("labels_alone", *_padded, token_labels(), flags=MAPS),
        variant("embeds", ids(2, 7), mask("left"), _narrow),
    ),
    *ALBERT.cases("AlbertForMaskedLM", "masked_lm",
        variant("plain", ids(2, 7), token_labels(), flags=MAPS),
        variant("leftpad", ids(2, 11), mask("left"), token_labels(), pad_ids()),
        variant("untied", *_padded, token_labels(), config={"tie_word_embeddings": False}),
        variant("relu", *_padded, token_labels(), config={"hidden_act": "relu"}),
    ),
    *ALBERT.cases("AlbertForSequenceClassification", "sequence_classification", *problem_types(*_padded)),
    *ALBERT.cases("AlbertForSequenceClassification", "sequence_classification",
        variant("embeds", ids(2, 7), mask("left"), class_labels(), _narrow, flags=MAPS), num_labels=5),
    *ALBERT.cases("AlbertForTokenClassification", "token_classification",
        variant("rightpad", *_padded, tag_labels(), flags=STATES),
        variant("nolabels", ids(3, 5), _segments, config={"classifier_dropout_prob": None}), num_labels=5),
    *ALBERT.cases("AlbertForQuestionAnswering", "question_answering",
        variant("rightpad", *_padded, spans(), flags=MAPS),
        variant("nolabels", ids(1, 5))),
    *ALBERT.cases("AlbertForMultipleChoice", "multiple_choice",
        variant("plain", ids(2, 3, 7), _choice, flags=STATES),
        variant("segments", *_choices, integers("position_ids", like="input_ids", below=12), _segments, _choice),
        variant("embeds", ids(2, 3, 7), mask("right"), _narrow, flags=MAPS),
    ),
]  # fmt: skip

ESM = System(
    "esm",
    "EsmConfig",
    {"vocab_size": 37, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 34,
     "max_position_embeddings": 29, "layer_norm_eps": 1e-5, "pad_token_id": 1, "mask_token_id": 4},
)  # fmt: skip

RELATIVE = {"eager": True, "why": "Hugging Face refuses relative positions in its other kernels"}
_rotary = {"position_embedding_type": "rotary"}
_masked = (ids(2, 9), put("mask_token_id", at=(4, 2)), mask("right"), pad_ids())
_dropping = {"token_dropout": True, "emb_layer_norm_before": True}
_decoding = {"is_decoder": True, "add_cross_attention": True, **_rotary}

ESM_CASES: list[Case] = [
    *ESM.cases("EsmModel", "base", *encoder_variants(segments=False)),
    *ESM.cases("EsmModel", "rotary", *encoder_variants(segments=False, positions=False), **_rotary, **_dropping),
    *ESM.cases("EsmModel", "base",
        variant("token_dropout", *_masked, config={"token_dropout": True}),
        variant("norm_before", *_masked, config={"emb_layer_norm_before": True}, flags=STATES),
        variant("no_norm_before", *_padded, config={"emb_layer_norm_before": False, "mask_token_id": None}),
        variant("embeds_dropping", ids(2, 7), embeds(), config=_dropping),
        variant("relative_key", *_padded, config={"position_embedding_type": "relative_key"}, **RELATIVE),
        variant("relative_key_query", *_padded, config={"position_embedding_type": "relative_key_query"}, flags=MAPS),
        variant("decoder", *_padded, config={"is_decoder": True}, flags=STATES),
        variant("decoder_leftpad", ids(2, 9), mask("left"), config={"is_decoder": True, **_rotary}),
        variant("crossed", ids(2, 6), *crossed(), config=_decoding, flags=STATES),
        variant("crossed_attentions", ids(2, 6), *crossed(), config=_decoding, flags=MAPS),
        variant("crossed_without_states", ids(2, 6), config=_decoding, flags=MAPS),
        variant("crossed_relative", ids(2, 6), *crossed(), flags=MAPS,
            config={**_decoding, "position_embedding_type": "relative_key_query"}),
    ),
    *ESM.cases("EsmForMaskedLM", "masked_lm",
        variant("plain", *_masked, token_labels(), config={**_rotary, **_dropping}, flags=MAPS),
        variant("leftpad", ids(2, 11), mask("left"), token_labels(), pad_ids(), flags=STATES),
        variant("untied", *_masked, token_labels(), config={"tie_word_embeddings": False}),
        variant("embeds", ids(2, 7), mask("left"), token_labels(), embeds()),
        variant("crossed", ids(2, 6), *crossed(), config=_decoding, flags=MAPS),
    ),
    *ESM.cases("EsmForSequenceClassification", "sequence_classification", *problem_types(*_padded), **_rotary),
    *ESM.cases("EsmForSequenceClassification", "sequence_classification",
        variant("attentions", ids(2, 7), mask("left"), class_labels(), flags=MAPS), num_labels=5),
    *ESM.cases("EsmForTokenClassification", "token_classification",
        variant("rightpad", *_padded, tag_labels(), flags=STATES),
        variant("nolabels", ids(3, 5), config=_rotary), num_labels=5),
]  # fmt: skip

CASES: list[Case] = [*ROBERTA_CASES, *DISTILBERT_CASES, *ALBERT_CASES, *ESM_CASES]
