"""`model.generate` gives Hugging Face's ids, for every system that writes and every way to choose tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.generation import writer as writing
from archwright.backends.torch.generation.assisted import looked_up

from .systems import SYSTEMS, inputs, models, theirs

TWO = ("gpt2", "mbart")
"""A decoder, and an encoder with a decoder."""
BOTH = pytest.mark.parametrize("name", TWO)


def assert_same(name: str, **options: Any) -> torch.Tensor:
    """Both write the same ids, which are returned."""
    torch.manual_seed(11)
    expected = theirs(name, **options)
    torch.manual_seed(11)
    found = models(name)[1].generate(**options)
    assert found.dtype == expected.dtype
    assert found.tolist() == expected.tolist()
    return found


@pytest.mark.parametrize("name", SYSTEMS)
def test_greedy(name: str) -> None:
    found = assert_same(name, **inputs(name), max_new_tokens=8)
    assert len(found.unique()) > 4, "one token again and again shows nothing"


def test_what_is_written_can_be_trained_on() -> None:
    _, model = models("gpt2")
    ids = model.generate(**inputs("gpt2"), max_new_tokens=4)
    model(input_ids=ids, labels=ids).loss.backward()
    model.zero_grad()


@pytest.mark.parametrize("name", SYSTEMS)
def test_beams(name: str) -> None:
    assert_same(name, **inputs(name), max_new_tokens=8, num_beams=3, num_return_sequences=2)


@pytest.mark.parametrize("name", SYSTEMS)
def test_beams_of_one_row(name: str) -> None:
    """What is the same for all rows is not taken for what has one."""
    assert_same(name, **inputs(name, rows=1), max_new_tokens=5, num_beams=2)


@pytest.mark.parametrize("name", ["gpt2", "opt", "bloom", "t5", "whisper"])
def test_ends(name: str) -> None:
    """Rows that end are filled up, with several ends too; the ends are tokens that are written early."""
    found = models(name)[1].generate(**inputs(name), max_new_tokens=8)
    ends = {} if name == "whisper" else {"eos_token_id": [int(found[0, -5]), int(found[1, -3])]}
    for beams in (1, 4):
        assert_same(name, **inputs(name), max_new_tokens=12, num_beams=beams, **ends)


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {"early_stopping": early, "length_penalty": penalty}
        for early in (False, True, "never")
        for penalty in (-1.0, 2.0)
    ],
)
def test_early_stopping(name: str, options: dict[str, Any]) -> None:
    ends = theirs(name, **inputs(name), max_new_tokens=8)[:, -3:].flatten().tolist()
    for end in (ends[0], ends[:3]):
        assert_same(name, **inputs(name), max_new_tokens=12, num_beams=4, num_return_sequences=3, eos_token_id=end,
                    **options)  # fmt: skip


@BOTH
@pytest.mark.parametrize("beams", [1, 3])
@pytest.mark.parametrize(
    "options",
    [
        {"repetition_penalty": 1.7},
        {"repetition_penalty": 0.6},
        {"no_repeat_ngram_size": 1},
        {"no_repeat_ngram_size": 2},
        {"no_repeat_ngram_size": 9},
        {"bad_words_ids": [[7], [30, 31], [12, 13, 14], [2]]},
        {"encoder_no_repeat_ngram_size": 1},
        {"encoder_no_repeat_ngram_size": 2},
        {"sequence_bias": {(7,): 4.0, (30, 31): 9.0, (12,): -3.0}},
        {"sequence_bias": [[[7], 2.0], [[7, 9], 8.0], [[7, 9, 11], 9.0]]},
        {"exponential_decay_length_penalty": (2, 1.6), "eos_token_id": [9, 40]},
        {"min_length": 9, "eos_token_id": [9, 40]},
        {"min_new_tokens": 6, "eos_token_id": 40},
        {"forced_bos_token_id": 33},
        {"forced_eos_token_id": 34},
        {"forced_eos_token_id": [34, 35]},
        {"suppress_tokens": list(range(20, 55))},
        {"begin_suppress_tokens": list(range(3, 40))},
        {"begin_suppress_tokens": list(range(3, 40)), "forced_bos_token_id": 8},
        {"renormalize_logits": True, "repetition_penalty": 1.3},
        {"remove_invalid_values": True, "forced_eos_token_id": 34, "suppress_tokens": [34]},
        {"max_length": 15, "pad_token_id": 0, "eos_token_id": 1},
    ],
    ids=lambda options: "-".join(options),
)
def test_processors(name: str, beams: int, options: dict[str, Any]) -> None:
    options = {"max_new_tokens": 9, **options} if "max_length" not in options else options
    plain = models(name)[1].generate(**inputs(name), max_new_tokens=9)
    if "bad_words_ids" in options:  # words that would be written
        words = [plain[0, -3:-1].tolist(), plain[1, -2:-1].tolist(), plain[2, -4:-1].tolist()]
        options["bad_words_ids"] = [*options["bad_words_ids"], *words]
    assert_same(name, **inputs(name), num_beams=beams, **options)


@BOTH
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"temperature": 0.5, "top_k": 0},
        {"top_k": 3, "num_return_sequences": 4},
        {"top_p": 0.7, "temperature": 1.4},
        {"min_p": 0.2},
        {"typical_p": 0.4},
        {"epsilon_cutoff": 0.04, "top_k": 0},
        {"eta_cutoff": 0.1, "top_k": 0},
        {"typical_p": 0.3, "epsilon_cutoff": 0.2, "eta_cutoff": 0.2, "num_beams": 3},
        {"encoder_repetition_penalty": 1.8},
        {"top_k": 5, "num_beams": 3, "num_return_sequences": 2},
        {"top_p": 0.2, "num_beams": 2, "temperature": 2.0},
    ],
    ids=lambda options: "-".join(options) or "plain",
)
def test_sampling(name: str, options: dict[str, Any]) -> None:
    assert_same(name, **inputs(name), max_new_tokens=8, do_sample=True, **options)


@BOTH
def test_a_seed_repeats_the_draws(name: str) -> None:
    model, given = models(name)[1], {**inputs(name), "do_sample": True, "max_new_tokens": 9}
    first = model.generate(**given, seed=5)
    assert first.equal(model.generate(**given, seed=5))
    assert first.equal(model.generate(**given, generator=torch.Generator().manual_seed(5)))
    assert not first.equal(model.generate(**given, seed=6))


@pytest.mark.parametrize(
    "name", ["gpt2", "gptj", "opt", "bloom", "roberta", "imagegpt", "trocr", "mbart", "t5", "transformer"]
)
@pytest.mark.parametrize("beams", [1, 3])
def test_left_padding(name: str, beams: int) -> None:
    """Given as a mask, and seen from the padding alone."""
    given, pad = inputs(name), 5
    mask = torch.ones_like(given["input_ids"])
    mask[0, :3] = mask[2, :1] = 0
    given["input_ids"] = given["input_ids"].masked_fill(mask == 0, pad)
    assert_same(name, **given, attention_mask=mask, max_new_tokens=7, num_beams=beams)
    assert_same(name, **given, pad_token_id=pad, max_new_tokens=7, num_beams=beams)


def test_positions_that_writing_ignores_count_padding(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text("model: own\nextends: gpt2\ngenerate: {ignores: [position_ids]}\n", encoding="utf-8")
    model = aw.compile(own, task="causal_lm", size="tiny", backend="eager")
    weights = torch.Generator().manual_seed(4)
    with torch.no_grad():
        for weight in model.parameters():
            weight.normal_(0, 0.5, generator=weights)
    ids = torch.randint(5, 90, (2, 6), generator=torch.Generator().manual_seed(3))
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    found = model.generate(input_ids=ids, attention_mask=mask, max_new_tokens=5)
    for _ in range(5):
        following = model(input_ids=ids, attention_mask=mask).logits[:, -1:].argmax(-1)
        ids, mask = torch.cat([ids, following], 1), torch.nn.functional.pad(mask, (0, 1), value=1)
    assert found.tolist() == ids.tolist()


@pytest.mark.parametrize("name", ["gpt2", "gptj", "opt", "bloom", "bert", "roberta", "trocr", "bart"])
def test_a_prompt_of_padding_alone(name: str) -> None:
    """Its last token sees nothing, and has the mean of what it would see; the room behind is no part of that."""
    given = inputs(name)
    mask = torch.ones_like(given["input_ids"])
    mask[1] = 0
    assert_same(name, **given, attention_mask=mask, max_new_tokens=5)


@pytest.mark.parametrize("beams", [1, 3])
def test_masks_of_what_is_heard(beams: int) -> None:
    mask = torch.ones(3, 19, dtype=torch.long)
    mask[0, 9:] = mask[1, 15:] = 0
    assert_same("speech_to_text", **inputs("speech_to_text"), attention_mask=mask, num_beams=beams, max_new_tokens=6)


@pytest.mark.parametrize("beams", [1, 3])
def test_types_go_on(beams: int) -> None:
    types = torch.tensor([[3, 3, 3, 4, 4, 5, 6]]).expand(3, -1)
    assert_same("gpt2", **inputs("gpt2"), token_type_ids=types, num_beams=beams, max_new_tokens=6)


@pytest.mark.parametrize("name", ["mbart", "t5", "vit_trocr", "donut_mbart"])
def test_a_decoder_that_is_begun(name: str) -> None:
    prompt = torch.tensor([[9, 21], [30, 8], [11, 12]])
    said = models(name)[0].generation_config
    start = said.bos_token_id if said.decoder_start_token_id is None else said.decoder_start_token_id
    for begun in (prompt, torch.cat([torch.full_like(prompt[:, :1], start), prompt], 1)):
        assert_same(name, **inputs(name), decoder_input_ids=begun, max_new_tokens=6)
        assert_same(name, **inputs(name), decoder_input_ids=begun, max_new_tokens=6, num_beams=2)


def test_a_decoder_that_is_begun_and_padded() -> None:
    prompt, mask = torch.tensor([[1, 21], [30, 8], [11, 12]]), torch.tensor([[0, 1], [1, 1], [1, 1]])
    for name in ("mbart", "t5"):
        assert_same(name, **inputs(name), decoder_input_ids=prompt, decoder_attention_mask=mask, max_new_tokens=6)


def test_encoder_states_that_are_given() -> None:
    hf, model = models("mbart")
    with torch.no_grad():
        states = hf.get_encoder()(**inputs("mbart"))
    expected = model.generate(**inputs("mbart"), num_beams=2)
    assert model.generate(encoder_outputs=states, num_beams=2).equal(expected)


def test_a_text_from_nothing() -> None:
    assert_same("gpt2", bos_token_id=7, max_new_tokens=5)
    assert_same("xlnet", bos_token_id=7, max_new_tokens=5, attention_mask=torch.ones(3, 1))  # which says how many


@pytest.mark.parametrize("name", ["gpt2", "gptj", "opt", "bloom", "bert", "roberta", "imagegpt", "trocr"])
@pytest.mark.parametrize("beams", [1, 3])
def test_a_prompt_that_is_embedded(name: str, beams: int) -> None:
    """The new ids are returned, after those that are given; lengths count what is embedded."""
    ids = inputs(name)["input_ids"]
    with torch.no_grad():
        embeds = models(name)[0].get_input_embeddings()(ids).flip(1)
    mask = torch.ones_like(ids)
    mask[0, :3] = 0
    told = {"inputs_embeds": embeds, "num_beams": beams, "repetition_penalty": 1.3}
    assert assert_same(name, **told, max_new_tokens=6).shape == (3, 6)
    assert assert_same(name, **told, max_length=15, min_length=14, eos_token_id=40).shape == (3, 8)
    assert assert_same(name, **told, attention_mask=mask).shape == (3, 13)
    assert assert_same(name, **told, input_ids=ids, max_length=15).shape == (3, 15)


def test_embeddings_do_not_say_what_counts_tokens(tmp_path: Path) -> None:
    spec = tmp_path / "counting.yaml"
    spec.write_text("""
