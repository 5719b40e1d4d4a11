"""The types of edge expressions: broadcasting, kinds and slices; and the error of an edge that does not fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from ...blocks.notation.dim_compare import compare, is_below_zero
from ...blocks.notation.dims import Dim, ceil_div
from ...blocks.notation.expressions import Expr, Name
from ...blocks.notation.types import Type
from ..graph import Constant, FirstOf, OutputValue, Value

_TRUTHS = frozenset(["==", "!=", "<", "<=", ">", ">=", "and", "or"])


class EdgeError(ValueError):
    """An edge that does not fit together: a code, the sentence, the part of the expression, what was found.

    Attributes:
        values: those that contradict each other, whose makers are shown.
    """

    def __init__(
        self, code: str, message: str, tree: Expr, label: str = "", *, help: str | None = None,
        values: Sequence[Value] = (),
    ) -> None:  # fmt: skip
        super().__init__(message)
        self.code = code
        self.tree = tree
        self.label = label
        self.help = help
        self.values = values


class Side(NamedTuple):
    """An operand: its expression, its value and the value's type."""

    tree: Expr
    value: Value
    type: Type


# The types of operations, by their operands


def elementwise(function: str, side: Side) -> Type:
    """The type of a function of each number.

    Raises:
        EdgeError: there is no tensor, or one of numbers that the function is not made for.
    """
    check_tensor(function, side)
    if function in ("abs", "relu"):
        check_kind(function, side, "bool")
    kept = dict.fromkeys(("abs", "relu"), side.type.kind)
    kind = {"int": "int", "bool": "bool", "isfinite": "bool", **kept}.get(function, "float")
    return Type(kind, side.type.dims)


def unary(op: str, side: Side) -> Type:
    """The type of ``-x`` or ``not x``.

    Raises:
        EdgeError: `not` of what is no truth value, or `-` of what is one.
    """
    if op == "not":
        check_bool(op, side)
    else:
        check_kind(op, side, "bool")
    return side.type


def binary(op: str, one: Side, two: Side) -> Type:
    """The type of an operator between two operands.

    Raises:
        EdgeError: they do not fit.
    """
    if op in ("/", "//", "%") and isinstance(two.value, Constant) and two.value.value == 0:
        raise EdgeError("bad-edge", "this divides by zero", two.tree, "expected another number, found 0")
    if op in ("and", "or"):
        check_bool(op, one, two)
    if op == "@":
        return matmul(one, two)
    if op == "-" or (op in ("+", "*", "//", "%", "**") and one.type.kind == two.type.kind):
        for side in (one, two):
            check_kind(op, side, "bool")
    kind = "bool" if op in _TRUTHS else promote(op, one.type, two.type)
    return Type(kind, broadcast(op, one, two))


def extreme(op: str, one: Side, two: Side) -> Type:
    """The type of the smaller, or larger, of each two numbers."""
    kind = one.type.kind if one.type.kind == two.type.kind else promote(op, one.type, two.type)
    return Type(kind, broadcast(op, one, two))


def where(op: str, test: Side, one: Side, two: Side) -> Type:
    """The type of a choice for each number.

    Raises:
        EdgeError: there is nothing to choose by, or between.
    """
    if isinstance(test.value, Constant):
        label = "expected bool values that the graph computes, found one for all"
        help_ = "choose by parameters with `one if condition else other`"
        raise EdgeError("bad-edge", f"`{op}` chooses for each number", test.tree, label, help=help_)
    check_bool(op, test)
    either = Side(two.tree, Value(None, 0), extreme(op, one, two))
    return Type(either.type.kind, broadcast(op, test, either))


def cosine(op: str, one: Side, two: Side) -> Type:
    """The type of the cosine of vectors, which are the last axis.

    Raises:
        EdgeError: one is no tensor, or they do not fit.
    """
    for side in (one, two):
        check_tensor(op, side)
        check_kind(op, side, "int", "bool")
    return Type("float", broadcast(op, one, two)[:-1])


def transpose(op: str, side: Side) -> Type:
    """The type with the last two axes swapped.

    Raises:
        EdgeError: there are no two.
    """
    if len(side.type.dims) < 2:
        label = f"expected two axes or more, found {side.type}"
        raise EdgeError("bad-axis", f"`{op}` swaps the last two axes", side.tree, label)
    *lead, rows, columns = side.type.dims
    return Type(side.type.kind, (*lead, columns, rows))


