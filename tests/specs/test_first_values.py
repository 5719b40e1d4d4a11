"""Fresh weights have the spread, mean and shape of Hugging Face's; what `freeze:` names is not trained."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import load_file

import archwright as aw
from archwright.compiler.weights.first_values import FirstValues
from archwright.compiler.reading.document import library, shipped_models
from archwright.compiler.weights.weight_map import table_of

# What classes of Hugging Face ask for beside `tiny`: parameters of the spec, fields of their own.
NEEDS: dict[str, dict[str, Any]] = {"BeitForSemanticSegmentation": {"num_layers": 4, "out_indices": [1, 2, 3, 4]}}
FIELDS: dict[str, dict[str, Any]] = {"detr": {"use_pretrained_backbone": False}}
CASES = [
    (name, task, kind)
    for name in shipped_models()
    if library().spec(name).model.init
    for kind, task in library().spec(name).model.architectures.items()
    if library().spec(name).model.checkpoint.model_type in transformers.CONFIG_MAPPING
]


def grouped(state: dict[str, torch.Tensor], keys: set[str]) -> dict[str, torch.Tensor]:
    """The values of the tensors that are alike but for the layer, by key."""
    groups: dict[str, list[torch.Tensor]] = {}
    for key in sorted(keys):
        if state[key].is_floating_point() and state[key].numel() > 1:
            alike = re.sub(r"[.]\d+(?=[.])", ".N", key) + str(list(state[key].shape))
            groups.setdefault(alike, []).append(state[key].double().flatten())
    return {key: torch.cat(values) for key, values in groups.items()}


def differs(ours: torch.Tensor, theirs: torch.Tensor) -> bool:
    """Whether two samples are of two laws: six standard errors of the mean, the spread and the fourth moment."""
    means, spreads = (ours.mean(), theirs.mean()), (ours.std(correction=0), theirs.std(correction=0))
    if min(spreads) < 1e-7:
        return max(spreads) > 1e-7 or not torch.isclose(*means, rtol=1e-4, atol=1e-6)
    tolerance = 6 / math.sqrt(len(ours))
    moments = [
        ((x - mean) / spread).pow(4).mean() for x, mean, spread in zip((ours, theirs), means, spreads, strict=True)
    ]
    return bool(
        abs(means[0] - means[1]) > tolerance * max(spreads)
        or abs(torch.log(spreads[0] / spreads[1])) > tolerance
        or abs(torch.log(moments[0] / moments[1])) > 2 * tolerance
    )


@pytest.mark.parametrize(("name", "task", "kind"), CASES, ids=[f"{name}-{task}" for name, task, _ in CASES])
def test_fresh_weights_are_like_those_of_hugging_face(name: str, task: str, kind: str, tmp_path: Path) -> None:
    torch.manual_seed(0)
    model = aw.compile(name, task=task, size="tiny", backend="eager", **NEEDS.get(kind, {}))
    model.save_pretrained(tmp_path)
    ours = load_file(tmp_path / "model.safetensors")
    fields = json.loads((tmp_path / "config.json").read_text()) | FIELDS.get(name, {})
    config = transformers.CONFIG_MAPPING[fields["model_type"]].from_dict(fields)
    theirs = getattr(transformers, kind)(config).state_dict()
    computed = {key for key, tensor in table_of(model.graph).tensors.items() if tensor.is_derived}
    keys = (ours.keys() & theirs.keys()) - computed
    assert len(keys) >= 0.8 * len(ours)
    samples = grouped(theirs, keys)
    assert not [key for key, values in grouped(ours, keys).items() if differs(values, samples[key])]


SPEC = """\
model: laws
params: {scale: 2.0}
inputs: {ids: "int[batch, seq]"}
graph:
  tokens: {block: embedding, in: ids, num: 400, dim: 300, pad_row: 3}
  a: {repeat: {i: 2}, part: feed_forward, in: tokens, d_ff: 200, activation: relu}
  norm: {block: layer_norm}
