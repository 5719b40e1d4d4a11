"""What changes the scores of the next token before one is chosen, in Hugging Face's order.

A processor takes the ids so far, ``[rows, length]``, and the scores ``[rows, vocabulary]``, and gives new scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache, partial
from typing import TypeAlias

import torch
from torch import Tensor

from .options import Options

Processor: TypeAlias = Callable[[Tensor, Tensor], Tensor]
_NEVER = -torch.inf


def processors_for(options: Options, begin: int) -> list[Processor]:
    """What the options ask for.

    Args:
        options: the options, their lengths counted with the prompt.
        begin: how many tokens stand before the one that `begin_suppress_tokens` may not be.
    """
    made: list[Processor] = []
    first, last = options.forced_bos_token_id, options.forced_eos_token_id
    if options.repetition_penalty != 1.0:
        made.append(partial(_penalise_repetition, penalty=options.repetition_penalty))
    if options.no_repeat_ngram_size:
        made.append(partial(_ban_repeated, size=options.no_repeat_ngram_size))
    words = [tuple(word) for word in options.bad_words_ids or () if list(word) not in [[end] for end in options.ends]]
    if words:
        made.append(partial(_ban_words, words=words))
    if options.min_length and options.ends:
        made.append(partial(_ban_while, tokens=options.ends, until=options.min_length))
    if first is not None:
        made.append(partial(_force_at, tokens=[first], at=1))
    if last is not None:
        made.append(partial(_force_at, tokens=[last] if isinstance(last, int) else last, at=options.max_length - 1))
    if options.remove_invalid_values:
        made.append(lambda ids, scores: scores.nan_to_num(0.0))
    if options.suppress_tokens is not None:
        made.append(partial(_ban_while, tokens=options.suppress_tokens, until=None))
    if options.begin_suppress_tokens is not None:
        made.append(partial(_ban_while, tokens=options.begin_suppress_tokens, since=begin, until=begin + 1))
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
    return made


@lru_cache(256)
def _there(tokens: tuple[int, ...], device: torch.device) -> Tensor:
    """Tokens on a device, made once: a copy to a GPU waits for it."""
    return torch.tensor(tokens, dtype=torch.long, device=device)


def _among(ids: Tensor, scores: Tensor, counts: Tensor) -> Tensor:
    """Which tokens stand among ``[rows, places]`` ids that count, as scores are; some, such as a start, have none."""
    size = scores.shape[1]
    found = counts.new_zeros(len(ids), size + 1).scatter_add(1, ids.clamp(max=size), counts)
    return found[:, :-1] > 0


def _penalise_repetition(ids: Tensor, scores: Tensor, *, penalty: float) -> Tensor:
    penalised = torch.where(scores < 0, scores * penalty, scores / penalty)
    return penalised.where(_among(ids, scores, torch.ones_like(ids)), scores)


def _ban_repeated(ids: Tensor, scores: Tensor, *, size: int) -> Tensor:
    """No `size` tokens stand twice."""
    if ids.shape[1] < size:
        return scores
    runs = ids.unfold(1, size, 1)  # [rows, places, size]
    follows = (runs[..., :-1] == ids[:, None, ids.shape[1] + 1 - size :]).all(-1)
    return scores.masked_fill(_among(runs[..., -1], scores, follows.int()), _NEVER)


def _ban_words(ids: Tensor, scores: Tensor, *, words: Sequence[tuple[int, ...]]) -> Tensor:
    """The last token of a word is banned where those before it stand."""
    singles = [word[0] for word in words if len(word) == 1]
    scores = scores.index_fill(1, _there(tuple(singles), scores.device), _NEVER)
    for word in words:
        if 1 < len(word) <= ids.shape[1]:
            begun = ids[:, 1 - len(word) :] == _there(word[:-1], ids.device)
            scores[:, word[-1]] = scores[:, word[-1]].masked_fill(begun.all(1), _NEVER)
    return scores


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