_IN_A_LET = "numbers are computed in a `let`, as in `size: {}($n)`: write `$size` here"
_OF_NUMBERS = {word: _IN_A_LET.format(word) for word in ("abs", "int", "log")}
_OF_NUMBERS["sqrt"] = "the root of a number is `number ** 0.5`"


def check_tensor(word: str, side: Side) -> None:
    """See to it that an operand of `word` is no number that is known before anything is computed.

    Raises:
        EdgeError: it is one.
    """
    if isinstance(side.value, Constant):
        label = "expected what an input or a node gives, found a number"
        raise EdgeError("bad-edge", f"`{word}` needs a tensor", side.tree, label, help=_OF_NUMBERS.get(word))


def check_kind(word: str, side: Side, *refused: str) -> None:
    """See to it that an operand of `word` is of no kind that it is not made for.

    Raises:
        EdgeError: it is.
    """
    if side.type.kind in refused:
        wanted = "float" if "int" in refused else "int or float"
        label = f"expected {wanted} values, found {side.type}"
        help_ = f"`float({side.tree.text})` makes numbers of them" if isinstance(side.tree, Name) else None
        raise EdgeError("type-mismatch", f"`{word}` needs numbers", side.tree, label, help=help_, values=[side.value])


def check_bool(word: str, *sides: Side) -> None:
    """See to it that operands of `word` are truth values.

    Raises:
        EdgeError: one is not.
    """
    for side in sides:
        if side.type.kind != "bool":
            label = f"expected bool values, found {side.type}"
            raise EdgeError("type-mismatch", f"`{word}` needs truth values", side.tree, label, values=[side.value])


def broadcast(word: str, one: Side, two: Side) -> tuple[Dim, ...]:
    """The broadcast dimensions of two operands of `word`.

    Raises:
        EdgeError: they do not fit, ``shape-mismatch``; the side to blame is the one that a node makes, else the second.
    """
    dims = broadcast_dims(one.type.dims, two.type.dims)
    if dims is not None:
        return dims
    blamed, other = (one, two) if _is_made(one.value) and not _is_made(two.value) else (two, one)
    like = f" like `{other.tree.text}`" if isinstance(other.tree, Name) else ""
    label = f"expected {other.type.shape}{like}, found {blamed.type.shape}"
    values = [blamed.value, other.value]
    raise EdgeError("shape-mismatch", f"`{word}` needs both sides of one shape", blamed.tree, label, values=values)


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
    for side in (one, two):
        if len(side.type.dims) < 2:
            label = f"expected two axes or more, found {side.type.shape}"
            raise EdgeError("shape-mismatch", "`@` needs matrices", side.tree, label, values=[side.value])
        check_kind("@", side, "int", "bool")
    (*first, rows, inner), (*second, height, columns) = one.type.dims, two.type.dims
    if compare(inner, height) == "different":
        label = f"expected `{inner}` rows, the columns of the other side, found {two.type.shape}"
        values = [one.value, two.value]
        raise EdgeError("shape-mismatch", "the inner extents of `@` differ", two.tree, label, values=values)
    lead = broadcast("@", one._replace(type=Type("float", (*first,))), two._replace(type=Type("float", (*second,))))
    return Type("float", (*lead, rows, columns))


def sliced(extent: Dim, first: Any, last: Any, step: int | None) -> Dim:
    """How long ``[first:last:step]`` of an axis is; `step` is positive."""
    if first is None and last is None and step in (None, 1):
        return extent
    start = Dim.of(0 if first is None else first)
    stop = extent if last is None else Dim.of(last)
    if extent.known is not None and start.known is not None and stop.known is not None:
        return Dim.of(len(range(extent.known)[start.known : None if last is None else stop.known : step]))
    if is_below_zero(start):
        start = extent + start
    if last is not None and is_below_zero(stop):
        stop = extent + stop
    length = stop - start
    return ceil_div(length, step or 1) if length.known is None else Dim.of(len(range(0, length.known, step or 1)))


def promote(op: str, one: Type, two: Type) -> str:
    """The kind of an operation on two kinds; truth values count as whole numbers."""
    return "float" if op == "/" or "float" in (one.kind, two.kind) else "int"


def reduced(function: str, kind: Type) -> str:
    """The kind that a function over axes gives."""
    if function in ("any", "all"):
        return "bool"
    if function in ("argmax", "argmin", "argsort"):
        return "int"
    if function in ("sum", "cumsum", "prod") and kind.kind == "bool":
        return "int"
    return "float" if function in ("mean", "var", "norm", "softmax", "log_softmax") else kind.kind
