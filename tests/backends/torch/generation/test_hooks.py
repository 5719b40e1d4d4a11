"""What a call of `generate` brings itself: processors, criteria, allowed tokens and a config, beside Hugging Face."""

from __future__ import annotations

import time
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor

from tests.parity.reference import quiet

from .systems import inputs, models, theirs

NAMES = ("gpt2", "mbart", "whisper")


class Uneven(transformers.LogitsProcessor):
    """Even tokens are rare."""

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        return scores - 2.5 * (torch.arange(scores.shape[1]) % 2 == 0)


class AtSome(transformers.StoppingCriteria):
    """A row ends at every seventh token of the vocabulary."""

    def __call__(self, input_ids: Tensor, scores: Any, **more: Any) -> Tensor:
        return input_ids[:, -1] % 7 == 1


def allowed(row: int, ids: Tensor) -> list[int]:
    """Tokens that differ by input and place."""
    return list(range(6 + row + len(ids) % 3, 39, 2))


def assert_same(name: str, **options: Any) -> Tensor:
    given = {**inputs(name), "max_new_tokens": 9, **options}
    torch.manual_seed(11)
    expected = theirs(name, **given)
    torch.manual_seed(11)
    found = models(name)[1].generate(**given)
    assert found.tolist() == expected.tolist()
    return found


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "how", [{}, {"num_beams": 3, "num_return_sequences": 2}, {"do_sample": True, "top_k": 9, "temperature": 1.2}]
)
def test_what_a_call_brings(name: str, how: dict[str, Any]) -> None:
    plain = models(name)[1].generate(**inputs(name), max_new_tokens=9)
    uneven = transformers.LogitsProcessorList([Uneven()])
    ending = transformers.StoppingCriteriaList([AtSome()])
    assert not torch.equal(assert_same(name, logits_processor=uneven, **how), plain)
    assert_same(name, stopping_criteria=ending, **how)
    if name != "whisper":  # whose first tokens are not the call's
        assert not torch.equal(assert_same(name, prefix_allowed_tokens_fn=allowed, **how), plain)
        assert_same(name, logits_processor=uneven, stopping_criteria=ending, prefix_allowed_tokens_fn=allowed, **how)


def test_one_is_as_good_as_a_list() -> None:
    model, given = models("gpt2")[1], inputs("gpt2")
    several = model.generate(**given, max_new_tokens=6, logits_processor=[Uneven()], stopping_criteria=[AtSome()])
    assert several.equal(
        model.generate(**given, max_new_tokens=6, logits_processor=Uneven(), stopping_criteria=AtSome())
    )
    at_nine = model.generate(**given, max_new_tokens=6, stopping_criteria=lambda ids, _: ids.shape[1] == 9)
    assert at_nine.shape[1] == 9


def test_a_guess_ends_where_a_criterion_says() -> None:
    given = {name: value[:1] for name, value in inputs("gpt2").items()}
    told = {"max_new_tokens": 12, "stopping_criteria": [AtSome()]}
    model = models("gpt2")[1]
    assert model.generate(**given, **told).equal(model.generate(**given, **told, prompt_lookup_num_tokens=5))


@pytest.mark.parametrize("name", ["gpt2", "mbart"])
def test_a_config_gives_way_to_what_is_said_beside_it(name: str) -> None:
    config = transformers.GenerationConfig(num_beams=2, max_new_tokens=5, no_repeat_ngram_size=2)
    found = assert_same(name, generation_config=config, max_new_tokens=None)
    assert not found.equal(assert_same(name, generation_config=config, num_beams=1, max_new_tokens=7))
    with quiet():
        drawn = transformers.GenerationConfig(do_sample=True, top_k=4, temperature=1.5)
    assert_same(name, generation_config=drawn)


def test_the_clock_ends_what_is_written() -> None:
    def slow(ids: Tensor, scores: Tensor) -> Tensor:
        time.sleep(0.02)
        return scores

    found = models("gpt2")[1].generate(**inputs("gpt2"), max_new_tokens=40, max_time=0.1, logits_processor=slow)
    assert 7 < found.shape[1] < 20
    assert models("gpt2")[1].generate(**inputs("gpt2"), max_new_tokens=9, max_time=0.0).shape[1] == 8
