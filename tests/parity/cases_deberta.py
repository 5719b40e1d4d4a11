"""DeBERTa and DeBERTa-v2."""

from __future__ import annotations

from .case import MAPS, STATES, Case, Step, System, Variant, variant
from .inputs import embeds, floats, given, ids, integers, mask, pad_ids
from .labels import class_labels, problem_types, spans, tag_labels, token_labels
from .variants import encoder_variants

DEBERTA = System(
    "deberta",
    "DebertaConfig",
    {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40,
     "max_position_embeddings": 33, "type_vocab_size": 3, "layer_norm_eps": 1e-6, "relative_attention": True,
     "pos_att_type": ["c2p", "p2c"]},
)  # fmt: skip
TESTER = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 5, "num_attention_heads": 4,
          "intermediate_size": 37, "max_position_embeddings": 512, "type_vocab_size": 16, "relative_attention": False,
          "pos_att_type": "None"}  # fmt: skip
CONFIGS = {
    "published": {"position_biased_input": False, "type_vocab_size": 0},
    "absolute": {"relative_attention": False, "pos_att_type": None},
    "absolute_with_terms": {"relative_attention": False},
    "no_terms": {"pos_att_type": []},
    "c2p": {"pos_att_type": "c2p"},
    "p2c": {"pos_att_type": "p2c"},
    "as_text": {"pos_att_type": "p2c|c2p"},
    "unknown_term": {"pos_att_type": ["c2p", "p2p"]},
    "short_span": {"max_relative_positions": 4},
    "long_span": {"max_relative_positions": 50},
    "narrow": {"embedding_size": 10},
    "one_head": {"num_attention_heads": 1},
    "relu": {"hidden_act": "relu"},
    "coarse_eps": {"layer_norm_eps": 0.1},
    "tester": TESTER,
}
TALKING = {"talking_head": True}
FULL = (ids(2, 8), mask("right"), integers("token_type_ids", like="input_ids", below="type_vocab_size"))
MASKED = (ids(2, 8), mask("right"), pad_ids())
NEW_HEAD = {"legacy": False, "tie_word_embeddings": False}  # tied, Hugging Face's class cannot be called


def masked_lm_variants() -> tuple[Variant, ...]:
    """Both heads, tied or not."""
    return (
        variant("untied", *FULL, token_labels(), config={"tie_word_embeddings": False}),
        variant("new_head", *FULL, token_labels(), config=NEW_HEAD, flags=STATES),
        variant("new_head_nolabels", *MASKED, config={**NEW_HEAD, "hidden_act": "relu"}),
        variant("narrow", *FULL, token_labels(), config={"embedding_size": 10}),
        variant("tester", *FULL, token_labels(), config=TESTER),
    )


def classifier_variants() -> tuple[Variant, ...]:
    """Kinds of labels, which without a `problem_type` are read in a way of this system's own."""
    return (
        *problem_types(*MASKED),
        variant("ignored_labels", ids(3, 7), given(labels=[2, -100, 0]), config={"num_labels": 4}),
        variant("soft_labels", *MASKED, floats("labels", 2, 4), config={"num_labels": 4}),
        variant("one_label", *MASKED, config={"num_labels": 1}),
        variant("pooler_relu", *MASKED, class_labels(), config={"pooler_hidden_act": "relu", "num_labels": 4}),
        variant("tester", *FULL, class_labels(), config={**TESTER, "num_labels": 3}),
    )


def configs(tables: dict[str, dict[str, object]]) -> tuple[Variant, ...]:
    """A call for each config."""
    steps = {name: FULL if config.get("type_vocab_size", 3) else MASKED for name, config in tables.items()}
    return tuple(variant(name, *steps[name], config=config, flags=STATES) for name, config in tables.items())


def few(*head: Step) -> tuple[Variant, ...]:
    """The ways to call a head that differ in more than what the base has shown."""
    return tuple(v for v in encoder_variants(*head) if v.name in ("nolabels", "leftpad", "embeds", "attentions"))


