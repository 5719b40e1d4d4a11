"""Less memory: layers computed again for the backward pass, and weights rounded to a few bits."""

from __future__ import annotations

from fnmatch import fnmatch
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.example import example_inputs


def gradients(name: str, backend: str = "eager", **options: Any) -> tuple[dict[str, torch.Tensor], int]:
    """The gradients of a training step, and the bytes that the forward kept for it."""
    torch.manual_seed(0)
    model = aw.compile(name, size="tiny", backend=backend, **options).train()
    kept: dict[int, int] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        kept[tensor.data_ptr()] = tensor.numel() * tensor.element_size()
        return tensor

    torch.manual_seed(1)
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        out = model(**example_inputs(model.graph))
    next(iter(out.values())).sin().sum().backward()
    found = {key: one.grad for key, one in model.net.named_parameters() if one.grad is not None}
    return found, sum(kept.values())


@pytest.mark.parametrize("name", ["bert", "t5", "swin", "convnext", "segformer", "wav2vec2", "detr"])
def test_layers_computed_again_have_the_same_gradients(name: str) -> None:
    wanted, much = gradients(name)
    found, less = gradients(name, recompute=True)
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, msg=lambda text, key=key: f"{key}: {text}")
    assert less < 0.8 * much


def test_compiled_layers_are_computed_again() -> None:
    wanted, _ = gradients("gpt2", dropout=0.0, embedding_dropout=0.0, attention_dropout=0.0)
    found, _ = gradients(
        "gpt2", backend="inductor", recompute=True, dropout=0.0, embedding_dropout=0.0, attention_dropout=0.0
    )
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize(("name", "rounds"), [("swin", "stages.*.blocks.*"), ("segformer", "stages.*.layers.*")])
def test_of_layers_within_rounds_each_is_computed_twice(name: str, rounds: str) -> None:
    model = aw.compile(name, size="tiny", backend="eager", recompute=True).train()
    ran: dict[str, int] = {}

    def count(path: str, *_: Any) -> None:
        ran[path] = ran.get(path, 0) + 1

    for path, module in model.net.named_modules():
        if fnmatch(path, f"{rounds}.*") and not list(module.children()):
            module.register_forward_pre_hook(partial(count, path))
    out = model(**example_inputs(model.graph))
    assert ran and set(ran.values()) == {1}
    next(iter(out.values())).sin().sum().backward()
    assert set(ran.values()) == {2}


def test_source_says_what_is_computed_again() -> None:
    source = aw.compile("bert", size="tiny", backend="eager", recompute=True).source
    assert source.count("@recomputed") == 1
    assert "nested_compile_region" not in source


@pytest.mark.parametrize(("kind", "least", "most"), [("int8", 0, 0.02), ("int4", 0.01, 0.1)])
@pytest.mark.parametrize(("backend", "dtype"), [("eager", "float32"), ("eager", "bfloat16"), ("inductor", "bfloat16")])
def test_rounded_weights(kind: str, least: float, most: float, backend: str, dtype: str, tmp_path: Path) -> None:
    options = {"size": "tiny", "task": "causal_lm", "d_model": 64, "dtype": dtype}
    plain = aw.compile("gpt2", backend="eager", **options)
    plain.save_pretrained(str(tmp_path))
    model = aw.from_pretrained(tmp_path, backend=backend, quantize=kind)
    ids = torch.randint(0, 99, (2, 7))
    with torch.no_grad():
        wanted, found = plain(input_ids=ids).logits, model(input_ids=ids).logits
    assert least < (found - wanted).abs().max() / wanted.abs().max() < most
    assert model.generate(input_ids=ids, max_new_tokens=3).shape == (2, 10)
    with pytest.raises(ArgumentError, match="not saved"):
        model.save_pretrained(str(tmp_path))
    with pytest.raises(ArgumentError, match="cannot train"):
        model.train()


def test_what_does_not_go_together(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ArgumentError, match="`inference` and `recompute` do not go together"):
        aw.compile("bert", size="tiny", inference=True, recompute=True)
    with pytest.raises(ArgumentError, match="int8, int4, found 'int3'"):
        aw.compile("bert", size="tiny", quantize="int3")
    monkeypatch.setattr("archwright.backends.torch.quantized.find_spec", lambda name: None)
    with pytest.raises(ArgumentError, match="pip install torchao"):
        aw.compile("bert", size="tiny", quantize="int8")
