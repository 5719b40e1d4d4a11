"""What a graph does along the axis of its tokens: which values come token by token, and which are known before.

A value is `fixed` (made from no input), `once` (from none that comes token by token: the encoder's side), `new` (there
for the new tokens), `whole` (for all tokens so far and the room behind them, as a mask is given) or `keys` (it has an
axis of all tokens on which no query is). How a port reads the axis (`Block.reads`) says what becomes of it: what a
`key` or a `scan` port reads has to be remembered as it comes, what a `token` or `query` port reads is cut to the new
tokens, and what an `all` port reads cannot be decoded step by step. A port that says nothing reads tokens one by one
where they stand on axes that its type leaves open (`*`), else all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, NoReturn

from ..blocks.notation.dims import Dim, Symbol
from ..blocks.notation.types import AnyType, Type
from .body_flow import BodyFlow
from .building.edges import ELEMENTWISE as FUNCTIONS
from .diagnosing.diagnostics import Diagnostic, Label, SpecError
from .graph import (
    Apply, Body, Constant, Gathered, InputValue, Node, OutputValue, Picked, Rounds, Value, axes_along, flat,
    slice_items,
)  # fmt: skip
from .presence import present, resolve
from .reading.span import Span

Kind = Literal["fixed", "once", "keys", "whole", "new"]
SHARED, MIXED = ":all", ":mixed"
"""How the names of what is held for all rows at once end, and of what has them elsewhere than on the first axis."""
_RANK: tuple[Kind, ...] = ("fixed", "once", "keys", "whole", "new")
ELEMENTWISE = FUNCTIONS | {
    "or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "**", "not", "where", "detach", "min",
    "max", "when"
}  # fmt: skip
"""Operators of edges that work number by number."""


def token_axis(kind: AnyType | None, tokens: Symbol) -> int | None:
    """Which axis of a value is that of the tokens; None where none is."""
    wanted = Dim.of(tokens)
    dims = kind.dims if isinstance(kind, Type) else ()
    return next((axis for axis, dim in enumerate(dims) if dim.expanded() == wanted), None)


def axes_of(kind: AnyType | None, tokens: Symbol) -> list[int]:
    """The axes of a value whose extents hang on the number of tokens."""
    dims = kind.dims if isinstance(kind, Type) else ()
    return [axis for axis, dim in enumerate(dims) if tokens in dim.expanded().symbols()]


def is_said_of_keys(kind: AnyType | None, tokens: Symbol) -> bool:
    """Whether a value has a number for each key and is the same for all queries, as some score terms are."""
    dims = kind.dims if isinstance(kind, Type) else ()
    return axes_of(kind, tokens) == [len(dims) - 1] and len(dims) > 1 and dims[-2].expanded().known == 1


def is_laid(kind: AnyType | None, tokens: Symbol) -> bool:
    """Whether the numbers of each token lie together, on an axis of the tokens or one that they share with others."""
    dims = [kind.dims[axis].expanded() for axis in axes_of(kind, tokens)] if isinstance(kind, Type) else []
    return all(dim // Dim.of(tokens) * Dim.of(tokens) == dim for dim in dims)


def numbers_of(value: Apply) -> list[object]:
    """The numbers that an edge computes with: those among its arguments, and those by which it slices."""
    numbers: list[object] = [arg.value for arg in value.args if isinstance(arg, Constant)]
    for item in slice_items(value) if value.op == "slice" else ():
        ends = (item.start, item.stop) if isinstance(item, slice) else (item,)
        numbers += [end[0] if isinstance(end, tuple) else end for end in ends]
    return numbers


class Flow(BodyFlow[Kind]):
    """The kinds of the values of one body, called with inputs of `kinds`, under one combination."""

    def __init__(self, body: Body, combination: int, tokens: Symbol, kinds: Mapping[str, Kind]) -> None:
        super().__init__(body, combination, _RANK)
        self.tokens = tokens
        self.kinds = kinds
        self.at: Span | None = None  # where the edge or the node stands whose inputs are looked at
        self._values: dict[Value, Kind] = {}
        self._nodes: dict[Node, Kind] = {}

    def kind(self, value: Value) -> Kind:
        """What a value is.

        Raises:
            SpecError: it mixes tokens in a way that no step can follow.
        """
        value = resolve(value, self.combination)
        if value not in self._values:
            self._values[value] = self._kind(value)
        return self._values[value]

    def _kind(self, value: Value) -> Kind:
        match value:
            case InputValue(name=name):
                return self.kinds[name]
            case Constant():
                return "fixed"
            case OutputValue(node=node, port=port) | Rounds(node=node, port=port):
                if node.contract is not None:
                    return self.node(node)
                return self.result(node, port)
            case Gathered(items=items):
                return self.most(self.kind(item) for item in items if present(item, self.combination))
            case Picked(base=base):
                return self.kind(base)
            case Apply():
                before, self.at = self.at, value.span or self.at
                try:
                    return self.apply(value)
                finally:
                    self.at = before
        raise AssertionError(f"no kind for {type(value).__name__}")

    def apply(self, value: Apply) -> Kind:
        """The kind of what an edge computes."""
        if value.op in ("range", "zeros", "ones"):
            if token_axis(value.type, self.tokens) is not None:
                return "new"
            known = isinstance(value.type, Type) and all(dim.known is not None for dim in value.type.dims)
            return "fixed" if known else "once"
        kind = self.most(self.kind(arg) for arg in value.args)
        if kind in ("fixed", "once") and self.first_rows(value) is not None:
            return "new"
        if any(map(self.counts, numbers_of(value))):
            self.refuse(value, "the number of all tokens is read")
        if kind in ("fixed", "once"):
            return kind
        if value.op in ELEMENTWISE:
            return kind
        axes = axes_of(value.args[0].type, self.tokens)
        if not axes or not self.is_along(value, axes):
            return kind
        if value.op == "cumsum" and token_axis(value.args[0].type, self.tokens) in axes_along(value):
            return "whole"
        self.refuse(value, f"`{value.op}` along the tokens")

    def is_along(self, value: Apply, axes: list[int]) -> bool:
        """Whether what an edge computes of a number hangs on others along `axes` of its first argument."""
        if value.op == "transpose":  # of queries and keys
            return len(axes) > 1
        if value.op == "slice":
            items = slice_items(value)
            return any(items[axis] != slice(None) for axis in axes)
        if value.op == "unstack":
            return 0 in axes
        if value.op == "@":
            last = len(getattr(value.args[0].type, "dims", ())) - 1
            return last in axes or bool(axes_of(value.args[1].type, self.tokens))
        return not value.attrs or bool(set(axes) & set(axes_along(value)))

    def is_of_keys(self, arg: Value, value: Apply) -> bool:
        """Whether the tokens of an argument are those of the keys, in what an edge computes for queries and keys."""
        axes, kind, own = axes_of(value.type, self.tokens), value.type, resolve(arg, self.combination).type
        if value.op not in ELEMENTWISE or len(axes) != 2 or not isinstance(kind, Type) or not isinstance(own, Type):
            return False
        return [axis - len(own.dims) for axis in axes_of(own, self.tokens)] == [axes[1] - len(kind.dims)]

    def first_rows(self, value: Apply) -> int | None:
        """The axis along which a slice takes as many first rows as there are tokens, and nothing else; or None."""
        if value.op != "slice" or None in value.attrs:
            return None
        cut = [(axis, item) for axis, item in enumerate(slice_items(value)) if item != slice(None)]
        if len(cut) != 1 or not isinstance(item := cut[0][1], slice):
            return None
        end = item.stop[0] if isinstance(item.stop, tuple) and item.start is None and item.step is None else None
        return cut[0][0] if isinstance(end, Dim) and end.expanded() == Dim.of(self.tokens) else None

    def counts(self, value: object) -> bool:
        """Whether a number is one of the call's that hangs on how many tokens there are."""
        return isinstance(value, Dim) and self.tokens in value.expanded().symbols()

    def refuse(self, value: Apply, reason: str) -> NoReturn:
        """Say what of an edge no step can do, where it stands or is read."""
        span = self.body.span if self.at is None else self.at
        raise SpecError([undecodable(value.name or value.op, span, reason)])

    def node(self, node: Node) -> Kind:
        """The kind of what a block gives."""
        if node not in self._nodes:
            self._nodes[node] = self._node(node)
        return self._nodes[node]

    def _node(self, node: Node) -> Kind:
        assert node.contract is not None
        self._require_places(node)
        read: list[Kind] = []
        given: list[Kind] = []
        has_tokens = any(axes_of(one, self.tokens) for one in node.outputs.values())
        for port, value in node.values():
            if not present(value, self.combination):
                continue
            kind = self.read(value, node)
            if port in node.contract.extents and not has_tokens and kind != "fixed":
                kind = "once"  # how many samples there are, say, no token changes
            how = self.reads(node, port, resolve(value, self.combination).type)
            given.append(kind)
            if kind in ("new", "whole"):
                sees_later = how == "key" and getattr(node.contract, "causal", True) is False
                if how == "all" or sees_later:
                    reason = f"its input `{port}` is read at all tokens at once"
                    if sees_later and "causal" in vars(node.contract):
                        reason += ", later ones too, as its `causal` is false"
                    raise SpecError([undecodable(node.name, node.span, reason)])
                if how in ("query", "scan", "token"):
                    read.append("new" if how == "query" else "whole" if how == "scan" else kind)
        if self.most(given) in ("fixed", "once", "keys"):
            return self.most(given)
        return self.most(read) if read else "keys"

    def read(self, value: Value, node: Node) -> Kind:
        """The kind of what a node reads."""
        before, self.at = self.at, node.span
        try:
            return self.kind(value)
        finally:
            self.at = before

    def reads(self, node: Node, port: str, kind: AnyType | None) -> str:
        """How a port reads the tokens of a value."""
        assert node.contract is not None
        how, axes = node.contract.reads.get(port), axes_of(kind, self.tokens)
        if how == "axis":
            rank = len(kind.dims) if isinstance(kind, Type) else 0
            return "all" if vars(node.contract)["axis"] % max(rank, 1) in axes else "token"
        if how == "side":
            return str(vars(node.contract)["side"])
        if how == "query" and len(axes) == 2:  # what is said of keys may become what a token is
            return how if all(len(axes_of(one, self.tokens)) == 2 for one in node.outputs.values()) else "all"
        if how == "score":
            return "key" if isinstance(kind, Type) and axes == [len(kind.dims) - 1] else "query"
        if how == "rows":
            extents = [kind, *node.outputs.values()]
            return "token" if len(axes) < 2 and all(is_laid(one, self.tokens) for one in extents) else "all"
        if how is None and port not in node.contract.extents:
            return "token" if set(axes) <= set(node.contract.ports()[port].open_axes(kind)) else "all"
        return how or "token"

    def _require_places(self, node: Node) -> None:
        """Refuse what numbers queries among keys where the tokens are one of them alone."""
        assert node.contract is not None
        if node.contract.counts and getattr(node.contract, "causal", True) and {"q", "k"} <= node.inputs.keys():
            pair = {port: value for port, value in node.values() if port in ("q", "k")}
            where = [token_axis(resolve(one, self.combination).type, self.tokens) for one in pair.values()]
            if (where[0] is None) != (where[1] is None):
                raise SpecError([undecodable(node.name, node.span, "it numbers tokens among places of another axis")])

    def given_to(self, node: Node) -> dict[str, Kind]:
        """The kinds of what a part is given.

        Raises:
            SpecError: a list has what is said of keys, token by token: nothing in the part would remember it.
        """
        kinds: dict[str, Kind] = {}
        for port, given in node.inputs.items():
            items = [one for one in flat(given) if present(one, self.combination)]
            read: list[Kind] = [self.read(one, node) for one in items]
            types = [resolve(one, self.combination).type for one in items]
            of_keys = [kind for kind, told in zip(read, types, strict=True) if is_said_of_keys(told, self.tokens)]
            if isinstance(given, list) and "new" in of_keys:
                reason = f"its list `{port}` has what is said of keys, which nothing in it remembers"
                raise SpecError([undecodable(node.name, node.span, reason)])
            kinds[port] = self.most(read)
        return kinds

    def within(self, node: Node, body: Body, kinds: Mapping[str, Kind]) -> Flow:
        """The flow inside a part, or a round of a repeat, that is called with inputs of `kinds`."""
        return Flow(body, self.combination, self.tokens, kinds)


def undecodable(name: str, span: Span, reason: str) -> Diagnostic:
    """The diagnostic of what cannot be decoded step by step."""
    text = f"expected what each step can do for its own tokens, found that {reason}"
    return Diagnostic("undecodable", f"`{name}` cannot be decoded step by step", Label(span, text))
