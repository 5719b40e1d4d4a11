"""Dimensions as text: as people read them, and as Python source."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

from .dims import _SMALL, Dim, DimError, Symbol, _Atom, _constant, _make, _Monomial, _Operation, _rank, _without


def text_of(dim: Dim, name_of: Callable[[Symbol], str], *, python: bool) -> str:
    """`dim` as text, its symbols by `name_of`; as Python source where `python`."""
    return _Text(name_of, python=python).of_sum(dim)[0]


_SUM, _NEGATIVE, _PRODUCT, _POWER, _ATOM = range(5)


class _Text:
    """Writes a `Dim` as notation (``2*d//3``) or as Python (``2 * d // 3``), remainders and ceilings recovered."""

    def __init__(self, name_of: Callable[[Symbol], str], *, python: bool) -> None:
        self.name_of = name_of
        self.python = python
        self.gap = " " if python else ""

    def of_sum(self, dim: Dim) -> tuple[str, int]:
        """The text and its rank in Python's precedence."""
        terms = sorted(self.readable(dim), key=lambda term: not term[0])
        if not terms:
            return "0", _ATOM
        lead = next((at for at, (_, coefficient) in enumerate(terms) if coefficient > 0), 0)
        terms.insert(0, terms.pop(lead))
        text, rank = self.of_term(*terms[0], first=True)
        for monomial, coefficient in terms[1:]:
            text += f" {'-' if coefficient < 0 else '+'} {self.of_term(monomial, coefficient, first=False)[0]}"
        return text, rank if len(terms) == 1 else _SUM

    def of_term(self, monomial: _Monomial, coefficient: int, *, first: bool) -> tuple[str, int]:
        size = abs(coefficient)
        minus = "-" if first and coefficient < 0 else ""
        pieces = [] if size == 1 and monomial else [(str(size), _ATOM)]
        pieces += [self.of_power(atom, exponent) for atom, exponent in Counter(monomial).items()]
        if len(pieces) == 1 and not minus:
            text, rank = pieces[0]
            # `m - -a // b` is right, and unreadable
            return (f"({text})", _ATOM) if not first and (text[0] == "-" or rank < _PRODUCT) else (text, rank)
        texts = [f"({text})" if rank < _POWER else text for text, rank in pieces]
        if self.python and not minus and pieces[0][1] == _PRODUCT:
            texts[0] = pieces[0][0]
        return minus + f"{self.gap}*{self.gap}".join(texts), _NEGATIVE if minus else _PRODUCT

    def of_power(self, atom: _Atom, exponent: int) -> tuple[str, int]:
        text, rank = self.of_atom(atom)
        if exponent == 1:
            return text, rank
        power = "**" if not self.python or re.fullmatch(r"[\w.]+", text) else " ** "
        return f"{text if rank == _ATOM else f'({text})'}{power}{exponent}", _POWER

    def of_atom(self, atom: _Atom) -> tuple[str, int]:
        if type(atom) is Symbol:
            name = self.name_of(atom)
            return name, _NEGATIVE if name[0] == "-" else _ATOM
        if atom.kind in ("min", "max"):
            return f"{atom.kind}({', '.join(self.of_sum(arg)[0] for arg in atom.args)})", _ATOM
        if atom.kind == "share":
            whole, over, under = atom.args
            text, rank = self.of_sum(whole)
            text = text if rank >= _PRODUCT else f"({text})"
            return f"int({text}{self.gap}*{self.gap}{int(over) / int(under)!r})", _ATOM
        (above, rank), (below, under) = map(self.of_sum, atom.args)
        above = f"({above})" if rank < (_NEGATIVE if self.python else _PRODUCT) else above
        below = f"({below})" if under < _POWER else below
        if atom.kind == "ceil":
            return f"ceil({above}/{below})", _ATOM
        return f"{above}{self.gap}{'//' if atom.kind == 'floor' else '%'}{self.gap}{below}", _PRODUCT

    def readable(self, dim: Dim) -> list[tuple[_Monomial, int]]:
        """The terms of `dim`, its floors rewritten the way people write them."""
        try:
            terms = _rewritten(dim)
            return terms if self.python else [_ceiled(*term) for term in terms]
        except DimError:
            # a rewriting may pass a bound that the dimension itself keeps
            return list(dim._terms.items())


def _rewritten(dim: Dim) -> list[tuple[_Monomial, int]]:
    atoms = dict.fromkeys(atom for monomial in dim._terms for atom in monomial)
    floors = [atom for atom in atoms if type(atom) is _Operation and atom.kind == "floor"]
    terms: list[tuple[_Monomial, int]] = []
    for rule in (_remainder, _whole_floor) if floors else ():
        # a floor that is subtracted reads worst, so it takes its terms first
        for floor in sorted(floors, key=lambda one: dim._terms.get((one,), 0)):
            found = rule(dim, floor)
            if found is not None:
                view, times, dim = found
                terms += [((*monomial, view), coefficient) for monomial, coefficient in times._terms.items()]
    return [*terms, *dim._terms.items()]


_View = tuple[_Operation, Dim, Dim]


def _remainder(dim: Dim, floor: _Operation) -> _View | None:
    """``k * (p % q)`` and what is left of `dim`, where it holds ``k * (p - q*(p//q))``."""
    dividend, divisor = floor.args
    lead = max(divisor._terms, key=_rank)
    number = _constant(divisor)
    for monomial, coefficient in dim._terms.items():
        factor = _without(monomial, (floor, *lead))
        if factor is None or floor in factor or coefficient % divisor._terms[lead]:
            continue
        times = _make({factor: -coefficient // divisor._terms[lead]})
        whole = times * (dividend - divisor * _make({(floor,): 1}))
        left = dim - whole
        if any(one and one in left._terms for one in whole._terms):
            continue
        if number is not None and next(iter(times._terms.values())) < 0:
            # -(p % d) is (d - 1 - p) % d - (d - 1)
            mirrored = number - 1 - dividend
            return _Operation("mod", (mirrored, divisor)), -times, left + times * (number - 1)
        return _Operation("mod", (dividend, divisor)), times, left
    return None


def _whole_floor(dim: Dim, floor: _Operation) -> _View | None:
    """``(d*m + p) // d`` for ``m + p//d``, and ``(d*m + d-1 - p) // d`` for ``m - p//d``."""
    number, sign = _constant(floor.args[1]), dim._terms.get((floor,), 0)
    if number is None or abs(sign) != 1:
        return None
    inside = floor.args[0] if sign > 0 else number - 1 - floor.args[0]
    moved = _make({m: dim._terms[m] for m in floor.args[0]._terms if m and m in dim._terms})
    if sign < 0 and not moved._terms:
        return None
    left = dim - moved - _make({(floor,): sign})
    inside = inside + moved * number
    if left._terms.get((), 0) == -1 and inside._terms.get((), 0) > 0:
        inside, left = inside - number, left + 1
    return _Operation("floor", (inside, floor.args[1])), _SMALL[1], left


def _ceiled(monomial: _Monomial, coefficient: int) -> tuple[_Monomial, int]:
    """The term with ceilings for floors of ``p + d-1`` by ``d``, and for those of ``-p`` where no minus is left."""
    rounded = tuple(map(_rounded_up, monomial))
    turned = tuple(map(_turned, rounded))
    sign = (-1) ** sum(one is not other for one, other in zip(rounded, turned, strict=True))
    return (turned, coefficient * sign) if coefficient * sign > 0 else (rounded, coefficient)


def _rounded_up(atom: _Atom) -> _Atom:
    if type(atom) is not _Operation or atom.kind != "floor":
        return atom
    dividend, divisor = atom.args
    number = _constant(divisor)
    if number is None or dividend._terms.get(()) != number - 1:
        return atom
    return _Operation("ceil", (dividend - (number - 1), divisor))


def _turned(atom: _Atom) -> _Atom:
    if type(atom) is not _Operation or atom.kind != "floor" or _constant(atom.args[1]) is not None:
        return atom
    dividend, divisor = atom.args
    return _Operation("ceil", (-dividend, divisor)) if all(c < 0 for c in dividend._terms.values()) else atom
