"""Texts written on a device that is no CPU: the CPU's ids, and for a token the host waits for the device once."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_map_only

import archwright as aw
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.generation import sampling
from archwright.backends.torch.generation.blank import BlankDecoder
from archwright.backends.torch.generation.decoder import Decoder
from archwright.backends.torch.generation.forecast import forecast
from archwright.backends.torch.generation.plan import plan
from archwright.backends.torch.generation.processors import _added, _there
from archwright.backends.torch.generation.rollout import rollout
from tests.pretended import Accelerator, Generator

from . import test_plan, test_rollout
from .systems import SYSTEMS, inputs, models

PROCESSED: dict[str, Any] = {
    "repetition_penalty": 1.4, "no_repeat_ngram_size": 2, "bad_words_ids": [[7], [30, 31]], "eos_token_id": [9, 40],
    "forced_bos_token_id": 33, "forced_eos_token_id": 34, "suppress_tokens": [20, 21], "renormalize_logits": True,
    "begin_suppress_tokens": [3, 4],
}  # fmt: skip
BEAMS: dict[str, Any] = {"num_beams": 3, "num_return_sequences": 2}
DRAWN: dict[str, Any] = {"do_sample": True, "seed": 3, "temperature": 1.3, "top_k": 20, "top_p": 0.9, "min_p": 0.01}


@pytest.fixture(autouse=True)
def accelerator(monkeypatch: pytest.MonkeyPatch) -> Accelerator:
    """The device, whose steps never make the host wait."""
    device = Accelerator()
    monkeypatch.setattr(torch, "Generator", Generator)
    monkeypatch.setattr(sampling, "CHECKED", ["gpu"])
    for decoder in (Decoder, BlankDecoder):

        def watched(self: Any, *args: Any, step: Callable[..., Tensor] = decoder.step, **along: Tensor) -> Tensor:
            before = len(device.waits)
            scores = step(self, *args, **along)
            assert device.waits[before:] == []
            return scores

        monkeypatch.setattr(decoder, "step", watched)
    return device


def there(value: Any) -> Any:
    return tree_map_only(Tensor, lambda one: one.to("gpu"), value)


@functools.cache
def moved(name: str) -> aw.Model:
    """The system's model on the device."""
    return copy.deepcopy(models(name)[1]).to("gpu")


def waits(device: Accelerator, name: str, count: int, given: dict[str, Tensor], **options: Any) -> int:
    """How often `count` tokens, which are the CPU's, made the host wait."""
    _there.cache_clear()
    _added.cache_clear()
    options |= {"max_new_tokens": count, "min_new_tokens": count}
    wanted = models(name)[1].generate(**given, **options)
    with device:
        model, given = moved(name), there(given)
        before = len(device.waits)
        found = model.generate(**given, **options)
        assert found.device.type == "gpu"
        waited = len(device.waits) - before
        assert found.tolist() == wanted.tolist()
    return waited


@pytest.mark.parametrize("name", SYSTEMS)
def test_ids(name: str, accelerator: Accelerator) -> None:
    waits(accelerator, name, 3, inputs(name))


@pytest.mark.parametrize("name", ["gpt2", "mbart", "xlnet"])
@pytest.mark.parametrize(
    "options",
    [{}, BEAMS, PROCESSED, DRAWN, {**PROCESSED, **BEAMS}, {**DRAWN, **BEAMS}],
    ids=["greedy", "beams", "processed", "drawn", "processed-beams", "drawn-beams"],
)
def test_a_token_waits_once(name: str, options: dict[str, Any], accelerator: Accelerator) -> None:
    few, more = (waits(accelerator, name, count, inputs(name), **options) for count in (2, 4))
    assert more - few == 2


@pytest.mark.parametrize("name", ["gpt2", "t5"])
def test_guesses(name: str, accelerator: Accelerator) -> None:
    given = inputs(name, rows=1)
    waits(accelerator, name, 8, given, prompt_lookup_num_tokens=3)
    alone = models(name)[1].generate(**given, max_new_tokens=8)
    with accelerator:
        helped = moved(name).generate(**there(given), max_new_tokens=8, assistant_model=copy.deepcopy(moved(name)))
        assert helped.tolist() == alone.tolist()


