"""What changes the scores of the next token before one is chosen, in Hugging Face's order.

A processor takes the ids so far, ``[rows, length]``, and the scores ``[rows, vocabulary]``, and gives new scores.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import TypeAlias

import torch
from torch import Tensor

from ...errors import ArgumentError
from .options import Options

Processor: TypeAlias = Callable[[Tensor, Tensor], Tensor]
_NEVER = -torch.inf


@dataclass(frozen=True)
class Given:
    """What a call gives beside options.

    Attributes:
        prompt: the length of the prompt.
        begin: how many tokens stand before the one that `begin_suppress_tokens` may not be.
        source: the ids that are read first, ``[batch, length]``; None where something else is.
        allowed: gives the tokens that may come after a row of an input.
        own: further processors.
    """

    prompt: int
    begin: int
    source: Tensor | None
    allowed: Callable[[int, Tensor], Sequence[int]] | None
    own: Sequence[Processor]


def processors_for(options: Options, given: Given) -> list[Processor]:
    """What the options ask for, their lengths counted with the prompt.

    Raises:
        ArgumentError: an option is about ids that are read first, and there are none.
    """
    made: list[Processor] = []
    first, last = options.forced_bos_token_id, options.forced_eos_token_id
    if options.biases:
        made.append(partial(_favour, biases=options.biases))
    if options.encoder_repetition_penalty != 1.0:
        source, penalty = _source(given, options, "encoder_repetition_penalty"), 1 / options.encoder_repetition_penalty
        made.append(lambda ids, scores: _penalise_repetition(source, scores, penalty=penalty))
    if options.repetition_penalty != 1.0:
        made.append(partial(_penalise_repetition, penalty=options.repetition_penalty))
    if options.no_repeat_ngram_size:
        made.append(partial(_ban_repeated, size=options.no_repeat_ngram_size))
    if options.encoder_no_repeat_ngram_size:
        read = _source(given, options, "encoder_no_repeat_ngram_size")
        made.append(partial(_ban_repeated, size=options.encoder_no_repeat_ngram_size, source=read))
    words = [tuple(word) for word in options.bad_words_ids or () if list(word) not in [[end] for end in options.ends]]
    if words:
        made.append(partial(_favour, biases=dict.fromkeys(words, _NEVER)))
    if options.min_length and options.ends:
        made.append(partial(_ban_while, tokens=options.ends, until=options.min_length))
    if given.allowed is not None:
        made.append(partial(_keep_allowed, allowed=given.allowed, beams=options.num_beams))
    if first is not None:
        made.append(partial(_force_at, tokens=[first], at=1))
    if last is not None:
        made.append(partial(_force_at, tokens=[last] if isinstance(last, int) else last, at=options.max_length - 1))
    if options.remove_invalid_values:
        made.append(lambda ids, scores: scores.nan_to_num(0.0))
    if options.exponential_decay_length_penalty is not None:
        after, factor = options.exponential_decay_length_penalty
        made.append(partial(_raise_end, ends=options.ends, since=given.prompt + after, factor=factor))
    if options.suppress_tokens is not None:
        made.append(partial(_ban_while, tokens=options.suppress_tokens, until=None))
    if options.begin_suppress_tokens is not None:
        made.append(partial(_ban_while, tokens=options.begin_suppress_tokens, since=given.begin, until=given.begin + 1))
    made += [partial(_checked, process=process) for process in given.own]
    if options.do_sample:
        made += _warpers(options)
    if options.renormalize_logits:
        made.append(lambda ids, scores: scores.log_softmax(-1))
    return made


def _warpers(options: Options) -> list[Processor]:
    """What shapes the distribution that is drawn from; beams keep a token that does not end the text."""
    least = 1 if options.num_beams == 1 else max(len(options.ends), 1) + 1
    made: list[Processor] = []
    if options.temperature != 1.0:
        made.append(lambda ids, scores: scores / options.temperature)
    if options.top_k:
        made.append(partial(_keep_top, count=max(options.top_k, least)))
    if options.top_p is not None and options.top_p < 1.0:
        made.append(partial(_keep_mass, mass=options.top_p, least=least))
    if options.min_p is not None:
        made.append(partial(_keep_likely, share=options.min_p, least=least))
    if options.typical_p < 1.0:
        made.append(partial(_keep_typical, mass=options.typical_p, least=least))
    if 0.0 < options.epsilon_cutoff < 1.0:
        made.append(partial(_keep_above, cutoff=options.epsilon_cutoff, least=least))
    if 0.0 < options.eta_cutoff < 1.0:
        made.append(partial(_keep_above, cutoff=options.eta_cutoff, least=least, by_entropy=True))
    return made


def _source(given: Given, options: Options, name: str) -> Tensor:
    """The ids that are read first, a row for each that is written."""
    if given.source is None or not given.source.numel():
        raise ArgumentError(f"`{name}` is about the ids that a model reads first, and there are none; leave it out")
    return given.source.repeat_interleave(options.copies, 0)


@lru_cache(256)
def _there(tokens: tuple[int, ...], device: torch.device) -> Tensor:
    """Tokens on a device, made once: a copy to a GPU waits for it."""
    return torch.tensor(tokens, dtype=torch.long, device=device)


@lru_cache(16)
def _added(biases: tuple[tuple[int, float], ...], size: int, device: torch.device) -> Tensor:
    """What is added to the scores of single tokens, made once."""
    added = torch.zeros(size)
    for token, bias in biases:
        added[token] = bias
    return added.to(device)


def _among(ids: Tensor, scores: Tensor, counts: Tensor) -> Tensor:
    """Which tokens stand among ``[rows, places]`` ids that count, as scores are; some, such as a start, have none."""
    size = scores.shape[1]
    found = counts.new_zeros(len(ids), size + 1).scatter_add(1, ids.clamp(max=size), counts)
    return found[:, :-1] > 0


def _penalise_repetition(ids: Tensor, scores: Tensor, *, penalty: float) -> Tensor:
    penalised = torch.where(scores < 0, scores * penalty, scores / penalty)
    return penalised.where(_among(ids, scores, torch.ones_like(ids)), scores)


def _ban_repeated(ids: Tensor, scores: Tensor, *, size: int, source: Tensor | None = None) -> Tensor:
    """No `size` tokens stand twice, or as in `source`."""
    read = ids if source is None else source
    if read.shape[1] < size or ids.shape[1] + 1 < size:
        return scores
    runs = read.unfold(1, size, 1)  # [rows, places, size]
    follows = (runs[..., :-1] == ids[:, None, ids.shape[1] + 1 - size :]).all(-1)
    return scores.masked_fill(_among(runs[..., -1], scores, follows.int()), _NEVER)


def _favour(ids: Tensor, scores: Tensor, *, biases: Mapping[tuple[int, ...], float]) -> Tensor:
    """A number is added to the score of a run's last token where the tokens before it stand."""
    alone = tuple((run[0], bias) for run, bias in biases.items() if len(run) == 1)
    scores = scores + _added(alone, scores.shape[1], scores.device)
    for run, bias in biases.items():
        if 1 < len(run) <= ids.shape[1]:
            begun = (ids[:, 1 - len(run) :] == _there(run[:-1], ids.device)).all(1)
            scores[:, run[-1]] += torch.zeros_like(scores[:, 0]).masked_fill(begun, bias)
    return scores