DEBERTA_CASES: list[Case] = [
    *DEBERTA.cases("DebertaModel", "base", *encoder_variants()),
    *DEBERTA.cases("DebertaModel", "base", *configs(CONFIGS)),
    *DEBERTA.cases("DebertaModel", "base",
        variant("beyond_span", ids(2, 21), mask("left"), config={"max_relative_positions": 6}),
        variant("one_token", ids(2, 1)),
        variant("talking", *FULL, config=TALKING, flags=STATES),
        variant("talking_attentions", *MASKED, config=TALKING, flags=MAPS),
        variant("talking_absolute", ids(2, 7), config={**TALKING, "relative_attention": False}),
    ),
    *DEBERTA.cases("DebertaForMaskedLM", "masked_lm", *few(token_labels())),
    *DEBERTA.cases("DebertaForMaskedLM", "masked_lm", *masked_lm_variants()),
    *DEBERTA.cases("DebertaForSequenceClassification", "sequence_classification",
        *few(class_labels()), num_labels=5),
    *DEBERTA.cases("DebertaForSequenceClassification", "sequence_classification", *classifier_variants()),
    *DEBERTA.cases("DebertaForTokenClassification", "token_classification", *few(tag_labels()),
        num_labels=5),
    *DEBERTA.cases("DebertaForQuestionAnswering", "question_answering", *few(spans())),
]  # fmt: skip

V2 = System(
    "deberta_v2",
    "DebertaV2Config",
    {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 40,
     "max_position_embeddings": 33, "type_vocab_size": 3, "layer_norm_eps": 1e-6, "relative_attention": True,
     "pos_att_type": ["p2c", "c2p"]},
)  # fmt: skip
PUBLISHED = {"position_biased_input": False, "type_vocab_size": 0, "position_buckets": 8, "share_att_key": True,
             "norm_rel_ebd": "layer_norm"}  # fmt: skip
CONV = {"conv_kernel_size": 3, "conv_act": "gelu"}
V2_CONFIGS = {
    **{name: CONFIGS[name] for name in ("absolute", "no_terms", "c2p", "p2c", "as_text", "unknown_term", "short_span")},
    "published": {**PUBLISHED, **CONV},
    "published_v3": PUBLISHED,
    "narrow": {"embedding_size": 10},
    "shared_c2p": {"share_att_key": True, "pos_att_type": ["c2p"]},
    "shared_p2c": {"share_att_key": True, "pos_att_type": ["p2c"]},
    "norm_among_others": {"norm_rel_ebd": "none | Layer_Norm"},
    "unused_norm": {"norm_rel_ebd": "layer_norm", "relative_attention": False},
    "grouped_conv": {"conv_kernel_size": 5, "conv_groups": 4},
    "one_layer": {**CONV, "num_hidden_layers": 1},
    "tester": {**TESTER, "num_hidden_layers": 2},
}
BUCKETS = {"position_buckets": 8, "max_relative_positions": 24}
CHOICES = (ids(2, 3, 7), mask("right"), pad_ids(), integers("labels", 2, below=3))

V2_CASES: list[Case] = [
    *V2.cases("DebertaV2Model", "base", *encoder_variants(), **{**PUBLISHED, **CONV, "type_vocab_size": 3}),
    *V2.cases("DebertaV2Model", "base", *configs(V2_CONFIGS)),
    *V2.cases("DebertaV2Model", "base",
        variant("buckets", ids(2, 30), mask("left"), config=BUCKETS, flags=STATES),
        variant("odd_buckets", ids(2, 30), config={**BUCKETS, "position_buckets": 7, "max_relative_positions": 12}),
        variant("many_buckets", ids(1, 33), mask("right"), config={"position_buckets": 40}),
        variant("conv_attentions", *MASKED, config={**CONV, "conv_act": "tanh"}, flags=MAPS),
        variant("conv_unmasked", ids(2, 7), config=CONV),
    ),
    *V2.cases("DebertaV2ForMaskedLM", "masked_lm", *few(token_labels())[1:], **PUBLISHED | {"type_vocab_size": 2}),
    *V2.cases("DebertaV2ForMaskedLM", "masked_lm", *masked_lm_variants()),
    *V2.cases("DebertaV2ForSequenceClassification", "sequence_classification",
        *few(class_labels()), *classifier_variants()[-5:], num_labels=5),
    *V2.cases("DebertaV2ForTokenClassification", "token_classification",
        *few(tag_labels()), num_labels=5, **PUBLISHED),
    *V2.cases("DebertaV2ForQuestionAnswering", "question_answering", *few(spans()),
        **PUBLISHED),
    *V2.cases("DebertaV2ForMultipleChoice", "multiple_choice",
        variant("plain", *CHOICES, flags=STATES),
        variant("nolabels", *CHOICES[:3]),
        variant("segments", *CHOICES, integers("token_type_ids", like="input_ids", below=3)),
        variant("positions", *CHOICES, integers("position_ids", like="input_ids", below=12)),
        variant("embeds", *CHOICES, embeds(), config=CONV),
        variant("attentions", *CHOICES, config={"pooler_hidden_act": "tanh"}, flags=MAPS),
    ),
]  # fmt: skip

CASES: list[Case] = [*DEBERTA_CASES, *V2_CASES]
