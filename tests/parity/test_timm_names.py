"""DETR as published: the backbone's weights under timm's names, its size by name, its last stage dilated.

timm is not here, so that the reference is Hugging Face's own ResNet, with its weights renamed and its last stage altered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import archwright as aw
from archwright.backends.torch.checkpoint.folder import config_from, overrides_from
from archwright.compiler.check import build_graph
from archwright.compiler.reading.document import library

from .case import Case, merged
from .cases_detection import CASES
from .compare import TOLERANCE, difference
from .reference import build, load, make_inputs, run

CASE = next(case for case in CASES if case.id == "detr-segmentation-masked")
BACKBONE = "detr.model.backbone.conv_encoder.model."
TIMM = (
    (r"embedder\.embedder\.convolution", "conv1"),
    (r"embedder\.embedder\.normalization", "bn1"),
    (r"encoder\.stages\.(\d)\.layers\.(\d)\.layer\.(\d)\.convolution", "layer{1}.{2}.conv{3}"),
    (r"encoder\.stages\.(\d)\.layers\.(\d)\.layer\.(\d)\.normalization", "layer{1}.{2}.bn{3}"),
    (r"encoder\.stages\.(\d)\.layers\.(\d)\.shortcut\.convolution", "layer{1}.{2}.downsample.0"),
    (r"encoder\.stages\.(\d)\.layers\.(\d)\.shortcut\.normalization", "layer{1}.{2}.downsample.1"),
)


def in_timm(key: str) -> str:
    """The key as published: stages and convolutions are counted from 1."""
    for pattern, name in TIMM:
        held = re.match(re.escape(BACKBONE) + pattern, key)
        if held:
            stage, layer, conv = (*map(int, held.groups()), 0, 0, 0)[:3]
            return BACKBONE + name.format(None, stage + 1, layer, conv + 1) + key[held.end() :]
    return key


@pytest.fixture
def published(checkpoint: Callable[[Case], Path], tmp_path: Path) -> Path:
    folder = tmp_path / "published"
    folder.mkdir()
    tensors = load_file(checkpoint(CASE) / "model.safetensors")
    renamed = {in_timm(key): value for key, value in tensors.items()}
    assert sum(key not in tensors for key in renamed) == sum(key.startswith(BACKBONE) for key in tensors)
    save_file(renamed, folder / "model.safetensors", {"format": "pt"})
    config = json.loads((checkpoint(CASE) / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "use_timm_backbone": True, "backbone": "resnet50"}))
    return folder


def test_the_first_files_do_not_say_whose_names_they_have(published: Path) -> None:
    config = json.loads((published / "config.json").read_text())
    del config["use_timm_backbone"]
    (published / "config.json").write_text(json.dumps(config))
    assert aw.from_pretrained(str(published), backend="eager").graph.num_parameters() > 0


def test_loads_and_saves_the_names_of_timm(published: Path, reference: Any, tmp_path: Path) -> None:
    model = aw.from_pretrained(str(published), backend="eager").eval()
    with torch.no_grad():
        found = model(**make_inputs(CASE))
    for name in ("loss", "logits", "pred_masks"):
        assert difference(name, reference(CASE)[name], found[name], []) < TOLERANCE
    model.save_pretrained(str(tmp_path / "saved"))
    saved, original = ((folder / "model.safetensors").read_bytes() for folder in (tmp_path / "saved", published))
    assert saved == original


def test_a_network_that_is_told_by_name_is_not_written_as_a_config() -> None:
    published = {"backbone": "resnet50", "dilation": False}  # of both Hugging Face reads neither
    graph = build_graph("detr", None, None, overrides_from(published, library().spec("detr")))
    assert config_from(graph.params, graph.document, None, published) == {**published, "model_type": "detr"}
    told = {"backbone": {"depths": [1, 1, 1, 1]}}
    graph = build_graph("detr", None, None, {"timm_name": "resnet50", **told})
    config = config_from(graph.params, graph.document, None, published, told)
    assert config["backbone_config"]["depths"] == [1, 1, 1, 1]


def test_the_last_stage_dilated(published: Path) -> None:
    config = json.loads((published / "config.json").read_text())
    config["backbone_config"]["depths"][3] = 3
    deep = Case("", CASE.hf_class, CASE.config_class, merged(CASE.config, {"backbone_config": {"depths": [1, 1, 2, 3]}}),
                CASE.variant)  # fmt: skip
    theirs = build(deep)
    tensors = {in_timm(key): value.contiguous() for key, value in theirs.state_dict().items()}
    save_file(tensors, published / "model.safetensors", {"format": "pt"})
    (published / "config.json").write_text(json.dumps({**config, "dilation": True}))
    for number, layer in enumerate(theirs.detr.model.backbone.conv_encoder.model.encoder.stages[3].layers):
        for conv in (one for one in layer.modules() if isinstance(one, nn.Conv2d)):
            conv.stride = (1, 1)
            if conv.kernel_size == (3, 3) and number > 0:
                conv.dilation = conv.padding = (2, 2)
    expected = run(deep, theirs)
    with torch.no_grad():
        found = aw.from_pretrained(str(published), backend="eager").eval()(**make_inputs(deep))
    for name in ("loss", "logits", "pred_masks"):
        assert difference(name, expected[name], found[name], []) < TOLERANCE


@pytest.mark.parametrize(("name", "depth"), [("resnet50", 6), ("resnet101", 23), ("resnet101.a1_in1k", 23)])
def test_size_by_name(name: str, depth: int) -> None:
    graph = build_graph("detr", None, None, {"timm_name": name, "use_timm_backbone": True})
    assert graph.params["backbone"]["depths"][2] == depth


def test_what_another_network_is_called_is_refused() -> None:
    with pytest.raises(aw.SpecError, match="`resnet` has no size `resnetaa50`"):
        build_graph("detr", None, None, {"timm_name": "resnetaa50"})
    with pytest.raises(aw.SpecError, match="expected one of resnet, found `swin`"):
        build_graph("detr", None, None, {"backbone_type": "swin"})


@pytest.mark.parametrize(("stride", "dilation", "dilated"), [(16, False, True), (32, True, False), (None, True, True)])
def test_what_timm_is_told_counts_before_the_config(stride: int | None, dilation: bool, dilated: bool) -> None:
    config = {"timm_name": "resnet50", "dilation": dilation, "output_stride": stride}
    assert build_graph("detr", None, None, config).params["backbone"]["dilated"] is dilated
    with pytest.raises(aw.SpecError, match="expected one of null, 16, 32, found `8`"):
        build_graph("detr", None, None, {**config, "output_stride": 8})


@pytest.mark.parametrize(("told", "dilated"), [(True, True), (None, True), (False, False)])
def test_other_networks_than_timms_are_not_dilated(told: bool | None, dilated: bool) -> None:
    config = {"timm_name": "resnet50", "dilation": True, "use_timm_backbone": told}
    assert build_graph("detr", None, None, config).params["backbone"]["dilated"] is dilated


def test_segmentation_starts_from_detection(checkpoint: Callable[[Case], Path], reference: Any) -> None:
    case = next(case for case in CASES if case.id == "detr-object_detection-plain")
    with pytest.warns(UserWarning, match="freshly initialised.*masks.finer.0.adapter"):
        model = aw.from_pretrained(str(checkpoint(case)), task="segmentation", backend="eager").eval()
    with torch.no_grad():
        found = model(pixel_values=make_inputs(case)["pixel_values"])
    for name in ("logits", "pred_boxes"):
        assert difference(name, reference(case)[name], found[name], []) < TOLERANCE


def test_a_fresh_model_loads_in_transformers(tmp_path: Path) -> None:
    model = aw.compile("detr", task="segmentation", size="tiny", backend="eager")
    model.save_pretrained(str(tmp_path))
    theirs, info = load(CASE, tmp_path, output_loading_info=True)
    assert not any(info.values()), info
    pixels = torch.randn(2, 3, 64, 96)
    with torch.no_grad():
        expected, found = theirs.eval()(pixel_values=pixels), model(pixel_values=pixels)
    assert difference("pred_masks", expected["pred_masks"], found["pred_masks"], []) < TOLERANCE
