"""Edge expressions: from their text to values with types and presence (language F10).

Assumes that every name resolves through the scope; guarantees a `Value` whose type is inferred, or a diagnostic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from ...blocks.notation.dim_compare import compare
from ...blocks.notation.dims import Dim
from ...blocks.notation.expressions import (
    Binary, Call, Conditional, Dots, Expr, Index, ListOf, Literal, Name, Param, Slice, Star, Unary, walk,
)  # fmt: skip
from ...blocks.notation.types import ListType, RecordType, Type, kind_of_all
from ...blocks.notation.values import EvaluationError, Formula, evaluate, simplest
from ..diagnosing.diagnostics import did_you_mean
from ..graph import Apply, Constant, Gathered, Value
from .edge_types import (
    EdgeError, Side, binary, check_kind, check_tensor, cosine, elementwise, extreme, reduced, sliced,
    transpose, unary, where,
)  # fmt: skip
from .origins import in_words, listed, not_computed
from .values import (
    STANDS_IN, element, first_of, gathered, is_uneven, number, stretch, together, unlike,
)  # fmt: skip

if TYPE_CHECKING:
    from .scope import Scope


ELEMENTWISE = {
    "exp", "log", "sqrt", "sin", "cos", "abs", "sigmoid", "tanh", "relu", "lgamma", "float", "int", "bool", "isfinite",
}  # fmt: skip
REDUCTIONS = {"sum", "mean", "var", "any", "all", "amax", "amin", "prod", "norm"}
REFUSED = {
    **dict.fromkeys(("mean", "var", "norm", "softmax", "log_softmax"), ("int", "bool")),
    **dict.fromkeys(("argmax", "argmin"), ("bool",)),
}
"""The kinds of numbers that a function over axes is not made for."""
AXIS = {"softmax", "log_softmax", "cumsum", "argmax", "argmin", "argsort", "flip"}
LISTS = {"first", "stack", "unstack", "zip", "pair", "detach"}
TYPED: dict[str, tuple[int, Callable[..., Type]]] = {
    **dict.fromkeys(ELEMENTWISE, (1, elementwise)),
    "where": (3, where), "min": (2, extreme), "max": (2, extreme), "cosine": (2, cosine), "transpose": (1, transpose),
}  # fmt: skip
"""Functions whose type follows from those of so many operands."""
FUNCTIONS = sorted(REDUCTIONS | AXIS | LISTS | TYPED.keys())


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
            case Index(base=Param()):  # of a list
                return self.constant(tree)
            case Index(base=base, items=items):
                return self.index(tree, base, items)
            case Unary(op=op, operand=operand):
                return self.apply(op, tree, [operand], unary, folds=True)
            case Binary(op="in" | "not in" as op):
                label = "expected arithmetic or a comparison"
                raise EdgeError("bad-edge", f"`{op}` has no meaning between tensors", tree, label)
            case Binary(op=op, left=left, right=right):
                return self.apply(op, tree, [left, right], binary, folds=True)
            case Call():
                return self.call(tree)
            case Conditional(test=test, then=then, other=other):
                answer = self.static(test)
                if isinstance(answer, (str, Dim)):
                    raise EdgeError("bad-edge", "an edge cannot depend on what a call gives", test,
                                    f"expected a condition over parameters, found {in_words(answer)}",
                                    help="choose between values by `where(condition, one, other)`")  # fmt: skip
                chosen = then if answer else other
                is_nothing = isinstance(chosen, Literal) and chosen.value is None
                return Value(None, 0) if is_nothing else self.value(chosen)
        raise EdgeError("bad-edge", "this has no place in an edge", tree, "expected a value")

    def static(self, tree: Expr) -> Any:
        value = simplest(evaluate(tree, self.scope.param))
        if isinstance(value, Formula):
            raise EdgeError("bad-edge", "an edge cannot depend on a flag", tree, "expected a number, found a flag",
                            help="give two nodes a `when:` each, and read `first(one, other)`")  # fmt: skip
        return value

    def constant(self, tree: Expr) -> Constant:
        value = self.static(tree)
        if isinstance(value, (str, list, dict)) or value is None:
            raise EdgeError("bad-edge", "an edge computes with numbers", tree,
                            f"expected a number, found {in_words(value)}", help=not_computed(value))  # fmt: skip
        return number(value, self.scope.kept(tree), self.scope.full)

    def folded(self, tree: Expr, values: Sequence[Value]) -> Constant:
        try:
            return self.constant(tree)
        except EvaluationError as error:
            if not any(isinstance(value, Constant) and isinstance(value.value, Dim) for value in values):
                raise
            raise EdgeError(
                "bad-edge", str(error), tree, "expected numbers alone, or a tensor on one side",
                help="let a tensor stand first: `x * 2 / $length` in place of `x * (2 / $length)`",
            ) from None  # fmt: skip

    def apply(
        self, op: str, tree: Expr, args: Sequence[Expr], rule: Callable[..., Type], *, folds: bool = False
    ) -> Value:
        """An operation over the values of `args`, of the type that `rule` tells; one over numbers alone may fold."""
        values = [self.value(arg) for arg in args]
        if folds and all(isinstance(value, Constant) for value in values):
            return self.folded(tree, values)
        present = together(values, self.scope.full)
        if not present and all(value.present for value in values):
            raise EdgeError("never-present", "what is read here is never there together", tree, values=values)
        pairs = zip(args, values, strict=True)
        sides = [Side(arg, value, kind) for arg, value in pairs if (kind := self.tensor(value, arg)) is not None]
        return Apply(rule(op, *sides) if len(sides) == len(args) else None, present, op, tuple(values))

    def tensor(self, value: Value, tree: Expr) -> Type | None:
        self.check_no_record(value, tree)
        if isinstance(value.type, ListType):
            raise EdgeError("list-value", "a list of values stands where one is read", tree,
                            f"expected one value, found a list of {len(value.type.items)}",
                            help="select one of them, such as `[-1]`, or `stack(...)` them")  # fmt: skip
        return value.type

    def check_no_record(self, value: Value, tree: Expr) -> None:
        if isinstance(value.type, RecordType):
            label = f"expected one of its fields, found {value.type}"
            raise EdgeError("list-value", "a record stands where one value is read", tree, label)

    # Functions

    def call(self, tree: Call) -> Value:
        name = tree.function
        if name not in FUNCTIONS:
            owner, _, word = name.rpartition(".")
            help_ = f"write `{word}(...)`" if owner and word in FUNCTIONS else did_you_mean(name, FUNCTIONS)
            label = f"expected one of {listed(FUNCTIONS, most=12 if help_ else 40)}"
            raise EdgeError("unknown-function", f"there is no function `{name}`", tree, label, help=help_)
        if name in TYPED:
            count, rule = TYPED[name]
            return self.apply(name, tree, self.arguments(tree, count), rule, folds=name in ("min", "max", "abs", "int"))
        return getattr(self, f"call_{name}", self.call_over_axes)(tree)

    def arguments(self, tree: Call, count: int) -> tuple[Expr, ...]:
        if len(tree.args) != count:
            label = f"expected {count}, found {len(tree.args)}"
            raise EdgeError("bad-edge", f"`{tree.function}` has another number of arguments", tree, label)
        return tree.args

    def argument(self, tree: Call) -> Value:
        """The value of the one argument."""
        return self.value(*self.arguments(tree, 1))

    def call_over_axes(self, tree: Call) -> Value:
        if not tree.args:
            label = "expected a value and axes, found nothing"
            raise EdgeError("bad-edge", f"`{tree.function}` needs a value", tree, label)
        value = self.value(tree.args[0])
        kind = self.tensor(value, tree.args[0])
        axes = tuple(self.axis_number(arg, tree.function) for arg in tree.args[1:])
        if kind is None:
            return Apply(None, value.present, tree.function, (value,), axes)
        side = Side(tree.args[0], value, kind)
        check_tensor(tree.function, side)
        check_kind(tree.function, side, *REFUSED.get(tree.function, ()))
        rank = len(kind.dims)
        for axis, arg in zip(axes, tree.args[1:], strict=True):
            if not -rank <= axis < rank:
                found = f"{-rank} to {rank - 1}, found {axis}" if rank else "no axis, as it is one number"
                raise EdgeError("bad-axis", f"there is no axis {axis} in {kind}", arg, f"expected {found}")
        if tree.function in AXIS and len(axes) != 1:
            label = f"expected one axis, found {len(axes) or 'none'}"
            raise EdgeError("bad-axis", f"`{tree.function}` needs one axis", tree, label)
        if tree.function == "prod" and len(axes) > 1:
            label = f"expected one axis or none, found {len(axes)}"
            raise EdgeError("bad-axis", "`prod` takes one axis at a time", tree, label)
        drops = tree.function in REDUCTIONS or tree.function in ("argmax", "argmin")
        over = {axis % rank for axis in axes} or set(range(rank))
        dims = tuple(dim for at, dim in enumerate(kind.dims) if at not in over) if drops else kind.dims
        return Apply(Type(reduced(tree.function, kind), dims), value.present, tree.function, (value,), axes)

    def call_stack(self, tree: Call) -> Value:
        items, *at = self.arguments(tree, min(max(len(tree.args), 1), 2))
        value, axes = self.value(items), tuple(self.whole(arg) for arg in at)
        if value.type is None:
            return Apply(None, value.present, "stack", (value,), axes)
        first = value.type.items[0] if isinstance(value.type, ListType) and value.type.items else None
        if not isinstance(value.type, ListType) or not isinstance(first, Type):
            label = f"expected a list, found {value.type}"
            raise EdgeError("list-value", "`stack` needs a list of values", items, label)
        for item in value.items if isinstance(value, Gathered) else ():
            if isinstance(item, Constant):
                check_tensor("stack", Side(item.tree, item, first))
        for item in value.type.items:
            if isinstance(item, Type) and (
                len(item.dims) != len(first.dims)
                or any(compare(one, other) == "different" for one, other in zip(item.dims, first.dims, strict=True))
            ):
                label = f"expected {first.shape} for all, found {item.shape}"
                raise EdgeError("shape-mismatch", "`stack` needs values of one shape", items, label)
        dims, rank = list(first.dims), len(first.dims) + 1
        if axes and not -rank <= axes[0] < rank:
            label = f"expected {-rank} to {rank - 1}, found {axes[0]}"
            raise EdgeError("bad-axis", f"there is no axis {axes[0]} in a stack of {first}", at[0], label)
        dims.insert(axes[0] % rank if axes else 0, Dim.of(len(value.type.items)))
        return Apply(Type(kind_of_all(value.type.items), tuple(dims)), value.present, "stack", (value,), axes)

    def call_unstack(self, tree: Call) -> Value:
        value = self.argument(tree)
        kind = self.tensor(value, tree.args[0])
        if kind is None:
            return Apply(None, value.present, "unstack", (value,))
        count = kind.dims[0].known if kind.dims else None
        if count is None:
            label = f"expected a first axis of a known extent, found {kind}"
            raise EdgeError("bad-axis", "`unstack` takes the first axis apart", tree.args[0], label)
        return Apply(ListType((Type(kind.kind, kind.dims[1:]),) * count), value.present, "unstack", (value,))

    def call_first(self, tree: Call) -> Value:
        if not tree.args:
            label = "expected values to choose from, found nothing"
            raise EdgeError("bad-edge", "`first` needs a value", tree, label)
        first = first_of([self.value(arg) for arg in tree.args])
        if label := unlike(first):
            raise EdgeError("shape-mismatch", STANDS_IN, tree, label)
        self.scope.call.uneven |= is_uneven(first)
        return first

    def call_detach(self, tree: Call) -> Value:
        value = self.argument(tree)
        self.check_no_record(value, tree.args[0])
        return self.detached(value)

    def detached(self, value: Value) -> Value:
        if isinstance(value, Constant):
            return value
        if isinstance(value.type, ListType):
            items = [self.detached(element(value, at)) for at in range(len(value.type.items))]
            return gathered(items, self.scope.full)
        return Apply(value.type, value.present, "detach", (value,))

    def call_zip(self, tree: Call) -> Value:
        lists = [self.value(arg) for arg in tree.args]
        kinds = [value.type for value in lists]
        for kind, arg in zip(kinds, tree.args, strict=True):
            if kind is not None and not isinstance(kind, ListType):
                label = f"expected a list, found {kind}"
                raise EdgeError("list-value", f"`{tree.function}` needs lists of values", arg, label)
        columns = [kind.items for kind in kinds if isinstance(kind, ListType)]
        items = tuple(item for column in columns for item in column)
        if tree.function == "pair":
            items = tuple(ListType(row) for row in zip(*columns, strict=False))
        return Apply(ListType(items), together(lists, self.scope.full), tree.function, tuple(lists))

    call_pair = call_zip

    # Elements and slices

    def index(self, tree: Index, base: Expr, items: tuple[Expr, ...]) -> Value:
        if isinstance(base, Name) and len(items) == 1:
            is_axis = isinstance(items[0], Dots) or _is_new_axis(items[0])
            rounds = None if is_axis else self.scope.rounds(base.text)
            if rounds is not None:
                self.scope.check_rounds(rounds, tree)
                return self.pick(rounds, items[0])
        value = self.value(base)
        if not value.present or value.type is None:  # absent, or a diagnostic says why it has no type
            return value
        self.check_no_record(value, tree)
        if isinstance(value.type, ListType):
            if len(items) != 1:
                raise EdgeError("list-value", "a list takes one index", tree, f"expected one, found {len(items)}")
            return self.pick(value, items[0])
        assert isinstance(value.type, Type)
        check_tensor("[...]", Side(base, value, value.type))
        for item in items:
            if isinstance(item, Star):
                label = f"expected a list, as a `repeat` gives, found {value.type}"
                raise EdgeError("list-value", "`*` is every element of a list", item, label, values=[value])
        return self.slice(value, items, tree)

    def pick(self, value: Value, item: Expr) -> Value:
        if isinstance(item, Star):
            return value
        if isinstance(item, Slice):
            first, last = (None if part is None else self.whole(part) for part in (item.first, item.last))
            part = slice(first, last, self.step(item.step, backwards=True))
            return stretch(value, part, self.scope.full)
        at = self.static(item)
        at = [simplest(one) for one in at] if isinstance(at, list) else at
        if isinstance(at, list) and all(isinstance(one, int) for one in at):
            return gathered([self.pick_one(value, one, item) for one in at], self.scope.full)
        return self.pick_one(value, self.whole(item), item)

    def pick_one(self, value: Value, at: int, tree: Expr) -> Value:
        kinds = value.type.items if isinstance(value.type, ListType) else None
        if kinds is not None and not -len(kinds) <= at < len(kinds):
            wanted = f"{-len(kinds)} to {len(kinds) - 1}" if kinds else "a list that holds something"
            message = f"there is no element {at} in a list of {len(kinds)}"
            raise EdgeError("index-out-of-range", message, tree, f"expected {wanted}, found {at}")
        return element(value, at)

    def whole(self, tree: Expr) -> int:
        return self.counted(self.static(tree), tree, int)

    def axis_number(self, tree: Expr, function: str) -> int:
        at = self.static(tree)
        if isinstance(at, list):
            help_ = f"several axes are arguments of their own, as in `{function}(x, 0, 1)`"
            raise EdgeError("bad-edge", "an axis is a whole number", tree, f"found {in_words(at)}", help=help_)
        return self.counted(at, tree, int)

    def counted(self, value: Any, tree: Expr, *kinds: type) -> Any:
        if isinstance(value, bool) or not isinstance(value, kinds):
            label = f"expected a whole number, found {in_words(value)}"
            raise EdgeError("bad-edge", "an index is a whole number", tree, label)
        return value

    def step(self, tree: Expr | None, *, backwards: bool = False) -> int | None:
        """The step of a slice, which of a list alone may lead backwards."""
        if tree is None:
            return None
        step = self.whole(tree)
        if step == 0:
            raise EdgeError("bad-edge", "a step of 0 leads nowhere", tree, "expected another number, found 0")
        if step < 0 and not backwards:
            help_ = "`flip(x, axis)` reads an axis backwards"
            label = f"expected 1 or more, found {step}"
            raise EdgeError("bad-edge", "a step along an axis goes forward", tree, label, help=help_)
        return step

    def slice(self, value: Value, items: tuple[Expr, ...], tree: Expr) -> Value:
        kind = self.tensor(value, tree)
        attrs: list[Any] = []
        dims: list[Dim] = []
        rest = list(kind.dims) if kind is not None else []
        axes = sum(1 for item in items if not isinstance(item, Dots) and not _is_new_axis(item))
        if kind is not None and axes > len(rest):
            label = f"expected at most {len(rest)}, found {axes}"
            raise EdgeError("bad-axis", f"more axes are indexed than there are in {kind}", tree, label)
        if sum(isinstance(item, Dots) for item in items) > 1:
            label = "expected it once, found it twice"
            raise EdgeError("bad-axis", "`...` stands for all axes that are left", tree, label)
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
            at = simplest(self.end(item))
            known = None if extent is None else extent.known
            if known is not None and isinstance(at, int) and not -known <= at < known:
                label = f"expected {-known} to {known - 1}, found {at}"
                message = f"there is no element {at} in an axis of {known}"
                raise EdgeError("index-out-of-range", message, item, label)
            return (at, self.scope.kept(item)) if any(isinstance(part, Param) for part in walk(item)) else at
        ends = [None if part is None else self.end(part) for part in (item.first, item.last)]
        step = self.step(item.step)
        if extent is not None:
            dims.append(sliced(extent, ends[0], ends[1], step))
        parts = zip(ends, (item.first, item.last), strict=True)
        first, last = (None if part is None else (simplest(end), self.scope.kept(part)) for end, part in parts)
        return slice(first, last, step)

    def end(self, tree: Expr) -> Any:
        """A number of an index, in which dimensions keep their names, so that ``a:a + n`` is `n` long."""
        return self.counted(evaluate(tree, self.scope.param), tree, int, Dim)


def _is_new_axis(tree: Expr) -> bool:
    return isinstance(tree, Literal) and tree.value is None
