"""XLNet."""

from __future__ import annotations

import torch
from torch import Generator
from transformers import PretrainedConfig

from .case import MAPS, STATES, Case, Inputs, Step, System, Variant, variant
from .inputs import embeds, flags, ids, integers, mask, pad_ids, size
from .labels import as_floats, class_labels, problem_types, spans, tag_labels, token_labels

XLNET = System(
    "xlnet",
    "XLNetConfig",
    {"vocab_size": 61, "d_model": 24, "n_layer": 3, "n_head": 3, "d_inner": 40, "mem_len": 8, "layer_norm_eps": 1e-6},
)  # fmt: skip
TESTER = {"vocab_size": 99, "d_model": 32, "n_layer": 5, "n_head": 4, "d_inner": 128, "mem_len": 10, "reuse_len": 15,
          "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 5, "num_labels": 2}  # fmt: skip


def mems(length: int, batch: int = 2) -> Step:
    """What each layer remembers, a list of `[length, batch, hidden]`."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        shape = (length, batch, size(config, "hidden_size"))
        inputs["mems"] = [torch.randn(*shape, generator=draw) for _ in range(size(config, "num_hidden_layers"))]

    return step


def permuted(batch: int = 2, length: int = 7) -> Step:
    """Two tokens of each row to predict, and for each row an order: a token sees those before it in the order."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        rank = torch.rand(batch, length, generator=draw).argsort(1)
        inputs["perm_mask"] = (rank[:, :, None] <= rank[:, None, :]).float()
        asked = rank.argsort(1)[:, -2:]
        inputs["target_mapping"] = torch.nn.functional.one_hot(asked, length).float()

    return step


def last_alone(batch: int = 2, length: int = 7) -> Step:
    """As in generation: no token sees the last one, which is to be predicted."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs["perm_mask"] = torch.zeros(batch, length, length)
        inputs["perm_mask"][:, :, -1] = 1
        inputs["target_mapping"] = torch.zeros(batch, 1, length)
        inputs["target_mapping"][:, :, -1] = 1

    return step


def opposite() -> Step:
    """Gives `input_mask` in place of `attention_mask`."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs["input_mask"] = 1 - inputs.pop("attention_mask").float()

    return step


def ways(*head: Step) -> tuple[Variant, ...]:
    """The ways to call a head."""
    types = integers("token_type_ids", like="input_ids", below=2)
    return (
        variant("plain", ids(2, 7), *head, flags=STATES),
        variant("rightpad", ids(2, 8), mask("right"), types, *head, pad_ids()),
        variant("leftpad", ids(2, 11), mask("left"), *head, pad_ids(), opposite(), flags=STATES),
        variant("mems", ids(2, 7), mask("left"), mems(5), types, *head, flags=STATES),
        variant("attentions", ids(2, 7), mask("right"), *head, embeds(), flags=MAPS),
        variant("no_new_mems", ids(2, 7), mems(3), *head, flags={"use_mems": False}),
    )


def few(*head: Step) -> tuple[Variant, ...]:
    """The ways to call a head that differ in more than what the base has shown."""
    return tuple(way for way in ways(*head) if way.name in ("leftpad", "mems", "attentions"))


_types = integers("token_type_ids", like="input_ids", below=2)
_full = (ids(2, 7), mask("right"), _types)
_choices = (ids(2, 3, 7), mask("right"), pad_ids())
_choice = integers("labels", 2, below=3)
_answer = (integers("is_impossible", 2, below=2), as_floats("is_impossible"), integers("cls_index", 2, below=7))
_masked = (flags("p_mask", 2, 7), as_floats("p_mask"))
_ends = (integers("start_positions", 2, below=3), integers("end_positions", 2, below=7))
CONFIGS = {
    "no_mem_len": {"mem_len": None},
    "mem_len_0": {"mem_len": 0},
    "reuse": {"reuse_len": 4},
    "clamped": {"clamp_len": 3},
    "one_head": {"n_head": 1},
    "both_directions": {"bi_data": True},
    "both_directions_clamped": {"bi_data": True, "clamp_len": 4},
    "relu": {"ff_activation": "relu"},
    "coarse_eps": {"layer_norm_eps": 0.1},
    "tied_r": {"untie_r": False},
    "without_mems": {"use_mems_eval": False},
    "tester": TESTER,
}
UNI = {"attn_type": "uni"}

CASES: list[Case] = [
    *XLNET.cases("XLNetModel", "base", *ways()),
    *XLNET.cases("XLNetModel", "base", *(variant(n, *_full, mems(5), config=c, flags=STATES)
        for n, c in CONFIGS.items())),
    *XLNET.cases("XLNetModel", "base",
        variant("one", ids(1, 1)),
        variant("embeds", *_full, embeds()),
        variant("full_mask", ids(2, 7), mask("none"), mems(4)),
        variant("asked_mems", ids(2, 7), mems(12), flags={"use_mems": True, **MAPS}, config={"use_mems_eval": False}),
        variant("permuted", ids(2, 7), permuted(), flags=STATES),
        variant("permuted_attentions", *_full, permuted(), mems(3), flags=MAPS),
        variant("perm_mask_alone", ids(2, 7), permuted(), _types, embeds(), mems(2)),
        variant("one_target", *_full, last_alone(), mems(6), flags=STATES),
        variant("permuted_both_directions", *_full, permuted(), mems(3), config={"bi_data": True}),
        variant("uni", ids(2, 7), _types, mems(5), config=UNI, flags=MAPS),
        variant("uni_masked", ids(1, 8), mems(4, 1), mask("left"), config=UNI, flags=STATES),
        variant("uni_permuted", ids(1, 7), permuted(1), mems(4, 1), config={**UNI, "clamp_len": 5}, flags=MAPS),
        variant("same_length", ids(2, 7), mems(4), config={**UNI, "same_length": True}, flags=MAPS),
        variant("same_length_no_mems", ids(2, 7), config={**UNI, "same_length": True}, flags=STATES),
    ),
    *XLNET.cases("XLNetLMHeadModel", "causal_lm", *ways(token_labels())),
    *XLNET.cases("XLNetLMHeadModel", "causal_lm",
        variant("untied", *_full, token_labels(), config={"tie_word_embeddings": False}),
        variant("permuted", *_full, permuted(), integers("labels", 2, 2, below="vocab_size"), mems(3)),
        variant("one_target", ids(2, 7), last_alone(), mems(6)),
        variant("tester", *_full, permuted(), mems(7), config=TESTER),
    ),
    *XLNET.cases("XLNetForSequenceClassification", "sequence_classification", *few(class_labels()), num_labels=5),
    *XLNET.cases("XLNetForSequenceClassification", "sequence_classification",
        *(way for way in problem_types(*_full) if not way.name.endswith("given"))),
    *XLNET.cases("XLNetForSequenceClassification", "sequence_classification",
        *(variant(f"summary_{kind}", *_full, config={"summary_type": kind}) for kind in ("first", "mean", "cls_index")),
        variant("unprojected", *_full, config={"summary_use_proj": False}),
        variant("summary_relu", *_full, config={"summary_activation": "relu"}),
        variant("summary_linear", *_full, config={"summary_activation": None}),
        variant("tester", *_full, class_labels(), config=TESTER),
    ),
    *XLNET.cases("XLNetForTokenClassification", "token_classification", *few(tag_labels()), num_labels=5),
    *XLNET.cases("XLNetForMultipleChoice", "multiple_choice",
        variant("plain", ids(2, 3, 7), _choice, flags=STATES),
        variant("rightpad", *_choices, _choice),
        variant("leftpad", ids(2, 3, 7), mask("left"), pad_ids(), opposite(), _types),
        variant("embeds", *_choices, embeds(), _choice, flags=MAPS),
        variant("mems", *_choices, mems(4, 6), _types),
    ),
    *XLNET.cases("XLNetForQuestionAnsweringSimple", "question_answering_simple", *few(spans())),
    *XLNET.cases("XLNetForQuestionAnswering", "question_answering", *few()),
    *XLNET.cases("XLNetForQuestionAnswering", "question_answering",
        variant("beams", *_full, *_masked, config={"start_n_top": 2, "end_n_top": 3}, flags=STATES),
        variant("beams_cls", *_full, *_answer[2:], flags=MAPS),
        variant("start_labels_alone", *_full, *_ends[:1], *_answer),
        variant("labels", *_full, *_ends, flags=STATES),
        variant("labels_masked", *_full, *_ends, *_masked),
        variant("labels_answer", *_full, *_ends, *_answer, mems(4)),
        variant("labels_answer_alone", *_full, *_ends, *_answer[:2]),
        variant("tester", *_full, *_ends, *_answer, config=TESTER),
    ),
]  # fmt: skip