archwright: 1
model: counting
params: {vocab_size: 20, d_model: 8}
inputs:
  input_ids: {type: "int[batch, seq]", optional: true}
  inputs_embeds: {type: "float[batch, seq, $d_model]", default: tokens}
graph:
  tokens: {block: embedding, in: input_ids, num: $vocab_size, dim: $d_model}
  seen: {expr: "float(cumsum(int(input_ids != 0), 1))[:, :, null]", else: "inputs_embeds[:, :, :1]"}
  logits: {block: linear, in: "inputs_embeds * seen", d_out: $vocab_size}
outputs: {logits: logits}
""")
    model = aw.compile(str(spec), backend="eager")
    assert model.generate(torch.tensor([[3, 4]]), max_new_tokens=3).shape == (1, 5)
    with pytest.raises(ArgumentError, match="`counting` cannot go on after `inputs_embeds`"):
        model.generate(inputs_embeds=torch.ones(1, 2, 8), max_new_tokens=3)


def test_speech_is_drawn_where_a_temperature_is_given() -> None:
    given = {**inputs("whisper"), "max_new_tokens": 7, "num_beams": 3}
    assert_same("whisper", **given, temperature=0.7)
    assert_same("whisper", **given, temperature=0.0)


def test_one_of_several_ends_of_speech_is_kept() -> None:
    found = models("whisper")[1].generate(**inputs("whisper"), max_new_tokens=9)
    ends = [int(found[0, 4]), int(found[1, 3])]
    assert_same("whisper", **inputs("whisper"), max_new_tokens=9, eos_token_id=ends)


def test_what_fills_up_speech_may_be_a_token_of_it() -> None:
    """As many are cut off as a text has, where it ends with one."""
    found = models("whisper")[1].generate(**inputs("whisper"), max_new_tokens=9)
    middle, later, last = (int(found[0, place]) for place in (4, 5, 8))
    for pad, ends in [(last, 2), (middle, middle), (middle, [middle]), (later, [middle, later]), (middle, 2)]:
        assert_same("whisper", **inputs("whisper"), max_new_tokens=9, pad_token_id=pad, eos_token_id=ends)


def test_speech_that_begins_with_what_it_may_not() -> None:
    assert_same("whisper", **inputs("whisper"), max_new_tokens=4, forced_bos_token_id=15, begin_suppress_tokens=[15, 7])


@pytest.mark.parametrize("options", [{"repetition_penalty": 1.4}, {"no_repeat_ngram_size": 2}])
def test_a_start_that_has_no_score(options: dict[str, Any]) -> None:
    """ImageGPT's start stands in front of a picture and is never written: nothing is to be repeated of it."""
    model = models("imagegpt")[1]
    size = model.graph.params["vocab_size"]
    ids = torch.tensor([[size - 1, 5, 9, 5]])
    found = model.generate(ids, max_new_tokens=4, **options)
    assert found[0, 4:].max() < size - 1
    assert model.generate(ids, max_new_tokens=4, repetition_penalty=1.0 + 1e-9).equal(
        model.generate(ids, max_new_tokens=4)
    )


