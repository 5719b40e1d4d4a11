"""`Model.generate`: what Hugging Face's `generate` takes, and the ids that it returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ...errors import ArgumentError
from ..model import Model
from ..output import Output, wrap
from .assisted import guesses_of, looked_up, require_helper, require_one
from .beams import search
from .decoder import reads_apart, tokens_of
from .options import Options, options_for
from .processors import Given, processors_for
from .prompt import facts_of, is_told, prompt_for, read_first
from .sampling import chooser, no_guess, write
from .stopping import stops_for
from .writer import Writer, positions_of, require_positions


@torch.no_grad()  # in inference mode what is written could not be trained on, nor are sharded weights read
def generate(
    model: Model,
    inputs: Any = None,
    *,
    streamer: Any = None,
    assistant_model: Model | None = None,
    generation_config: Any = None,
    logits_processor: Any = None,
    stopping_criteria: Any = None,
    prefix_allowed_tokens_fn: Callable[[int, Tensor], Sequence[int]] | None = None,
    seed: int | None = None,
    generator: torch.Generator | None = None,
    **given: Any,
) -> Tensor | Output:
    """The ids of texts that the model writes, ``[batch * num_return_sequences, length]``; with them what is asked for.

    Args:
        model: a model with a task that writes tokens.
        inputs: what is read first (ids, features or pixels), in place of its name.
        streamer: an object with ``put`` and ``end``, or a callable that is given each step's tokens.
        assistant_model: a smaller model of the same vocabulary, whose guesses the model checks.
        generation_config: options that differ from their defaults, as Hugging Face's ``GenerationConfig`` has them.
        logits_processor: callables that take ids ``[rows, length]`` and scores ``[rows, vocabulary]``, and give scores.
        stopping_criteria: callables that take ids and None, and give whether each row ends.
        prefix_allowed_tokens_fn: takes the number of an input and the ids of one row, and gives what may come next.
        seed: begins the draws of `do_sample`.
        generator: draws, in place of a `seed`.
        **given: the model's inputs, and the fields of `Options`.

    Raises:
        ArgumentError: the model writes no tokens, or an argument is wrong.
        SpecError: the model cannot write step by step.
    """
    graph = model.graph
    tokens_of(graph)
    if inputs is not None:
        main = read_first(graph)
        if given.get(main) is not None:
            raise ArgumentError(f"`inputs` and `{main}` are the same; give one of them")
        given[main] = inputs
    read = {name: given.pop(name) for name in list(given) if name in graph.root.inputs and name != "logits_to_keep"}
    spoken = next((name for name in ("language", "task") if given.get(name) is not None), None)
    if spoken is not None and not is_told(graph):
        raise ArgumentError(f"`{spoken}` is of speech, and `{graph.name}` begins no text with it; leave it out")
    options = options_for(model, given, graph.root.inputs, generation_config)
    prompt = prompt_for(model, read, options)
    facts, length, repeats = facts_of(graph), prompt.ids.shape[1], 1
    temperature = given.get("temperature")
    if facts.returns == "new" and temperature is not None:  # then it says in Hugging Face whether to draw, by one beam
        options.do_sample = temperature > 0
        options.num_beams = 1 if options.do_sample else options.num_beams
    if facts.returns == "new" and options.num_beams > 1:  # then Hugging Face repeats each input, and its best text
        repeats, options.num_return_sequences = options.num_return_sequences, 1
    if facts.returns == "new" and options.return_dict_in_generate:
        raise ArgumentError(f"`{graph.name}` returns ids alone; leave `return_dict_in_generate` out")
    positions = positions_of(model)
    require_positions(positions, prompt.unnamed + length)
    # Hugging Face's default length stays within positions that have this one name.
    options.limit(length, positions if "max_positions" in graph.params else None, prompt.unnamed)
    writer = Writer(model, prompt, length=options.max_length)
    generator = _draws(seed, generator, prompt.ids.device)
    is_begun = length > 1 or options.forced_bos_token_id is None or facts.returns == "new"
    source = prompt.inputs.get("input_ids") if reads_apart(graph) else prompt.ids
    own = _callables("logits_processor", logits_processor)
    told = Given(length, length if is_begun else length + 1, source, prefix_allowed_tokens_fn, own)
    processors = processors_for(options, told)
    stops = stops_for(options, _callables("stopping_criteria", stopping_criteria), prompt.ids.device)
    put = _put(streamer, prompt.ids, options)
    if assistant_model is not None and options.prompt_lookup_num_tokens:
        raise ArgumentError("`assistant_model` and `prompt_lookup_num_tokens` both guess; give one of them")
    if assistant_model is not None:
        require_helper(assistant_model, model, read)
        helper = Writer(assistant_model, prompt_for(assistant_model, read, options), length=options.max_length)
        guess = guesses_of(helper, options.num_assistant_tokens, read)
    elif options.prompt_lookup_num_tokens:
        guess = looked_up(options.max_matching_ngram_size, options.prompt_lookup_num_tokens)
    else:
        guess = no_guess
    if guess is not no_guess:
        require_one(writer, options)
    beside: dict[str, Any] = {name: () for name in ("scores", "logits") if getattr(options, f"output_{name}")}

    def note(name: str, found: Tensor) -> None:
        if name in beside:
            beside[name] += (found.clone(),)

    if options.num_beams > 1:
        best = search(writer, options, processors, stops, generator, note)
        ids, beside["beam_indices"] = best.ids.flatten(0, 1), best.rows.flatten(0, 1)
        beside |= {"sequences_scores": best.scores.flatten()} if options.output_scores else {}
    else:
        ids = write(writer, options, processors, chooser(options, generator), stops, put, note, guess)
    if hasattr(streamer, "end"):
        streamer.end()
    if options.return_dict_in_generate:
        return wrap(dict.fromkeys(_TOLD), {"sequences": ids, **beside})
    return _new(ids, length, options).repeat_interleave(repeats, 0) if facts.returns == "new" else ids


_TOLD = ("sequences", "sequences_scores", "scores", "logits", "beam_indices")
"""What `return_dict_in_generate` gives, as far as it is asked for and there."""


def _callables(name: str, given: Any) -> list[Any]:
    """What a call gives of one kind: several, one or none."""
    made = [] if given is None else list(given) if isinstance(given, Iterable) else [given]
    if not all(map(callable, made)):
        raise ArgumentError(f"`{name}` expected callables, found {', '.join(type(one).__name__ for one in made)}")
    return made


def _put(streamer: Any, ids: Tensor, options: Options) -> Callable[[Tensor], object]:
    """What a step's tokens are given to; a streamer is given the prompt first."""
    if streamer is None:
        return lambda tokens: None
    if options.num_beams > 1:
        raise ArgumentError("a `streamer` cannot follow beams, whose beginnings change; leave it out, or take one beam")
    if hasattr(streamer, "put"):
        streamer.put(ids.repeat_interleave(options.copies, 0).cpu())
        return lambda tokens: streamer.put(tokens.cpu())
    if not callable(streamer):
        raise ArgumentError("`streamer` expected an object with `put` and `end`, or a callable")
    return lambda tokens: streamer(tokens.cpu())


