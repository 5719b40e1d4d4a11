"""Longformer: windows that no length is a multiple of, tokens that see all, the layout of the maps.

A window of 2 fails in Hugging Face, and so do windows that the widest is no multiple of.
"""

from __future__ import annotations

from .case import MAPS, STATES, Case, Inputs, Step, System, variant
from .inputs import embeds, given, ids, integers, mask, pad_ids, put
from .labels import class_labels, problem_types, spans, tag_labels, token_labels
from .variants import encoder_variants

LONGFORMER = System(
    "longformer",
    "LongformerConfig",
    {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 3, "intermediate_size": 40,
     "max_position_embeddings": 43, "type_vocab_size": 3, "layer_norm_eps": 1e-6, "attention_window": [4, 8, 4]},
)  # fmt: skip


def see_all(*places: tuple[int, ...], name: str = "global_attention_mask", like: str = "input_ids") -> Step:
    """A mask of the tokens that see all: `places[row]` of each row."""

    def step(inputs: Inputs, draw: object, config: object) -> None:
        marks = inputs[like].new_zeros(inputs[like].shape[:2])
        for row, columns in enumerate(places):
            marks[row, list(columns)] = 1
        inputs[name] = marks

    return step


_seq = (ids(2, 11), mask("right"), pad_ids())
_marked = (*_seq, see_all((0, 3), (1, 4, 7)))
_left = (ids(2, 11), mask("left"), see_all((0, 5), (1,)), pad_ids())
_global_variants = (
    variant("global", *_marked, flags=STATES),
    variant("global_maps", *_marked, flags=MAPS),
    variant("global_leftpad_maps", *_left, flags=MAPS),
)
_question = (
    ids(2, 13),
    put("sep_token_id", at=(3, 5)),
    put("sep_token_id", at=(4, 6)),
    put("sep_token_id", at=(9, 12)),
)
_questions = (*_question, mask("none"))
LONGFORMER_CONFIGS = {
    "window_for_all": {"attention_window": 4},
    "window_beyond": {"attention_window": [16, 16, 16]},
    "relu": {"hidden_act": "relu"},
    "gelu_new": {"hidden_act": "gelu_new"},
    "coarse_eps": {"layer_norm_eps": 0.1},
    "one_layer_one_head": {"num_hidden_layers": 1, "num_attention_heads": 1, "attention_window": [4]},
    "other_pad": {"pad_token_id": 3},
    "as_tested": {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37,
                  "attention_window": 4, "type_vocab_size": 16, "layer_norm_eps": 1e-12},
}  # fmt: skip

CASES: list[Case] = [
    *LONGFORMER.cases("LongformerModel", "base", *encoder_variants()),
    *LONGFORMER.cases("LongformerModel", "base", *_global_variants,
        variant("unmasked_global_maps", ids(2, 12), see_all((0, 11), (2,)), flags=MAPS),
        variant("embeds_global_maps", ids(2, 11), mask("right"), see_all((0, 3), (4,)), embeds(), flags=MAPS),
        variant("global_pad", ids(2, 9), mask("right"), see_all((0, 8), (4,)), flags=MAPS),
        *(variant(n, *_marked, config=c, flags=MAPS) for n, c in LONGFORMER_CONFIGS.items()),
    ),
    *LONGFORMER.cases("LongformerForMaskedLM", "masked_lm",
        *_global_variants,
        variant("labels", *_marked, token_labels()),
        variant("local", *_seq, token_labels(), flags=STATES),
        variant("untied", *_seq, token_labels(), config={"tie_word_embeddings": False}),
        variant("relu", *_seq, token_labels(), config={"hidden_act": "relu"}),
    ),
    *LONGFORMER.cases("LongformerForSequenceClassification", "sequence_classification",
        variant("nolabels", *_seq, flags=MAPS),
        variant("plain", *_seq, class_labels()),
        variant("unmasked", ids(2, 7), class_labels(), flags=STATES),
        variant("global", *_marked, class_labels(), flags=MAPS),
        *problem_types(*_seq),
        num_labels=5,
    ),
    *LONGFORMER.cases("LongformerForQuestionAnswering", "question_answering",
        variant("plain", *_questions, spans(), flags=STATES),
        variant("nolabels", *_question, flags=MAPS),
        variant("global", *_marked, spans(), flags=MAPS),
        variant("embeds", ids(2, 7), mask("right"), embeds(), spans()),
    ),
    *LONGFORMER.cases("LongformerForTokenClassification", "token_classification",
        variant("plain", *_seq, tag_labels(), flags=STATES),
        variant("global", *_marked, tag_labels(), flags=MAPS),
        num_labels=5,
    ),
    *LONGFORMER.cases("LongformerForMultipleChoice", "multiple_choice",
        variant("plain", given(input_ids=[[[7, 8, 2, 2, 9, 11, 2], [7, 8, 9, 2, 2, 14, 2]],
                                          [[7, 2, 2, 30, 9, 11, 2], [7, 8, 9, 2, 2, 21, 2]]]),
                integers("labels", 2, below=2), flags=MAPS),
        variant("global", ids(2, 3, 7), mask("right"), pad_ids(), integers("global_attention_mask", 2, 3, 7, below=2),
                integers("labels", 2, below=3)),
        variant("embeds", ids(2, 3, 7), mask("right"), embeds()),
    ),
]  # fmt: skip
