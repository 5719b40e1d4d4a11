"""ResNet, and DETR, which finds objects in its maps."""

from __future__ import annotations

import torch
from torch import Generator
from transformers import PretrainedConfig
from transformers.image_transforms import center_to_corners_format
from transformers.loss import loss_for_object_detection

from .case import MAPS, STATES, Case, Inputs, Step, System, variant
from .cases_vision import image
from .inputs import floats, wrapped
from .labels import class_labels, problem_types

# Hugging Face imports this where Pillow is at hand, and needs it where it is not.
loss_for_object_detection.center_to_corners_format = center_to_corners_format

RESNET = System(
    "resnet",
    "ResNetConfig",
    {"embedding_size": 8, "hidden_sizes": [12, 16, 24, 20], "depths": [2, 1, 3, 1]},
)

RESNET_CONFIGS = {
    "basic": {"layer_type": "basic"},
    "basic_same_width": {"layer_type": "basic", "hidden_sizes": [8, 8, 12, 12]},
    "early": {"downsample_in_first_stage": True},
    "in_bottleneck": {"downsample_in_bottleneck": True},
    "gelu": {"hidden_act": "gelu"},
    "gray": {"num_channels": 1},
    "two_stages": {"hidden_sizes": [8, 12], "depths": [1, 2]},
    "no_depth": {"depths": [1, 0, 2, 0]},
    "as_tested": {"embedding_size": 10, "hidden_sizes": [10, 20, 30, 40], "depths": [1, 1, 2, 1]},
}
_picture, _odd = image(64, 64), image(61, 47)
_all = ["stem", "stage1", "stage2", "stage3", "stage4"]

RESNET_CASES: list[Case] = [
    *RESNET.cases("ResNetModel", "base",
        variant("plain", _picture, flags=STATES),
        variant("odd", _odd, flags=STATES),
        variant("one", image(32, 32, batch=1)),
        *(variant(n, _odd, config=c, flags=STATES) for n, c in RESNET_CONFIGS.items()),
    ),
    *RESNET.cases("ResNetForImageClassification", "image_classification",
        variant("plain", _picture, class_labels(), flags=STATES),
        variant("nolabels", _odd),
        *problem_types(_picture),
        num_labels=5,
    ),
    *RESNET.cases("ResNetBackbone", "backbone",
        variant("plain", _picture),
        variant("states", _odd, flags=STATES),
        variant("all_stages", _odd, config={"out_features": _all}, flags=STATES),
        variant("indices", _picture, config={"out_indices": [0, 2, 3]}),
    ),
]  # fmt: skip


_backbone = {
    "model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 16, 20], "depths": [1, 1, 2, 1],
    "out_features": ["stage1", "stage2", "stage3", "stage4"], "out_indices": [1, 2, 3, 4],
}  # fmt: skip
DETR = System(
    "detr",
    "DetrConfig",
    {"use_timm_backbone": False, "backbone": None, "use_pretrained_backbone": False, "backbone_config": _backbone,
     "d_model": 32, "num_queries": 7, "encoder_layers": 2, "decoder_layers": 3, "encoder_attention_heads": 8,
     "decoder_attention_heads": 4, "encoder_ffn_dim": 40, "decoder_ffn_dim": 36, "num_labels": 6},
)  # fmt: skip


def objects(*counts: int, masks: tuple[tuple[int, int], ...] = ()) -> Step:
    """A number of objects for each image: classes, boxes and, in their sizes, masks; and what nothing reads."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs["labels"] = [
            {
                "image_id": torch.tensor([at]),
                "class_labels": torch.randint(0, config.num_labels, (count,), generator=draw),
                "boxes": torch.rand(count, 4, generator=draw),
                **({"masks": (torch.rand(count, *masks[at], generator=draw) < 0.4).float()} if masks else {}),
            }
            for at, count in enumerate(counts)
        ]

    return step


def seen(*sizes: tuple[int, int]) -> Step:
    """A mask of the pixels that belong to each image: its first rows and columns."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        pixels = inputs["pixel_values"]
        inputs["pixel_mask"] = torch.zeros(pixels.shape[0], *pixels.shape[2:], dtype=torch.long)
        for mask, (rows, columns) in zip(inputs["pixel_mask"], sizes, strict=True):
            mask[:rows, :columns] = 1

    return step


