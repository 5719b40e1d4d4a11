"""DeiT, ViTMAE, ConvNeXt, SegFormer, BEiT and ImageGPT."""

from __future__ import annotations

import torch
from torch import Generator
from transformers import PretrainedConfig

from .case import MAPS, STATES, Case, Inputs, Step, System, Variant, variant
from .cases_vision import INTERPOLATED, image
from .inputs import flags, floats, ids, integers, mask, without
from .labels import as_floats, class_labels, problem_types, token_labels
from .variants import crossed, decoder_variants

DEIT = System(
    "deit",
    "DeiTConfig",
    {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 38, "image_size": 20,
     "patch_size": 4, "encoder_stride": 4, "layer_norm_eps": 1e-6},
)  # fmt: skip
_square, _masked = image(20, 20), flags("bool_masked_pos", 2, 25)
_resized = (
    variant("larger", image(28, 28), flags={**INTERPOLATED, **STATES}),
    variant("wide", image(16, 32), flags=INTERPOLATED),
    variant("tall", image(30, 17), flags=INTERPOLATED),
)

DEIT_CASES: list[Case] = [
    *DEIT.cases("DeiTModel", "base",
        variant("plain", _square, flags=STATES),
        variant("attentions", _square, flags=MAPS),
        variant("oblong", image(12, 20), config={"image_size": [12, 20], "patch_size": [4, 5]}),
        variant("no_qkv_bias", _square, config={"qkv_bias": False}),
        variant("gelu_new_coarse_eps", _square, config={"hidden_act": "gelu_new", "layer_norm_eps": 0.1}),
        variant("pooler", _square, config={"pooler_output_size": 14, "pooler_act": "relu"}),
        variant("hf_tester", image(30, 30, batch=13), flags=MAPS,
            config={"image_size": 30, "patch_size": 2, "hidden_size": 32, "num_attention_heads": 4,
                    "intermediate_size": 37, "encoder_stride": 2}),
        *_resized,
    ),
    *DEIT.cases("DeiTForImageClassification", "image_classification",
        variant("plain", _square, class_labels(), flags=STATES),
        variant("nolabels", _square),
        variant("attentions", _square, class_labels(), flags=MAPS),
        *_resized[1:],
        *problem_types(_square),
        num_labels=5,
    ),
    *DEIT.cases("DeiTForImageClassificationWithTeacher", "with_teacher",
        variant("plain", _square, flags=STATES),
        variant("attentions", _square, flags=MAPS),
        *_resized[:2],
        num_labels=5,
    ),
    *DEIT.cases("DeiTForMaskedImageModeling", "masked_image_modeling",
        variant("plain", _square, _masked, flags=STATES),
        variant("unmasked", _square),
        variant("attentions", _square, _masked, flags=MAPS),
        variant("gray", _square, _masked, config={"num_channels": 1}),
        variant("larger", image(28, 28), flags=INTERPOLATED),
    ),
]  # fmt: skip

CONVNEXT = System(
    "convnext",
    "ConvNextConfig",
    {"image_size": 32, "patch_size": 2, "num_stages": 3, "hidden_sizes": [8, 12, 10], "depths": [1, 2, 1],
     "layer_norm_eps": 1e-6, "layer_scale_init_value": 0.3},
)  # fmt: skip
_stages = ["stem", "stage1", "stage2", "stage3"]
_grid = image(32, 32)
_odd = variant("odd", image(33, 47), flags=STATES)
_gray_four = {"num_channels": 1, "patch_size": 4, "hidden_act": "relu"}

