"""How to write: Hugging Face's names and defaults, what a checkpoint says, and what a call says."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from typing import Any

import torch

from ....compiler.diagnosing.diagnostics import did_you_mean
from ...errors import ArgumentError
from ..model import Model
from .decoder import vocabulary_of

ARGUMENTS = (
    "streamer", "assistant_model", "generation_config", "logits_processor", "stopping_criteria",
    "prefix_allowed_tokens_fn", "seed", "generator",
)  # fmt: skip
"""What `generate` takes beside a model's inputs and the fields of `Options`."""
_NEUTRAL: Mapping[str, Any] = {
    "use_cache": (True, False), "token_healing": False, "guidance_scale": (None, 1), "num_beam_groups": 1,
    "diversity_penalty": 0.0, "constraints": None, "force_words_ids": None, "penalty_alpha": (None, 0),
    "stop_strings": None, "output_attentions": False, "output_hidden_states": False, "return_timestamps": False,
    "dola_layers": None, "low_memory": (None, False), "watermarking_config": None,
    "labels": None, "past_key_values": None, "synced_gpus": (None, False),
    "negative_prompt_ids": None, "negative_prompt_attention_mask": None, "use_model_defaults": None,
    "custom_generate": None, "tokenizer": None,
}  # fmt: skip
"""Options of Hugging Face's that are known here by the values alone under which they change nothing."""
_NEUTRAL_NONE = frozenset({
    "temperature", "repetition_penalty", "max_length", "min_length", "typical_p", "epsilon_cutoff", "eta_cutoff",
    "encoder_repetition_penalty", "encoder_no_repeat_ngram_size",
})  # fmt: skip
"""Options that None takes back to where they change nothing, whatever the checkpoint says."""


@dataclass
class Options:
    """What a text is written with; the names and defaults are Hugging Face's."""

    max_length: int = 20
    max_new_tokens: int | None = None
    min_length: int = 0
    min_new_tokens: int | None = None
    do_sample: bool = False
    num_beams: int = 1
    num_return_sequences: int = 1
    length_penalty: float = 1.0
    early_stopping: bool | str = False
    temperature: float = 1.0
    top_k: int | None = 50
    top_p: float | None = 1.0
    min_p: float | None = None
    typical_p: float = 1.0
    epsilon_cutoff: float = 0.0
    eta_cutoff: float = 0.0
    repetition_penalty: float = 1.0
    encoder_repetition_penalty: float = 1.0
    no_repeat_ngram_size: int = 0
    encoder_no_repeat_ngram_size: int = 0
    sequence_bias: dict[tuple[int, ...], float] | list[list[Any]] | None = None
    bad_words_ids: list[list[int]] | None = None
    exponential_decay_length_penalty: tuple[int, float] | None = None
    renormalize_logits: bool = False
    remove_invalid_values: bool = False
    forced_bos_token_id: int | None = None
    forced_eos_token_id: int | list[int] | None = None
    suppress_tokens: list[int] | None = None
    begin_suppress_tokens: list[int] | None = None
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | list[int] | None = None
    max_time: float | None = None
    num_assistant_tokens: int = 20
    prompt_lookup_num_tokens: int | None = None
    max_matching_ngram_size: int = 2
    language: str | list[str] | None = None
    task: str | None = None
    forced_decoder_ids: list[list[int]] | None = None
    lang_to_id: dict[str, int] | None = None
    task_to_id: dict[str, int] | None = None
    no_timestamps_token_id: int | None = None
    return_dict_in_generate: bool = False
    output_scores: bool = False
    output_logits: bool | None = None
    given: frozenset[str] = field(default_factory=frozenset)

    @property
    def ends(self) -> list[int]:
        """The tokens that end a text."""
        return _many(self.eos_token_id)

    @property
    def pad(self) -> int | None:
        """What fills the rest of a row whose text has ended."""
        return self.ends[0] if self.pad_token_id is None and self.ends else self.pad_token_id

    @property
    def biases(self) -> dict[tuple[int, ...], float]:
        """What is added to the score of a run's last token where the others stand before it."""
        pairs = self.sequence_bias or {}
        return {tuple(run): bias for run, bias in (pairs.items() if isinstance(pairs, dict) else pairs)}

    @property
    def copies(self) -> int:
        """How many rows there are for each input."""
        return max(self.num_beams, self.num_return_sequences)

    def limit(self, prompt: int, positions: int | None, unnamed: int = 0) -> None:
        """Count the prompt into the lengths.

        Args:
            prompt: how long the prompt is.
            positions: how many tokens the model has positions for, where its config says.
            unnamed: how many tokens before it have embeddings alone; the lengths count them until here.
        """
        if self.max_new_tokens is not None:
            self.max_length = prompt + self.max_new_tokens
        elif unnamed:
            self.max_length -= unnamed
        elif "max_length" not in self.given and self.max_length == Options.max_length:
            self.max_length = min(prompt + self.max_length, positions or prompt + self.max_length)
        if self.min_new_tokens is not None:
            self.min_length = prompt + self.min_new_tokens
        else:
            self.min_length = max(self.min_length - unnamed, 0)
        if prompt >= self.max_length:
            raise ArgumentError(
                f"the prompt has {prompt + unnamed} tokens, which leaves none of `max_length` "
                f"{self.max_length + unnamed}; raise it, or give `max_new_tokens`"
            )
        shortest = {"min_length", "min_new_tokens"} & self.given
        if self.min_length > self.max_length and shortest and {"max_length", "max_new_tokens"} & self.given:
            raise ArgumentError(
                f"a text of at least {self.min_length} and at most {self.max_length} tokens was asked for; "
                f"lower `{min(shortest)}`"
            )


