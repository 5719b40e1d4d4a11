"""What a comparison of extents asks of a call, in a form that is one for all that ask the same."""

from __future__ import annotations

import operator
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .dim_compare import _positive, compare
from .dims import Dim, DimError, Symbol

_OPERATORS = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
COMPARISONS = frozenset(_OPERATORS)


@dataclass(frozen=True, slots=True)
class Condition:
    """Whether an extent is a number, or above it.

    Attributes:
        dim: the extent, over free symbols.
        op: ``==`` or ``>``.
    """

    dim: Dim
    op: str
    number: int

    def __str__(self) -> str:
        return f"{self.dim} {self.op} {self.number}"

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """The answer where the free axes have these extents, by name; of one that has none it is no."""
        try:
            return _OPERATORS[self.op](self.dim.evaluate(sizes), self.number)
        except DimError:
            return False


def ask(op: str, left: int | Dim, right: int | Dim, known: Collection[Symbol]) -> tuple[Condition, bool] | bool | None:
    """What ``left op right`` asks: a condition and the answer that is meant, or the answer where it is always one.

    Args:
        known: the free symbols that a call tells; what hangs on others nobody can ask, which is None.

    Raises:
        DimError: the extents are too large to compute with.
    """
    gap = (Dim.of(left) - Dim.of(right)).expanded()
    number = gap._terms.get((), 0)
    extent = gap - number
    if extent.known is not None:
        return _OPERATORS[op](number, 0)
    if op in ("==", "!=") and compare(gap, 0) == "different":
        return op == "!="
    turned = min(extent, -extent, key=_order)
    if op in ("==", "!="):
        found = Condition(turned, "==", -number if turned is extent else number), op == "=="
    else:  # of whole numbers, `a >= b` is `a > b - 1`, and what is not `a > b` is `a <= b`
        bound = -number - (op in (">=", "<"))
        if _positive(extent - bound) or _positive(bound - extent + 1):
            return _positive(extent - bound) == (op in (">", ">="))
        is_turned = turned is not extent
        found = Condition(turned, ">", -bound - 1 if is_turned else bound), (op in (">", ">=")) != is_turned
    return found if extent.symbols() <= set(known) else None


def _order(dim: Dim) -> tuple[bool, int, str]:
    """Of an extent and what it is below 0, that comes first which is written shorter, and without a sign in front."""
    text = str(dim)
    return text.startswith("-"), len(text), text
