"""Every model runs on a device that is no CPU, with the CPU's numbers, and makes the host wait where it has to alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

import archwright as aw
from archwright.backends.torch.fresh import fresh
from archwright.backends.torch.modules import prepacked
from archwright.backends.torch.run import named_tensors
from tests.backends.torch import test_packing as packing
from tests.pretended import Accelerator
from tests.specs.test_every_spec import CASES, model_of, training_inputs

_COPY, _NUMBER = "aten._to_copy.default", "aten._local_scalar_dense.default"
SOLVED, LAYERS = {_COPY: 3}, {_NUMBER: 2}
WAITS: dict[tuple[str, str | None], dict[str, int]] = {
    # The host pairs objects and queries.
    ("detr", "object_detection"): SOLVED,
    ("detr", "segmentation"): SOLVED,
    # Torch's own loss looks at the lengths.
    ("hubert", "ctc"): {"aten._ctc_loss.Tensor": 1},
    ("wav2vec2", "ctc"): {"aten._ctc_loss.Tensor": 1},
    # How many tokens look everywhere decides shapes, in each of two layers.
    **{("longformer", task): LAYERS for task in ("sequence_classification", "multiple_choice", "question_answering")},
}
TRAINED = [
    ("bert", "masked_lm"), ("detr", "segmentation"), ("longformer", "question_answering"),
    ("vit_mae", "pre_training"), ("wav2vec2", "ctc"), ("wav2vec2", "pre_training"),
]  # fmt: skip
"""Tasks that draw, tie weights, and whose losses have code of their own."""


def cases() -> Iterator[Any]:
    """Every base, a model of each task, and what waits."""
    tasks = set()
    for case in CASES:
        name, task = case.values
        if task is None or task not in tasks or (name, task) in WAITS:
            tasks.add(task)
            yield case


def there(inputs: Any) -> Any:
    return tree_map_only(Tensor, lambda value: value.to("gpu"), inputs)


@torch.no_grad()
def told(model: Any, inputs: dict[str, Any], **flags: bool) -> dict[str, Tensor]:
    torch.manual_seed(2)  # both draw the same
    return dict(named_tensors(model(**inputs, **flags)))


def assert_same(found: dict[str, Tensor], wanted: dict[str, Tensor], *, slack: float = 1e-5) -> None:
    assert found.keys() == wanted.keys()
    for name, value in found.items():
        assert value.device.type == "gpu", name
        torch.testing.assert_close(value.cpu(), wanted[name], rtol=10 * slack, atol=slack, equal_nan=True)


@pytest.mark.parametrize(("name", "task"), [*cases()])
def test_numbers_and_waits(name: str, task: str | None) -> None:
    model = model_of(name, task).train()
    inputs = training_inputs(model.graph)
    wanted = told(model, inputs)
    with Accelerator() as accelerator:
        model, inputs = model.to("gpu"), there(inputs)
        accelerator.waits.clear()
        found = told(model, inputs)
        assert Counter(accelerator.waits) == WAITS.get((name, task), {})
        assert_same(found, wanted)


@pytest.mark.parametrize("name", aw.list_models())
def test_inference(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Built there, with states and probabilities."""
    monkeypatch.setattr(prepacked, "LEAST", 0)  # what a CPU's kernels read is no matter there
    how: dict[str, Any] = {"size": "tiny", "backend": "eager", "inference": True}
    torch.manual_seed(0)
    model = aw.compile(name, **how)
    inputs, flags = training_inputs(model.graph), {flag: True for flag in model.graph.flags if "output" in flag}
    wanted = told(model, inputs, **flags)
    with Accelerator() as accelerator:
        torch.manual_seed(0)
        model, inputs = aw.compile(name, device=0, **how), there(inputs)
        for _ in range(2):  # once with what is made, and once with what is held
            accelerator.waits.clear()
            found = told(model, inputs, **flags)
            assert accelerator.waits == []
            assert_same(found, wanted)


@pytest.mark.parametrize(("name", "task"), packing.FEW)
def test_packed(name: str, task: str | None) -> None:
    model = packing.made(name, task, packed=True)
    inputs, _ = packing.padded_inputs(model, model.mask, "right")
    wanted = told(model, inputs)
    with Accelerator() as accelerator:
        model, inputs = model.to("gpu"), there(inputs)
        accelerator.waits.clear()
        found = told(model, inputs)
        assert accelerator.waits[:2] == ["aten.nonzero.default", _COPY]  # which tokens, and in which samples
        assert accelerator.waits[2:] == ([_NUMBER] if name == "bert" else [])  # whether the pooler's token is real
        assert_same(found, wanted)


def test_the_default_device_is_kept_to(tmp_path: Path) -> None:
    """Given buffers are where drawn weights are; what is saved there are the bytes of the CPU's model."""
    folders = (tmp_path / "here", tmp_path / "there")
    torch.manual_seed(0)
    aw.compile("swin", size="tiny", backend="eager").save_pretrained(str(folders[0]))
    with Accelerator(), torch.device("gpu"):
        torch.manual_seed(0)
        model = aw.compile("swin", size="tiny", backend="eager")
        assert {one.device.type for one in (*model.parameters(), *model.buffers())} == {"gpu"}
        model.save_pretrained(str(folders[1]))
    assert len({(folder / "model.safetensors").read_bytes() for folder in folders}) == 1


def trained(cases: list[tuple[str, str]]) -> list[str]:
    """Compare gradients; in a process that has the device from its first backward pass on, as torch asks for."""
    compared = []
    with Accelerator():
        for name, task in cases:
            model = model_of(name, task).train()
            inputs, results = training_inputs(model.graph), []
            for _ in range(2):
                torch.manual_seed(2)
                loss = model(**inputs).loss
                loss.backward()
                grads = {key: one.grad for key, one in model.named_parameters() if one.grad is not None}
                results.append({"loss": loss.detach(), **grads})
                model.zero_grad()
                model, inputs = model.to("gpu"), there(inputs)
            assert_same(results[1], results[0], slack=1e-4)
            compared.append(name)
    return compared


def test_gradients() -> None:
    assert fresh(f"{__name__}:trained", {"cases": TRAINED}) == [name for name, _ in TRAINED]
