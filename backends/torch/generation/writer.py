"""What every way of writing does: read the prompt once, step on from it, and never past the model's positions."""

from __future__ import annotations

import torch
from torch import Tensor

from ...errors import ArgumentError
from ..generated import refuse_overlooked
from ..model import Model
from .blank import BlankDecoder
from .decoder import Decoder, tokens_of
from .prompt import Prompt, facts_of


class Writer:
    """A model with a prompt.

    Attributes:
        prompt: the prompt; after `begin`, a row for each text.
        positions: how many tokens the model has positions for; None where there is no end to them.

    Args:
        model: the model.
        prompt: its prompt.
        length: how many tokens there may be.

    Raises:
        ArgumentError: the prompt is longer than the model has positions, or a model for inference was changed.
        SpecError: the model cannot write step by step.
    """

    def __init__(self, model: Model, prompt: Prompt, *, length: int) -> None:
        refuse_overlooked(model.net)
        self.prompt = prompt
        self.length = prompt.ids.shape[1]
        self.positions = positions_of(model)
        require_positions(self.positions, prompt.unnamed + self.length)
        blank = facts_of(model.graph).blank
        self.decoder: Decoder | BlankDecoder
        if blank is None:
            self.decoder = Decoder(model, prompt.inputs, length=prompt.unnamed + length, along=prompt.along)
        else:
            self.decoder = BlankDecoder(model, prompt.inputs, blank, ids=tokens_of(model.graph))

    @property
    def count(self) -> int:
        """How many of the ids have been read."""
        return self.decoder.count - self.prompt.unnamed

    def begin(self, copies: int) -> tuple[Tensor, Tensor]:
        """Read the prompt of each input, and go on with some rows for each.

        Returns:
            The ids ``[rows, length]`` and the scores of the next token ``[rows, vocabulary]``.
        """
        ids = self.prompt.ids
        scores = self.decoder.begin(ids, **self.prompt.along)
        if copies == 1:
            return ids, scores
        rows = torch.arange(ids.shape[0], device=ids.device).repeat_interleave(copies)
        self.decoder.reorder(rows)
        self.prompt.spread(rows)
        return self.prompt.ids, scores.index_select(0, rows)

    def step(self, tokens: Tensor) -> Tensor:
        """The scores after each of some new tokens ``[rows, new]``, as ``[rows, new, vocabulary]``."""
        require_positions(self.positions, self.decoder.count + tokens.shape[1])
        along = self.prompt.after(self.count - self.length, tokens.shape[1])
        return self.decoder.step(tokens, **along)

    def crop(self, count: int) -> None:
        """Take the last tokens back."""
        if isinstance(self.decoder, Decoder):
            self.decoder.crop(self.prompt.unnamed + min(count, self.count))


def require_positions(positions: int | None, count: int) -> None:
    """Refuse more tokens than there are positions for."""
    if positions is not None and count > positions:
        raise ArgumentError(
            f"the model has positions for {positions} tokens, found {count}; "
            "shorten the prompt, or lower `max_new_tokens`"
        )


def positions_of(model: Model) -> int | None:
    """How many tokens the model has positions for, where a parameter says so."""
    for name in ("max_target_positions", "max_positions", "decoder.max_positions"):
        try:
            found = model.graph.param(name)
        except (KeyError, TypeError, AttributeError):
            continue
        if isinstance(found, int) and found > 0:
            return found
    return None
