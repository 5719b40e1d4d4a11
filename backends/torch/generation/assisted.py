"""Several tokens are guessed, and the model checks them in one step: the same text in fewer steps.

The guesses are a smaller model's (arXiv:2211.17192), or what followed the last tokens where they stood before.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...errors import ArgumentError
from .decoder import Decoder
from .options import Options
from .processors import Processor
from .writer import Writer

Guess = Callable[[Tensor, int], Tensor]
"""Some tokens that may come after ``[1, length]``, no more than there is room for."""


def write_assisted(
    writer: Writer,
    guess: Guess,
    options: Options,
    processors: Sequence[Processor],
    choose: Callable[[Tensor], Tensor],
    put: Callable[[Tensor], object],
) -> Tensor:
    """The ids that the writer alone would give, drawn ones too: a guess is kept where it is what the writer chooses.

    Args:
        writer: what steps through the model, its prompt read.
        guess: what guesses.
        options: when to stop.
        processors: what changes scores.
        choose: takes scores, gives tokens.
        put: is given each step's tokens.
    """
    require_one(writer, options)
    ids, scores = writer.begin(1)
    ends = set(options.ends)
    scores, guesses = scores[:, None], ids[:, :0]  # one more row of scores than guesses
    while True:
        for at in range(scores.shape[1]):
            found = scores[:, at].float()
            for process in processors:
                found = process(ids, found)
            token = choose(found)
            ids = torch.cat([ids, token[:, None]], 1)
            put(token)
            if ids.shape[1] >= options.max_length or int(token) in ends:
                return ids
            if at < guesses.shape[1] and int(token) != int(guesses[0, at]):
                break
        writer.crop(ids.shape[1] - 1)
        guesses = guess(ids, options.max_length - ids.shape[1] - 1)
        scores = writer.step(torch.cat([ids[:, writer.count :], guesses], 1))


def guesses_of(helper: Writer, writer: Writer, count: int) -> Guess:
    """The likeliest tokens by a smaller model, `count` of them, fewer where its positions end."""
    if not isinstance(helper.decoder, Decoder):
        raise ArgumentError("`assistant_model` needs models that step token by token")

    def guess(ids: Tensor, room: int) -> Tensor:
        if helper.count == 0:
            helper.begin(1)
            if helper.vocabulary != writer.vocabulary:
                raise ArgumentError(
                    f"`assistant_model` knows {helper.vocabulary} tokens, the model {writer.vocabulary}; "
                    "take one of its vocabulary"
                )
        helper.crop(ids.shape[1] - 1)
        many = min(count, room)
        if helper.positions is not None:
            many = min(many, helper.positions - ids.shape[1])
        guesses = ids[:, :0]
        new = ids[:, helper.count :]
        for _ in range(many):
            new = helper.step(new)[:, -1].argmax(-1)[:, None]
            guesses = torch.cat([guesses, new], 1)
        return guesses

    return guess


def looked_up(longest: int, count: int) -> Guess:
    """What came after the last tokens, at most `longest` of them, where they stood before (prompt lookup decoding).

    There are `count` guesses, as a repetition is followed past the end of the text, or none: so steps have two lengths
    in all, and no more are compiled.
    """

    def guess(ids: Tensor, room: int) -> Tensor:
        row = ids[0].tolist() if room >= count else []
        for size in range(min(longest, len(row) - 1), 0, -1):
            tail = row[-size:]
            for start in range(len(row) - size - 1, -1, -1):
                if row[start : start + size] == tail:
                    told = row[start + size :]
                    found = [told[at % len(told)] for at in range(count)]
                    return ids.new_tensor([found])
        return ids[:, :0]

    return guess


def require_one(writer: Writer, options: Options) -> None:
    """Refuse what cannot be checked several tokens at a time."""
    told = "prompt_lookup_num_tokens" if options.prompt_lookup_num_tokens else "assistant_model"
    if options.num_beams > 1 or options.copies * writer.prompt.ids.shape[0] > 1:
        raise ArgumentError(f"`{told}` helps with one text and one beam; call `generate` for each input")
    if not isinstance(writer.decoder, Decoder):
        raise ArgumentError(f"`{told}` needs models that step token by token")
