"""Beam search: several beginnings of each text at once, of which the likeliest are kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from .options import Options
from .processors import Processor
from .sampling import draw
from .stopping import Stop
from .writer import Writer

_OUT = -1e9
"""Added to the score of what cannot be chosen."""


@dataclass
class Beams:
    """Some texts for each input, best first.

    Attributes:
        ids: ``[batch, beams, length]``, filled up behind what is written.
        scores: ``[batch, beams]``.
        lengths: how many new tokens each has, ``[batch, beams]``.
        ended: whether it has come to its end, ``[batch, beams]``.
        rows: of all beams of all inputs, the one that each new token goes on from, ``[batch, beams, new]``; -1 behind.
    """

    ids: Tensor
    scores: Tensor
    lengths: Tensor
    ended: Tensor
    rows: Tensor

    def best(self, which: Tensor) -> Beams:
        """Those numbered by `which`, ``[batch, beams]``."""
        ids, rows = (part.take_along_dim(which[..., None], 1) for part in (self.ids, self.rows))
        scores, lengths, ended = (part.gather(1, which) for part in (self.scores, self.lengths, self.ended))
        return Beams(ids, scores, lengths, ended, rows)

    def joined(self, other: Beams) -> Beams:
        """These and others."""
        pairs = [(getattr(self, one.name), getattr(other, one.name)) for one in fields(Beams)]
        return Beams(*(torch.cat(pair, 1) for pair in pairs))


def search(
    writer: Writer,
    options: Options,
    processors: Sequence[Processor],
    stops: Sequence[Stop],
    generator: torch.Generator | None,
    note: Callable[[str, Tensor], object],
) -> Beams:
    """The best `num_return_sequences` of each input.

    Args:
        writer: what steps through the model, its prompt read.
        options: the number of beams, and what a score is.
        processors: what changes scores.
        stops: what ends a row.
        generator: draws the candidates where `do_sample` asks for that.
        note: is given each step's `logits`, and its `scores`, of all beams.
    """
    num, prompt = options.num_beams, writer.length
    ids, scores = writer.begin(num)
    batch = ids.shape[0] // num
    running, done = _empty(ids, options, batch)
    running.scores[:, 1:] = _OUT  # all beams are the same at first
    hope = torch.ones(batch, 1, dtype=torch.bool, device=ids.device)
    first_rows = torch.arange(batch, device=ids.device)[:, None] * num
    is_top = torch.arange(num * max(2, 1 + len(options.ends)), device=ids.device) < num
    count = prompt
    while True:
        so_far = running.ids[:, :, :count].flatten(0, 1)
        note("logits", scores := scores.float())
        scores = scores.log_softmax(-1)
        for process in processors:
            scores = process(so_far, scores)
        note("scores", scores)
        found, origin = _candidates(running, scores, count, len(is_top), options, generator)
        found.rows[:, :, count - prompt] = first_rows + origin
        found.lengths.fill_(count + 1 - prompt)
        is_last = count + 1 >= options.max_length
        found.ended.fill_(is_last)
        for stop in stops:
            found.ended = found.ended | stop(found.ids[:, :, : count + 1].flatten(0, 1)).view(batch, -1)
        going = (found.scores + found.ended * _OUT).topk(num).indices
        running = found.best(going)
        running.scores = running.scores + running.ended * _OUT
        done = _finish(done, found, found.ended & is_top, hope, options)
        count += 1
        hope = hope & _may_improve(running, done, count - prompt, options.max_length - prompt, options)
        if is_last or _is_over(done, found, hope, options):
            break
        writer.decoder.reorder(running.rows[:, :, count - 1 - prompt].flatten())
        scores = writer.step(running.ids[:, :, count - 1].reshape(-1, 1))[:, -1]
    done = done.best(torch.arange(options.num_return_sequences, device=ids.device).expand(batch, -1))
    new = int(done.lengths.max())
    return replace(done, ids=done.ids[:, :, : prompt + new], rows=done.rows[:, :, :new])


def _empty(ids: Tensor, options: Options, batch: int) -> tuple[Beams, Beams]:
    """The beams that go on, which have the prompt, and those that are done, none so far."""
    fill = (options.pad or options.ends[0]) if options.ends else -1  # a pad of 0 fills with the end, as Hugging Face's
    room = ids.new_full((ids.shape[0], options.max_length - ids.shape[1]), fill)
    whole = torch.cat([ids, room], 1).unflatten(0, (batch, -1))
    shape = whole.shape[:2]
    lengths = ids.new_zeros(shape)
    ended = torch.zeros(shape, dtype=torch.bool, device=ids.device)
    rows = torch.full_like(room, -1).unflatten(0, (batch, -1))
    running = Beams(whole, torch.zeros(shape, device=ids.device), lengths, ended, rows)
    return running, replace(running, scores=torch.full(shape, _OUT, device=ids.device))


def _candidates(
    running: Beams, scores: Tensor, count: int, many: int, options: Options, generator: torch.Generator | None
) -> tuple[Beams, Tensor]:
    """The `many` likeliest continuations, or as many that are drawn, and the beam of each."""
    batch, num = running.scores.shape
    size = scores.shape[-1]
    total = (scores.unflatten(0, (batch, num)) + running.scores[:, :, None]).flatten(1)
    which = draw(total.softmax(-1), many, generator) if options.do_sample else total.topk(many).indices
    found = running.best(which // size)
    found.ids[:, :, count] = which % size
    found.scores = total.gather(1, which)
    return found, which // size


def _finish(done: Beams, found: Beams, ends_now: Tensor, hope: Tensor, options: Options) -> Beams:
    """The best of what was done and what ends now; others count as out."""
    scores = found.scores / found.lengths[:, :1] ** options.length_penalty
    if options.early_stopping is True:
        scores = scores + done.ended.all(-1, keepdim=True) * _OUT
    scores = scores + ~hope * _OUT
    scores = scores + ~ends_now * _OUT
    merged = done.joined(replace(found, scores=scores, ended=ends_now))
    return merged.best(merged.scores.topk(options.num_beams).indices)


def _may_improve(running: Beams, done: Beams, count: int, most: int, options: Options) -> Tensor:
    """Whether the best beam that goes on could come before the worst that is done, ``[batch, 1]``."""
    is_long = options.early_stopping == "never" and options.length_penalty > 0.0
    possible = running.scores[:, :1] / (most if is_long else count) ** options.length_penalty
    worst = done.scores.amin(1, keepdim=True).where(done.ended, _OUT)
    return (possible > worst).any(-1, keepdim=True)


def _is_over(done: Beams, found: Beams, hope: Tensor, options: Options) -> bool:
    """Whether nothing better can come; the one place where the host waits."""
    over = ~hope.any() | found.ended.all()
    if options.early_stopping is True:
        over = over | done.ended.all()
    return bool(over)
