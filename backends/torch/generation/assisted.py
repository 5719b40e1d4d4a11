"""Guesses that the model checks several of in one step: a smaller model's, or what followed the last tokens before."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor

from ...errors import ArgumentError
from ..misfit import explain
from ..model import Model
from .decoder import Decoder, embeds_of, tokens_of, vocabulary_of
from .options import Options
from .sampling import Guess
from .writer import Writer


def require_helper(helper: Any, model: Model, given: Collection[str]) -> None:
    """Refuse a model that cannot guess for another what comes after these inputs."""
    if not isinstance(helper, Model):
        raise ArgumentError(f"`assistant_model` expected a model, found {type(helper).__name__}")
    if tokens_of(helper.graph) != tokens_of(model.graph):
        raise ArgumentError("`assistant_model` expected a model that reads what this one reads")
    if vocabulary_of(helper.graph) != vocabulary_of(model.graph):
        raise ArgumentError(
            f"`assistant_model` knows {vocabulary_of(helper.graph)} tokens, the model {vocabulary_of(model.graph)}; "
            "take one of its vocabulary"
        )
    if embeds_of(tokens_of(model.graph)) in given:
        raise ArgumentError(f"`assistant_model` has embeddings of its own; give `{tokens_of(model.graph)}`")


def guesses_of(helper: Writer, count: int, given: Mapping[str, Any]) -> Guess:
    """The likeliest tokens by a smaller model (arXiv:2211.17192), `count` of them, fewer where its positions end.

    Args:
        given: what the models are called with, to say what of it the smaller one cannot read.
    """
    decoder = helper.decoder
    if not isinstance(decoder, Decoder):
        raise ArgumentError("`assistant_model` needs models that step token by token")

    def guess(ids: Tensor, room: int) -> Tensor:
        if helper.count == 0:
            try:
                helper.begin(1)
            except (IndexError, RuntimeError, ValueError) as error:
                explain(error, decoder.graph, given, before="`assistant_model` cannot read what this one reads: ")
                raise
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
