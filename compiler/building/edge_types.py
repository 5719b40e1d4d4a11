"""The types of edge expressions: broadcasting, kinds and slices; and the error of an edge that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...blocks.notation.dim_compare import compare
from ...blocks.notation.dims import Dim, ceil_div
from ...blocks.notation.expressions import Expr, Name
from ...blocks.notation.types import Type
from ..graph import FirstOf, OutputValue, Value


class EdgeError(ValueError):
    """An edge that does not fit together: a code, the sentence, the part of the expression, what was found.

    Attributes:
        values: those that contradict each other, whose makers are shown.
    """

    def __init__(
        self,
        code: str,
        message: str,
        tree: Expr,
        *,
        label: str = "",
        help: str | None = None,
        values: Sequence[Value] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.tree = tree
        self.label = label
        self.help = help
        self.values = values


Side = tuple[Expr, Value, Type]
"""An operand: its expression, its value and the value's type."""


def broadcast(word: str, one: Side, two: Side) -> tuple[Dim, ...]:
    """The broadcast dimensions of two operands of `word`.

    Raises:
        EdgeError: they do not fit, ``shape-mismatch``; the side to blame is the one that a node makes, else the second.
    """
    dims = broadcast_dims(one[2].dims, two[2].dims)
    if dims is not None:
        return dims
    blamed, other = (one, two) if _is_made(one[1]) and not _is_made(two[1]) else (two, one)
    like = f" like `{other[0].text}`" if isinstance(other[0], Name) else ""
    raise EdgeError(
        "shape-mismatch", f"`{word}` needs both sides of one shape", blamed[0],
        label=f"expected {other[2].shape}{like}, found {blamed[2].shape}", values=[blamed[1], other[1]],
    )  # fmt: skip


def broadcast_dims(one: tuple[Dim, ...], two: tuple[Dim, ...]) -> tuple[Dim, ...] | None:
    """The broadcast dimensions, axes of 1 stretched; None where they do not fit."""
    if one == two:
        return one
    rank = max(len(one), len(two))
    pad = (Dim.of(1),)
    dims = []
    for a, b in zip(pad * (rank - len(one)) + one, pad * (rank - len(two)) + two, strict=True):
        if a.known == 1 or b.known == 1:
            dims.append(b if a.known == 1 else a)
        elif compare(a, b) == "different":
            return None
        else:
            dims.append(a)
    return tuple(dims)


def _is_made(value: Value) -> bool:
    return isinstance(value, OutputValue) or (isinstance(value, FirstOf) and _is_made(value.choices[0]))


def matmul(one: Side, two: Side) -> Type:
    """The type of ``one @ two``.

    Raises:
        EdgeError: they are no matrices, or do not fit.
    """
    for tree, value, kind in (one, two):
        if len(kind.dims) < 2:
            label = f"expected two axes or more, found {kind.shape}"
            raise EdgeError("shape-mismatch", "`@` needs matrices", tree, label=label, values=[value])
    first, second = one[2].dims, two[2].dims
    if compare(first[-1], second[-2]) == "different":
        label = f"expected `{first[-1]}` rows, the columns of the other side, found {two[2].shape}"
        raise EdgeError(
            "shape-mismatch", "the inner extents of `@` differ", two[0], label=label, values=[one[1], two[1]]
        )
    lead = broadcast(
        "@", (one[0], one[1], Type("float", first[:-2])), (two[0], two[1], Type("float", second[:-2]))
    )  # fmt: skip
    return Type("float", (*lead, first[-2], second[-1]))


def sliced(extent: Dim, first: Any, last: Any, step: int | None) -> Dim:
    """How long ``[first:last:step]`` of an axis is; `step` is positive."""
    if extent.known is not None and not isinstance(first, Dim) and not isinstance(last, Dim):
        return Dim.of(len(range(extent.known)[first:last:step]))
    start = Dim.of(0 if first is None else first)
    stop = extent if last is None else Dim.of(last)
    if start.known is not None and start.known < 0:
        start = extent + start
    if last is not None and stop.known is not None and stop.known < 0:
        stop = extent + stop
    length = stop - start
    return ceil_div(length, step or 1) if length.known is None else Dim.of(len(range(0, length.known, step or 1)))


def promote(op: str, one: Type, two: Type) -> str:
    """The kind of an operation on two kinds."""
    kinds = {one.kind, two.kind}
    if op == "/" or "float" in kinds:
        return "float"
    return "int" if "int" in kinds or op != "|" else "bool"


def reduced(function: str, kind: Type) -> str:
    """The kind that a function over axes gives."""
    if function in ("any", "all"):
        return "bool"
    if function in ("argmax", "argmin", "argsort"):
        return "int"
    if function in ("sum", "cumsum", "prod") and kind.kind == "bool":
        return "int"
    return "float" if function in ("mean", "var", "norm", "softmax", "log_softmax") else kind.kind