outputs: {y: norm}
init: INIT
freeze: [tokens, a.1.<up|down>.bias, {norm: $scale > 2, a.0.up.bias: $scale == 2}]
"""


def fresh(folder: Path, laws: str, **options: Any) -> dict[str, torch.Tensor]:
    (folder / "laws.yaml").write_text(SPEC.replace("INIT", laws))
    torch.manual_seed(0)
    aw.check(folder / "laws.yaml")
    return dict(aw.compile(folder / "laws.yaml", backend="eager", **options).net.named_parameters())


@pytest.mark.parametrize(
    ("law", "spread", "largest"),
    [
        ("{normal: 0.1 * $scale}", 0.2, math.inf),
        ("{truncated_normal: 1}", 0.88, 2.0),
        ("{truncated_normal: 0}", 0.0, 0.0),
        ("{uniform: 3}", 3**0.5, 3.0),
        ("{uniform: [1, 3]}", 3**-0.5, 3.0),
        ("{constant: -4}", 0.0, 4.0),
        ("{kaiming_normal: fan_in}", (2 / 300) ** 0.5, math.inf),
        ("{kaiming_uniform: fan_out}", (2 / 200) ** 0.5, (6 / 200) ** 0.5),
        ("{xavier_normal: 1}", (2 / 500) ** 0.5, math.inf),
        ("{xavier_uniform: $scale}", 2 * (2 / 500) ** 0.5, 2 * (6 / 500) ** 0.5),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_laws(law: str, spread: float, largest: float, dtype: str, tmp_path: Path) -> None:
    weights = fresh(tmp_path, f"{{a.<i>.up: {law}}}", dtype=dtype)
    up = weights["a.1.up.weight"].float()
    assert up.std().item() == pytest.approx(spread, rel=0.02)
    assert 0.9 * min(largest, 2 * spread) <= up.abs().max().item() <= largest * 1.01
    assert weights["a.1.down.weight"].float().std().item() == pytest.approx(0.02, rel=0.02)
    assert not weights["a.1.up.bias"].any()
    assert bool((weights["norm.weight"] == 1).all())
    assert not weights["tokens.weight"][3].any()


def test_which_law_counts(tmp_path: Path) -> None:
    laws = "{default: {constant: 5}, a: {constant: 2}, a.<i>.up: {constant: $i + 0.5}, a.0.up.bias: {constant: 7}}"
    first = {path: weight.flatten()[0].item() for path, weight in fresh(tmp_path, laws).items()}
    assert first == {
        "tokens.weight": 5, "a.0.up.weight": 0.5, "a.0.up.bias": 7, "a.0.down.weight": 2, "a.0.down.bias": 0,
        "a.1.up.weight": 1.5, "a.1.up.bias": 0, "a.1.down.weight": 2, "a.1.down.bias": 0,
        "norm.weight": 1, "norm.bias": 0,
    }  # fmt: skip


def test_frozen_weights_get_no_gradient(tmp_path: Path) -> None:
    weights = fresh(tmp_path, "{}")
    assert {path for path, weight in weights.items() if not weight.requires_grad} == {
        "tokens.weight", "a.1.up.bias", "a.1.down.bias", "a.0.up.bias"
    }  # fmt: skip


def test_a_mounted_spec_brings_its_own(tmp_path: Path) -> None:
    fresh(tmp_path, "{default: {constant: $scale}, norm.bias: {constant: 9}}")
    (tmp_path / "host.yaml").write_text(
        "model: host\nparams: {initializer_range: 0.5}\nmounts: {inner: {spec: laws}}\n"
        'inputs: {ids: "int[batch, seq]"}\ngraph:\n  inner: {mount: inner, in: {ids: ids}}\n'
        "  out: {block: linear, in: inner.y, d_out: 300}\noutputs: {y: out}\ninit: {inner.a: {constant: 4}, inner.norm.bias: {constant: 8}}\n"
    )
    graph = aw.check(tmp_path / "host.yaml", inner={"scale": 3.0})
    laws = FirstValues(graph)
    first = {entry.path: laws.law(entry) for entry in graph.weights() if not entry.path.endswith(".norm.weight")}
    assert {path: law for path, law in first.items() if not (path.startswith("inner.a") and "bias" in path)} == {
        "inner.tokens.weight": ("constant", 3), "inner.norm.bias": ("constant", 8),
        **{f"inner.a.{i}.{leaf}.weight": ("constant", 4) for i in (0, 1) for leaf in ("up", "down")},
        "out.weight": ("normal", 0.5), "out.bias": ("constant", 0),
    }  # fmt: skip
    assert [entry.path for entry in graph.weights() if laws.is_frozen(entry)] == [
        "inner.tokens.weight", "inner.a.1.up.bias", "inner.a.1.down.bias", "inner.norm.weight", "inner.norm.bias"
    ]  # fmt: skip
