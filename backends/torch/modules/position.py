"""Positions as integers, and tables resized to a grid."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F

from .decoding import Place


def token_positions(like: torch.Tensor, *, start: int = 0, place: Place | None = None) -> torch.Tensor:
    """``[length]`` integers from `start`, one for each place along the second axis of `like`."""
    if place is not None:
        return place.positions() + start
    return torch.arange(start, start + like.shape[1], device=like.device)


def relative_position(q: torch.Tensor, k: torch.Tensor, *, place: Place | None = None) -> torch.Tensor:
    """``key - query`` for the second axes of `q` and `k`, queries being the last of the keys: ``[query, key]``."""
    if place is not None:
        queries = place.positions()
        # Nothing looks at the room behind the newest token, and a table may have no row for it.
        return torch.minimum(torch.arange(place.length, device=k.device), queries[-1]) - queries[:, None]
    keys = torch.arange(k.shape[1], device=k.device)
    before = k.shape[1] - q.shape[1] if q.shape[1] <= k.shape[1] else 0
    queries = torch.arange(before, before + q.shape[1], device=k.device)
    return keys[None, :] - queries[:, None]


def rotary_angles(
    positions: torch.Tensor, *, dim: int, base: float = 10000.0, factor: float = 1.0, ramp: str = "none",
    trained_length: int | None = None, slow: float = 1.0, fast: float = 32.0,
) -> torch.Tensor:  # fmt: skip
    """``position * base**(-2k/dim)`` in float32: ``[*, dim // 2]`` for positions ``[*]``.

    Args:
        factor: what rates are divided by (arXiv:2306.15595), all of them where `ramp` is ``none``.
        ramp: which keep a share of theirs: by how often they turn within `trained_length`, from `slow` to `fast` times
            (``turns``), or by their number, from the pair that turns `fast` times to the one that turns `slow` times
            (``pairs``, arXiv:2309.00071, 3.2).
    """
    periods = base ** (torch.arange(0, dim, 2, device=positions.device) / dim)
    if factor == 1:
        return positions[..., None] / periods
    kept: torch.Tensor | float = 0.0
    if ramp == "turns" and trained_length:
        kept = ((trained_length / (2 * math.pi * periods) - slow) / (fast - slow)).clamp(0, 1)
    elif ramp == "pairs" and trained_length:
        first, last = (dim / 2 * math.log(trained_length / (2 * math.pi * turns), base) for turns in (fast, slow))
        first, last = max(math.floor(first), 0), min(math.ceil(last), dim - 1)
        kept = 1 - ((torch.arange(dim // 2, device=positions.device) - first) / max(last - first, 1e-3)).clamp(0, 1)
    return positions[..., None] / periods * (kept + (1 - kept) / factor)


def rotary_rates(*, dim: int) -> torch.Tensor:
    """``10000**(-2k/dim)`` in float32: ``[dim // 2]``."""
    return 1.0 / 10000 ** (_numbered(0, dim, 2) / dim)


def _numbered(*bounds: int) -> torch.Tensor:
    """``torch.arange`` for a table that a module makes of numbers alone.

    The table has its values where modules are built without weights as well: the first sum of two meta tensors makes
    torch import its whole compiler, which takes a second.
    """
    device = torch.get_default_device()
    return torch.arange(*bounds, device="cpu" if device.type == "meta" else device)


def rotary(x: torch.Tensor, angles: torch.Tensor, *, num_heads: int, kind: str = "halves") -> torch.Tensor:
    """Turns the first numbers of each head of ``[batch, length, heads*d]`` in pairs (arXiv:2104.09864).

    Args:
        angles: ``[1 or batch, length, pairs]``; twice as many numbers of each head are turned.
        kind: what a pair is: neighbours, or a number of the first `pairs` and its like among the second.
    """
    heads = x.unflatten(-1, (num_heads, -1))
    sin, cos = (wave.to(x.dtype)[:, :, None] for wave in (angles.sin(), angles.cos()))
    turned, rest = heads.split([2 * angles.shape[-1], heads.shape[-1] - 2 * angles.shape[-1]], dim=-1)
    split, axis = ((-1, 2), -1) if kind == "pairs" else ((2, -1), -2)
    a, b = turned.unflatten(-1, split).unbind(axis)
    turned = torch.stack([a * cos - b * sin, b * cos + a * sin], axis).flatten(-2)
    return torch.cat([turned, rest], dim=-1).flatten(2)


def log_buckets(
    x: torch.Tensor, *, num: int, max_distance: int, bidirectional: bool = True, kind: str = "counted"
) -> torch.Tensor:
    """The bucket of each relative position (arXiv:1910.10683, 2.1), the logarithm taken in float32."""
    if kind == "signed":
        middle = num // 2
        distance = x.abs()
        farthest = torch.log(torch.full((), (max_distance - 1) / middle, device=x.device))
        steps = torch.log(distance.clamp(min=middle) / middle) / farthest * (middle - 1)
        return torch.where(distance <= middle, x, (steps.ceil().long() + middle) * x.sign())
    base = torch.zeros_like(x)
    if bidirectional:
        num //= 2
        base = (x > 0).long() * num
        distance = x.abs()
    else:
        distance = -x.clamp(max=0)
    exact = num // 2
    far = exact + (
        torch.log(distance.float() / exact) / math.log(max_distance / exact) * (num - exact)
    ).long()  # fmt: skip
    return base + torch.where(distance < exact, distance, far.clamp(max=num - 1))


def window_index(*, window: int) -> torch.Tensor:
    """``[w*w, w*w]``: the row of a ``(2w-1)**2`` table for each pair of cells, row offset first."""
    cells = _numbered(window)
    rows, columns = (axis.flatten() for axis in torch.meshgrid(cells, cells, indexing="ij"))
    down = rows[:, None] - rows[None, :] + window - 1
    right = columns[:, None] - columns[None, :] + window - 1
    return down * (2 * window - 1) + right


def window_regions(like: torch.Tensor, *, window: int, shift: int) -> torch.Tensor:
    """``[windows, window**2]``: the region that each cell of a shifted grid ``[batch, height, width, d]`` is from."""
    height, width = like.shape[1], like.shape[2]
    if shift == 0:
        return torch.zeros(height // window * (width // window), window * window, dtype=torch.long, device=like.device)
    rows, columns = (_bands(size, window, shift, like.device) for size in (height, width))
    grid = rows[:, None] * 3 + columns[None, :]
    grid = grid.view(height // window, window, width // window, window)
    return grid.transpose(1, 2).reshape(-1, window * window)


def _bands(size: int, window: int, shift: int, device: torch.device) -> torch.Tensor:
    cells = torch.arange(size, device=device)
    return (cells >= size - window).long() + (cells >= size - shift).long()


def interpolate_positions(
    table: torch.Tensor, like: torch.Tensor, *, extra: int = 1, rows: int | None = None
) -> torch.Tensor:
    """A table ``[1, extra + cells, d]`` resized bicubically to the grid of `like` ``[batch, channels, height, width]``.

    Args:
        extra: leading rows that are no cells.
        rows: how many rows the table's grid has; as many as columns where None.

    Returns:
        ``[1, extra + height*width, d]``.
    """
    height, width = like.shape[-2:]
    kept, grid = table[:, :extra], table[:, extra:]
    rows = rows or math.isqrt(grid.shape[1])
    grid = grid.reshape(1, rows, grid.shape[1] // rows, -1).permute(0, 3, 1, 2)
    grid = F.interpolate(grid, size=(height, width), mode="bicubic", align_corners=False)
    return torch.cat([kept, grid.permute(0, 2, 3, 1).flatten(1, 2)], dim=1)


def stretch_positions(
    table: torch.Tensor, like: torch.Tensor, rows: torch.Tensor | None = None, columns: torch.Tensor | None = None
) -> torch.Tensor:
    """A square table ``[1, places, d]`` stretched over each grid of `like` ``[batch, channels, height, width]``.

    Args:
        rows: ``[batch]``, how many rows of each grid count; None counts all. `columns` likewise.

    Returns:
        ``[batch, height*width, d]``, zero beyond what counts.
    """
    batch, _, height, width = like.shape
    side = math.isqrt(table.shape[1])
    rows, columns = (
        torch.full((batch,), size, device=like.device) if count is None else count
        for count, size in ((rows, height), (columns, width))
    )
    down, across = _spread(rows, height, side).to(table.dtype), _spread(columns, width, side).to(table.dtype)
    return torch.einsum("bhs,bwt,std->bhwd", down, across, table[0].unflatten(0, (side, side))).flatten(1, 2)


def _spread(counts: torch.Tensor, length: int, size: int) -> torch.Tensor:
    """How much of each of `size` points there is at each of `length` places: ``[batch, length, size]``."""
    places = torch.arange(length, device=counts.device)
    spots = places * (size - 1) / (counts[:, None] - 1).clamp(min=1)
    near = F.relu(1 - (spots[:, :, None] - torch.arange(size, device=counts.device)).abs())
    return near * (places < counts[:, None])[:, :, None]


def sinusoid_table(*, num: int, dim: int, kind: str = "interleaved") -> torch.Tensor:
    """``[num, dim]``: sines and cosines of each position, side by side or all sines first (arXiv:1706.03762, 3.5)."""
    return sinusoids(_numbered(num), dim=dim, kind=kind)


def sinusoid_grid(*, side: int, dim: int, extra: int = 1) -> torch.Tensor:
    """``[1, extra + side**2, dim]``: the sinusoids of each cell's column and row, `extra` rows of zeros in front."""
    axis = sinusoids(_numbered(side), dim=dim // 2, kind="halves")
    cells = torch.cat([axis.repeat(side, 1), axis.repeat_interleave(side, 0)], dim=1)
    return F.pad(cells, (0, 0, extra, 0))[None]


def sinusoids(
    index: torch.Tensor, like: torch.Tensor | None = None, *, dim: int, kind: str = "interleaved"
) -> torch.Tensor:
    """Sines and cosines of the positions ``[*]``: ``[*, dim]`` in float32, or the type of `like`."""
    half = dim // 2 if kind == "halves_fairseq" else (dim + 1) // 2
    steps = torch.arange(half, device=index.device)
    if kind == "halves_fairseq":
        angles = index[..., None] * torch.exp(steps * -(math.log(10000) / max(half - 1, 1)))
    elif kind == "halves_float32":
        angles = index[..., None].float() * (1 / torch.pow(10000, (2 * steps).float() / dim))
    else:
        angles = index[..., None].double() * 10000 ** (-2 * steps.double() / dim)
    if kind == "interleaved":
        table = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(-2)[..., :dim]
    else:
        table = torch.cat([angles.sin(), angles.cos()], dim=-1)[..., :dim]
    return F.pad(table.to(torch.float32 if like is None else like.dtype), (0, dim - table.shape[-1]))
