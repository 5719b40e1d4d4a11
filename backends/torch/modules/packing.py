"""The real tokens of padded samples, one sample behind the other: ``[batch, length, ...]`` as ``[1, total, ...]``."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import torch.nn.functional as F

from .attention import attention


class Padding(NamedTuple):
    """Where the real tokens of a batch stand.

    Attributes:
        mask: which places of ``[batch, length]`` hold one.
        found: those places, of all samples counted on, ``[total]``; what fills up the last of them is past all places.
        starts: where each sample begins among the real tokens, and where the last one ends, ``[batch + 1]``; what fills
            up is a sample more.
        places: for each sample where its own are; None where a text is compiled, for all lengths alike.
    """

    mask: torch.Tensor
    found: torch.Tensor
    starts: torch.Tensor
    places: tuple[torch.Tensor | slice, ...] | None

    @property
    def batch(self) -> int:
        """How many samples there are."""
        return self.mask.shape[0]

    @property
    def length(self) -> int:
        """How long they are, padding included."""
        return self.mask.shape[1]

    def pack(self, x: torch.Tensor) -> torch.Tensor:
        """The real tokens of ``[batch, length, ...]``, of which an axis may be 1: ``[1, total, ...]``."""
        places = self.found % self.mask.numel()  # what fills up may be any token
        return x.expand(self.batch, self.length, *x.shape[2:]).flatten(0, 1).index_select(0, places)[None]

    def unpack(self, x: torch.Tensor) -> torch.Tensor:
        """Each token of ``[1, total, ...]`` in its place, and zeros at padding: ``[batch, length, ...]``."""
        empty = x.new_zeros(self.batch * self.length + 1, *x.shape[2:])
        return empty.index_copy(0, self.found, x[0])[:-1].unflatten(0, (self.batch, self.length))

    def blank(self, x: torch.Tensor) -> torch.Tensor:
        """A tensor like ``[1, total, ...]`` unpacked, of which the shape counts alone."""
        return x.new_zeros(()).expand(self.batch, self.length, *x.shape[2:])


def padding_of(mask: torch.Tensor, *, is_compiled: bool = False, is_filled: bool = False) -> Padding:
    """Where a mask over ``[batch, length]``, or with more axes of samples, is true. It waits for the mask's device.

    Args:
        mask: the mask.
        is_compiled: what reads it is a text for all lengths.
        is_filled: fill the tokens up to a multiple of `length`, so that there are few numbers of them.
    """
    mask = mask.flatten(0, -2).bool()
    found = mask.flatten().nonzero()[:, 0]
    starts = F.pad(mask.sum(1).cumsum(0), (1, 0)).int()
    if is_filled:
        total, length = len(found), mask.shape[1]
        room = max(-(-total // length), 1) * length
        found = F.pad(found, (0, room - total), value=mask.numel())
        starts = F.pad(starts, (0, 1), value=room)
    if is_compiled:
        return Padding(mask, found, starts, None)
    ends = [mask.sum(1), mask.int().argmax(1), mask.shape[1] - mask.int().flip(1).argmax(1)]
    counts, firsts, lasts = torch.stack(ends).tolist()  # at once, since a GPU is waited for
    places: list[torch.Tensor | slice] = []
    for own, first, last in zip((found % mask.shape[1]).split(counts), firsts, lasts, strict=True):
        places.append(slice(first, last) if last - first == len(own) else own)
    return Padding(mask, found, starts, tuple(places))


def packed_attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    padding: Padding,
    num_heads: int,
    num_kv_heads: int | None = None,
    causal: bool = False,
    scale: float | None = None,
    soft_cap: float | None = None,
    dropout: float = 0.0,
    fill: float | str = "min",
    empty_rows: str = "zero",
    terms: list[torch.Tensor] | None = None,
    training: bool = False,
) -> torch.Tensor:
    """`attention` of real tokens with those of their own sample, over ``[1, total, heads*d]``.

    That is one call where a kernel takes samples of many lengths (`is_ragged`), and else one for each sample. In a text
    that is compiled for all lengths the samples are then laid out with their padding for it, which hides it.

    Args:
        terms: added to the scores, broadcastable to ``[batch, heads, length, length]``.
    """
    how = {"num_heads": num_heads, "num_kv_heads": num_kv_heads, "causal": causal, "scale": scale,
           "soft_cap": soft_cap, "dropout": dropout, "training": training}  # fmt: skip
    plain = not terms and not soft_cap and not (training and dropout) and num_kv_heads in (None, num_heads)
    if plain and all(is_ragged(x, num_heads) for x in (q, v)):
        from torch.nn.attention.varlen import varlen_attn  # it imports the compiler

        q, k, v = (x[0].unflatten(-1, (num_heads, -1)) for x in (q, k, v))
        ends, most, window = padding.starts, padding.length, (-1, 0 if causal else -1)
        out: Any = varlen_attn(q, k, v, ends, ends, most, most, scale=scale, window_size=window)
        return out.flatten(1)[None]
    if padding.places is None:
        q, k, v = (padding.unpack(x) for x in (q, k, v))
        how |= {"fill": fill, "empty_rows": empty_rows}
        return padding.pack(attention(q, k, v, terms=terms, valid=padding.mask, **how))
    counts = [one.stop - one.start if isinstance(one, slice) else len(one) for one in padding.places]
    samples = zip(*(x.split(counts, 1) for x in (q, k, v)), strict=True)
    out = [
        attention(*sample, terms=[_cut(term, at, padding) for term in terms or ()], **how)
        for at, sample in enumerate(samples)
        if counts[at]
    ]
    return torch.cat(out, 1) if out else v.new_zeros(1, 0, v.shape[-1])


def is_ragged(x: torch.Tensor, num_heads: int) -> bool:
    """Whether torch has a kernel for samples of many lengths: FlashAttention's, on CUDA (arXiv:2307.08691)."""
    width = x.shape[-1] // num_heads
    return x.is_cuda and x.dtype in (torch.float16, torch.bfloat16) and width % 8 == 0 and width <= 256


def _cut(term: torch.Tensor, at: int, padding: Padding) -> torch.Tensor:
    """What a score term says of the real tokens of one sample."""
    assert padding.places is not None
    if term.dim() == 4 and term.shape[0] > 1:
        term = term[at : at + 1]
    if term.shape[-1] > 1:
        term = term[..., padding.places[at]]
    return term[..., padding.places[at], :] if term.shape[-2] > 1 else term
