"""Attention that is not of all tokens to all (arXiv:2004.05150, 3.1): to a window, and of a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .attention import SharedHeads
from .base import Rate, Size, block
from .notation.dims import Dim, dim_min
from .notation.types import numel


@block
class WindowedAttention(SharedHeads):
    """Attention of each query to the keys at most `window` places from it, and to those that stand `everywhere`.

    A long sequence is computed in bands, its cost growing with the length; heads and scale are as in `attention`. With
    `causal` no key behind the query is seen but those that stand everywhere. A query that may look nowhere gives zero;
    `attention` with `allow` made of a `relative_position` has a choice there (`empty_rows`).
    """

    inputs: ClassVar = {**SharedHeads.inputs, "valid?": "bool[batch, key]", "everywhere?": "bool[batch, key]"}
    reads: ClassVar = {"q": "query", "k": "key", "v": "key", "valid": "key", "everywhere": "key"}
    neutral: ClassVar = frozenset(["valid"])
    counts: ClassVar[bool] = True

    window: Size
    causal: bool = False
    scale: float | None = None
    dropout: Rate = 0.0

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two products of queries and the keys of their windows."""
        return 4 * numel(values["q"]) * dim_min(2 * Dim.of(self.window) + 1, values["k"].dims[1])


@block
class GlobalAttention(SharedHeads):
    """Attention of the `marked` queries alone, to all keys; the rows of the others are zero.

    Heads and scale are as in `attention`. Probabilities are given for all queries.
    """

    inputs: ClassVar = {**SharedHeads.inputs, "marked": "bool[batch, query]", "valid?": "bool[batch, key]"}
    reads: ClassVar = {"q": "query", "k": "key", "v": "key", "marked": "query", "valid": "key"}
    neutral: ClassVar = frozenset(["valid"])
    causal: ClassVar[bool] = False

    scale: float | None = None
    dropout: Rate = 0.0

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two products of queries and keys, as if all were marked."""
        return 4 * numel(values["q"]) * values["k"].dims[1]