CONVNEXT_CASES: list[Case] = [
    *CONVNEXT.cases("ConvNextModel", "base",
        variant("plain", _grid, flags=STATES),
        _odd,
        variant("no_scale", _grid, config={"layer_scale_init_value": 0.0}),
        variant("gray_patch_four", image(40, 32), config=_gray_four, flags=STATES),
        variant("coarse_eps", _grid, config={"layer_norm_eps": 0.1}),
        variant("one_stage", _grid, config={"num_stages": 1, "hidden_sizes": [12], "depths": [2]}, flags=STATES),
        variant("hf_tester", image(32, 32, batch=13), flags=STATES,
            config={"num_stages": 4, "hidden_sizes": [10, 20, 30, 40], "depths": [2, 2, 3, 2], "patch_size": 4}),
    ),
    *CONVNEXT.cases("ConvNextForImageClassification", "image_classification",
        variant("plain", _grid, class_labels(), flags=STATES),
        variant("nolabels", _grid),
        _odd,
        *problem_types(_grid),
        num_labels=5,
    ),
    *CONVNEXT.cases("ConvNextBackbone", "backbone",
        variant("plain", _grid),
        variant("states", _grid, flags=STATES),
        variant("all_stages", _grid, config={"out_features": _stages}, flags=STATES),
        variant("some_stages", _grid, config={"out_features": ["stage1", "stage3"]}),
        variant("indices", image(33, 47), config={"out_indices": [0, 2]}),
        variant("last_by_minus_one", _grid, config={"out_indices": [1, -1]}),
    ),
]  # fmt: skip

VIT_MAE = System(
    "vit_mae",
    "ViTMAEConfig",
    {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 38, "image_size": 20,
     "patch_size": 4, "layer_norm_eps": 1e-6, "decoder_hidden_size": 16, "decoder_num_hidden_layers": 1,
     "decoder_num_attention_heads": 2, "decoder_intermediate_size": 26},
)  # fmt: skip
_noisy = (_square, floats("noise", 2, 25))
_wide_noise = (image(16, 32), floats("noise", 2, 32))
_mae_variants = (
    variant("plain", *_noisy, flags=STATES),
    variant("attentions", *_noisy, flags=MAPS),
    variant("ties", _square, integers("noise", 2, 25, below=3), as_floats("noise")),
    variant("half", *_noisy, config={"mask_ratio": 0.5, "image_size": [20, 20]}),
    variant("tenth", *_noisy, config={"mask_ratio": 0.1}),
    variant("third", image(24, 24), floats("noise", 2, 36), config={"mask_ratio": 1 / 3, "image_size": 24}),
    variant("rounded_up", image(20, 20), floats("noise", 2, 100), config={"mask_ratio": 0.07, "patch_size": 2}),
    variant("all", *_noisy, config={"mask_ratio": 1.0}),
    variant("nothing_masked", *_noisy, config={"mask_ratio": 0.02}),
    variant("gray", *_noisy, config={"num_channels": 1}),
    variant("no_qkv_bias_relu", *_noisy, config={"qkv_bias": False, "hidden_act": "relu"}),
    variant("wide", *_wide_noise, flags=INTERPOLATED),
    variant("larger", image(28, 28), floats("noise", 2, 49), flags={**INTERPOLATED, **STATES}),
    variant("same_interpolated", *_noisy, flags=INTERPOLATED),
    variant("hf_tester", image(30, 30, batch=13), floats("noise", 13, 225), flags=MAPS,
        config={"image_size": 30, "patch_size": 2, "hidden_size": 32, "num_attention_heads": 4, "mask_ratio": 0.6,
                "intermediate_size": 37, "decoder_hidden_size": 32, "decoder_intermediate_size": 37}),
)  # fmt: skip

VIT_MAE_CASES: list[Case] = [
    *VIT_MAE.cases("ViTMAEModel", "base", *_mae_variants),
    *VIT_MAE.cases("ViTMAEForPreTraining", "pre_training",
        *_mae_variants,
        variant("norm_pix_loss", *_noisy, config={"norm_pix_loss": True}),
    ),
]  # fmt: skip