def test_padding_and_texts_from_nothing(accelerator: Accelerator) -> None:
    model, ids = models("gpt2")[1], inputs("gpt2")["input_ids"].clone()
    ids[0, :3] = 5
    padded = model.generate(ids, pad_token_id=5, max_new_tokens=4)
    begun = model.generate(bos_token_id=7, max_new_tokens=4)
    seen: list[Tensor] = []
    with accelerator:
        found = moved("gpt2").generate(there(ids), pad_token_id=5, max_new_tokens=4, streamer=seen.append)
        assert found.tolist() == padded.tolist()
        assert moved("gpt2").generate(bos_token_id=7, max_new_tokens=4).tolist() == begun.tolist()
    assert torch.stack(seen, 1).equal(padded[:, -4:])


def test_whisper_hears_which_language_it_is(accelerator: Accelerator) -> None:
    told = {"lang_to_id": {"<|en|>": 20, "<|fr|>": 21}, "task_to_id": {"transcribe": 23}, "task": "transcribe"}
    waits(accelerator, "whisper", 4, inputs("whisper"), **told)
    waits(accelerator, "whisper", 4, inputs("whisper"), **told, language="fr")


def test_a_generator_is_the_devices(accelerator: Accelerator) -> None:
    with accelerator:
        given = {**there(inputs("gpt2")), "do_sample": True, "max_new_tokens": 4}
        seeded = moved("gpt2").generate(**given, seed=5)
        assert moved("gpt2").generate(**given, generator=Generator("gpu").manual_seed(5)).tolist() == seeded.tolist()
        with pytest.raises(RuntimeError, match="generator"):
            moved("gpt2").generate(**given, generator=Generator())


def test_what_is_no_probability_is_refused(accelerator: Accelerator) -> None:
    for checked in (["gpu"], []):  # by the device, and by the host
        sampling.CHECKED[:] = checked
        with accelerator, pytest.raises(RuntimeError, match="probabilit"):
            sampling.draw(torch.full((1, 3), torch.nan, device="gpu"), 1, None)


def test_actions(accelerator: Accelerator) -> None:
    model, start, wanted = test_rollout.model(), torch.randn(3, 3), torch.ones(3)
    here = rollout(model, start, test_rollout.step, wanted=wanted, steps=4, context=3)

    def step(actions: Tensor) -> tuple[Tensor, ...]:
        return there(test_rollout.step(actions.cpu()))

    with accelerator:
        found = rollout(model.to("gpu"), there(start), step, wanted=there(wanted), steps=4, context=3)
        torch.testing.assert_close(found.actions.cpu(), here.actions)


def test_plans(accelerator: Accelerator) -> None:
    torch.manual_seed(0)
    model = aw.compile("trajectory_transformer", size="tiny", backend="eager")
    width, observed = (model.graph.params[name] for name in ("transition_dim", "observation_dim"))
    bins = test_plan.Bins(torch.linspace(-2, 2, model.graph.params["vocab_size"] + 1).expand(width, -1).contiguous())
    past, state = torch.zeros(1, width, dtype=torch.long), torch.randn(observed)
    here = plan(model, bins, past, state, horizon=1, beams=3, expand=2, generator=Generator().manual_seed(1))
    with accelerator:
        found = plan(model.to("gpu"), test_plan.Bins(there(bins.edges)), there(past), there(state), horizon=1, beams=3,
                     expand=2, generator=Generator("gpu").manual_seed(1))  # fmt: skip
        assert found.tokens.tolist() == here.tokens.tolist()


def test_forecasts(accelerator: Accelerator) -> None:
    torch.manual_seed(0)
    model = aw.compile("time_series_transformer", task="prediction", size="tiny", backend="eager")
    given = example_inputs(model.graph, extra=("future_time_features",))
    given.pop("future_values", None)
    torch.manual_seed(1)
    here = forecast(model, samples=2, **given)
    with accelerator:
        model, given = model.to("gpu"), there(given)
        torch.manual_seed(1)
        torch.testing.assert_close(forecast(model, samples=2, **given).cpu(), here)
