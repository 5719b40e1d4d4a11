"""Whether two dimensions are equal, different, or neither can be proven."""

from __future__ import annotations

from math import gcd
from typing import Literal

from .dims import Dim, DimError, _constant, _make, _Operation, _without


def compare(a: int | Dim, b: int | Dim) -> Literal["equal", "different", "unproven"]:
    """Whether `a` and `b` are the same for all, or for no extents of 1 or more."""
    left, right = Dim.of(a).expanded(), Dim.of(b).expanded()
    if left is right or left._terms == right._terms:
        return "equal"
    try:
        gap = left - right
        step = gcd(*(coefficient for monomial, coefficient in gap._terms.items() if monomial))
        constant = gap._terms.get((), 0)
        apart = constant != 0 if step == 0 else constant % step != 0
        return "different" if apart or _positive(gap) or _positive(-gap) else "unproven"
    except DimError:
        return "unproven"


def is_below_zero(dim: Dim) -> bool:
    """Whether `dim` is a count taken away: less than 0, or 0 where a grid of its factors has no cell."""
    terms = dim.expanded()._terms
    return bool(terms) and (all(coefficient < 0 for coefficient in terms.values()) or _positive(-dim.expanded()))


def _positive(dim: Dim, depth: int = 0) -> bool:
    """Whether a proof is found that `dim`, over free symbols, is at least 1: each step replaces it by a lower bound."""
    for monomial, coefficient in dim._terms.items():
        for atom in monomial:
            if type(atom) is _Operation:
                others = _without(monomial, (atom,))
                if others is None or depth > 8 or any(type(other) is _Operation for other in others):
                    return False
                cofactor = _make({others: coefficient})
                return _positive_with(dim - _make({monomial: coefficient}), cofactor, atom, depth + 1)
    if max(map(len, dim._terms), default=0) <= 8:
        dim = dim.substitute({symbol: symbol._dim + 1 for symbol in dim.symbols()})
    return dim._terms.get((), 0) > 0 and all(coefficient > 0 for coefficient in dim._terms.values())


def _positive_with(rest: Dim, cofactor: Dim, atom: _Operation, depth: int) -> bool:
    """Whether ``rest + cofactor * atom`` is at least 1; the cofactor is a number times symbols."""
    negative = next(iter(cofactor._terms.values())) < 0
    if atom.kind == "share":
        return False
    if atom.kind != "floor":
        enough = any if negative == (atom.kind == "min") else all
        return len(atom.args) <= 4 and enough(_positive(rest + cofactor * arg, depth) for arg in atom.args)
    dividend, divisor = atom.args
    number = _constant(divisor)
    # d*(p//d) lies between p - (d - 1) and p
    bound = dividend if negative else dividend - (number or 0) + 1
    return number is not None and _positive(rest * number + cofactor * bound, depth)