DETR_CONFIGS = {
    "learned": {"position_embedding_type": "learned"},
    "gelu": {"activation_function": "gelu"},
    "auxiliary": {"auxiliary_loss": True},
    "last_map": {"backbone_config": {"out_features": ["stage4"], "out_indices": [4]}},
    "one_layer": {"encoder_layers": 1, "decoder_layers": 1},
    "as_tested": {"encoder_layers": 2, "decoder_layers": 2, "decoder_attention_heads": 8, "encoder_ffn_dim": 4,
                  "decoder_ffn_dim": 4, "num_queries": 12, "num_labels": 91,
                  "backbone_config": {"hidden_sizes": [10, 20, 30, 40], "out_features": ["stage2", "stage3", "stage4"],
                                      "out_indices": [2, 3, 4]}},
}  # fmt: skip
_scene, _masked = image(96, 128), seen((96, 70), (50, 128))
_few, _drawn = objects(3, 1), objects(3, 1, masks=((96, 70), (50, 128)))
_encoded = (floats("encoder_outputs", 2, 12, "d_model"), wrapped("encoder_outputs"))
_ignored = (floats("inputs_embeds", 2, 3, 5), floats("decoder_inputs_embeds", 2, 7, "d_model"),
            floats("decoder_attention_mask", 2, 7))  # fmt: skip

DETR_CASES: list[Case] = [
    *DETR.cases("DetrModel", "base",
        variant("plain", _scene, flags=STATES),
        variant("masked", _scene, _masked, flags=MAPS),
        variant("odd", image(75, 93), seen((75, 93), (31, 44)), flags=STATES),
        variant("encoder_outputs", _scene, _masked, *_encoded),
        variant("taken_and_not_read", _scene, *_ignored),
        *(variant(n, _scene, _masked, config=c, flags=MAPS) for n, c in DETR_CONFIGS.items()),
    ),
    *DETR.cases("DetrForObjectDetection", "object_detection",
        variant("nolabels", _scene, flags=MAPS),
        variant("plain", _scene, _few, flags=STATES),
        variant("masked", _scene, _masked, _few),
        variant("one_image_without", _scene, objects(0, 4)),
        variant("none_at_all", _scene, objects(0, 0)),
        variant("more_than_queries", _scene, objects(9, 2)),
        variant("encoder_outputs", _scene, *_encoded, _few),
        variant("auxiliary", _scene, _masked, _few, config=DETR_CONFIGS["auxiliary"], flags=MAPS),
        variant("auxiliary_nolabels", _scene, config=DETR_CONFIGS["auxiliary"]),
        variant("learned", _scene, _few, config=DETR_CONFIGS["learned"]),
        variant("two_labels", _scene, _few, config={"num_labels": 2}),
        variant("costs", _scene, _few, config={"class_cost": 3, "bbox_cost": 1.5, "giou_cost": 0.5,
                "bbox_loss_coefficient": 2, "giou_loss_coefficient": 3.5, "eos_coefficient": 0.3}),
        variant("as_tested", _scene, _few, config=DETR_CONFIGS["as_tested"]),
    ),
    *DETR.cases("DetrForSegmentation", "segmentation",
        variant("nolabels", _scene, flags=MAPS),
        variant("plain", _scene, _drawn, flags=STATES),
        variant("masked", _scene, _masked, _drawn),
        variant("odd", image(75, 93), objects(2, 2, masks=((40, 61), (75, 93)))),
        variant("auxiliary", _scene, _drawn, config=DETR_CONFIGS["auxiliary"]),
        variant("coefficients", _scene, _drawn, config={"mask_loss_coefficient": 3, "dice_loss_coefficient": 0.5}),
        variant("as_tested", _scene, _drawn, config=DETR_CONFIGS["as_tested"]),
    ),
]  # fmt: skip

CASES: list[Case] = [*RESNET_CASES, *DETR_CASES]