def test_inputs_alone() -> None:
    model, ids = models("gpt2")[1], inputs("gpt2")["input_ids"]
    assert model.generate(ids).equal(model.generate(input_ids=ids))
    assert model.generate(ids).shape == (3, 27)


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How often the model of each writer runs, in the order in which they begin."""
    begun: list[writing.Writer] = []
    counts: list[int] = []
    begin, step = writing.Writer.begin, writing.Writer.step

    def began(self: writing.Writer, copies: int) -> Any:
        begun.append(self)
        counts.append(1)
        return begin(self, copies)

    def stepped(self: writing.Writer, tokens: torch.Tensor) -> torch.Tensor:
        counts[begun.index(self)] += 1
        return step(self, tokens)

    monkeypatch.setattr(writing.Writer, "begin", began)
    monkeypatch.setattr(writing.Writer, "step", stepped)
    return counts


@pytest.mark.parametrize(("name", "other"), [("gpt2", "gpt2"), ("mbart", "transformer"), ("t5", "t5")])
@pytest.mark.parametrize("do_sample", [False, True])
def test_an_assistant(name: str, other: str, do_sample: bool, steps: list[int]) -> None:
    model, helper = models(name)[1], models(other)[1]
    options = {**inputs(name, rows=1), "max_new_tokens": 10, "do_sample": do_sample, "repetition_penalty": 1.1}
    alone = model.generate(**options, seed=3)
    helped = model.generate(**options, seed=3, assistant_model=helper, num_assistant_tokens=4)
    assert helped.equal(alone)
    assert steps[1] <= steps[0]
    if name == other and not do_sample:
        assert steps[1] < steps[0] - 3


@pytest.mark.parametrize("name", ["gpt2", "t5"])
@pytest.mark.parametrize("do_sample", [False, True])
def test_prompt_lookup(name: str, do_sample: bool, steps: list[int]) -> None:
    model, given = models(name)[1], {**inputs(name, rows=1), "max_new_tokens": 18, "do_sample": do_sample}
    alone = model.generate(**given, seed=3)
    assert model.generate(**given, seed=3, prompt_lookup_num_tokens=4).equal(alone)
    repeats = len(set(alone[0].tolist())) < alone.shape[1] // 2
    assert not repeats or steps[1] < steps[0]
    if not do_sample:
        assert theirs(name, **given, prompt_lookup_num_tokens=4).equal(alone)


def test_a_repetition_is_followed_past_the_end_of_the_text() -> None:
    assert looked_up(2, 5)(torch.tensor([[5, 1, 2, 9, 1, 2]]), 8).tolist() == [[9, 1, 2, 9, 1]]
    guess = looked_up(2, 3)
    assert guess(torch.tensor([[7, 8, 3, 8]]), 3).tolist() == [[3, 8, 3]]
    assert guess(torch.tensor([[7, 8, 3, 8]]), 2).tolist() == [[]]  # no room for all
    assert guess(torch.tensor([[1, 2, 3]]), 3).tolist() == [[]]


class Kept:
    """A streamer."""

    def __init__(self) -> None:
        self.got: list[list[Any]] = []
        self.ended = 0

    def put(self, value: torch.Tensor) -> None:
        """Called with the prompt, then with each step's tokens."""
        self.got.append(value.tolist())

    def end(self) -> None:
        """Called once."""
        self.ended += 1


