"""TrOCR, Donut, and models that read text and images together."""

from __future__ import annotations

import torch
from transformers import PretrainedConfig

from .case import MAPS, STATES, Case, Inputs, Step, System, Variant, variant
from .cases_vision import image
from .inputs import embeds, floats, given, ids, integers, mask, pad_ids, without, wrapped
from .labels import as_floats, class_labels, problem_types, tag_labels, token_labels
from .variants import crossed, decoder_variants, encoder_variants

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

VISUAL_BERT = System(
    "visual_bert",
    "VisualBertConfig",
    {"vocab_size": 61, "hidden_size": 24, "visual_embedding_dim": 14, "num_hidden_layers": 2, "num_attention_heads": 3,
     "intermediate_size": 38, "max_position_embeddings": 31, "type_vocab_size": 3, "layer_norm_eps": 1e-6},
)  # fmt: skip

_seen = floats("visual_embeds", 2, 5, "visual_embedding_dim")
_shown = (_seen, mask("right", of="visual_embeds", name="visual_attention_mask"))
_asked = (ids(2, 7), mask("right"), *_shown)
_kinds = integers("visual_token_type_ids", 2, 5, below="type_vocab_size")
_aligned = given(image_text_alignment=[[[2, 3, -1], [0, -1, -1], [-1, -1, -1], [6, 1, 4], [5, 5, -1]]] * 2)
_answers = (integers("labels", 2, 5, below=3), as_floats("labels"))
_positions = given(region_to_phrase_position=[[3, 0, -1, 6], [11, -1, -1, 2]])
_phrases = (_positions, integers("labels", 2, 4, 5, below=3), as_floats("labels"))
_choices = (ids(2, 3, 7), mask("right"), floats("visual_embeds", 2, 3, 5, "visual_embedding_dim"))
_folded = integers("visual_token_type_ids", 2, 3, 5, below="type_vocab_size")

VISUAL_BERT_CASES: list[Case] = [
    *VISUAL_BERT.cases("VisualBertModel", "base", *encoder_variants(),
        variant("both", *_asked, flags=STATES),
        variant("both_attentions", *_asked, flags=MAPS),
        variant("leftpad_both", ids(2, 9), mask("left"), *_shown),
        variant("words_masked", ids(2, 7), mask("right"), _seen),
        variant("regions_masked", ids(2, 7), *_shown, _kinds),
        variant("aligned", *_asked, _aligned),
        variant("embeds_both", *_asked, _kinds, embeds()),
        variant("relu", *_asked, config={"hidden_act": "relu", "layer_norm_eps": 0.1}),
    ),
    *VISUAL_BERT.cases("VisualBertForPreTraining", "pre_training",
        variant("nolabels", *_asked, flags=STATES),
        variant("words_only", ids(2, 7), mask("right")),
        variant("masked", *_asked, ids(2, 12, name="labels"), token_labels("labels")),
        variant("both", *_asked, ids(2, 12, name="labels"), token_labels("labels"),
            integers("sentence_image_labels", 2, below=2), flags=MAPS),
        variant("pairing_alone", *_asked, integers("sentence_image_labels", 2, below=2)),
        variant("untied", *_asked, config={"tie_word_embeddings": False}),
    ),
    *VISUAL_BERT.cases("VisualBertForMultipleChoice", "multiple_choice",
        variant("plain", *_choices, integers("labels", 2, below=3), flags=STATES),
        variant("nolabels", *_choices, _folded),
        variant("words_only", ids(2, 4, 7), integers("labels", 2, below=4)),
    ),
    *VISUAL_BERT.cases("VisualBertForQuestionAnswering", "question_answering",
        variant("plain", *_asked, *_answers, flags=STATES),
        variant("nolabels", *_asked, flags=MAPS),
        num_labels=5,
    ),
    *VISUAL_BERT.cases("VisualBertForVisualReasoning", "visual_reasoning",
        variant("plain", *_asked, class_labels(), flags=STATES),
        variant("nolabels", *_asked),
        num_labels=5,
    ),
    *VISUAL_BERT.cases("VisualBertForRegionToPhraseAlignment", "region_to_phrase_alignment",
        variant("plain", *_asked, *_phrases, flags=STATES),
        variant("nolabels", *_asked, _positions, flags=MAPS),
    ),
]  # fmt: skip

