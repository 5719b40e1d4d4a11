"""DeiT, ViTMAE, ConvNeXt, SegFormer, BEiT and ImageGPT."""

from __future__ import annotations

from .case import MAPS, STATES, Case, System, variant
from .cases_vision import INTERPOLATED, image
from .inputs import flags
from .labels import class_labels, problem_types

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

CASES: list[Case] = [*DEIT_CASES]
