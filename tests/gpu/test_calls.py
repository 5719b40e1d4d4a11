"""What a GPU does otherwise than a CPU: packed samples, recorded steps, rounded weights, kept code, the commands."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch.utils._pytree import tree_map_only

import archwright as aw
from archwright.backends.torch import replay
from archwright.backends.torch.cache import VARIABLE
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.fresh import fresh
from archwright.backends.torch.memory import in_use
from archwright.backends.torch.modules import packing as kernels
from archwright.backends.torch.run import moved
from archwright.backends.commands import main
from tests.backends.torch import test_packing as packing
from tests.backends.torch.generation.systems import SYSTEMS, inputs, models


@pytest.mark.parametrize("backend", ["eager", "inductor"])
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
@pytest.mark.parametrize(("name", "task"), packing.FEW)
def test_packed(
    name: str, task: str | None, dtype: str, backend: str, monkeypatch: pytest.MonkeyPatch,
    recwarn: pytest.WarningsRecorder,
) -> None:  # fmt: skip
    ragged: list[bool] = []

    def is_ragged(*given: Any, asked: Any = kernels.is_ragged) -> bool:
        ragged.append(asked(*given))
        return ragged[-1]

    monkeypatch.setattr(kernels, "is_ragged", is_ragged)
    size = {"d_model": 64, "num_heads": 4} if name == "bert" else {}
    plain = packing.made(name, task, packed=False, **size)
    model = packing.made(name, task, packed=True, backend=backend, inference=True, dynamic=False, **size)
    model.to("cuda", getattr(torch, dtype))
    slack = 1 if dtype == "float32" else 3000
    for style in ("right", "holes", "right", "holes"):  # recorded and replayed for other lengths
        given, real = packing.padded_inputs(plain, model.mask, style)
        with torch.no_grad():
            found = tree_map_only(torch.Tensor, lambda one: one.float().cpu(), dict(model(**moved(model, given))))
            wanted = dict(plain(**given))
        pairs = zip(packing.tensors(found), packing.tensors(wanted), strict=True)
        for (key, one), (_, other) in pairs:
            counts = real.view(*real.shape, *[1] * (one.dim() - 2)) if one.shape[:2] == real.shape else 1
            scale = (other * counts).abs().max().item()
            torch.testing.assert_close(one * counts, other * counts, rtol=0, atol=2e-5 * slack * scale, msg=key)
    assert not [str(one.message) for one in recwarn if "no CUDA graph" in str(one.message)]
    if name == "bert":
        assert any(ragged) == (dtype == "bfloat16")


@pytest.mark.parametrize("name", SYSTEMS)
def test_texts(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compiled and recorded steps write what a CPU writes, alone and in beams."""
    made: list[Any] = []
    monkeypatch.setattr(replay, "_Recorded", lambda *told, make=replay._Recorded: made.append(make(*told)) or made[-1])
    plain, given = models(name)[1], inputs(name)
    plain.save_pretrained(tmp_path)
    model = aw.from_pretrained(tmp_path, device="cuda")
    there = moved(model, given)
    options = {"max_new_tokens": 8, "min_new_tokens": 8}
    for beams in ({}, {"num_beams": 3, "num_return_sequences": 2}):
        with warnings.catch_warnings(action="ignore"):
            found = model.generate(**there, **options, **beams)
        assert found.tolist() == plain.generate(**given, **options, **beams).tolist()
    assert made or name.startswith("xlnet")


def test_memory_does_not_grow() -> None:
    torch.manual_seed(0)
    model = aw.compile("gpt2", task="causal_lm", size="tiny", device="cuda", inference=True)
    ids, seen = torch.arange(8, device="cuda")[None] + 5, []
    for _ in range(2):
        model.generate(ids, max_new_tokens=50, eos_token_id=-1, streamer=lambda token: seen.append(in_use(ids.device)))
    assert len(set(seen[-40:])) == 1


@pytest.mark.parametrize("kind", ["int8", "int4"])
def test_rounded_weights(kind: str, tmp_path: Path) -> None:
    pytest.importorskip("torchao")
    torch.manual_seed(0)
    made = aw.compile("bert", size="tiny", d_model=64, num_heads=4, dtype="bfloat16", backend="eager")
    made.save_pretrained(tmp_path)
    plain = aw.from_pretrained(tmp_path, device="cuda", backend="eager")
    model = aw.from_pretrained(tmp_path, device="cuda", dynamic=False, quantize=kind)
    given = moved(plain, example_inputs(plain.graph))
    with torch.no_grad(), warnings.catch_warnings(action="ignore"):
        wanted = plain(**given).last_hidden_state
        for _ in range(3):
            found = model(**given).last_hidden_state
    assert (found - wanted).float().norm() < (0.05 if kind == "int8" else 0.3) * wanted.float().norm()


def compiled_in_a_process(keep: bool) -> list[Any]:
    """A call's code, kept or found; whether it was found, and a number of the output."""
    torch.manual_seed(0)
    model = aw.compile("bert", size="tiny", device="cuda", inference=True, dynamic=False)
    given = moved(model, example_inputs(model.graph))
    if keep:
        model.keep_compiled(**given)
        return []
    with torch.no_grad():
        found = [model(**given).last_hidden_state.sum().item() for _ in range(3)]
    (method,) = {id(one): one for one in model._methods.values()}.values()
    return [any(one is not None for one in method.kept.values()), *found]


def test_code_is_kept(tmp_path: Path) -> None:
    for keep in (True, False):
        found = fresh(f"{__name__}:compiled_in_a_process", {"keep": keep}, environment={VARIABLE: str(tmp_path)})
    assert found[0] is True and found[1] == pytest.approx(found[3])


@pytest.mark.parametrize(
    "told",
    [
        ["run", "bert", "--size", "tiny", "--device", "cuda"],
        ["bench", "bert", "--size", "tiny", "--device", "cuda", "--dtype", "bfloat16", "--runs", "2", "--no-cold"],
        [
            "bench",
            "gpt2",
            "--task",
            "causal_lm",
            "--size",
            "tiny",
            "--device",
            "cuda",
            "--generate",
            "--new-tokens",
            "16",
            "--runs",
            "2",
        ],
        ["compile", "vit", "--size", "tiny", "--device", "cuda"],
    ],
    ids=lambda told: "-".join(told[:2] + told[7:8]),
)
def test_commands(told: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    result = CliRunner().invoke(main, told, catch_exceptions=False)
    assert result.exit_code == 0, result.output


def test_a_device_that_is_not_there() -> None:
    with pytest.raises(aw.ArgumentError, match="cuda:77"):
        aw.compile("bert", size="tiny", device="cuda:77")