SEGFORMER = System(
    "segformer",
    "SegformerConfig",
    {"num_encoder_blocks": 3, "depths": [1, 2, 1], "sr_ratios": [4, 2, 1], "hidden_sizes": [8, 12, 16],
     "patch_sizes": [7, 3, 3], "strides": [4, 2, 2], "num_attention_heads": [1, 2, 4], "mlp_ratios": [2, 3, 2],
     "decoder_hidden_size": 14},
)  # fmt: skip
_picture = image(40, 40)
_uneven = variant("uneven", image(47, 69), flags=STATES)
_segformer_configs = (
    variant("flat_last", _picture, flags=STATES, config={"reshape_last_stage": False}),
    variant("gray_relu", image(40, 40), config={"num_channels": 1, "hidden_act": "relu"}),
    variant("reduced_everywhere", image(64, 64), config={"sr_ratios": [2, 2, 2], "patch_sizes": [3, 5, 3]}),
    variant("one_stage", _picture, config={"num_encoder_blocks": 1}, flags=STATES),
    variant("broad", _picture, config={"mlp_ratios": [2.5, 1.5, 2]}),
)


def _pixel_labels(height: int, width: int, below: int | str = "num_labels", batch: int = 2) -> Step:
    """A class for each pixel, a fifth of them 255, which is ignored."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        integers("labels", batch, height, width, below=below)(inputs, draw, config)
        inputs["labels"][torch.rand(batch, height, width, generator=draw) < 0.2] = 255

    return step


_segmented = (
    variant("plain", _picture, _pixel_labels(40, 40), flags=STATES),
    variant("nolabels", _picture),
    variant("attentions", _picture, _pixel_labels(40, 40), flags=MAPS),
    variant("uneven", image(47, 69), _pixel_labels(30, 31), flags=STATES),
)
SEGFORMER_CASES: list[Case] = [
    *SEGFORMER.cases("SegformerModel", "base",
        variant("plain", _picture, flags=STATES),
        variant("attentions", _picture, flags=MAPS),
        _uneven,
        *_segformer_configs,
        variant("hf_tester", image(64, 64, batch=13), flags=MAPS,
            config={"num_encoder_blocks": 4, "depths": [1, 1, 1, 1], "sr_ratios": [8, 4, 2, 1],
                    "hidden_sizes": [8, 8, 16, 16], "num_attention_heads": [1, 1, 2, 2], "patch_sizes": [7, 3, 3, 3],
                    "strides": [4, 2, 2, 2], "mlp_ratios": [4, 4, 4, 4]}),
    ),
    *SEGFORMER.cases("SegformerForImageClassification", "image_classification",
        variant("plain", _picture, class_labels(), flags=STATES),
        variant("attentions", _picture, class_labels(), flags=MAPS),
        _uneven,
        _segformer_configs[0],
        *problem_types(_picture),
        num_labels=5,
    ),
    *SEGFORMER.cases("SegformerForSemanticSegmentation", "semantic_segmentation",
        *_segmented,
        *_segformer_configs[1:4],
        variant("one_class", _picture, _pixel_labels(40, 40, below=2), config={"num_labels": 1}),
        variant("other_ignored", _picture, _pixel_labels(40, 40), integers("labels", 2, 40, 40, below=5),
            config={"semantic_loss_ignore_index": 3}),
        variant("flat_last", image(64, 64), _pixel_labels(20, 20), flags=STATES, config={"reshape_last_stage": False}),
        num_labels=5,
    ),
]  # fmt: skip

BEIT = System(
    "beit",
    "BeitConfig",
    {"hidden_size": 24, "num_hidden_layers": 4, "num_attention_heads": 3, "intermediate_size": 38, "image_size": 20,
     "patch_size": 4, "layer_norm_eps": 1e-6, "vocab_size": 31, "layer_scale_init_value": 0.3},
)  # fmt: skip
_beit_configs = {
    "relative": {"use_relative_position_bias": True},
    "shared": {"use_shared_relative_position_bias": True},
    "both": {"use_relative_position_bias": True, "use_shared_relative_position_bias": True},
    "absolute": {"use_absolute_position_embeddings": True},
    "no_scale": {"layer_scale_init_value": 0.0},
    "first_token": {"use_mean_pooling": False, "use_mask_token": True},
    "gray_relu": {"num_channels": 1, "hidden_act": "relu"},
}
_positions_resized = {**_beit_configs["both"], **_beit_configs["absolute"]}
_beit_sizes = (
    variant("larger", image(28, 28), config=_positions_resized, flags=STATES),
    variant("wide", image(16, 33), config=_positions_resized, flags=INTERPOLATED),
    variant("oblong", image(12, 20), config={**_beit_configs["both"], "image_size": [12, 20]}),
)


def _words(masked: int) -> Step:
    """A visual word for each masked patch: `masked` of them, and the places of as many, in each row."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        order = torch.rand(2, 25, generator=draw).argsort(1)
        inputs["bool_masked_pos"] = order < masked
        integers("labels", 2 * masked, below="vocab_size")(inputs, draw, config)

    return step


