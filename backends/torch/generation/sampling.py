"""Writing one text a row: the likeliest token at each step, or one that is drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from .options import Options
from .processors import Processor
from .writer import Writer


def chooser(options: Options, generator: torch.Generator | None) -> Callable[[Tensor], Tensor]:
    """Chooses a token for each row of scores ``[rows, vocabulary]``."""
    if not options.do_sample:
        return lambda scores: scores.argmax(-1)
    return lambda scores: scores.softmax(-1).multinomial(1, generator=generator).squeeze(1)


def write(
    writer: Writer,
    options: Options,
    processors: Sequence[Processor],
    choose: Callable[[Tensor], Tensor],
    put: Callable[[Tensor], object],
) -> Tensor:
    """The ids of each row, filled up behind its end.

    Args:
        writer: what steps through the model, its prompt read.
        options: when to stop.
        processors: what changes scores.
        choose: takes scores, gives tokens.
        put: is given each step's tokens.
    """
    ids, scores = writer.begin(options.copies)
    ends = torch.tensor(options.ends, device=ids.device)
    open_ = torch.ones(ids.shape[0], dtype=torch.bool, device=ids.device)
    pad = 0 if options.pad is None else options.pad
    while True:
        scores = scores.float()
        for process in processors:
            scores = process(ids, scores)
        tokens = choose(scores)
        if options.ends:
            tokens = tokens.where(open_, pad)
            open_ = open_ & ~torch.isin(tokens, ends)
        ids = torch.cat([ids, tokens[:, None]], 1)
        put(tokens)
        if ids.shape[1] >= options.max_length or (options.ends and not bool(open_.any())):
            return ids
        scores = writer.step(tokens[:, None])[:, -1]
