"""What `return_dict_in_generate` gives beside the ids is what Hugging Face's gives."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from archwright.backends.errors import ArgumentError
from archwright.backends.torch.output import Output

from .systems import inputs, models, theirs

ALL = {"return_dict_in_generate": True, "output_scores": True, "output_logits": True}
WAYS: dict[str, dict[str, Any]] = {
    "greedy": {"repetition_penalty": 1.3, "suppress_tokens": [7, 9]},
    "drawn": {"do_sample": True, "top_k": 12, "temperature": 0.7, "num_return_sequences": 2},
    "beams": {"num_beams": 4, "num_return_sequences": 3, "length_penalty": 0.6, "no_repeat_ngram_size": 2},
    "drawn beams": {"num_beams": 3, "do_sample": True, "top_p": 0.9},
}


def told(name: str, **options: Any) -> tuple[Any, Output]:
    """What both return, after the same draws."""
    torch.manual_seed(5)
    expected: Any = theirs(name, **options)
    torch.manual_seed(5)
    return expected, models(name)[1].generate(**options)


def assert_same(expected: Any, found: Output) -> None:
    assert expected.sequences.tolist() == found.sequences.tolist()
    for one in ("scores", "logits"):
        for theirs_, ours in zip(expected[one], found[one], strict=True):
            torch.testing.assert_close(ours, theirs_, rtol=1e-4, atol=1e-4)
    assert ("beam_indices" in expected) == ("beam_indices" in found)
    if "beam_indices" in found:
        assert expected.beam_indices.tolist() == found.beam_indices.tolist()
        torch.testing.assert_close(found.sequences_scores, expected.sequences_scores, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", ["gpt2", "xlnet", "mbart", "t5", "vit_gpt2"])
def test_scores(name: str, way: str) -> None:
    assert_same(*told(name, **inputs(name), max_new_tokens=6, **WAYS[way], **ALL))


@pytest.mark.parametrize("way", WAYS)
def test_rows_that_end(way: str) -> None:
    ends = models("gpt2")[1].generate(**inputs("gpt2"), max_new_tokens=8)[:, -4:].flatten().tolist()[::2]
    assert_same(*told("gpt2", **inputs("gpt2"), max_new_tokens=12, eos_token_id=ends, **WAYS[way], **ALL))


def test_what_is_not_asked_for_is_none() -> None:
    given = {**inputs("gpt2"), "max_new_tokens": 3}
    for options in ({}, {"num_beams": 2}, {"output_logits": True}):
        expected, found = told("gpt2", **given, **options, return_dict_in_generate=True)
        assert isinstance(found, Output)
        assert expected.sequences.tolist() == found.sequences.tolist()
        for one in ("scores", "logits", "sequences_scores", "beam_indices"):
            assert (getattr(expected, one, None) is None) == (getattr(found, one) is None)
    config = transformers.GenerationConfig(return_dict_in_generate=True, output_scores=True)
    found: Any = models("gpt2")[1].generate(**given, generation_config=config)
    assert len(found.scores) == 3


def test_logits_are_those_of_a_call() -> None:
    """And guesses that are taken back leave none."""
    _, model = models("gpt2")
    given = inputs("gpt2", rows=1)
    found = model.generate(**given, max_new_tokens=6, suppress_tokens=[5], **ALL)
    with torch.no_grad():
        whole = model(input_ids=found.sequences).logits[0, 6:-1]
    torch.testing.assert_close(torch.cat(found.logits), whole, rtol=1e-4, atol=1e-4)
    ahead = model.generate(**given, max_new_tokens=6, suppress_tokens=[5], prompt_lookup_num_tokens=2, **ALL)
    torch.testing.assert_close(torch.cat(ahead.scores), torch.cat(found.scores), rtol=1e-4, atol=1e-4)


def test_speech_has_ids_alone() -> None:
    with pytest.raises(ArgumentError, match="`whisper` returns ids alone; leave `return_dict_in_generate` out"):
        models("whisper")[1].generate(**inputs("whisper"), return_dict_in_generate=True)