_MASKS = {"use_mask_token": True}
_FOUR = {"out_indices": [1, 2, 3, 4], "auxiliary_channels": 14}
BEIT_CASES: list[Case] = [
    *BEIT.cases("BeitModel", "base",
        variant("plain", _square, flags=STATES),
        variant("attentions", _square, config=_beit_configs["both"], flags=MAPS),
        variant("masked_labels_alone", _square, _masked, config={**_MASKS, **_beit_configs["relative"]}),
        *(variant(n, _square, config=c) for n, c in _beit_configs.items() if n != "gray_relu"),
        variant("gray_relu", image(20, 20, channels=1), config=_beit_configs["gray_relu"]),
        *_beit_sizes,
        variant("hf_tester", image(30, 30, batch=13), flags=MAPS,
            config={"vocab_size": 100, "image_size": 30, "patch_size": 2, "hidden_size": 32, "num_attention_heads": 4,
                    "intermediate_size": 37, "out_indices": [1, 2, 3, 4], "out_features": [f"stage{n}" for n in (1, 2, 3, 4)]}),
    ),
    *BEIT.cases("BeitForMaskedImageModeling", "masked_image_modeling",
        variant("plain", _square, _words(7), flags=STATES),
        variant("one", _square, _words(1)),
        variant("every", _square, _words(25)),
        variant("masked_labels_alone", _square, _words(7), without("labels")),
        variant("unmasked", _square),
        variant("attentions", _square, _words(7), config=_beit_configs["relative"], flags=MAPS),
        variant("first_token", _square, _words(3), config=_beit_configs["first_token"]),
        **_MASKS,
    ),
    *BEIT.cases("BeitForImageClassification", "image_classification",
        variant("plain", _square, class_labels(), flags=STATES),
        variant("attentions", _square, class_labels(), config=_beit_configs["relative"], flags=MAPS),
        variant("first_token", _square, config=_beit_configs["first_token"]),
        *_beit_sizes[:2],
        *problem_types(_square),
        num_labels=5,
    ),
    *BEIT.cases("BeitForSemanticSegmentation", "semantic_segmentation",
        variant("plain", _square, _pixel_labels(20, 20), flags=STATES),
        variant("nolabels", _square),
        variant("attentions", _square, _pixel_labels(33, 18), config=_beit_configs["shared"], flags=MAPS),
        variant("first_token", _square, config=_beit_configs["first_token"]),
        variant("no_auxiliary", _square, _pixel_labels(20, 20), config={"use_auxiliary_head": False}),
        variant("auxiliary", _square, _pixel_labels(20, 20),
            config={"auxiliary_num_convs": 3, "auxiliary_concat_input": True, "auxiliary_loss_weight": 0.7}),
        variant("no_auxiliary_convs", _square, _pixel_labels(20, 20),
            config={"auxiliary_num_convs": 0, "auxiliary_channels": 24}),
        variant("three_maps", _square, _pixel_labels(20, 20), config={"out_indices": [0, 2, 3, 4]}),
        variant("scales", _square, integers("labels", 2, 20, 20, below=5),
            config={"pool_scales": [1, 3], "semantic_loss_ignore_index": 2}),
        num_labels=5, **_FOUR,
    ),
    *BEIT.cases("BeitBackbone", "backbone",
        variant("plain", _square),
        variant("states", _square, flags=STATES),
        variant("attentions", _square, config=_beit_configs["shared"], flags=MAPS),
        variant("some", image(28, 20), config={"out_features": ["stem", "stage1", "stage4"]}),
        variant("flat", _square, config={"out_indices": [1, 3], "reshape_hidden_states": False}),
        variant("fpn", _square, config={"add_fpn": True, "batch_norm_eps": 1e-3, **_FOUR}),
        variant("mask_token", _square, config={**_MASKS, **_beit_configs["first_token"]}),
    ),
]  # fmt: skip

