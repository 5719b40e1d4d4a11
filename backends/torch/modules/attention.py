"""Attention, and learned biases of its scores."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

from .decoding import Place


def _heads(x: torch.Tensor, num_heads: int) -> torch.Tensor:
    """``[batch, length, heads*d]`` to ``[batch, heads, length, d]``."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def _shared(x: torch.Tensor, num_heads: int, num_kv_heads: int | None) -> torch.Tensor:
    """``[batch, key, kv_heads*d]`` to ``[batch, heads, key, d]``: a head for each of queries it serves."""
    if num_kv_heads is None or num_kv_heads == num_heads:
        return _heads(x, num_heads)
    return _heads(x, num_kv_heads).repeat_interleave(num_heads // num_kv_heads, 1)


def _causal(query: int, key: int, device: torch.device, place: Place | None) -> torch.Tensor:
    """Which keys each query may see, queries being the last of the keys or in their place: ``[query, key]``."""
    positions = torch.arange(key, device=device)
    queries = positions[key - query :] if place is None else place.positions()
    return positions <= queries[:, None]


def _masks(
    q: torch.Tensor,
    k: torch.Tensor,
    *,
    causal: bool,
    valid: torch.Tensor | None,
    allow: torch.Tensor | None,
    empty_rows: str,
    place: Place | None,
) -> list[torch.Tensor]:
    """The masks, broadcastable to ``[batch, heads, query, key]``: all as one, or each for itself (`least`)."""
    by_query = valid is not None and valid.dim() == 3
    masks = [] if valid is None else [valid[:, None] if by_query else valid[:, None, None, :]]
    if allow is not None:
        masks.append(allow[:, None] if allow.dim() == 3 else allow)
    if causal and not by_query:
        masks.append(_causal(q.shape[1], k.shape[1], q.device, place))
    if empty_rows == "least" or len(masks) < 2:
        return masks
    whole = masks[0]
    for mask in masks[1:]:
        whole = whole & mask
    return [whole]


def _low(q: torch.Tensor, same: torch.Tensor | None, fill: float | str) -> float:
    """What a mask adds to the score of a key that it hides."""
    return torch.finfo(q.dtype).min if isinstance(fill, str) or same is not None else fill


def _biased(
    q: torch.Tensor,
    masks: list[torch.Tensor],
    terms: list[torch.Tensor] | None,
    same: torch.Tensor | None,
    fill: float | str,
    place: Place | None,
) -> torch.Tensor | None:
    """Terms, regions and masks as one tensor to add to the scores; None where there is nothing to add."""
    total: torch.Tensor | None = None
    for term in terms or ():
        total = term.to(q.dtype) if total is None else total + term.to(q.dtype)
    if same is not None:
        assert not isinstance(fill, str)
        apart = torch.where(same[:, None, :] == same[:, :, None], 0.0, fill).to(q.dtype)
        total = apart[:, None] if total is None else total + apart[:, None]
        total = total.repeat(q.shape[0] // total.shape[0], 1, 1, 1)
    low = _low(q, same, fill)
    # Of two numbers `where` makes torch's default type, which does not hold the lowest of float64.
    zero = torch.zeros((), dtype=torch.promote_types(q.dtype, torch.float32), device=q.device)
    for mask in masks:
        additive = torch.where(mask, zero, low).to(q.dtype)
        total = additive if total is None else total + additive
    if total is None or place is None or place.news == 1:  # the one that is new sees itself
        return total
    # A query with no key to look at gives the mean of what there is, not of the room for what is to come.
    room = torch.arange(total.shape[-1], device=q.device) >= place.start + place.news
    return total.masked_fill(room, -torch.inf)


def _is_lost(q: torch.Tensor, same: torch.Tensor | None, fill: float | str) -> bool:
    """Whether a score is lost in what a mask adds to it, in the numbers that kernels compute with."""
    return -_low(q, same, fill) * torch.finfo(torch.promote_types(q.dtype, torch.float32)).eps > 1


def _learns(*given: torch.Tensor) -> bool:
    """Whether a gradient is wanted."""
    return torch.is_grad_enabled() and any(one.requires_grad for one in given)


def _with_empty_rows_gradient(
    out: torch.Tensor, q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: torch.Tensor, scale: float | None
) -> torch.Tensor:
    """The values of `out`, and where a query may look nowhere the gradient that attention written out has.

    There all scores are one number, so low that what they were is lost in it, and a query gets the mean of all values.
    Fused kernels make probabilities anew from scores and the logarithm of their sum, lost as well, and each becomes 1.

    Args:
        out: ``[batch, heads, query, d_v]``, and `q`, `k` and `v` alike.
        mask: true where a query may look.
    """
    mean = v.mean(-2, keepdim=True)
    factor = q.shape[-1] ** -0.5 if scale is None else scale
    by_scores = q @ (k.transpose(-1, -2) @ (v - mean).detach()) * (factor / k.shape[-2])
    of_empty = mean + by_scores
    return torch.where(mask.any(-1, keepdim=True), out, out.detach() + (of_empty - of_empty.detach()))


def attention(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    causal: bool = False,
    scale: float | None = None,
    soft_cap: float | None = None,
    dropout: float = 0.0,
    fill: float | str = "min",
    empty_rows: str = "zero",
    terms: list[torch.Tensor] | None = None,
    valid: torch.Tensor | None = None,
    same: torch.Tensor | None = None,
    allow: torch.Tensor | None = None,
    training: bool = False,
    place: Place | None = None,
) -> torch.Tensor:
    """Attention through torch's fused kernels.

    Args:
        q: ``[batch, query, heads*d]``; `k` ``[batch, key, kv_heads*d]``; `v` ``[batch, key, kv_heads*d_v]``.
        num_kv_heads: as many as `num_heads` where None.
        terms: added to the scores, broadcastable to ``[batch, heads, query, key]``.
        valid: ``[batch, key]``, the keys that count; ``[batch, query, key]`` stands in place of `causal` too.
        same: ``[groups, tokens]`` regions, tiled over the batch; scores between regions get `fill` added.
        allow: ``[batch, query, key]`` or broadcastable to four axes.
        place: in decoding, where the queries stand among the keys.

    Returns:
        ``[batch, query, heads*d_v]``; zero where a query may look nowhere.

    Raises:
        ValueError: there are not as many values as keys.
    """
    is_uneven = empty_rows == "least" and sum((causal, valid is not None, allow is not None)) > 1
    if soft_cap is not None or (is_uneven and _learns(q, k, v)):  # a cap or gradient that no fused kernel knows
        return attention_with_probs(
            q, k, v, num_heads=num_heads, num_kv_heads=num_kv_heads, causal=causal, scale=scale, soft_cap=soft_cap,
            dropout=dropout, fill=fill, empty_rows=empty_rows, terms=terms, valid=valid, same=same, allow=allow,
            training=training, place=place,
        )[0]  # fmt: skip
    if k.shape[1] != v.shape[1]:  # the kernel would read beyond the shorter
        raise ValueError(f"attention needs a value for each key, found {k.shape[1]} keys and {v.shape[1]} values")
    plain = valid is None and allow is None and not terms and same is None and place is None
    only_causal = causal and plain
    if only_causal and q.shape[1] != k.shape[1]:  # an `if`, as the kernel takes no SymBool, which `bool(...)` may leave
        only_causal = False
    mask, masks = None, []
    if not only_causal:
        masks = _masks(q, k, causal=causal, valid=valid, allow=allow, empty_rows=empty_rows, place=place)
        if terms or same is not None or empty_rows not in ("zero", "past"):
            mask = _biased(q, masks, terms, same, fill, place)
        elif masks:
            mask = masks[0]
        if mask is not None and mask.dim() == 3:
            mask = mask[None]
    queries = _heads(q, num_heads)
    num_kv_heads = num_kv_heads or num_heads
    # On a CPU the kernel reads a head again for each that shares it; of what others do with a mask nothing is measured.
    is_grouped = num_kv_heads != num_heads and q.device.type == "cpu"
    keys, values = (_heads(x, num_kv_heads) if is_grouped else _shared(x, num_heads, num_kv_heads) for x in (k, v))
    out = F.scaled_dot_product_attention(
        queries, keys, values, attn_mask=mask, dropout_p=dropout if training else 0.0,
        is_causal=only_causal, scale=scale, enable_gqa=is_grouped,
    )  # fmt: skip
    # On a CPU torch writes attention out where the mask itself wants a gradient.
    is_fused = mask is not None and mask.is_floating_point() and not (mask.requires_grad and q.device.type == "cpu")
    if is_fused and masks and _is_lost(q, same, fill) and _learns(q, k, v):
        keys, values = (_shared(x, num_heads, num_kv_heads) for x in (k, v))
        out = _with_empty_rows_gradient(out, queries, keys, values, masks[0], scale)
    return out.transpose(1, 2).flatten(2)


def attention_with_probs(
    q: torch.Tensor,
    k: torch.Tensor,
    v: torch.Tensor,
    *,
    num_heads: int,
    num_kv_heads: int | None = None,
    causal: bool = False,
    scale: float | None = None,
    soft_cap: float | None = None,
    dropout: float = 0.0,
    fill: float | str = "min",
    empty_rows: str = "zero",
    terms: list[torch.Tensor] | None = None,
    valid: torch.Tensor | None = None,
    same: torch.Tensor | None = None,
    allow: torch.Tensor | None = None,
    training: bool = False,
    place: Place | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """As `attention`, written out, with the probabilities ``[batch, heads, query, key]``."""
    queries = _heads(q, num_heads)
    keys, values = (_shared(x, num_heads, num_kv_heads) for x in (k, v))
    factor = queries.shape[-1] ** -0.5 if scale is None else scale
    scores = queries @ keys.transpose(-1, -2) * factor
    if soft_cap is not None:
        scores = torch.tanh(scores / soft_cap) * soft_cap
    masks = _masks(q, k, causal=causal, valid=valid, allow=allow, empty_rows=empty_rows, place=place)
    if empty_rows == "past" and causal:  # once more: what is hidden twice is no part of a mean
        masks.append(_causal(q.shape[1], k.shape[1], q.device, place))
    bias = _biased(q, masks, terms, same, fill, place)
    if bias is not None:
        scores = scores + bias
    probs = F.dropout(scores.softmax(-1), dropout, training)
    return (probs @ values).transpose(1, 2).flatten(2), probs


class BiasTable(nn.Module):
    """A bias for every bucket and head: ``[query, key]`` buckets to ``[heads, query, key]``."""

    def __init__(self, *, num: int, num_heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(num, num_heads))

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        """Look up ``[query, key]`` integers."""
        return self.weight[index].permute(2, 0, 1)


class GridBias(nn.Module):
    """A bias for every head and two places of a grid with a token in front, from a table resized to the grid."""

    def __init__(self, *, rows: int, columns: int, num_heads: int) -> None:
        super().__init__()
        # The reference reads the table of a grid that is not square with its sides swapped.
        self.sides = (2 * columns - 1, 2 * rows - 1)
        self.weight = nn.Parameter(torch.empty(self.sides[0] * self.sides[1] + 3, num_heads))

    def forward(self, like: torch.Tensor) -> torch.Tensor:
        """``[heads, 1 + cells, 1 + cells]`` for ``[batch, channels, height, width]``."""
        height, width = like.shape[-2:]
        table = self.weight[:-3].view(1, *self.sides, -1).permute(0, 3, 1, 2)
        table = F.interpolate(table, size=(2 * height - 1, 2 * width - 1), mode="bilinear").flatten(2)[0]
        rows = torch.arange(height, device=like.device).repeat_interleave(width)
        columns = torch.arange(width, device=like.device).repeat(height)
        down = rows[:, None] - rows[None, :] + height - 1
        right = columns[:, None] - columns[None, :] + width - 1
        cells = table[:, down * (2 * width - 1) + right]
        to_cells, to_token, itself = self.weight[-3:, :, None, None].unbind()
        first = torch.cat([itself, to_cells.expand(-1, 1, cells.shape[1])], dim=2)
        return torch.cat([first, torch.cat([to_token.expand(-1, cells.shape[1], 1), cells], dim=2)], dim=1)


def slope_term(positions: torch.Tensor, *, num_heads: int) -> torch.Tensor:
    """``slope[head] * positions[row, key]``: ``[rows, key]`` to ``[rows, heads, 1, key]`` (arXiv:2108.12409)."""
    power = 1 << (num_heads.bit_length() - 1)  # the largest power of two that is not more
    head = torch.arange(num_heads, device=positions.device)
    steps = torch.where(head < power, 2 * head + 2, 2 * (head - power) + 1)  # of 2 ** (-4 / power)
    slopes = 2 ** (steps * (-4 / power))
    return positions[:, None, None] * slopes[:, None, None]


def dot_term(
    x: torch.Tensor,
    table: torch.Tensor,
    index: torch.Tensor,
    *,
    num_heads: int,
    side: str = "query",
    scale: float = 1.0,
) -> torch.Tensor:
    """``x[i] . table[index[i, j]] * scale`` for each head: ``[batch, heads, query, key]``.

    Args:
        x: queries or keys, ``[batch, length, heads*d]``.
        table: ``[rows, d]``, or ``[rows, heads*d]`` for rows of their own.
        index: ``[query, key]`` or ``[batch, query, key]`` rows of the table.
        side: whether `x` holds the queries or the keys.
    """
    heads = _heads(x, num_heads)
    if table.shape[-1] != heads.shape[-1]:
        products = heads @ table.unflatten(-1, (num_heads, -1)).permute(1, 2, 0) * scale
    else:
        products = heads @ table.t() * scale
    lookup = index if side == "query" else index.transpose(-1, -2)
    lookup = lookup[:, None] if index.dim() == 3 else lookup
    found = products.gather(-1, lookup.expand(*products.shape[:2], *lookup.shape[-2:]))
    return found if side == "query" else found.transpose(-1, -2)