def _new(ids: Tensor, prompt: int, options: Options) -> Tensor:
    """What was written after the prompt, cut as Hugging Face cuts speech, as wide as the longest.

    Of a row whose last token is one that fills up, as many are taken off as it has; then an end, if there is but one.
    """
    new, end = ids[:, prompt:], options.eos_token_id
    if not new.shape[1]:
        return new
    lengths = torch.full_like(new[:, 0], new.shape[1])
    if options.pad is not None:
        fill = new == options.pad
        lengths -= torch.where(fill[:, -1], fill.sum(1) - int(options.pad == end), 0)
    if isinstance(end, int):
        last = new.gather(1, (lengths - 1).clamp(min=0)[:, None])[:, 0]
        lengths -= ((last == end) & (lengths > 0)).long()
    kept = torch.arange(new.shape[1], device=ids.device) < lengths[:, None]
    return new.where(kept, options.pad or 0)[:, : int(lengths.max())]


def _draws(seed: Any, generator: Any, device: torch.device) -> torch.Generator | None:
    """The generator that draws; None is torch's own."""
    if seed is None:
        if generator is not None and not isinstance(generator, torch.Generator):
            raise ArgumentError(f"`generator` expected a torch.Generator, found {type(generator).__name__}")
        return generator
    if generator is not None:
        raise ArgumentError("`seed` and `generator` both begin the draws; give one of them")
    if isinstance(seed, bool) or not isinstance(seed, int):
        raise ArgumentError(f"`seed` expected a whole number, found {seed!r}")
    return torch.Generator(device).manual_seed(seed)
