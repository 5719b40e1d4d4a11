"""Attention that is not of all tokens to all (arXiv:2004.05150, 3.1): to a window, and of a few."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import Block, Size, block
from .notation.dims import Dim
from .notation.types import numel

_PORTS = {"q": "float[batch, query, inner]", "k": "float[batch, key, inner]", "v": "float[batch, key, inner_v]"}
_OUTPUTS = {"x": "float[batch, query, inner_v]", "probs?": "float[batch, num_heads, query, key]"}


@block
class WindowedAttention(Block):
    """Attention of each query to the keys at most `window` places from it, and to those that stand `everywhere`.

    A long sequence is computed in bands, its cost growing with the length; heads and scale are as in `attention`. With
    `causal` no key behind the query is seen but those that stand everywhere. A query that may look nowhere gives zero.
    """

    inputs: ClassVar = {**_PORTS, "valid?": "bool[batch, key]", "everywhere?": "bool[batch, key]"}
    outputs: ClassVar = _OUTPUTS
    reads: ClassVar = {"q": "query", "k": "key", "v": "key", "valid": "key", "everywhere": "key"}
    neutral: ClassVar = frozenset(["valid"])
    counts: ClassVar[bool] = True
    divides: ClassVar = {"num_heads": ("inner", "inner_v")}
    category: ClassVar[str] = "attention"

    num_heads: Size
    window: Size
    causal: bool = False
    scale: float | None = None
    dropout: float = 0.0

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two products of queries and the keys of their windows."""
        return 4 * numel(values["q"]) * (2 * Dim.of(self.window) + 1)


@block
class GlobalAttention(Block):
    """Attention of the `marked` queries alone, to all keys; the rows of the others are zero.

    Heads and scale are as in `attention`. Probabilities are given for all queries.
    """

    inputs: ClassVar = {**_PORTS, "marked": "bool[batch, query]", "valid?": "bool[batch, key]"}
    outputs: ClassVar = _OUTPUTS
    reads: ClassVar = {"q": "query", "k": "key", "v": "key", "marked": "query", "valid": "key"}
    neutral: ClassVar = frozenset(["valid"])
    divides: ClassVar = {"num_heads": ("inner", "inner_v")}
    category: ClassVar[str] = "attention"

    num_heads: Size
    scale: float | None = None
    dropout: float = 0.0

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two products of queries and keys, as if all were marked."""
        return 4 * numel(values["q"]) * values["k"].dims[1]