# Any encoder of images with any decoder of text; what both are is told by the configs inside.
ENCODERS: dict[str, dict[str, object]] = {
    "vit": {"hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 34,
            "image_size": 20, "patch_size": 5, "qkv_bias": False},
    "deit": {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 3, "intermediate_size": 34,
             "image_size": 20, "patch_size": 5},
    "beit": {"hidden_size": 20, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 34,
             "image_size": 20, "patch_size": 5, "use_relative_position_bias": True},
    "swin": {"image_size": 20, "patch_size": 2, "embed_dim": 10, "depths": [2, 1], "num_heads": [2, 4],
             "window_size": 3, "mlp_ratio": 2.0},
    "donut-swin": {"image_size": [20, 24], "patch_size": 2, "embed_dim": 12, "depths": [2, 1], "num_heads": [2, 4],
                   "window_size": 3, "mlp_ratio": 2.0},
}  # fmt: skip
_crossing = {"is_decoder": True, "add_cross_attention": True}
DECODERS: dict[str, dict[str, object]] = {
    "trocr": {"vocab_size": 61, "d_model": 24, "decoder_layers": 2, "decoder_attention_heads": 3, "decoder_ffn_dim": 38,
              "max_position_embeddings": 31, **_crossing},
    "bert": {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
             "intermediate_size": 38, "max_position_embeddings": 31, **_crossing},
    "gpt2": {"vocab_size": 61, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_positions": 31, **_crossing},
    "roberta": {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3,
                "intermediate_size": 38, "max_position_embeddings": 31, **_crossing},
    "mbart": {"vocab_size": 61, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3,
              "decoder_attention_heads": 3, "decoder_ffn_dim": 38, "max_position_embeddings": 31,
              "scale_embedding": True, **_crossing},
    "pegasus": {"vocab_size": 61, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3,
                "decoder_attention_heads": 3, "decoder_ffn_dim": 38, "max_position_embeddings": 31, **_crossing},
    "marian": {"vocab_size": 61, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3,
               "decoder_attention_heads": 3, "decoder_ffn_dim": 38, "max_position_embeddings": 31, "pad_token_id": 1,
               **_crossing},
    "bart": {"vocab_size": 61, "d_model": 24, "encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 3,
             "decoder_attention_heads": 3, "decoder_ffn_dim": 38, "max_position_embeddings": 31, **_crossing},
}  # fmt: skip


def pair(encoder: str, decoder: str, **fields: object) -> System:
    """A composition of two small models; `fields` are the composition's own."""
    inside = {"encoder": {"model_type": encoder, **ENCODERS[encoder]},
              "decoder": {"model_type": decoder, **DECODERS[decoder]}}  # fmt: skip
    start = {"decoder_start_token_id": 2, "pad_token_id": 1}
    return System("vision_encoder_decoder", "VisionEncoderDecoderConfig", {**inside, **start, **fields})


def read(encoder: str, decoder: str, *variants: Variant) -> list[Case]:
    """The cases of a composition."""
    name = f"{encoder}_{decoder}".replace("-", "_")
    return pair(encoder, decoder).cases("VisionEncoderDecoderModel", name, *variants)


_line = image(20, 20, channels=3)
_written = ids(2, 7, name="decoder_input_ids")
_kept = mask("right", of="decoder_input_ids", name="decoder_attention_mask")
_target = (ids(2, 7, name="labels"), token_labels("labels"))
_wider = {"encoder": {"hidden_size": 24}}

VISION_ENCODER_DECODER_CASES: list[Case] = [
    *read("vit", "trocr",
        variant("plain", _line, _written, flags=STATES),
        variant("labels_only", _line, *_target),
        variant("labels", _line, _written, _kept, token_labels("decoder_input_ids"), flags=MAPS),
        variant("unbridged", _line, _written, config=_wider, flags=MAPS),
        variant("told_width", _line, _written, config={"decoder": {"cross_attention_hidden_size": 20}}),
        variant("waves_untied", _line, _written, config={"decoder": {**_waves, "tie_word_embeddings": False}}),
        variant("larger", image(30, 20, channels=3), _written, flags={"interpolate_pos_encoding": True}),
        variant("encoder_outputs", floats("encoder_outputs", 2, 9, 20), wrapped("encoder_outputs"), _written),
        variant("embeds", _line, floats("decoder_inputs_embeds", 2, 7, 24)),
    ),
    *read("deit", "trocr", variant("plain", _line, _written, flags=STATES), variant("labels", _line, *_target)),
    *read("deit", "bert", variant("plain", _line, _written, _kept, flags=MAPS), variant("labels", _line, *_target)),
    *read("vit", "gpt2", variant("plain", _line, _written, _kept, flags=MAPS), variant("labels", _line, *_target)),
    *read("swin", "bart", variant("plain", _line, _written, _kept, flags=MAPS), variant("labels", _line, *_target)),
    *read("donut-swin", "bart", variant("plain", image(20, 24, channels=3), _written, flags=MAPS)),
    *read("donut-swin", "mbart",
        variant("plain", image(20, 24, channels=3), _written, _kept, flags=STATES),
        variant("labels", image(20, 24, channels=3), *_target, flags=MAPS),
        variant("padded", image(23, 31, channels=3), _written),
    ),
    *read("beit", "trocr", variant("plain", _line, _written, flags=MAPS), variant("labels", _line, *_target)),
    *read("beit", "roberta", variant("plain", _line, _written)),
    *read("vit", "pegasus", variant("plain", _line, _written)),
    *read("vit", "marian", variant("plain", _line, _written)),
]  # fmt: skip

_query_config = {
    "vocab_size": 61, "hidden_size": 24, "intermediate_size": 38, "num_hidden_layers": 2, "num_attention_heads": 3,
    "max_position_embeddings": 13,
}  # fmt: skip
_grid_config = {
    "hidden_size": 20, "intermediate_size": 34, "num_hidden_layers": 2, "num_attention_heads": 2, "image_size": 20,
    "patch_size": 5, "layer_norm_eps": 1e-6,
}  # fmt: skip
OWLVIT = System("owlvit", "OwlViTConfig",
    {"text_config": _query_config, "vision_config": _grid_config, "projection_dim": 24})  # fmt: skip
OWLVIT_TEXT = System("owlvit", "OwlViTTextConfig", _query_config)
OWLVIT_VISION = System("owlvit", "OwlViTVisionConfig", _grid_config)

_texts, _photo = (ids(6, 9), mask("right")), image(20, 20, channels=3)
_blank = given(input_ids=[[7, 9, 30, 2], [11, 60, 3, 0], [0, 0, 0, 0], [8, 8, 50, 4]])
_other = floats("query_pixel_values", 2, 3, 20, 20)
_guided = {"method": "image_guided_detection"}
_larger = {"interpolate_pos_encoding": True}

OWLVIT_CASES: list[Case] = [
    *OWLVIT_TEXT.cases("OwlViTTextModel", "text",
        variant("plain", ids(3, 9), flags=STATES),
        variant("rightpad", *_texts, flags=MAPS),
        variant("leftpad", ids(3, 9), mask("left"), config={"hidden_act": "gelu", "layer_norm_eps": 0.1}),
    ),
    *OWLVIT_VISION.cases("OwlViTVisionModel", "vision",
        variant("plain", _photo, flags=STATES),
        variant("attentions", image(20, 20), flags=MAPS, config={"num_channels": 1, "hidden_act": "gelu"}),
        variant("larger", image(30, 25), flags=_larger),
    ),
    *OWLVIT.cases("OwlViTModel", "base",
        variant("plain", *_texts, _photo, flags=STATES),
        variant("loss", ids(2, 9), _photo, flags={"return_loss": True, "return_base_image_embeds": True, **MAPS}),
        variant("larger", *_texts, image(25, 30, channels=3), flags=_larger, config={"logit_scale_init_value": 1.5}),
    ),
    *OWLVIT.cases("OwlViTForObjectDetection", "object_detection",
        variant("plain", *_texts, _photo, flags=STATES),
        variant("attentions", *_texts, _photo, flags=MAPS),
        variant("no_query", _blank, _photo),
        variant("one_query", ids(2, 9), _photo, config={"text_config": {"hidden_act": "gelu"}}),
        variant("larger", *_texts, image(25, 30, channels=3), flags=_larger),
    ),
    *OWLVIT.cases("OwlViTForObjectDetection", "image_guided_detection",
        variant("plain", _photo, _other, **_guided),
        variant("coarse_eps", _photo, _other, **_guided, config={"vision_config": {"layer_norm_eps": 0.1}}),
        variant("other_size", image(25, 30, channels=3), floats("query_pixel_values", 2, 3, 15, 20), **_guided,
            flags=_larger),
    ),
]  # fmt: skip

# Each image keeps its patches in order: where Hugging Face draws them, `reference.py` has the first drawn.
VILT = System(
    "vilt",
    "ViltConfig",
    {"vocab_size": 61, "hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 38,
     "max_position_embeddings": 17, "type_vocab_size": 3, "modality_type_vocab_size": 4, "image_size": 20,
     "patch_size": 5, "layer_norm_eps": 1e-6, "pad_token_id": 0},
)  # fmt: skip


def frames(height: int, width: int, *kept: tuple[int, int]) -> Step:
    """A mask over the pixels of each image: rows and columns that are no padding."""

    def step(inputs: Inputs, draw: torch.Generator, config: PretrainedConfig) -> None:
        inputs["pixel_mask"] = torch.zeros(len(kept), height, width, dtype=torch.long)
        for number, (rows, columns) in enumerate(kept):
            inputs["pixel_mask"][number, :rows, :columns] = 1

    return step


def apart(name: str, images: int) -> Step:
    """Several images for each text: the batch in as many parts."""

    def step(inputs: Inputs, draw: torch.Generator, config: PretrainedConfig) -> None:
        inputs[name] = inputs[name].unflatten(0, (-1, images))

    return step


_worded = (ids(2, 7), mask("right"))
_square = image(20, 20, channels=3)
_framed = (image(30, 25), frames(30, 25, (30, 15), (20, 25)))
_kinds_of_words = integers("token_type_ids", like="input_ids", below="type_vocab_size")
_patched = (floats("image_embeds", 2, 6, "hidden_size"), frames(2, 3, (2, 2), (2, 3)))
_four, _twice = image(20, 20, batch=4), apart("pixel_values", 2)
_four_framed = (image(30, 25, batch=4), frames(30, 25, (30, 15), (20, 25), (15, 20), (30, 20)), apart("pixel_mask", 2))
_two_images = {"num_images": 2}
_many_labels = (integers("labels", 2, 5, below=2), as_floats("labels"))

VILT_CASES: list[Case] = [
    *VILT.cases("ViltModel", "base",
        variant("plain", *_worded, _square, flags=STATES),
        variant("one", ids(1, 5), image(20, 20, batch=1)),
        variant("attentions", ids(2, 7), _kinds_of_words, _square, flags=MAPS),
        variant("leftpad", ids(2, 9), mask("left"), _square),
        variant("framed", *_worded, *_framed, flags=STATES),
        variant("larger", *_worded, image(30, 40), flags=MAPS),
        variant("uneven", ids(2, 7), image(23, 32), frames(23, 32, (23, 32), (14, 23))),
        variant("small_frames", ids(2, 7), image(20, 20), frames(20, 20, (5, 10), (10, 5))),
        variant("limited", *_worded, *_framed, config={"max_image_length": 11}),
        variant("limit_unreached", *_worded, *_framed, config={"max_image_length": 200}),
        variant("embeds", *_worded, _square, embeds()),
        variant("image_embeds", *_worded, *_patched, flags=STATES),
        variant("third_kind", *_worded, _square, flags={"image_token_type_idx": 3}),
        variant("no_qkv_bias", *_worded, _square, config={"qkv_bias": False, "hidden_act": "relu"}),
        variant("no_positions", *_worded, _square, config={"position_embedding_type": "none"}),
    ),
    *VILT.cases("ViltForMaskedLM", "masked_lm",
        variant("plain", *_worded, *_framed, token_labels(), flags=STATES),
        variant("nolabels", *_worded, _square, flags=MAPS),
        variant("tied", *_worded, _square, token_labels(), config={"tie_word_embeddings": True}),
    ),
    *VILT.cases("ViltForQuestionAnswering", "question_answering",
        variant("plain", *_worded, *_framed, *_many_labels, flags=STATES),
        variant("nolabels", *_worded, *_patched),
        num_labels=5,
    ),
    *VILT.cases("ViltForImageAndTextRetrieval", "image_and_text_retrieval",
        variant("plain", *_worded, *_framed, flags=STATES)),
    *VILT.cases("ViltForImagesAndTextClassification", "images_and_text_classification",
        variant("plain", *_worded, _four, _twice, class_labels(), config=_two_images, flags=STATES),
        variant("nolabels", *_worded, _four, _twice, config=_two_images),
        variant("attentions", *_worded, _four, _twice, config=_two_images, flags=MAPS),
        variant("framed", *_worded, *_four_framed, _twice, class_labels(), config=_two_images, flags=STATES),
        variant("three", ids(2, 7), image(20, 20, batch=6), apart("pixel_values", 3), class_labels(),
            config={"num_images": 3}),
        num_labels=5,
    ),
    *VILT.cases("ViltForTokenClassification", "token_classification",
        variant("plain", *_worded, *_framed, tag_labels(), flags=STATES),
        variant("nolabels", *_worded, _square),
        num_labels=5,
    ),
]  # fmt: skip

CASES: list[Case] = [
    *TROCR_CASES,
    *DONUT_CASES,
    *VISUAL_BERT_CASES,
    *VISION_ENCODER_DECODER_CASES,
    *OWLVIT_CASES,
    *VILT_CASES,
]