_DEFAULTS = {one.name: one.default for one in fields(Options) if one.name != "given"}
_ONCE_IN_CONFIGS = (
    "max_length", "min_length", "do_sample", "early_stopping", "num_beams", "temperature", "top_k", "top_p",
    "repetition_penalty", "length_penalty", "no_repeat_ngram_size", "bad_words_ids", "num_return_sequences",
    "forced_bos_token_id", "forced_eos_token_id", "suppress_tokens", "begin_suppress_tokens",
)  # fmt: skip
"""Options that configs held before there were files for them."""


def options_for(model: Model, given: Mapping[str, Any], inputs: Collection[str], config: Any = None) -> Options:
    """The options of a call: as given, else as `config` or the checkpoint says, else Hugging Face's defaults.

    Args:
        model: the model.
        given: what the call says.
        inputs: names of the model's inputs, for suggestions.
        config: Hugging Face's ``GenerationConfig``, or what has a `to_dict` like its.

    Raises:
        ArgumentError: an option is unknown, or its value is wrong.
    """
    known = list(_DEFAULTS)
    for name, value in given.items():
        if name not in known:
            _refuse(name, value, [*known, *inputs, *ARGUMENTS])
    said = {name: value for name, value in _said(model).items() if not name.startswith(("output_", "return_"))}
    for name in _NEUTRAL.keys() & said.keys():
        _refuse(name, said[name], known)
    said |= _told(config, known)
    asked = {name: given[name] for name in known if name in given}
    for name in _NEUTRAL_NONE & asked.keys():
        asked[name] = getattr(Options, name) if asked[name] is None else asked[name]
    chosen = {name: said[name] for name in known if said.get(name) is not None}
    options = Options(**{**chosen, **asked}, given=frozenset(name for name in asked if given[name] is not None))
    _check(options)
    _check_tokens(options, vocabulary_of(model.graph))
    return options


def _said(model: Model) -> dict[str, Any]:
    """What the checkpoint says: its file for generation, or else its config, and that of its decoder.

    A file that was made from the config gives way to a config that says how to write, as in Hugging Face.
    """
    written = model.origin.generation if model.origin is not None else None
    usual = {**_DEFAULTS, **{name: declared.default for name, declared in model.graph.spec.params.items()}}
    told = any(model.config.get(name) not in (None, usual[name]) for name in _ONCE_IN_CONFIGS)
    if written is not None and not (written.get("_from_model_config") and told):
        return written
    said = _filled(model.config, model.graph.params)
    if said.get("force_bos_token_to_be_generated"):
        said["forced_bos_token_id"] = said.get("bos_token_id")
    inner = model.config.get("decoder") or model.config.get("text_config")
    if isinstance(inner, dict):
        for name, value in _filled(inner, model.graph.params.get("decoder", {})).items():
            if said.get(name, _DEFAULTS.get(name)) == _DEFAULTS.get(name):
                said[name] = value
    return said


def _told(config: Any, known: Collection[str]) -> dict[str, Any]:
    """What a call's config says beyond the defaults, which leave to the checkpoint what it says."""
    if config is None:
        return {}
    if not hasattr(config, "to_dict"):
        told = type(config).__name__
        raise ArgumentError(f"`generation_config` expected an object such as GenerationConfig, found {told}")
    table = config.to_dict()
    for name in _NEUTRAL.keys() & table.keys():
        _refuse(name, table[name], known)
    return {name: table[name] for name in known if table.get(name, _DEFAULTS[name]) not in (None, _DEFAULTS[name])}


