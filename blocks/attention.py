"""Attention: one weightless core; projections, score terms and masks are nodes around it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

from .base import Block, PortError, Rate, Size, Weight, block
from .notation.dim_compare import compare
from .notation.dims import Dim
from .notation.types import AnyType, Bindings, Type, numel


class SharedHeads(Block):
    """Queries in `num_heads` heads; keys and values in as many or, each read by several, in `num_kv_heads`."""

    inputs: ClassVar = {
        "q": "float[batch, query, inner]",
        "k": "float[batch, key, inner * num_kv_heads // num_heads]",
        "v": "float[batch, key, inner_v]",
    }
    outputs: ClassVar = {
        "x": "float[batch, query, inner_v * num_heads // num_kv_heads]",
        "probs?": "float[batch, num_heads, query, key]",
    }
    divides: ClassVar = {"num_heads": ("inner",), "num_kv_heads": ("num_heads", "inner_v")}
    category: ClassVar[str] = "attention"

    num_heads: Size
    num_kv_heads: Size | None = None

    def bindings(self) -> Bindings:
        """The fields, keys having the heads of queries where nothing else is said."""
        shared = self.num_heads if self.num_kv_heads is None else self.num_kv_heads
        return Bindings({**super().bindings().given, "num_kv_heads": Dim.of(shared)})


@block
class Attention(SharedHeads):
    """Scaled dot-product attention over heads (arXiv:1706.03762, 3.2), with score terms and masks.

    ``softmax(q @ k.T * scale + sum(terms), where allowed) @ v``, heads being equal slices of the last axis. With
    `num_kv_heads`, keys and values have so many heads, each for as many neighbours of the queries (arXiv:2305.13245).
    With `soft_cap` the products are kept within it, ``soft_cap * tanh(products / soft_cap)`` (arXiv:2408.00118).

    `valid` marks the keys that count, for all queries or, where it is a call's own mask, for each, then in place of
    `causal`; `same` gives tokens a region outside of which they do not look, by `fill`, a number that is added to
    scores; `allow` is any further mask of queries and keys, for all samples, for each or, by four axes, for heads too;
    a term of three axes is for heads. `empty_rows` says what a query with no key to look at gives: zero, the mean of
    all values (which it is in any case where there are `terms` or a `soft_cap`, or `probs` are read, as in Hugging
    Face's kernels), or the mean of those values that the least number of masks hides (`least`: masks are numbers that
    add up). `past` is zero, and where `probs` are read the mean of what `causal` alone lets it see, as GPT-2's
    kernels have it.
    """

    inputs: ClassVar = {
        **SharedHeads.inputs,
        "terms*": "any",
        "valid?": "bool[batch, key] | bool[batch, query, key]",
        "same?": "int[groups, query]",
        "allow?": "any",
    }
    reads: ClassVar = {"q": "query", "k": "key", "v": "key", "valid": "key", "terms": "score", "same": "all",
                       "allow": "score"}  # fmt: skip
    neutral: ClassVar = frozenset(["valid", "allow"])
    counts: ClassVar[bool] = True

    causal: bool = False
    scale: float | None = None
    soft_cap: float | None = None
    dropout: Rate = 0.0
    fill: float | Literal["min"] = "min"
    empty_rows: Literal["zero", "mean", "least", "past"] = "zero"

    def infer(self, values: Mapping[str, AnyType | list[AnyType]], bindings: Bindings) -> dict[str, AnyType]:
        """As the notation says; regions need to know by what they are kept apart, and scores what they are added to."""
        if values.get("same") is not None and isinstance(self.fill, str):
            raise PortError("same", "a number as `fill`, which is added between regions", f"`fill: {self.fill}`")
        results = super().infer(values, bindings)
        scores = results["probs"]
        assert isinstance(scores, Type)
        terms = values.get("terms") or []
        for term in terms if isinstance(terms, list) else [terms]:
            if not isinstance(term, Type):
                continue
            if term.kind == "bool" or not _broadcasts(term.dims, scores.dims):
                raise PortError("terms", f"numbers to add to scores of {scores.shape}", str(term))
            if len(term.dims) == 3 and term.dims[0] == scores.dims[0] != scores.dims[1]:
                told = f"an axis behind that of samples, `[:, null]`, to add to scores of {scores.shape}"
                raise PortError("terms", told, str(term))
        allow = values.get("allow")
        if isinstance(allow, Type) and not (len(allow.dims) > 1 and _broadcasts(allow.dims[-2:], scores.dims)):
            raise PortError("allow", f"a mask of scores of {scores.shape}, or of their last axes", str(allow))
        return results

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """Two products of queries and keys."""
        return 4 * numel(values["q"]) * values["k"].dims[1]


def _broadcasts(dims: Sequence[Dim], scores: Sequence[Dim]) -> bool:
    """Whether values of these last axes may stand beside scores."""
    ends = zip(reversed(dims), reversed(scores), strict=False)
    return len(dims) <= len(scores) and all(one.known == 1 or compare(one, two) != "different" for one, two in ends)


@block
class BiasTable(Block):
    """A learned bias for every head and bucket: ``table[index]``, heads in front (arXiv:1910.10683, 2.1)."""

    inputs: ClassVar = {"index": "int[query, key]"}
    outputs: ClassVar = {"x": "float[num_heads, query, key]"}
    weights: ClassVar = {"weight": Weight("num, num_heads", init="zeros")}
    reads: ClassVar = {"index": "query"}
    category: ClassVar[str] = "embedding"

    num: Size
    num_heads: Size


@block
class SlopeTerm(Block):
    """A score term that falls or rises in a line over the keys, each head at its own slope (arXiv:2108.12409).

    The slopes are powers of ``2**(-8/n)`` for `n` heads; where `n` is no power of two, those of the largest one below,
    and every other one of the next.
    """

    inputs: ClassVar = {"positions": "int[rows, key]"}
    outputs: ClassVar = {"x": "float[rows, num_heads, 1, key]"}
    reads: ClassVar = {"positions": "key"}
    category: ClassVar[str] = "attention"

    num_heads: Size


@block
class GridBias(Block):
    """A learned bias for every head and offset of two cells of a grid (arXiv:2106.08254, 2.1), `like` having the grid.

    One token stands in front of the cells, with a bias towards them, one from them and one with itself. The table, made
    for a grid of `rows` and `columns`, is resized to the one at hand.
    """

    inputs: ClassVar = {"like": "float[batch, channels, height, width]"}
    outputs: ClassVar = {"x": "float[num_heads, height*width + 1, height*width + 1]"}
    weights: ClassVar = {"weight": Weight("(2*rows - 1)*(2*columns - 1) + 3, num_heads", init="zeros")}
    extents: ClassVar = frozenset(["like"])
    category: ClassVar[str] = "embedding"

    rows: Size
    columns: Size
    num_heads: Size


@block
class DotTerm(Block):
    """A score term from relative positions: each query (or key) times the row of its offset (arXiv:1803.02155, 3.1).

    The table's rows are one head wide and shared by all heads, or all heads wide; `index` may differ by sample.
    """

    inputs: ClassVar = {
        "x": "float[batch, length, inner]",
        "table": "float[rows, width]",
        "index": "int[*, query, key]",
    }
    outputs: ClassVar = {"x": "float[batch, num_heads, query, key]"}
    reads: ClassVar = {"x": "side", "index": "query"}
    divides: ClassVar = {"num_heads": ("inner",)}
    category: ClassVar[str] = "attention"

    num_heads: Size
    side: Literal["query", "key"] = "query"
    scale: float = 1.0

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """The product with every row."""
        return 2 * numel(values["x"]) * values["table"].dims[0]