def _raise_end(ids: Tensor, scores: Tensor, *, ends: Sequence[int], since: int, factor: float) -> Tensor:
    """Behind `since` tokens an end is likelier with each."""
    over = ids.shape[1] - since
    if over <= 0:
        return scores
    places = _there(tuple(ends), scores.device)
    return scores.index_add(1, places, scores.index_select(1, places).abs() * (factor**over - 1))


def _keep_allowed(
    ids: Tensor, scores: Tensor, *, allowed: Callable[[int, Tensor], Sequence[int]], beams: int
) -> Tensor:
    """Only tokens that `allowed` gives for the number of an input and what is written of it.

    Raises:
        ArgumentError: it gives none.
    """
    kept = torch.zeros_like(scores, dtype=torch.bool)
    for row, written in enumerate(ids):
        tokens = allowed(row // beams, written)
        if len(tokens) == 0:
            raise ArgumentError(f"`prefix_allowed_tokens_fn` allows no token after {written.tolist()}")
        kept[row, torch.as_tensor(tokens, device=ids.device)] = True
    return scores.masked_fill(~kept, _NEVER)


def _checked(ids: Tensor, scores: Tensor, *, process: Processor) -> Tensor:
    """What a processor of the call gives.

    Raises:
        ArgumentError: it gives no scores.
    """
    found = process(ids, scores)
    if isinstance(found, Tensor) and found.shape == scores.shape:
        return found
    told = list(found.shape) if isinstance(found, Tensor) else type(found).__name__
    raise ArgumentError(f"`logits_processor` expected scores {list(scores.shape)} back, found {told}")


def _ban_while(
    ids: Tensor, scores: Tensor, *, tokens: Sequence[int], until: int | None = None, since: int = 0
) -> Tensor:
    """Tokens are banned as long as there are at least `since` and fewer than `until` tokens."""
    if ids.shape[1] < since or (until is not None and ids.shape[1] >= until):
        return scores
    kept = tuple(token for token in tokens if 0 <= token < scores.shape[1])
    return scores.index_fill(1, _there(kept, scores.device), _NEVER)


def _force_at(ids: Tensor, scores: Tensor, *, tokens: Sequence[int], at: int) -> Tensor:
    """After `at` tokens, only `tokens` may come."""
    if ids.shape[1] != at:
        return scores
    forced = torch.full_like(scores, _NEVER)
    return forced.index_fill(1, _there(tuple(tokens), scores.device), 0.0)


def _keep_top(ids: Tensor, scores: Tensor, *, count: int) -> Tensor:
    least = scores.topk(min(count, scores.shape[1])).values[:, -1:]
    return scores.masked_fill(scores < least, _NEVER)


def _keep_mass(ids: Tensor, scores: Tensor, *, mass: float, least: int) -> Tensor:
    """The likeliest tokens that together have at least the share `mass`."""
    ordered, order = scores.sort(descending=False)
    out = ordered.softmax(-1).cumsum(-1) <= 1 - mass
    out[:, -least:] = False
    return scores.masked_fill(out.scatter(1, order, out), _NEVER)


def _keep_likely(ids: Tensor, scores: Tensor, *, share: float, least: int) -> Tensor:
    """Tokens that are at least `share` times as likely as the likeliest."""
    probs = scores.softmax(-1)
    out = probs < share * probs.amax(-1, keepdim=True)
    kept = probs.topk(min(least, scores.shape[1])).indices
    return scores.masked_fill(out.scatter(1, kept, False), _NEVER)


def _keep_typical(ids: Tensor, scores: Tensor, *, mass: float, least: int) -> Tensor:
    """The tokens whose surprise is nearest to what is expected, together of the share `mass` (arXiv:2202.00666)."""
    logs = scores.log_softmax(-1)
    expected = -(logs * logs.exp()).nansum(-1, keepdim=True)
    ordered, order = (-logs - expected).abs().sort()
    last = (scores.gather(-1, order).softmax(-1).cumsum(-1) < mass).sum(1, keepdim=True)
    out = ordered > ordered.gather(1, last.clamp(max=scores.shape[1] - 1))
    out[:, :least] = False
    return scores.masked_fill(out.scatter(1, order, out), _NEVER)


def _keep_above(ids: Tensor, scores: Tensor, *, cutoff: float, least: int, by_entropy: bool = False) -> Tensor:
    """Tokens of at least a probability, a lower one where much is possible (epsilon and eta of arXiv:2210.15191)."""
    probs, bound = scores.softmax(-1), torch.full_like(scores[:, :1], cutoff)
    if by_entropy:
        entropy = torch.special.entr(probs).sum(-1, keepdim=True)
        bound = bound.minimum(bound.sqrt() * (-entropy).exp())
    out = (probs < bound) & (scores < scores.topk(min(least, scores.shape[1])).values[:, -1:])
    return scores.masked_fill(out, _NEVER)
