"""A smaller model guesses several tokens, and the larger one checks them in one step: the same text in fewer steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ...errors import ArgumentError
from .decoder import Decoder
from .options import Options
from .processors import Processor
from .writer import Writer


def write_assisted(
    writer: Writer,
    helper: Writer,
    options: Options,
    processors: Sequence[Processor],
    choose: Callable[[Tensor], Tensor],
    put: Callable[[Tensor], object],
) -> Tensor:
    """The ids that the writer alone would give, drawn ones too: a guess is kept where it is what the writer chooses.

    Args:
        writer: what steps through the model, its prompt read.
        helper: the same for the smaller model.
        options: when to stop, and how many tokens are guessed at once.
        processors: what changes scores.
        choose: takes scores, gives tokens.
        put: is given each step's tokens.
    """
    require_one(writer, helper, options)
    ids, scores = writer.begin(1)
    _, guessed = helper.begin(1)
    if guessed.shape[1] != scores.shape[1]:
        raise ArgumentError(
            f"`assistant_model` knows {guessed.shape[1]} tokens, the model {scores.shape[1]}; "
            "take one of its vocabulary"
        )
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
        guesses = guess(helper, ids, min(options.num_assistant_tokens, options.max_length - ids.shape[1] - 1))
        scores = writer.step(torch.cat([ids[:, writer.count :], guesses], 1))


def guess(helper: Writer, ids: Tensor, many: int) -> Tensor:
    """The likeliest tokens after `ids`, ``[1, many]``, fewer where the helper's positions end."""
    helper.crop(ids.shape[1] - 1)
    if helper.positions is not None:
        many = min(many, helper.positions - ids.shape[1])
    guesses = ids[:, :0]
    new = ids[:, helper.count :]
    for _ in range(many):
        new = helper.step(new)[:, -1].argmax(-1)[:, None]
        guesses = torch.cat([guesses, new], 1)
    return guesses


def require_one(writer: Writer, helper: Writer, options: Options) -> None:
    """Refuse what cannot be checked several tokens at a time."""
    if options.num_beams > 1 or options.copies * writer.prompt.ids.shape[0] > 1:
        raise ArgumentError("`assistant_model` helps with one text and one beam; call `generate` for each input")
    if not isinstance(writer.decoder, Decoder) or not isinstance(helper.decoder, Decoder):
        raise ArgumentError("`assistant_model` needs models that step token by token")
