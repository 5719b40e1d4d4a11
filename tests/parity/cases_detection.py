"""ResNet, and DETR, which finds objects in its maps."""

from __future__ import annotations

from .case import STATES, Case, System, variant
from .cases_vision import image
from .labels import class_labels, problem_types

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

CASES: list[Case] = [*RESNET_CASES]
