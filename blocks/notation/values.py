"""What an option expression is worth: Python's arithmetic over parameters and dimensions, and nothing else."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Iterable
from typing import Any

from .dim_condition import COMPARISONS
from .dims import Dim, DimError, ceil_div, dim_max, dim_min, dim_share
from .expressions import (
    Binary, Call, Conditional, Dots, Expr, Index, ListOf, Literal, Name, Param, Slice, Star, Table, Unary,
)  # fmt: skip

MAX_MAGNITUDE = 2**256
MAX_ITEMS = 100_000
MAX_LEVELS = 4


class EvaluationError(ValueError):
    """An expression that has no value; `tree` is the part of it that is to blame."""

    def __init__(self, message: str, tree: Expr) -> None:
        super().__init__(message)
        self.tree = tree


class NameMissing(EvaluationError):
    """A parameter, dimension or input that is not there."""


class FunctionMissing(EvaluationError):
    """A function that is not there; `known` are those that are."""

    def __init__(self, name: str, known: Iterable[str], tree: Expr) -> None:
        super().__init__(f"there is no function `{name}`", tree)
        self.name = name
        self.known = list(known)


class ExtentUnknown(EvaluationError):
    """A number or an answer that hangs on an extent which only a call knows."""


class Formula:
    """A condition that depends on which optional inputs and flags a call gives.

    `bits` is a truth table over all their combinations: bit *k* is the answer for combination *k* (an input or flag
    is given where its own bit of *k* is set). `full` is the table that is always true.
    """

    __slots__ = ("bits", "full")

    def __init__(self, bits: int, full: int) -> None:
        self.bits = bits
        self.full = full

    def __and__(self, other: Formula) -> Formula:
        return Formula(self.bits & other.bits, self.full)

    def __or__(self, other: Formula) -> Formula:
        return Formula(self.bits | other.bits, self.full)

    def __invert__(self) -> Formula:
        return Formula(self.full & ~self.bits, self.full)


_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt,
    ">=": operator.ge, "in": lambda a, b: a in b, "not in": lambda a, b: a not in b,
}  # fmt: skip
_SYMBOLIC = {"+", "-", "*", "//", "%"}


def evaluate(
    tree: Expr,
    param: Callable[[str], Any],
    *,
    bare: Callable[[str], Any] | None = None,
    has: Callable[[str], Formula | bool] | None = None,
    ask: Callable[[str, int | Dim, int | Dim], Formula | bool | None] | None = None,
) -> Any:
    """The value of an option expression: Dim, int, float, bool, text, list, table, None, or a `Formula`.

    Args:
        param: gives a parameter or dimension by name; raises KeyError where there is none.
        bare: gives a bare word's value; without it a bare word is a text.
        has: answers ``has(input)``.
        ask: answers a comparison with an extent that only a call knows; None where nobody can.

    Raises:
        EvaluationError: no such name or function, a type that does not fit, a number out of bounds.
    """
    try:
        value = _Evaluator(param, bare, has, ask).value(tree)
        simplest(value)  # a divisor may be zero in numbers alone
        return value
    except DimError as error:
        raise EvaluationError(str(error), tree) from None


def simplest(value: Any) -> Any:
    """A known `Dim` as its integer, anything else as it is."""
    if isinstance(value, Dim):
        known = value.known
        return value if known is None else known
    return value


class _Evaluator:
    def __init__(self, param: Any, bare: Any, has: Any, ask: Any) -> None:
        self.param = param
        self.bare = bare
        self.has = has
        self.ask = ask

    def value(self, tree: Expr) -> Any:
        match tree:
            case Literal(value=value):
                return value
            case Param(text=text):
                return self.named(self.param, text, tree)
            case Name(text=text):
                return text if self.bare is None else self.named(self.bare, text, tree)
            case Unary(op="not", operand=operand):
                inner = self.truth(operand)
                return ~inner if isinstance(inner, Formula) else not inner
            case Unary(operand=operand):
                return self.guarded(operator.neg, tree, self.value(operand))
            case Binary(op="and" | "or"):
                return self.logic(tree)
            case Binary(op=op, left=left, right=right):
                return self.arithmetic(op, self.value(left), self.value(right), tree)
            case Conditional(test=test, then=then, other=other):
                answer = self.truth(test)
                if isinstance(answer, Formula):
                    raise EvaluationError("an option cannot depend on which inputs are given", test)
                return self.value(then if answer else other)
            case Call():
                return self.call(tree)
            case Index(base=base, items=items):
                return self.index(tree, self.value(base), items)
            case ListOf(items=items):
                return self.guarded(list, tree, [self.value(item) for item in items])
            case Table(pairs=pairs):
                return self.guarded(dict, tree, [(self.value(key), self.value(value)) for key, value in pairs])
            case Slice() | Star() | Dots():
                raise EvaluationError("a slice has no value here", tree)
        raise AssertionError(f"no rule for {type(tree).__name__}")

    def named(self, lookup: Callable[[str], Any], text: str, tree: Expr) -> Any:
        try:
            return lookup(text)
        except KeyError:
            raise NameMissing(f"nothing is called `{text}` here", tree) from None

    def truth(self, tree: Expr) -> Any:
        value = self.value(tree)
        if isinstance(value, Dim):
            value = simplest(value)
            if isinstance(value, Dim):
                answer = self.asked("!=", value, 0)
                if answer is None:
                    raise ExtentUnknown(f"`{value}` is known only when the model runs", tree)
                return answer
        if isinstance(value, str) and isinstance(tree, Name):  # a forgotten `$`, which would always hold
            raise EvaluationError(f"`{value}` is a text, which is neither true nor false", tree)
        return value if isinstance(value, Formula) else bool(value)

    def logic(self, tree: Binary) -> Any:
        left = self.truth(tree.left)
        is_or = tree.op == "or"
        if not isinstance(left, Formula):
            # Python's value semantics: `$a or $b` is the first that counts.
            return self.value(tree.left) if left == is_or else self.value(tree.right)
        right = self.truth(tree.right)
        if isinstance(right, bool):
            right = Formula(left.full if right else 0, left.full)
        return left | right if is_or else left & right

    def arithmetic(self, op: str, left: Any, right: Any, tree: Expr) -> Any:
        if op == "**":
            return self.power(left, right, tree)
        if op not in _ARITHMETIC:
            raise EvaluationError(f"`{op}` multiplies values of the graph, and no options", tree)
        if op in COMPARISONS and (answer := self.asked(op, left, right)) is not None:
            return answer
        if (op not in ("in", "not in") and op not in _SYMBOLIC) or (
            isinstance(left, (float, Dim)) and isinstance(right, (float, Dim)) and float in (type(left), type(right))
        ):
            left, right = self.concrete(left, tree, op), self.concrete(right, tree, op)
        elif op in ("in", "not in"):
            left = simplest(left)
        return self.guarded(_ARITHMETIC[op], tree, left, right)

    def asked(self, op: str, left: Any, right: Any) -> Any:
        """The answer of what a call tells of extents; None where this is no such question, or nobody can answer it."""
        if self.ask is None:
            return None
        sides = [simplest(left), simplest(right)]
        return self.ask(op, *sides) if {Dim} <= {*map(type, sides)} <= {int, Dim} else None

    def concrete(self, value: Any, tree: Expr, op: str) -> Any:
        value = simplest(value)
        if isinstance(value, Dim):
            raise ExtentUnknown(f"`{op}` needs a number, and `{value}` is known only when the model runs", tree)
        if isinstance(value, Formula):
            raise EvaluationError(f"`{op}` needs a number or text, found a condition", tree)
        return value

    def power(self, left: Any, right: Any, tree: Expr) -> Any:
        right = self.concrete(right, tree, "**")
        if isinstance(left, Dim) and isinstance(right, int) and right >= 0:
            return self.guarded(operator.pow, tree, left, right)
        left = self.concrete(left, tree, "**")
        if isinstance(right, (int, float)) and abs(right) > 256:
            raise EvaluationError(f"the exponent {right} is too large", tree)
        return self.guarded(operator.pow, tree, left, right)

    def guarded(self, function: Callable[..., Any], tree: Expr, *args: Any) -> Any:
        if function is operator.mul and any(isinstance(arg, (str, list)) for arg in args):
            raise EvaluationError("a list or text cannot be multiplied", tree)
        try:
            result = function(*args)
        except ZeroDivisionError:
            raise EvaluationError("division by zero", tree) from None
        except DimError as error:
            raise EvaluationError(str(error), tree) from None
        except (TypeError, OverflowError, ValueError, AttributeError):
            word = getattr(tree, "op", None) or getattr(tree, "function", "this")
            found = " and ".join(_in_words(arg) for arg in args)
            raise EvaluationError(f"`{word}` has no value for {found}", tree) from None
        if isinstance(result, complex):
            raise EvaluationError("the result is no real number", tree)
        if isinstance(result, int) and abs(result) > MAX_MAGNITUDE:
            raise EvaluationError("the result is too large", tree)
        if isinstance(result, str) and len(result) > MAX_ITEMS:
            raise EvaluationError("the text is too long", tree)
        if isinstance(result, list) and _is_large(result):
            raise EvaluationError("the list is too long or too deep", tree)
        return result

    def index(self, tree: Expr, base: Any, items: tuple[Expr, ...]) -> Any:
        if not isinstance(base, (list, tuple)):
            raise EvaluationError(f"only a list can be indexed, found {_in_words(base)}", tree)
        if len(items) != 1:
            raise EvaluationError(f"a list has one index, found {len(items)}", tree)
        item = items[0]
        if isinstance(item, Slice):
            ends = [None if part is None else self.whole(part) for part in (item.first, item.last, item.step)]
            return self.guarded(lambda: list(base)[slice(*ends)], tree)
        at = self.whole(item)
        if not -len(base) <= at < len(base):
            raise EvaluationError(f"index {at} is outside a list of {len(base)}", item)
        return base[at]

    def whole(self, tree: Expr) -> int:
        value = self.concrete(self.value(tree), tree, "index")
        if isinstance(value, bool) or not isinstance(value, int):
            raise EvaluationError(f"expected a whole number, found {_in_words(value)}", tree)
        return value

    def call(self, tree: Call) -> Any:
        if tree.function == "has":
            if self.has is None or len(tree.args) != 1 or not isinstance(tree.args[0], Name):
                raise EvaluationError("`has(input)` takes one input's name, and stands in `when:` alone", tree)
            return self.named(self.has, tree.args[0].text, tree.args[0])
        rule = _FUNCTIONS.get(tree.function)
        if rule is None:
            raise FunctionMissing(tree.function, [*_FUNCTIONS, "has"], tree)
        match tree.function, tree.args:
            case "int", (Binary(op="*", left=left, right=right) as product,):
                return self.share(self.value(left), self.value(right), product)
            case "ceil" | "floor", (Binary(op="/", left=left, right=right) as quotient,):
                return self.rounded(tree, self.value(left), self.value(right), quotient)
        return self.guarded(rule, tree, *(self.value(arg) for arg in tree.args))

    def share(self, left: Any, right: Any, tree: Binary) -> Any:
        """``int(left * right)``, where one may be a dimension and the other a number that is not whole."""
        for dim, rate in ((left, right), (right, left)):
            if isinstance(dim, Dim) and isinstance(rate, float) and dim.known is None:
                return self.guarded(dim_share, tree, dim, rate)
        return self.guarded(_FUNCTIONS["int"], tree, self.arithmetic("*", left, right, tree))

    def rounded(self, tree: Call, left: Any, right: Any, quotient: Binary) -> Any:
        """``ceil(left / right)`` or ``floor(left / right)``, where one may be an extent that only a call knows."""
        sides = [simplest(side) for side in (left, right)]
        if any(isinstance(side, Dim) for side in sides) and all(type(side) in (int, Dim) for side in sides):
            return self.guarded(_DIVISIONS[tree.function], tree, *sides)
        return self.guarded(_FUNCTIONS[tree.function], tree, self.arithmetic("/", left, right, quotient))


def _is_large(items: list[Any]) -> bool:
    """Whether lists in lists hold too much together, or too deep."""
    count, row = 0, [items]
    for _ in range(MAX_LEVELS):
        count += sum(map(len, row))
        if count > MAX_ITEMS:
            return True
        row = [item for one in row for item in one if isinstance(item, list)]
    return bool(row)


def _in_words(value: Any) -> str:
    """A value as a message names it."""
    words = {type(None): "null", bool: str(value).lower(), list: "a list", dict: "a table", Formula: "a condition"}
    return words.get(type(value)) or f"`{value}`"


def _extreme(fold: Callable[..., Any], symbolic: Callable[..., Dim]) -> Callable[..., Any]:
    def rule(*args: Any) -> Any:
        values = list(args[0]) if len(args) == 1 and isinstance(args[0], list) else list(args)
        if any(isinstance(value, Dim) for value in values) and not any(isinstance(v, float) for v in values):
            return symbolic(*values)
        return fold(simplest(value) for value in values)

    return rule


def _rounded(rule: Callable[[Any], int]) -> Callable[[Any], Any]:
    return lambda value: value if isinstance(value, (int, Dim)) else rule(value)


_DIVISIONS: dict[str, Callable[..., Any]] = {"ceil": ceil_div, "floor": operator.floordiv}
"""What rounds a quotient of extents, which has no number of its own where only a call knows them."""

_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "min": _extreme(min, dim_min),
    "max": _extreme(max, dim_max),
    "sum": lambda values: sum(values, 0),
    "ceil": _rounded(math.ceil),
    "floor": _rounded(math.floor),
    "int": lambda value: value if isinstance(value, Dim) else int(value),
    "abs": lambda value: abs(simplest(value)),
    "log": math.log,
    "split": lambda text, by: [word.strip() for word in text.split(by)],
    "lower": lambda text: text.lower(),
    "is_list": lambda value: isinstance(value, list),
    "table": lambda value, table: table.get(value, value),
    "range": lambda *ends: list(range(*ends)[: MAX_ITEMS + 1]),  # what is longer is too long
}
