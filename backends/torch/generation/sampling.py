"""Writing one text a row: at each step the likeliest token or one that is drawn, and more where they are guessed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from ...errors import ArgumentError
from .options import Options
from .processors import Processor
from .stopping import Stop
from .writer import Writer

Guess: TypeAlias = Callable[[Tensor, int], Tensor]
"""Some tokens that may come after ``[rows, length]``, no more than there is room for."""
CHECKED = ["cpu", "cuda"]
"""Devices on which torch can refuse numbers without the host looking at them."""


def chooser(options: Options, generator: torch.Generator | None) -> Callable[[Tensor], Tensor]:
    """Chooses a token for each row of scores ``[rows, vocabulary]``."""
    if not options.do_sample:
        return lambda scores: scores.argmax(-1)
    return lambda scores: draw(scores.softmax(-1), 1, generator).squeeze(1)


def draw(probs: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    """The draws of ``probs.multinomial(count)``, whose checks make the host wait for a GPU.

    Raises:
        ArgumentError: they are no probabilities; a GPU tells so later, with a RuntimeError.
    """
    if probs.device.type not in CHECKED:
        return probs.multinomial(count, generator=generator)
    told = "expected probabilities, found what is none: every token is banned, or scores are no numbers"
    are = (probs >= 0).all()
    if probs.device.type == "cpu" and not bool(are):
        raise ArgumentError(told)
    torch.ops.aten._assert_async.msg(are, told)
    return (probs / torch.empty_like(probs).exponential_(generator=generator)).topk(count).indices


def no_guess(ids: Tensor, room: int) -> Tensor:
    """No tokens: each step writes one."""
    return ids[:, :0]


def write(
    writer: Writer,
    options: Options,
    processors: Sequence[Processor],
    choose: Callable[[Tensor], Tensor],
    stops: Sequence[Stop],
    put: Callable[[Tensor], object],
    note: Callable[[str, Tensor], object],
    guess: Guess = no_guess,
) -> Tensor:
    """The ids of each row, filled up behind its end.

    A step reads the tokens that are guessed too; a guess is kept where it is what is chosen, so that the ids are those
    that there would be without.

    Args:
        writer: what steps through the model, its prompt read.
        options: the greatest length, and what is written behind an end.
        processors: what changes scores.
        choose: takes scores, gives tokens.
        stops: what ends a row.
        put: is given each step's tokens.
        note: is given each token's `logits`, and its `scores`.
        guess: what guesses, where there is one row.
    """
    ids, scores = writer.begin(options.copies)
    open_ = torch.ones(ids.shape[0], dtype=torch.bool, device=ids.device)
    pad = 0 if options.pad is None else options.pad
    scores, guesses = scores[:, None], ids[:, :0]  # one more row of scores than guesses
    while True:
        for at in range(scores.shape[1]):
            found = scores[:, at].float()
            note("logits", found)
            for process in processors:
                found = process(ids, found)
            note("scores", found)
            tokens = choose(found)
            if options.ends:
                tokens = tokens.where(open_, pad)
            ids = torch.cat([ids, tokens[:, None]], 1)
            put(tokens)
            for stop in stops:
                open_ = open_ & ~stop(ids)
            if ids.shape[1] >= options.max_length or (stops and not bool(open_.any())):
                return ids
            if at < guesses.shape[1] and bool(tokens[0] != guesses[0, at]):
                break
        writer.crop(ids.shape[1] - 1)
        guesses = guess(ids, options.max_length - ids.shape[1] - 1)
        scores = writer.step(torch.cat([ids[:, writer.count :], guesses], 1))