IMAGEGPT = System(
    "imagegpt",
    "ImageGPTConfig",
    {"vocab_size": 61, "n_positions": 31, "n_embd": 24, "n_layer": 2, "n_head": 3, "n_inner": 38, "pad_token_id": 2},
)  # fmt: skip
_colours = token_labels(below=60)  # the last of the vocabulary is no colour
_pixels, _crossed = ids(2, 7), crossed(length=7)[:1]
_cross = {"add_cross_attention": True}
_by_layer = {"scale_attn_by_inverse_layer_idx": True}


def _imagegpt(*head: Step) -> tuple[Variant, ...]:
    """The usual ways, but for calls without a cache, which fail in Hugging Face."""
    usual = decoder_variants(*head, everywhere=True)
    segments = variant("segments", _pixels, integers("token_type_ids", 2, 7, below="vocab_size"), mask("right"), *head)
    return (*(one for one in usual if one.name != "nocache"), segments)


IMAGEGPT_CASES: list[Case] = [
    *IMAGEGPT.cases("ImageGPTModel", "base",
        *_imagegpt(),
        variant("gelu_new", _pixels, config={"activation_function": "gelu_new", "n_inner": None}),
        variant("coarse_eps", _pixels, config={"layer_norm_epsilon": 0.1}),
        variant("unscaled", _pixels, config={"scale_attn_weights": False}),
        variant("scaled_by_layer", _pixels, config=_by_layer, flags=MAPS),
        variant("reordered", _pixels, mask("left"), config={**_by_layer, "reorder_and_upcast_attn": True}),
        variant("unscaled_by_layer", _pixels, config={**_by_layer, "scale_attn_weights": False}),
        variant("crossed", _pixels, *_crossed, config={**_cross, **_by_layer}, flags=MAPS),
        variant("crossed_masked", _pixels, mask("left"), *crossed(length=7), config=_cross, flags=STATES),
        variant("uncrossed", _pixels, config=_cross),
        variant("hf_tester", ids(13, 7), mask("none"), integers("token_type_ids", 13, 7, below=16), flags=MAPS,
            config={"vocab_size": 99, "n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 512, "n_inner": None}),
    ),
    *IMAGEGPT.cases("ImageGPTForCausalImageModeling", "causal_image_modeling",
        *_imagegpt(_colours),
        variant("crossed", _pixels, *_crossed, _colours, config=_cross),
        variant("tied", _pixels, token_labels(), config={"tie_word_embeddings": True}),
    ),
    *IMAGEGPT.cases("ImageGPTForImageClassification", "image_classification",
        *_imagegpt(class_labels()),
        *problem_types(_pixels),
        variant("uncrossed", _pixels, config=_cross),
        num_labels=5,
    ),
]  # fmt: skip

CASES: list[Case] = [
    *DEIT_CASES, *CONVNEXT_CASES, *VIT_MAE_CASES, *SEGFORMER_CASES, *BEIT_CASES, *IMAGEGPT_CASES,
]  # fmt: skip
