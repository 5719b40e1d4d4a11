"""Dimensions of tensors: polynomials with integer coefficients over symbols, floors, minima and maxima.

Every `Dim` is kept in one canonical form, so equality is that of two dicts: a monomial is a sorted tuple of atoms, and
``n % b`` is held as ``n - b*(n//b)``; the form of a floor is `dim_floor`'s. Each step is an identity of Python's
integers wherever the division is defined. Only `compare` assumes that free symbols are extents, 1 or more.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import count
from typing import Literal, final

MAX_EXPONENT = 64
MAX_COEFFICIENT = 2**256
MAX_TERMS = 1024
MAX_PRODUCTS = 16_384
MAX_DEGREE = 256
MAX_DEPTH = 48
MAX_SIZE = 4096
EXACT_NUMERATOR = 2**20
"""Below it the product of a rate and an extent is a float itself (of extents below 2**33), and nothing is rounded."""

_serial = count()


class DimError(ValueError):
    """A dimension that has no value, is not known where it must be, or is out of bounds."""


@final
class Symbol:
    """A named integer, equal to itself alone; without a `definition` it is an extent known when the model runs.

    Neither field changes after construction, so definitions cannot form a cycle.
    """

    __slots__ = ("_dim", "definition", "name", "order")

    def __init__(self, name: str, definition: int | Dim | None = None) -> None:
        self.name = name
        self.definition = None if definition is None else Dim.of(definition)
        self.order: tuple = (0, next(_serial))
        self._dim = _make({(self,): 1})

    def __deepcopy__(self, memo: object) -> Symbol:
        return self

    def __repr__(self) -> str:
        return f"Symbol({self.name!r})"


@final
class _Operation:
    """An opaque atom: ``floor`` (dividend and divisor), ``min``, ``max`` or ``share`` (of what, and its rate's ratio).

    Views for text are also ``mod`` and ``ceil``.
    """

    __slots__ = ("_hash", "args", "depth", "kind", "order", "size", "symbols")

    def __init__(self, kind: str, args: tuple[Dim, ...]) -> None:
        atoms = [atom for arg in args for monomial in arg._terms for atom in monomial]
        inner = [atom for atom in atoms if type(atom) is _Operation]
        self.kind = kind
        self.args = args
        self.depth = 1 + max((atom.depth for atom in inner), default=0)
        self.size = len(atoms) + sum(atom.size for atom in inner)
        if self.depth > MAX_DEPTH or self.size > MAX_SIZE:
            raise DimError("a dimension is too deeply nested")
        self.symbols: frozenset[Symbol] = frozenset().union(*(arg.symbols() for arg in args))
        keys = [_dim_order(arg) for arg in args]
        self.order: tuple = (1, kind, tuple(sorted(keys) if kind in ("min", "max") else keys))
        self._hash = hash(self.order)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return type(other) is _Operation and self._hash == other._hash and self.order == other.order


_Atom = Symbol | _Operation
_Monomial = tuple[_Atom, ...]
_Terms = dict[_Monomial, int]


@final
class Dim:
    """An immutable polynomial; made by `Dim.of` and arithmetic."""

    __slots__ = ("_expanded", "_hash", "_known", "_symbols", "_terms", "_text")
    _terms: _Terms
    _text: str | None
    _hash: int | None
    _known: int | Literal["unset"] | None
    _expanded: Dim | Literal["itself"] | None
    _symbols: frozenset[Symbol] | None

    @staticmethod
    def of(value: int | Symbol | Dim) -> Dim:
        """`value` as a dimension.

        Raises:
            DimError: it is none of the three, or a number out of bounds.
        """
        if type(value) is Dim:
            return value
        if type(value) is Symbol:
            return value._dim
        if type(value) is not int:
            raise DimError(f"expected a whole number, found {value!r}")
        return _SMALL[value] if 0 <= value < len(_SMALL) else _make(_bounded({(): value} if value else {}))

    def __add__(self, other: int | Dim) -> Dim:
        if type(other) is not Dim:
            if type(other) is not int:
                return NotImplemented
            other = Dim.of(other)
        terms = self._terms.copy()
        for monomial, coefficient in other._terms.items():
            terms[monomial] = terms.get(monomial, 0) + coefficient
        return _make(_bounded(terms))

    __radd__ = __add__

    def __mul__(self, other: int | Dim) -> Dim:
        if type(other) is not Dim:
            if type(other) is not int:
                return NotImplemented
            other = Dim.of(other)
        left, right = self._terms, other._terms
        if len(left) * len(right) > MAX_PRODUCTS:
            raise DimError("a dimension has too many terms")
        terms: _Terms = {}
        for a, first in left.items():
            for b, second in right.items():
                monomial = _joined(a, b) if a and b else a or b
                terms[monomial] = terms.get(monomial, 0) + first * second
        return _make(_bounded(terms))

    __rmul__ = __mul__

    def __neg__(self) -> Dim:
        return _make({monomial: -coefficient for monomial, coefficient in self._terms.items()})

    def __sub__(self, other: int | Dim) -> Dim:
        return self + -other if type(other) is Dim or type(other) is int else NotImplemented

    def __rsub__(self, other: int) -> Dim:
        return -self + other

    def __pow__(self, exponent: int) -> Dim:
        if type(exponent) is not int:
            return NotImplemented
        if not 0 <= exponent <= MAX_EXPONENT:
            raise DimError(f"expected an exponent from 0 to {MAX_EXPONENT}, found {exponent}")
        result = _SMALL[1]
        for _ in range(exponent):
            result = result * self
        return result

    def __floordiv__(self, other: int | Dim) -> Dim:
        from .dim_floor import floor  # it needs this class

        return floor(self, Dim.of(other)) if type(other) is Dim or type(other) is int else NotImplemented

    def __rfloordiv__(self, other: int) -> Dim:
        return Dim.of(other) // self if type(other) is int else NotImplemented

    def __mod__(self, other: int | Dim) -> Dim:
        return self - self // other * other if type(other) is Dim or type(other) is int else NotImplemented

    def __rmod__(self, other: int) -> Dim:
        return Dim.of(other) % self if type(other) is int else NotImplemented

    def __eq__(self, other: object) -> bool:
        if type(other) is Dim:
            return self is other or self._terms == other._terms
        return _constant(self) == other if isinstance(other, int) else NotImplemented

    def __hash__(self) -> int:
        if self._hash is None:
            number = _constant(self)
            self._hash = hash(frozenset(self._terms.items())) if number is None else hash(number)
        return self._hash

    def __bool__(self) -> bool:
        return int(self) != 0

    def __int__(self) -> int:
        known = self.known
        if known is None:
            raise DimError(f"`{self}` is known only when the model runs")
        return known

    __index__ = __int__

    def __deepcopy__(self, memo: object) -> Dim:
        return self

    def __str__(self) -> str:
        if self._text is None:
            from .dim_text import text_of  # it needs this class

            self._text = text_of(self, lambda symbol: symbol.name, python=False)
        return self._text

    def __repr__(self) -> str:
        return f"Dim({self})"

    def to_python(self, name_of: Callable[[Symbol], str]) -> str:
        """Python source for the same integer, of ints and of ``torch.SymInt``.

        Args:
            name_of: the source of a symbol: a name, attribute, subscript, call or number from 0.
        """
        from .dim_text import text_of  # it needs this class

        return text_of(self, name_of, python=True)

    @property
    def known(self) -> int | None:
        """The integer that this is once every definition is substituted; None where an extent remains."""
        known = self._known
        if known == "unset":
            known = self._known = _constant(self.expanded())
        return known

    def symbols(self) -> frozenset[Symbol]:
        """The symbols it is written in, inside operations too."""
        if self._symbols is None:
            found: set[Symbol] = set()
            for monomial in self._terms:
                for atom in monomial:
                    if type(atom) is Symbol:
                        found.add(atom)
                    else:
                        found |= atom.symbols
            self._symbols = frozenset(found)
        return self._symbols

    def expanded(self) -> Dim:
        """The same dimension over free symbols alone."""
        if self._expanded is None:
            _expand(self)
        return self if self._expanded == "itself" else self._expanded  # pyright: ignore[reportReturnType]

    def substitute(self, mapping: Mapping[Symbol, Dim]) -> Dim:
        """This with the symbols of `mapping` replaced, all at once.

        Raises:
            DimError: a divisor becomes 0, or the result is out of bounds.
        """
        return self if self.symbols().isdisjoint(mapping) else _replaced(self, mapping)

    def lift(self, symbols: Collection[Symbol]) -> Dim:
        """This with those of `symbols` that have a definition replaced by it, one level deep."""
        return self.substitute({symbol: symbol.definition for symbol in symbols if symbol.definition is not None})

    def evaluate(self, values: Mapping[str, int]) -> int:
        """The integer for these `values` of the free symbols, by name.

        Raises:
            DimError: a value is missing, or a divisor is 0.
        """
        free = self.expanded()
        lost = [symbol.name for symbol in free.symbols() if symbol.name not in values]
        if lost:
            raise DimError(f"nothing says how long `{min(lost)}` is in `{self}`")
        return int(free.substitute({symbol: Dim.of(values[symbol.name]) for symbol in free.symbols()}))


def ceil_div(a: int | Dim, b: int | Dim) -> Dim:
    """``a / b`` rounded up."""
    return -(-Dim.of(a) // Dim.of(b))


def dim_min(*dims: int | Symbol | Dim) -> Dim:
    """The least of `dims`."""
    return _extreme("min", dims)


def dim_max(*dims: int | Symbol | Dim) -> Dim:
    """The greatest of `dims`."""
    return _extreme("max", dims)


def dim_share(dim: Dim, rate: float) -> Dim:
    """``int(dim * rate)``, the product rounded as that of floats is.

    Raises:
        DimError: the rate is negative or no number.
    """
    number = _constant(dim)
    if not 0 <= rate < float("inf"):
        raise DimError(f"a share is 0 or more, found {rate}")
    if number is not None:
        return Dim.of(int(number * rate))
    over, under = rate.as_integer_ratio()
    if over < EXACT_NUMERATOR:
        return dim * over // under
    return _make({(_Operation("share", (dim, Dim.of(over), Dim.of(under))),): 1})


def _make(terms: _Terms) -> Dim:
    dim = object.__new__(Dim)
    dim._terms = terms
    dim._hash = dim._expanded = dim._symbols = dim._text = None
    dim._known = "unset"
    return dim


_SMALL = [_make({(): number} if number else {}) for number in range(257)]


def _bounded(terms: _Terms) -> _Terms:
    if 0 in terms.values():
        terms = {monomial: coefficient for monomial, coefficient in terms.items() if coefficient}
    if len(terms) > MAX_TERMS:
        raise DimError("a dimension has too many terms")
    for coefficient in terms.values():
        if not -MAX_COEFFICIENT < coefficient < MAX_COEFFICIENT:
            raise DimError("a dimension is too large a number")
    return terms


def _constant(dim: Dim) -> int | None:
    terms = dim._terms
    return 0 if not terms else terms.get(()) if len(terms) == 1 else None


def _joined(a: _Monomial, b: _Monomial) -> _Monomial:
    if len(a) + len(b) > MAX_DEGREE:
        raise DimError("a dimension has too high a power")
    if a[-1].order <= b[0].order:
        return a + b
    return b + a if b[-1].order <= a[0].order else tuple(sorted(a + b, key=lambda atom: atom.order))


def _without(monomial: _Monomial, factor: _Monomial) -> _Monomial | None:
    """`monomial` divided by `factor`; None where it is no multiple."""
    rest = list(monomial)
    for atom in factor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)


def _rank(monomial: _Monomial) -> tuple:
    """The key of an admissible order of monomials: degree first."""
    return len(monomial), tuple(atom.order for atom in monomial)


def _dim_order(dim: Dim) -> tuple:
    return tuple(sorted((_rank(monomial), coefficient) for monomial, coefficient in dim._terms.items()))


def _extreme(kind: str, values: Iterable[int | Symbol | Dim]) -> Dim:
    """The least or greatest of `values`; one that differs from another by a number is folded into it."""
    kept: list[Dim] = []
    queue = [Dim.of(value) for value in values]
    if not queue:
        raise DimError(f"`{kind}` needs a dimension")
    for value in queue:
        atom = next(iter(value._terms))[-1:] if list(value._terms.values()) == [1] else ()
        if atom and len(next(iter(value._terms))) == 1 and type(atom[0]) is _Operation and atom[0].kind == kind:
            queue.extend(atom[0].args)
            continue
        gaps = [_constant(value - other) for other in kept]
        near = next((at for at, gap in enumerate(gaps) if gap is not None), None)
        if near is None:
            kept.append(value)
        elif ((gaps[near] or 0) < 0) == (kind == "min"):
            kept[near] = value
        if len(kept) > MAX_EXPONENT:
            raise DimError(f"`{kind}` has too many arguments")
    return kept[0] if len(kept) == 1 else _make({(_Operation(kind, tuple(kept)),): 1})


def _expand(dim: Dim) -> None:
    """Set `_expanded` here and on every definition below, without recursion: definitions may be long chains."""
    if all(symbol.definition is None for symbol in dim.symbols()):
        dim._expanded = "itself"
        return
    stack = [dim]
    while stack:
        top = stack[-1]
        inner = {symbol: symbol.definition for symbol in top.symbols() if symbol.definition is not None}
        pending = [definition for definition in inner.values() if definition._expanded is None]
        if pending:
            stack.extend(pending)
            continue
        if top._expanded is None:
            result = _replaced(top, {s: definition.expanded() for s, definition in inner.items()}) if inner else top
            top._expanded = "itself" if result is top else result
            if result is not top:
                result._expanded = "itself"
        stack.pop()


def _replaced(dim: Dim, mapping: Mapping[Symbol, Dim]) -> Dim:
    total = _SMALL[0]
    for monomial, coefficient in dim._terms.items():
        kept: list[_Atom] = []
        factors: list[Dim] = []
        for atom in monomial:
            if type(atom) is Symbol:
                new = mapping.get(atom)
            else:
                new = None if atom.symbols.isdisjoint(mapping) else _applied(atom, mapping)
            number = None if new is None else _constant(new)
            if new is None:
                kept.append(atom)
            elif number is None:
                factors.append(new)
            else:
                coefficient *= number
        term = _make(_bounded({tuple(kept): coefficient}))
        for factor in factors:
            term = term * factor
        total = total + term
    return total


def _applied(atom: _Operation, mapping: Mapping[Symbol, Dim]) -> Dim:
    args = [arg.substitute(mapping) for arg in atom.args]
    if atom.kind == "share":
        return dim_share(args[0], int(args[1]) / int(args[2]))
    return args[0] // args[1] if atom.kind == "floor" else _extreme(atom.kind, args)