def _filled(config: Mapping[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """What a config says, and of writing what it means where it is silent."""
    silent = {name: params[name] for name in _DEFAULTS.keys() & params.keys()}
    return {name: value for name, value in {**silent, **config}.items() if value is not None}


def _refuse(name: str, value: Any, known: Collection[str]) -> None:
    """An error for an option that is unknown, or known by values that change nothing and has another."""
    if name in _NEUTRAL:
        neutral = _NEUTRAL[name] if isinstance(_NEUTRAL[name], tuple) else (_NEUTRAL[name],)
        if value is None or value in neutral:
            return
        raise ArgumentError(f"`{name}={value!r}` is not supported by `generate`; leave it out")
    hint = did_you_mean(name, known) or "`docs/generation.md` lists what it takes"
    raise ArgumentError(f"`generate` takes no argument `{name}`; {hint}")


def _check(options: Options) -> None:
    """Refuse values that mean nothing."""
    for name in ("num_beams", "num_return_sequences", "num_assistant_tokens", "max_matching_ngram_size"):
        _require(options, name, _is_whole(getattr(options, name), 1), "a positive whole number")
    for name in ("temperature", "repetition_penalty", "encoder_repetition_penalty", "length_penalty"):
        _require(options, name, isinstance(getattr(options, name), Real), "a number")
    for name in ("max_length", "max_new_tokens", "min_length", "min_new_tokens", "no_repeat_ngram_size", "top_k",
                 "encoder_no_repeat_ngram_size", "prompt_lookup_num_tokens"):  # fmt: skip
        value = getattr(options, name)
        _require(options, name, value is None or _is_whole(value, 0), "a whole number that is not negative")
    _require(options, "temperature", options.temperature > 0 or not options.do_sample,
             "a positive number; `do_sample=False` takes the likeliest token")  # fmt: skip
    for name in ("repetition_penalty", "encoder_repetition_penalty"):
        _require(options, name, getattr(options, name) > 0, "a positive number")
    _require(options, "typical_p", isinstance(options.typical_p, Real) and options.typical_p > 0, "a positive number")
    seconds, decay = options.max_time, options.exponential_decay_length_penalty
    _require(options, "max_time", seconds is None or isinstance(seconds, Real), "a number of seconds")
    is_pair = decay is None or (isinstance(decay, (list, tuple)) and len(decay) == 2)
    _require(options, "exponential_decay_length_penalty", is_pair and all(isinstance(one, Real) for one in decay or ()),
             "a number of tokens and a factor")  # fmt: skip
    for name in ("top_p", "min_p", "epsilon_cutoff", "eta_cutoff"):
        value = getattr(options, name)
        _require(options, name, value is None or 0 <= value <= 1, "a number from 0 to 1")
    for name in ("output_scores", "output_logits"):
        if getattr(options, name) and not options.return_dict_in_generate:
            raise ArgumentError(f"`{name}` is returned beside the ids; give `return_dict_in_generate=True` too")
    _require(options, "early_stopping", options.early_stopping in (True, False, "never"), 'True, False or "never"')
    count, beams = options.num_return_sequences, options.num_beams
    if count > beams and (beams > 1 or not options.do_sample):
        raise ArgumentError(
            f"expected `num_return_sequences` of at most `num_beams`, found {count} and {beams}; raise `num_beams`, "
            "or give `do_sample=True` without beams"
        )


def _check_tokens(options: Options, vocabulary: int) -> None:
    """Refuse what are no tokens; those that are written must be known, while others are never met."""
    for name in ("suppress_tokens", "begin_suppress_tokens", "eos_token_id", "pad_token_id", "bos_token_id",
                 "decoder_start_token_id"):  # fmt: skip
        value = getattr(options, name)
        fits = not name.endswith("tokens") or isinstance(value, (list, tuple, torch.Tensor))
        fits = value is None or (fits and all(isinstance(token, Integral) for token in _many(value)))
        _require(options, name, fits, "a list of tokens" if name.endswith("tokens") else "a token's number")
    try:
        pairs = options.biases.items()
        fits = all(run and isinstance(bias, Real) and _are_known(run, vocabulary) for run, bias in pairs)
    except (TypeError, ValueError):
        fits = False
    _require(options, "sequence_bias", fits, f"numbers by runs of tokens from 0 to {vocabulary - 1}")
    words = options.bad_words_ids
    is_list = words is None or (isinstance(words, list) and all(isinstance(word, list) and word for word in words))
    _require(options, "bad_words_ids", is_list, "lists of tokens, none of them empty")
    for name in ("bad_words_ids", "forced_bos_token_id", "forced_eos_token_id"):
        tokens = itertools.chain(*words or ()) if name == "bad_words_ids" else _many(getattr(options, name))
        _require(options, name, _are_known(tokens, vocabulary), f"tokens from 0 to {vocabulary - 1}")


def _are_known(tokens: Iterable[Any], vocabulary: int) -> bool:
    return all(isinstance(token, Integral) and token in range(vocabulary) for token in tokens)


def _require(options: Options, name: str, fits: bool, expected: str) -> None:
    if not fits:
        raise ArgumentError(f"`{name}` expected {expected}, found {getattr(options, name)!r}")


def _is_whole(value: Any, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _many(value: Any) -> list[int]:
    if isinstance(value, torch.Tensor):
        value = value.tolist()
    return [] if value is None else list(value) if isinstance(value, (list, tuple)) else [value]
