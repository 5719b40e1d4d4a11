"""Edge expressions: from their text to values with types and presence (language F10).

Assumes that every name resolves through the scope; guarantees a `Value` whose type is inferred, or a diagnostic.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ...blocks.notation.dims import Dim
from ...blocks.notation.expressions import (
    Binary,
    Call,
    Conditional,
    Dots,
    Expr,
    Index,
    ListOf,
    Literal,
    Name,
    Param,
    Slice,
    Star,
    Unary,
)  # fmt: skip
from ...blocks.notation.types import AnyType, ListType, RecordType, Type
from ...blocks.notation.values import Formula, evaluate, simplest
from ..diagnosing.diagnostics import did_you_mean
from ..graph import Apply, Constant, Picked, Value
from .edge_types import EdgeError, broadcast, broadcast_dims, matmul, promote, reduced, sliced
from .origins import in_words, listed
from .values import STANDS_IN, element, first_of, gathered, together, unlike

if TYPE_CHECKING:
    from .scope import Scope


UNARY = {"exp", "log", "sqrt", "abs", "sigmoid", "tanh", "relu", "lgamma", "float", "int", "bool", "isfinite"}
REDUCTIONS = {"sum", "mean", "var", "any", "all", "amax", "amin", "prod", "norm"}
AXIS = {"softmax", "log_softmax", "cumsum", "argmax", "argmin", "argsort", "flip"}
LISTS = {"first", "stack", "unstack", "zip", "pair"}
FUNCTIONS = sorted(UNARY | REDUCTIONS | AXIS | LISTS | {"where", "min", "max", "cosine", "transpose", "detach"})
_COMPARE = {"==", "!=", "<", "<=", ">", ">="}


def read_edge(tree: Expr, scope: Scope) -> Value:
    """The value of an edge expression.

    Raises:
        EdgeError: an unknown name or function, or operands that do not fit.
    """
    return _Reader(scope).value(tree)


class _Reader:
    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def value(self, tree: Expr) -> Value:
        match tree:
            case Name(text=text):
                return self.scope.value(text, tree)
            case Literal() | Param():
                return self.constant(tree)
            case ListOf(items=items):
                return gathered([self.value(item) for item in items], self.scope.full)
            case Index(base=base, items=items):
                return self.index(tree, base, items)
            case Unary(op=op, operand=operand):
                return self.unary(op, operand, tree)
            case Binary(op=op, left=left, right=right):
                return self.binary(op, left, right, tree)
            case Call():
                return self.call(tree)
            case Conditional(test=test, then=then, other=other):
                answer = self.static(test)
                if isinstance(answer, (str, Dim)):
                    raise EdgeError("bad-edge", "an edge cannot depend on what a call gives", test,
                                    label=f"expected a condition over parameters, found {in_words(answer)}",
                                    help="choose between values by `where(condition, one, other)`")  # fmt: skip
                return self.value(then if answer else other)
        raise EdgeError("bad-edge", "this has no place in an edge", tree, label="expected a value")

    def static(self, tree: Expr) -> Any:
        value = simplest(evaluate(tree, self.scope.param))
        if isinstance(value, Formula):
            raise EdgeError(
                "bad-edge", "an edge cannot depend on a flag", tree, label="expected a number, found a flag",
                help="give two nodes a `when:` each, and read `first(one, other)`",
            )  # fmt: skip
        return value

    def constant(self, tree: Expr) -> Constant:
        value = self.static(tree)
        if isinstance(value, (str, list, dict)) or value is None:
            raise EdgeError(
                "bad-edge", "an edge computes with numbers", tree, label=f"expected a number, found {in_words(value)}"
            )
        kind = "bool" if isinstance(value, bool) else "float" if isinstance(value, float) else "int"
        return Constant(Type(kind, ()), self.scope.full, value, tree)

    def unary(self, op: str, operand: Expr, tree: Expr) -> Value:
        inner = self.value(operand)
        if isinstance(inner, Constant):
            return self.constant(tree)
        kind = self.tensor(inner, operand)
        if op == "not" and kind is not None:
            self.check_bool("not", operand, inner, kind)
        return Apply(kind, inner.present, op, (inner,))

    def binary(self, op: str, left: Expr, right: Expr, tree: Expr) -> Value:
        a, b = self.value(left), self.value(right)
        if isinstance(a, Constant) and isinstance(b, Constant):
            return self.constant(tree)
        present = self.together(tree, a, b)
        one, two = self.tensor(a, left), self.tensor(b, right)
        if op in ("/", "//", "%") and isinstance(b, Constant) and b.value == 0:
            raise EdgeError("bad-edge", "this divides by zero", right, label="expected another number, found 0")
        if op in ("in", "not in"):
            raise EdgeError(
                "bad-edge", f"`{op}` has no meaning between tensors", tree, label="expected arithmetic or a comparison"
            )
        if one is None or two is None:
            return Apply(None, present, op, (a, b))
        if op in ("and", "or"):
            self.check_bool(op, left, a, one)
            self.check_bool(op, right, b, two)
        if op == "@":
            return Apply(matmul((left, a, one), (right, b, two)), present, op, (a, b))
        kind = "bool" if op in _COMPARE or op in ("and", "or") else promote(op, one, two)
        return Apply(Type(kind, broadcast(op, (left, a, one), (right, b, two))), present, op, (a, b))

    def check_bool(self, word: str, tree: Expr, value: Value, kind: Type) -> None:
        if kind.kind != "bool":
            raise EdgeError(
                "type-mismatch",
                f"`{word}` needs truth values",
                tree,
                label=f"expected bool values, found {kind}",
                values=[value],
            )

    def together(self, tree: Expr, *values: Value) -> int:
        """Where all the values are there."""
        present = together(values, self.scope.full)
        if not present and all(value.present for value in values):
            raise EdgeError("never-present", "what is read here is never there together", tree, values=values)
        return present

    def tensor(self, value: Value, tree: Expr) -> Type | None:
        self.check_no_record(value, tree)
        if isinstance(value.type, ListType):
            raise EdgeError("list-value", "a list of values stands where one is read", tree,
                            label=f"expected one value, found a list of {len(value.type.items)}",
                            help="select one of them, such as `[-1]`, or `stack(...)` them")  # fmt: skip
        return value.type

    def check_no_record(self, value: Value, tree: Expr) -> None:
        if isinstance(value.type, RecordType):
            label = f"expected one of its fields, found {value.type}"
            raise EdgeError("list-value", "a record stands where one value is read", tree, label=label)

    def call(self, tree: Call) -> Value:
        if tree.function not in FUNCTIONS:
            owner, _, word = tree.function.rpartition(".")
            help_ = f"write `{word}(...)`" if owner and word in FUNCTIONS else did_you_mean(tree.function, FUNCTIONS)
            raise EdgeError("unknown-function", f"there is no function `{tree.function}`", tree,
                            label=f"expected one of {listed(FUNCTIONS, most=12 if help_ else 40)}",
                            help=help_)  # fmt: skip
        rule: Callable[[Call], Value] | None = getattr(self, f"call_{tree.function}", None)
        if rule is not None:
            return rule(tree)
        if tree.function in UNARY:
            return self.call_elementwise(tree)
        return self.call_over_axes(tree)

    def arguments(self, tree: Call, count: int) -> list[Value]:
        if len(tree.args) != count:
            label = f"expected {count}, found {len(tree.args)}"
            raise EdgeError("bad-edge", f"`{tree.function}` has another number of arguments", tree, label=label)
        return [self.value(arg) for arg in tree.args]

    def call_elementwise(self, tree: Call) -> Value:
        (value,) = self.arguments(tree, 1)
        kind = self.tensor(value, tree.args[0])
        result = {"int": "int", "bool": "bool", "isfinite": "bool"}.get(tree.function, "float")
        dims = kind and Type(kind.kind if tree.function == "abs" else result, kind.dims)
        return Apply(dims, value.present, tree.function, (value,))

    def call_over_axes(self, tree: Call) -> Value:
        if not tree.args:
            raise EdgeError(
                "bad-edge", f"`{tree.function}` needs a value", tree, label="expected a value and axes, found nothing"
            )
        value = self.value(tree.args[0])
        kind = self.tensor(value, tree.args[0])
        axes = tuple(self.whole(arg) for arg in tree.args[1:])
        if kind is None:
            return Apply(None, value.present, tree.function, (value,), axes)
        rank = len(kind.dims)
        for axis, arg in zip(axes, tree.args[1:], strict=True):
            if not -rank <= axis < rank:
                label = (
                    f"expected {-rank} to {rank - 1}, found {axis}" if rank else "expected no axis, as it is one number"
                )
                raise EdgeError("bad-axis", f"there is no axis {axis} in {kind}", arg, label=label)
        drops = tree.function in REDUCTIONS or tree.function in ("argmax", "argmin")
        if tree.function in AXIS and len(axes) != 1:
            raise EdgeError(
                "bad-axis",
                f"`{tree.function}` needs one axis",
                tree,
                label=f"expected one axis, found {len(axes) or 'none'}",
            )
        over = {axis % rank for axis in axes} or set(range(rank))
        dims = tuple(dim for at, dim in enumerate(kind.dims) if at not in over) if drops else kind.dims
        return Apply(Type(reduced(tree.function, kind), dims), value.present, tree.function, (value,), axes)

    def call_where(self, tree: Call) -> Value:
        values = self.arguments(tree, 3)
        kinds = [self.tensor(value, arg) for value, arg in zip(values, tree.args, strict=True)]
        present = self.together(tree, *values)
        test, one, two = kinds
        if test is None or one is None or two is None:
            return Apply(None, present, "where", tuple(values))
        self.check_bool("where", tree.args[0], values[0], test)
        either = Apply(None, present, "where", (values[1], values[2]))
        dims = broadcast("where", (tree.args[1], values[1], one), (tree.args[2], values[2], two))
        both = Type(promote("+", one, two), dims)
        dims = broadcast("where", (tree.args[0], values[0], test), (tree.args[2], either, both))
        return Apply(Type(both.kind, dims), present, "where", tuple(values))

    def call_min(self, tree: Call) -> Value:
        a, b = self.arguments(tree, 2)
        one, two = self.tensor(a, tree.args[0]), self.tensor(b, tree.args[1])
        if isinstance(a, Constant) and isinstance(b, Constant):
            return self.constant(tree)
        present = self.together(tree, a, b)
        if one is None or two is None:
            return Apply(None, present, tree.function, (a, b))
        dims = broadcast(tree.function, (tree.args[0], a, one), (tree.args[1], b, two))
        return Apply(Type(promote("+", one, two), dims), present, tree.function, (a, b))

    call_max = call_min

    def call_cosine(self, tree: Call) -> Value:
        a, b = self.arguments(tree, 2)
        one, two = self.tensor(a, tree.args[0]), self.tensor(b, tree.args[1])
        present = self.together(tree, a, b)
        if one is None or two is None:
            return Apply(None, present, "cosine", (a, b))
        dims = broadcast("cosine", (tree.args[0], a, one), (tree.args[1], b, two))
        return Apply(Type("float", dims[:-1]), present, "cosine", (a, b))

    def call_transpose(self, tree: Call) -> Value:
        (value,) = self.arguments(tree, 1)
        kind = self.tensor(value, tree.args[0])
        if kind is not None and len(kind.dims) < 2:
            raise EdgeError(
                "bad-axis",
                "`transpose` swaps the last two axes",
                tree.args[0],
                label=f"expected two axes or more, found {kind}",
            )
        result = kind and Type(kind.kind, (*kind.dims[:-2], kind.dims[-1], kind.dims[-2]))
        return Apply(result, value.present, "transpose", (value,))

    def call_stack(self, tree: Call) -> Value:
        (value,) = self.arguments(tree, 1)
        if value.type is None:
            return Apply(None, value.present, "stack", (value,))
        first = value.type.items[0] if isinstance(value.type, ListType) and value.type.items else None
        if not isinstance(value.type, ListType) or not isinstance(first, Type):
            raise EdgeError(
                "list-value",
                "`stack` needs a list of values",
                tree.args[0],
                label=f"expected a list, found {value.type}",
            )
        for item in value.type.items:
            if isinstance(item, Type) and (
                len(item.dims) != len(first.dims) or broadcast_dims(item.dims, first.dims) is None
            ):
                label = f"expected {first.shape} for all, found {item.shape}"
                raise EdgeError("shape-mismatch", "`stack` needs values of one shape", tree.args[0], label=label)
        kind = Type(first.kind, (Dim.of(len(value.type.items)), *first.dims))
        return Apply(kind, value.present, "stack", (value,))

    def call_unstack(self, tree: Call) -> Value:
        (value,) = self.arguments(tree, 1)
        kind = self.tensor(value, tree.args[0])
        if kind is None:
            return Apply(None, value.present, "unstack", (value,))
        count = kind.dims[0].known if kind.dims else None
        if count is None:
            label = f"expected a first axis of a known extent, found {kind}"
            raise EdgeError("bad-axis", "`unstack` takes the first axis apart", tree.args[0], label=label)
        return Apply(ListType((Type(kind.kind, kind.dims[1:]),) * count), value.present, "unstack", (value,))

    def call_first(self, tree: Call) -> Value:
        if not tree.args:
            raise EdgeError(
                "bad-edge", "`first` needs a value", tree, label="expected values to choose from, found nothing"
            )
        first = first_of([self.value(arg) for arg in tree.args])
        if label := unlike(first):
            raise EdgeError("shape-mismatch", STANDS_IN, tree, label=label)
        return first

    def call_detach(self, tree: Call) -> Value:
        (value,) = self.arguments(tree, 1)
        return Apply(value.type, value.present, "detach", (value,))

    def call_zip(self, tree: Call, op: str = "zip") -> Value:
        lists = [self.value(arg) for arg in tree.args]
        kinds = [value.type for value in lists]
        for kind, arg in zip(kinds, tree.args, strict=True):
            if kind is not None and not isinstance(kind, ListType):
                raise EdgeError(
                    "list-value", f"`{op}` needs lists of values", arg, label=f"expected a list, found {kind}"
                )
        columns = [kind.items for kind in kinds if isinstance(kind, ListType)]
        items = tuple(item for column in columns for item in column)
        if op == "pair":
            items = tuple(ListType(row) for row in zip(*columns, strict=False))
        return Apply(ListType(items), together(lists, self.scope.full), op, tuple(lists))

    def call_pair(self, tree: Call) -> Value:
        return self.call_zip(tree, "pair")

    def index(self, tree: Index, base: Expr, items: tuple[Expr, ...]) -> Value:
        if isinstance(base, Name) and len(items) == 1:
            whole = isinstance(items[0], (Star, Slice)) or _is_number(items[0])
            rounds = self.scope.rounds(base.text, tree) if whole else None
            if rounds is not None:
                return self.pick(rounds, items[0], tree)
        value = self.value(base)
        if not value.present or value.type is None:  # absent, or a diagnostic says why it has no type
            return value
        self.check_no_record(value, tree)
        if isinstance(value.type, ListType):
            if len(items) != 1:
                raise EdgeError("list-value", "a list takes one index", tree, label=f"expected one, found {len(items)}")
            return self.pick(value, items[0], tree)
        for item in items:
            if isinstance(item, Star):
                label = f"expected a list, as a `repeat` gives, found {value.type}"
                raise EdgeError("list-value", "`*` is every element of a list", item, label=label, values=[value])
        return self.slice(value, items, tree)

    def pick(self, value: Value, item: Expr, tree: Expr) -> Value:
        kinds = value.type.items if isinstance(value.type, ListType) else None
        if isinstance(item, Star):
            return value
        if isinstance(item, Slice):
            first, last = (None if part is None else self.whole(part) for part in (item.first, item.last))
            part = slice(first, last, self.step(item.step, backwards=True))
            return Picked(None if kinds is None else ListType(kinds[part]), value.present, value, part)
        at = self.static(item)
        at = [simplest(one) for one in at] if isinstance(at, list) else at
        if isinstance(at, list) and all(isinstance(one, int) for one in at):
            return gathered([self.pick_one(value, kinds, one, item) for one in at], self.scope.full)
        return self.pick_one(value, kinds, self.whole(item), item)

    def pick_one(self, value: Value, kinds: tuple[AnyType, ...] | None, at: int, tree: Expr) -> Value:
        if kinds is not None and not -len(kinds) <= at < len(kinds):
            label = (
                f"expected {-len(kinds)} to {len(kinds) - 1}, found {at}"
                if kinds
                else f"expected a list that holds something, found {at}"
            )
            raise EdgeError(
                "index-out-of-range", f"there is no element {at} in a list of {len(kinds)}", tree, label=label
            )
        return element(value, at)

    def whole(self, tree: Expr) -> int:
        return self.counted(self.static(tree), tree, int)

    def counted(self, value: Any, tree: Expr, *kinds: type) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            label = f"expected a whole number, found {in_words(value)}"
            raise EdgeError("bad-edge", "an index is a whole number", tree, label=label)
        return value

    def step(self, tree: Expr | None, *, backwards: bool = False) -> int | None:
        """The step of a slice, which of a list alone may lead backwards."""
        if tree is None:
            return None
        step = self.whole(tree)
        if step == 0:
            raise EdgeError("bad-edge", "a step of 0 leads nowhere", tree, label="expected another number, found 0")
        if step < 0 and not backwards:
            help_ = "`flip(x, axis)` reads an axis backwards"
            label = f"expected 1 or more, found {step}"
            raise EdgeError("bad-edge", "a step along an axis goes forward", tree, label=label, help=help_)
        return step

    def slice(self, value: Value, items: tuple[Expr, ...], tree: Expr) -> Value:
        kind = self.tensor(value, tree)
        attrs: list[Any] = []
        dims: list[Dim] = []
        rest = list(kind.dims) if kind is not None else []
        axes = sum(1 for item in items if not isinstance(item, Dots) and not _is_new_axis(item))
        if kind is not None and axes > len(rest):
            label = f"expected at most {len(rest)}, found {axes}"
            raise EdgeError("bad-axis", f"more axes are indexed than there are in {kind}", tree, label=label)
        if sum(isinstance(item, Dots) for item in items) > 1:
            raise EdgeError(
                "bad-axis", "`...` stands for all axes that are left", tree, label="expected it once, found it twice"
            )
        for item in items:
            if isinstance(item, Dots):
                keep = len(rest) - sum(
                    1 for later in items[items.index(item) + 1 :] if not _is_new_axis(later)
                )  # fmt: skip
                dims, rest = dims + rest[:keep], rest[keep:]
                attrs.append(...)
            elif _is_new_axis(item):
                dims.append(Dim.of(1))
                attrs.append(None)
            else:
                extent = rest.pop(0) if rest else None
                attrs.append(self.axis(item, extent, dims))
        result = kind and Type(kind.kind, tuple(dims + rest))
        return Apply(result, value.present, "slice", (value,), tuple(attrs))

    def axis(self, item: Expr, extent: Dim | None, dims: list[Dim]) -> Any:
        if not isinstance(item, Slice):
            at = self.bound(item)
            known = None if extent is None else extent.known
            if known is not None and isinstance(at, int) and not -known <= at < known:
                label = f"expected {-known} to {known - 1}, found {at}"
                raise EdgeError(
                    "index-out-of-range", f"there is no element {at} in an axis of {known}", item, label=label
                )
            return at
        ends = [None if part is None else self.bound(part) for part in (item.first, item.last)]
        step = self.step(item.step)
        if extent is not None:
            dims.append(sliced(extent, ends[0], ends[1], step))
        parts = zip(ends, (item.first, item.last), strict=True)
        first, last = (None if end is None else (end, part) for end, part in parts)
        return slice(first, last, step)

    def bound(self, tree: Expr) -> Any:
        return simplest(self.counted(evaluate(tree, self.scope.param), tree, int, Dim))


def _is_number(tree: Expr) -> bool:
    return (isinstance(tree, (Literal, Param)) and not _is_new_axis(tree)) or isinstance(tree, (Unary, ListOf))


def _is_new_axis(tree: Expr) -> bool:
    return isinstance(tree, Literal) and tree.value is None