@BOTH
def test_streaming(name: str) -> None:
    ours, others, called = Kept(), Kept(), []
    given = {**inputs(name, rows=1), "max_new_tokens": 5}
    ids = models(name)[1].generate(**given, streamer=ours)
    theirs(name, **given, streamer=others)
    assert (ours.got, ours.ended) == (others.got, 1)
    models(name)[1].generate(**given, streamer=lambda tokens: called.append(tokens.tolist()))
    assert called == ours.got[1:]
    assert [token for step in called for token in step] == ids[0, -len(called) :].tolist()


def test_what_is_read_stands_anywhere_among_the_inputs(tmp_path: Path) -> None:
    """A spec that extends another has its own inputs behind those that it keeps."""
    (tmp_path / "heard.yaml").write_text("""\
model: heard
extends: encoder_decoder
params: {vocab_size: 20, d_model: 8, num_heads: 2, d_ff: 8, activation: relu, decoder_start_token_id: 1, pad_token_id: 0,
         tie_word_embeddings: false}
inputs: {<input_ids|inputs_embeds|attention_mask>: null, input_features: "float[batch, source, 5]?"}
graph:
  <tokens|memory_valid>: null
  decoder_tokens: {block: embedding, in: decoder_input_ids, num: $vocab_size, dim: $d_model}
  encoder_in: {block: linear, in: input_features, d_out: $d_model}
  encoder: {repeat: {i: 1}, part: pre_norm_layer, in: encoder_in}
  encoder_out: {expr: encoder}
  decoder: {repeat: {i: 1}, part: pre_norm_layer, in: {x: decoder_inputs_embeds, memory: memory}, causal: true, has_cross: true}
  decoder_out: {expr: decoder}
""")
    model = aw.compile(str(tmp_path / "heard.yaml"), task="conditional_generation", backend="eager")
    assert model.generate(input_features=torch.zeros(2, 4, 5), max_new_tokens=3).shape == (2, 4)
