"""Where options come from, and what is said of wrong ones."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import archwright as aw
from archwright.backends.errors import ArgumentError
from tests.parity.reference import quiet

from .systems import SYSTEMS, inputs, models, ours, theirs


def saved(
    name: str, folder: Path, *, written: dict[str, Any] | None, config: dict[str, Any] | None = None,
    without: tuple[str, ...] = (),
) -> Any:  # fmt: skip
    """Both models of a folder with this ``generation_config.json``, or none, and these fields of its config."""
    with quiet():
        models(name)[0].save_pretrained(folder)
    (folder / "generation_config.json").unlink()
    if written is not None:
        (folder / "generation_config.json").write_text(json.dumps(written))
    file = folder / "config.json"
    fields = {**json.loads(file.read_text()), **(config or {})}
    file.write_text(json.dumps({key: value for key, value in fields.items() if key not in without}))
    with quiet():
        hf = getattr(transformers, SYSTEMS[name].hf_class).from_pretrained(folder).eval()
    return hf, ours(folder)


def assert_same(pair: Any, **options: Any) -> torch.Tensor:
    """Both write the same ids."""
    with quiet(), torch.no_grad():
        expected = pair[0].generate(**options)
    found = pair[1].generate(**options)
    assert found.tolist() == expected.tolist()
    return found


@pytest.mark.parametrize("name", ["gpt2", "mbart"])
def test_the_file_for_generation_comes_first(name: str, tmp_path: Path) -> None:
    end = int(models(name)[1].generate(**inputs(name), max_new_tokens=8)[0, -3])
    written = {"num_beams": 2, "max_length": 14, "eos_token_id": [end, 40], "pad_token_id": 4, "no_repeat_ngram_size": 2,
               "decoder_start_token_id": 6, "bos_token_id": 6, "forced_bos_token_id": 9, "top_k": None}  # fmt: skip
    pair = saved(name, tmp_path, written=written)
    default = assert_same(pair, **inputs(name))
    assert not default.equal(assert_same(pair, **inputs(name), num_beams=1, no_repeat_ngram_size=0))
    assert_same(pair, **inputs(name), max_length=12, eos_token_id=None)
    pair[1].save_pretrained(str(tmp_path / "again"))
    assert json.loads((tmp_path / "again" / "generation_config.json").read_text()) == written


@pytest.mark.parametrize("name", ["gpt2", "mbart", "vit_gpt2", "transformer"])
def test_then_comes_the_config(name: str, tmp_path: Path) -> None:
    fields = {} if name == "vit_gpt2" else {"eos_token_id": 41, "pad_token_id": 70 if name == "transformer" else 2}
    extra = {"bad_words_ids": [[70]], "num_beams": 2, "forced_eos_token_id": 41} if name == "transformer" else {}
    pair = saved(name, tmp_path, written=None, config={**fields, **extra})
    for options in ({}, {"num_beams": 3}, {"min_new_tokens": 10}):
        assert_same(pair, **inputs(name), **options)


@pytest.mark.parametrize(
    "name", ["bart", "mbart", "pegasus", "transformer", "opt", "xlnet", "speech_to_text", "whisper"]
)
def test_what_a_config_is_silent_about_has_its_default(name: str, tmp_path: Path) -> None:
    ids = ("bos_token_id", "eos_token_id", "forced_eos_token_id", "begin_suppress_tokens")
    pair = saved(name, tmp_path, written=None, without=ids)
    for options in ({"max_length": 14}, {"max_length": 14, "num_beams": 3}):
        assert_same(pair, **inputs(name), **options)


def test_a_start_that_is_forced_as_it_was_told_at_first(tmp_path: Path) -> None:
    pair = saved("bart", tmp_path, written=None, config={"bos_token_id": 9, "force_bos_token_to_be_generated": True})
    assert (assert_same(pair, **inputs("bart"))[:, 1] == 9).all()


def test_a_file_made_from_the_config_gives_way_to_a_config_that_tells_more(tmp_path: Path) -> None:
    written = {"num_beams": 3, "max_length": 9, "eos_token_id": 3, "pad_token_id": 1, "decoder_start_token_id": 2}
    made = {**written, "_from_model_config": True}
    told = {"num_beams": 2, "max_length": 12}
    lengths = [
        assert_same(saved("bart", tmp_path / str(case), written=file, config=config), **inputs("bart")).shape[1]
        for case, (file, config) in enumerate([(made, told), (written, told), (made, {})])
    ]
    assert lengths == [12, 9, 9]


def test_a_model_without_a_checkpoint() -> None:
    model = aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager")
    ids = torch.randint(5, 60, (2, 5))
    assert model.generate(ids, max_new_tokens=4).shape == (2, 9)
    assert model.generate(ids).shape == (2, 25)


def test_the_default_length_stays_within_the_positions() -> None:
    ids = torch.randint(5, 30, (1, 20))
    limit = models("gptj")[0].config.n_positions
    found = models("gptj")[1].generate(ids, eos_token_id=None)
    assert found.tolist() == theirs("gptj", input_ids=ids, eos_token_id=None).tolist()
    assert found.shape == (1, limit)


PROMPTS: list[dict[str, Any]] = [
    {},
    {"forced_decoder_ids": [[1, 7], [2, 8]]},
    {"forced_decoder_ids": [[1, None], [2, 8]], "no_timestamps_token_id": 70},
    {"lang_to_id": {"<|en|>": 20, "<|de|>": 21, "<|fr|>": 22}, "task_to_id": {"transcribe": 25, "translate": 26},
     "no_timestamps_token_id": 70, "is_multilingual": True},
]  # fmt: skip


@pytest.mark.parametrize("written", PROMPTS, ids=["start", "forced", "unsaid", "languages"])
def test_prompts_of_a_checkpoint(written: dict[str, Any], tmp_path: Path) -> None:
    tokens = {"decoder_start_token_id": 4, "eos_token_id": 2, "pad_token_id": 3, "max_length": 18,
              "begin_suppress_tokens": [30, 31], "suppress_tokens": [1, 12]}  # fmt: skip
    pair = saved("whisper", tmp_path, written={**tokens, **written})
    assert_same(pair, **inputs("whisper"))
    assert_same(pair, **inputs("whisper"), num_beams=2, max_new_tokens=5)
    if "lang_to_id" in written:
        assert_same(pair, **inputs("whisper"), language="de")
        assert_same(pair, **inputs("whisper"), language="fr", task="translate")
        assert_same(pair, **inputs("whisper"), language=["fr", "en", "de"])
        with pytest.raises(ArgumentError, match="`language` expected one of en, de, fr, found 'xx'"):
            pair[1].generate(**inputs("whisper"), language="xx")
        with pytest.raises(ArgumentError, match="`task` expected one of transcribe, translate, found 'sing'"):
            pair[1].generate(**inputs("whisper"), task="sing")
    else:
        for name, value in (("language", "en"), ("task", "translate")):
            with pytest.raises(ArgumentError, match=f"no tokens for {name}s; leave `{name}` out"):
                pair[1].generate(**inputs("whisper"), **{name: value})


def test_arguments_that_say_nothing_change_nothing() -> None:
    model = aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager")
    ids = torch.tensor([[5, 6, 7]])
    silent = {"generation_config": None, "past_key_values": None, "synced_gpus": False, "tokenizer": None}
    assert torch.equal(model.generate(ids, max_new_tokens=3, **silent), model.generate(ids, max_new_tokens=3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_beam": 2}, "no argument `num_beam`; did you mean `num_beams`"),
        ({"attention_msk": 2}, "did you mean `attention_mask`"),
        ({"zzz": 2}, "docs/generation.md"),
        ({"language": "en"}, "`language` is of speech, and `gpt2` begins no text with it"),
        ({"task": "translate"}, "`task` is of speech"),
        ({"num_beams": 0}, "`num_beams` expected a positive whole number, found 0"),
        ({"num_beams": 2, "num_return_sequences": 3}, "at most `num_beams`, found 3 and 2"),
        ({"num_return_sequences": 2}, "raise `num_beams`, or give `do_sample=True`"),
        ({"max_length": 7}, "the prompt has 7 tokens"),
        ({"max_new_tokens": 0}, "the prompt has 7 tokens"),
        ({"max_new_tokens": -1}, "`max_new_tokens` expected a whole number"),
        ({"max_length": 9, "min_length": 10}, "lower `min_length`"),
        ({"max_new_tokens": 2, "min_new_tokens": 3}, "lower `min_new_tokens`"),
        ({"do_sample": True, "temperature": 0.0}, "`do_sample=False`"),
        ({"top_p": 1.5}, "`top_p` expected a number from 0 to 1"),
        ({"repetition_penalty": 0.0}, "`repetition_penalty` expected a positive number"),
        ({"early_stopping": "always"}, '"never", found'),
        ({"num_beam_groups": 2}, "`num_beam_groups=2` is not supported"),
        (
            {"output_scores": True},
            "`output_scores` is returned beside the ids; give `return_dict_in_generate=True` too",
        ),
        ({"output_attentions": True}, "`output_attentions=True` is not supported"),
        ({"bad_words_ids": [[99]]}, "`bad_words_ids` expected tokens from 0 to 66"),
        ({"bad_words_ids": [[]]}, "`bad_words_ids` expected lists of tokens, none of them empty"),
        ({"forced_bos_token_id": 67}, "`forced_bos_token_id` expected tokens from 0 to 66"),
        ({"suppress_tokens": 3}, "`suppress_tokens` expected a list of tokens"),
        ({"pad_token_id": "</s>"}, "`pad_token_id` expected a token's number"),
        ({"length_penalty": None}, "`length_penalty` expected a number"),
        ({"do_sample": True, "suppress_tokens": list(range(67))}, "every token is banned"),
        ({"attention_mask": torch.ones(3, 6)}, "`attention_mask` expected [3, 7], as the prompt is, found [3, 6]"),
        ({"inputs_embeds": torch.ones(3, 6, 24)}, "`inputs_embeds` stand for 6 tokens, `input_ids` are 7"),
        ({"inputs": torch.ones(1, 2).long()}, "`inputs` and `input_ids` are the same"),
        ({"num_beams": 2, "streamer": print}, "`streamer` cannot follow beams"),
        ({"seed": 1.5, "do_sample": True}, "`seed` expected a whole number, found 1.5"),
        ({"generator": 3, "do_sample": True}, "`generator` expected a torch.Generator, found int"),
        ({"generator": torch.Generator(), "seed": 1}, "`seed` and `generator` both begin the draws"),
        ({"generation_config": {"top_k": 3}}, "`generation_config` expected an object such as GenerationConfig"),
        (
            {"generation_config": transformers.GenerationConfig(guidance_scale=2.0)},
            "`guidance_scale=2.0` is not supported",
        ),
        ({"sequence_bias": {(67,): 1.0}}, "`sequence_bias` expected numbers by runs of tokens from 0 to 66"),
        ({"sequence_bias": [[[5], "a"]]}, "`sequence_bias` expected numbers by runs"),
        ({"sequence_bias": 3}, "`sequence_bias` expected numbers by runs"),
        ({"exponential_decay_length_penalty": 3}, "expected a number of tokens and a factor, found 3"),
        ({"typical_p": 0}, "`typical_p` expected a positive number"),
        ({"max_time": "1 s"}, "`max_time` expected a number of seconds"),
        ({"logits_processor": 3}, "`logits_processor` expected callables, found int"),
        (
            {"logits_processor": lambda ids, scores: scores[:1]},
            "`logits_processor` expected scores [3, 67] back, found [1, 67]",
        ),
        ({"stopping_criteria": [lambda ids, _: [1, 2, 3]]}, "`stopping_criteria` expected bool[3], one for each row"),
        ({"prefix_allowed_tokens_fn": lambda row, ids: []}, "`prefix_allowed_tokens_fn` allows no token after ["),
        (
            {"input_ids": None, "inputs_embeds": torch.ones(3, 6, 24), "encoder_no_repeat_ngram_size": 2},
            "there are none",
        ),
        ({"streamer": 3}, "`streamer` expected an object with `put` and `end`"),
        ({"max_new_tokens": 90}, "positions for"),
    ],
)
def test_errors(options: dict[str, Any], message: str) -> None:
    model, given = models("gpt2")[1], inputs("gpt2")
    with pytest.raises(ArgumentError, match=re.escape(message)):
        model.generate(**{"eos_token_id": None, **given, **options})


def test_neutral_values_of_unsupported_options() -> None:
    given = inputs("gpt2")
    expected = models("gpt2")[1].generate(**given)
    nothing = dict.fromkeys(
        ["temperature", "repetition_penalty", "max_length", "min_length", "typical_p", "eta_cutoff"]
    )
    assert models("gpt2")[1].generate(**given, **nothing).equal(expected)
    assert models("gpt2")[1].generate(**given, use_cache=True, num_beam_groups=1, output_scores=False).equal(expected)


def test_errors_of_models(tmp_path: Path) -> None:
    encoder = aw.compile("bert", task="masked_lm", size="tiny", backend="eager")
    with pytest.raises(ArgumentError, match="writes no tokens"):
        aw.compile("vit", size="tiny", backend="eager").generate(torch.ones(1, 3, 4, 4))
    for task in ("base", "sequence_classification"):
        with pytest.raises(ArgumentError, match=f"with the task `{task}` writes no tokens"):
            aw.compile("gpt2", task=task, size="tiny", backend="eager").generate(torch.ones(1, 4).long())
    with pytest.raises(aw.SpecError, match="cannot be decoded step by step"):
        encoder.generate(torch.ones(1, 4).long())
    with pytest.raises(ArgumentError, match="needs `input_features`"):
        models("whisper")[1].generate()
    with pytest.raises(ArgumentError, match="needs `input_ids`, or a `bos_token_id`"):
        models("gpt2")[1].generate(bos_token_id=None)
    with pytest.raises(ArgumentError, match="positions for"):
        models("gpt2")[1].generate(torch.ones(1, 200).long())
    model = models("opt")[1]
    with pytest.raises(ArgumentError, match="take one of its vocabulary"):
        model.generate(**inputs("opt", rows=1), assistant_model=models("bloom")[1])
    with pytest.raises(ArgumentError, match="expected a model, found str"):
        model.generate(**inputs("opt", rows=1), assistant_model="bloom")
    with pytest.raises(ArgumentError, match="a model that reads what this one reads"):
        model.generate(**inputs("opt", rows=1), assistant_model=models("mbart")[1])
    with pytest.raises(ArgumentError, match="has embeddings of its own"):
        model.generate(inputs_embeds=torch.ones(1, 2, 24), assistant_model=model)
    with pytest.raises(ArgumentError, match="the prompt is empty"):
        model.generate(torch.ones(1, 0).long())
    for wrong in ({"decoder_input_ids": torch.ones(2, 3).long()}, {"decoder_start_token_id": [3, 4]}):
        with pytest.raises(ArgumentError, match=f"`{next(iter(wrong))}` expected .*3.*, found 2"):
            models("mbart")[1].generate(**inputs("mbart"), **wrong)
    with pytest.raises(ArgumentError, match="takes no `decoder_inputs_embeds` here"):
        models("mbart")[1].generate(**inputs("mbart"), decoder_inputs_embeds=torch.ones(3, 2, 24))
    with pytest.raises(ArgumentError, match="takes no `inputs_embeds` here"):
        models("xlnet")[1].generate(inputs_embeds=torch.ones(3, 2, 24))
    with pytest.raises(ArgumentError, match="one text and one beam"):
        model.generate(**inputs("opt"), assistant_model=model)
    with pytest.raises(ArgumentError, match="both guess"):
        model.generate(**inputs("opt", rows=1), assistant_model=model, prompt_lookup_num_tokens=3)
    xlnet = models("xlnet")[1]
    with pytest.raises(ArgumentError, match="step token by token"):
        xlnet.generate(**inputs("xlnet", rows=1), assistant_model=xlnet)


def test_an_assistant_of_another_width() -> None:
    """It may do without what it cannot take, but not read it wrongly."""
    how: dict[str, Any] = {"task": "causal_lm", "size": "tiny", "backend": "eager", "add_cross_attention": True}
    model, narrow = (aw.compile("gpt2", **how, d_model=width) for width in (32, 16))
    given = {"input_ids": torch.ones(1, 3).long(), "encoder_hidden_states": torch.zeros(1, 5, 32), "max_new_tokens": 3}
    with pytest.raises(ArgumentError, match=r"`assistant_model` cannot read .* `encoder_hidden_states` expected"):
        model.generate(**given, assistant_model=narrow)
    alone = aw.compile("gpt2", **{**how, "add_cross_attention": False}, d_model=16)
    assert model.generate(**given, assistant_model=alone).equal(model.generate(**given))


@pytest.mark.parametrize(
    ("name", "family", "layers"),
    [("bart", "Bart", {"num_encoder_layers": 2, "num_decoder_layers": 2}), ("t5", "T5", {"num_decoder_layers": 2})],
)
def test_a_text_may_have_several_ends(name: str, family: str, layers: dict[str, int], tmp_path: Path) -> None:
    asked = {"task": "conditional_generation", "size": "tiny", "eos_token_id": [1, 5], **layers}
    aw.compile(name, backend="eager", **asked).save_pretrained(tmp_path)
    theirs = getattr(transformers, f"{family}ForConditionalGeneration").from_pretrained(tmp_path).eval()
    asked = {"input_ids": torch.arange(20, 32).view(2, 6), "max_new_tokens": 40, "num_beams": 2}
    with torch.no_grad():
        found = aw.from_pretrained(tmp_path, backend="eager").eval().generate(**asked)
    assert torch.equal(found, theirs.generate(**asked))
    config = json.loads((tmp_path / "config.json").read_text())
    config["architectures"] = [f"{family}ForSequenceClassification"]  # whose sentence ends at the one
    (tmp_path / "config.json").write_text(json.dumps(config))
    with pytest.raises(aw.CheckpointError, match=r"expected a number, found the list \[1, 5\]"):
        aw.from_pretrained(tmp_path, backend="eager")
