"""Floor division of dimensions, in one canonical form.

A floor ``p//q`` holds the normal form of `p` modulo `q` (unique, since one polynomial is a Groebner basis); by a
constant it holds the smaller of ``p//d`` and its mirror ``-((d-1-p)//d)``, with inner floors merged (`_merged`).
"""

from __future__ import annotations

from collections import Counter
from math import gcd

from .dims import (
    MAX_TERMS, Dim, DimError, _bounded, _constant, _joined, _make, _Monomial, _Operation, _rank, _without,
)  # fmt: skip


def floor(dividend: Dim, divisor: Dim) -> Dim:
    """``dividend // divisor``.

    Raises:
        DimError: the divisor is zero, or the division out of bounds.
    """
    if not divisor._terms:
        raise DimError(f"`{dividend}` is divided by zero")
    number = _constant(divisor)
    lead = max(divisor._terms, key=_rank) if number is None else ()
    if divisor._terms[lead] < 0:
        dividend, divisor = -dividend, -divisor
    if number is not None:
        return _floor_by_number(dividend, abs(number))
    quotient, rest = _divided(dividend, divisor, lead)
    if not rest._terms:
        return quotient
    shared = Counter(lead)
    for monomial in (*rest._terms, *divisor._terms):
        shared &= Counter(monomial)
    factor = tuple(shared.elements())
    scale = gcd(*rest._terms.values(), *divisor._terms.values())
    if factor or scale > 1:
        return quotient + floor(_cancelled(rest, factor, scale), _cancelled(divisor, factor, scale))
    return quotient + _make({(_Operation("floor", (rest, divisor)),): 1})


def _cancelled(dim: Dim, factor: _Monomial, scale: int) -> Dim:
    return _make({_without(m, factor) or (): coefficient // scale for m, coefficient in dim._terms.items()})


def _divided(dividend: Dim, divisor: Dim, lead: _Monomial) -> tuple[Dim, Dim]:
    """Quotient and normal form of `dividend` by `divisor`, whose leading monomial is `lead`."""
    unit = divisor._terms[lead]
    work, quotient, rest = dict(dividend._terms), {}, {}
    for _ in range(MAX_TERMS):
        if not work:
            order = {**dict.fromkeys(m for m in dividend._terms if m in rest), **rest}
            return _make(_bounded(quotient)), _make(_bounded(order))
        monomial = max(work, key=_rank)
        coefficient = work.pop(monomial)
        factor = _without(monomial, lead)
        times, left = (0, coefficient) if factor is None else divmod(coefficient, unit)
        if left:
            rest[monomial] = left
        if factor is not None and times:
            quotient[factor] = times
            for other, number in divisor._terms.items():
                if other != lead:
                    product = _joined(other, factor) if other and factor else other or factor
                    work[product] = work.get(product, 0) - times * number
    raise DimError("a division has too many terms")


def _floor_by_number(dividend: Dim, divisor: int) -> Dim:
    """``dividend // divisor`` for a positive number."""
    shared = gcd(divisor, *(coefficient for monomial, coefficient in dividend._terms.items() if monomial))
    if shared > 1:
        divisor //= shared
        dividend = _make(_bounded({m: coefficient // shared for m, coefficient in dividend._terms.items()}))
    if divisor == 1:
        return dividend
    merged = _merged(dividend, divisor)
    if merged is not None:
        return merged
    whole = _make(_bounded({m: coefficient // divisor for m, coefficient in dividend._terms.items()}))
    rest = _make(_bounded({m: coefficient % divisor for m, coefficient in dividend._terms.items()}))
    # without a symbol left, what is left is below the divisor
    return whole if _constant(rest) is not None else whole + _mirrored(rest, divisor)


def _merged(dividend: Dim, divisor: int) -> Dim | None:
    """``(x//b + r) // d`` as ``(x + b*r) // (b*d)`` for numbers, and ``r - x//b`` as ``r + (b-1-x)//b`` likewise.

    A floor's coefficient counts modulo `d`; by 2, where 1 and -1 are the same, the one written is kept, so that
    halves of halves nest whether they were rounded up or down.
    """
    floors = [m for m in dividend._terms if len(m) == 1 and type(m[0]) is _Operation and m[0].kind == "floor"]
    for monomial in sorted(floors, key=_rank, reverse=True) if len(floors) > 1 else floors:
        coefficient, residue = dividend._terms[monomial], dividend._terms[monomial] % divisor
        sign = coefficient if abs(coefficient) == 1 else {divisor - 1: -1, 1: 1}.get(residue, 0)
        inner, by = monomial[0].args  # pyright: ignore[reportAttributeAccessIssue]
        number = _constant(by)
        if sign and number is not None:
            inner_floor = _make({monomial: 1})
            inner = inner if sign > 0 else number - 1 - inner
            rest = dividend - inner_floor * coefficient
            whole = inner_floor * ((coefficient - sign) // divisor)
            return whole + _floor_by_number(inner + rest * number, number * divisor)
    return None


def _mirrored(dividend: Dim, divisor: int) -> Dim:
    """``dividend // divisor``, coefficients in ``range(divisor)``, as itself or its mirror, the smaller of the two."""
    whole = _make({monomial: 1 for monomial in dividend._terms if monomial})
    mirror = whole * divisor - dividend + (divisor - 1)
    ranks = [*sorted(whole._terms, key=_rank, reverse=True), ()]
    here, there = ([dim._terms.get(monomial, 0) for monomial in ranks] for dim in (dividend, mirror))
    if there < here:
        return whole - _make({(_Operation("floor", (mirror, Dim.of(divisor))),): 1})
    monomial = next(iter(dividend._terms))
    atom = monomial[0] if len(monomial) == 1 and dividend._terms == {monomial: 1} else None
    if type(atom) is _Operation and atom.kind == "floor":
        # (x//b) // d, which is x // (b*d) whatever `b` is
        return floor(atom.args[0], atom.args[1] * divisor)
    return _make({(_Operation("floor", (dividend, Dim.of(divisor))),): 1})
