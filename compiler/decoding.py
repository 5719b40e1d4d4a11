"""What a graph does along the axis of its tokens: which values come token by token, and which are known before.

A value is `fixed` (made from no input), `once` (from none that comes token by token: the encoder's side), `new` (there
for the new tokens), `whole` (for all tokens so far and the room behind them, as a mask is given) or `keys` (it has an
axis of all tokens on which no query is). How a port reads the axis (`Block.reads`) says what becomes of it: what a
`key` or a `scan` port reads has to be remembered as it comes, what a `token` or `query` port reads is cut to the new
tokens, and what an `all` port reads cannot be decoded step by step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from ..blocks.notation.dims import Dim, Symbol
from ..blocks.notation.types import AnyType, Type
from .diagnosing.diagnostics import Diagnostic, Label, SpecError
from .graph import (
    Apply, Body, Constant, Gathered, InputValue, Node, OutputValue, Picked, Rounds, Value, axes_along, flat,
    slice_items,
)  # fmt: skip
from .presence import present, resolve
from .reading.span import Span

Kind = Literal["fixed", "once", "keys", "whole", "new"]
SHARED = ":all"
"""How the name of what is held for all rows at once ends; whatever else is held has the batch as its first axis."""
_RANK: tuple[Kind, ...] = ("fixed", "once", "keys", "whole", "new")
ELEMENTWISE = frozenset(
    ["or", "and", "==", "!=", "<", "<=", ">", ">=", "+", "-", "*", "/", "//", "%", "**", "not", "exp", "log", "sqrt",
     "abs", "sigmoid", "tanh", "relu", "where", "isfinite", "float", "int", "bool", "detach", "min", "max", "when"]
)  # fmt: skip
"""Operators of edges that work number by number."""


def most(kinds: Iterable[Kind]) -> Kind:
    """The kind of what is made number by number from values of `kinds`."""
    return _RANK[max((_RANK.index(kind) for kind in kinds), default=0)]


def token_axis(kind: AnyType | None, tokens: Symbol) -> int | None:
    """Which axis of a value is that of the tokens; None where none is."""
    wanted = Dim.of(tokens)
    dims = kind.dims if isinstance(kind, Type) else ()
    return next((axis for axis, dim in enumerate(dims) if dim.expanded() == wanted), None)


class Flow:
    """The kinds of the values of one body, called with inputs of `kinds`, under one combination."""

    def __init__(self, body: Body, combination: int, tokens: Symbol, kinds: Mapping[str, Kind]) -> None:
        self.body = body
        self.combination = combination
        self.tokens = tokens
        self.kinds = kinds
        self._values: dict[int, Kind] = {}
        self._nodes: dict[Node, Kind] = {}
        self._inner: dict[tuple[Node, int], Flow] = {}

    def kind(self, value: Value) -> Kind:
        """What a value is.

        Raises:
            SpecError: it mixes tokens in a way that no step can follow.
        """
        value = resolve(value, self.combination)
        found = self._values.get(id(value))
        if found is None:
            self._values[id(value)] = found = self._kind(value)
        return found

    def _kind(self, value: Value) -> Kind:
        match value:
            case InputValue(name=name):
                return self.kinds[name]
            case Constant():
                return "fixed"
            case OutputValue(node=node, port=port) | Rounds(node=node, port=port):
                if node.contract is not None:
                    return self.node(node)
                return self.inner(node).kind(node.rounds[0].outputs[port])
            case Gathered(items=items):
                return most(self.kind(item) for item in items if present(item, self.combination))
            case Picked(base=base):
                return self.kind(base)
            case Apply():
                return self.apply(value)
        raise AssertionError(f"no kind for {type(value).__name__}")

    def apply(self, value: Apply) -> Kind:
        """The kind of what an edge computes."""
        if value.op in ("range", "zeros", "ones"):
            if token_axis(value.type, self.tokens) is not None:
                return "new"
            known = isinstance(value.type, Type) and all(dim.known is not None for dim in value.type.dims)
            return "fixed" if known else "once"
        kind = most(self.kind(arg) for arg in value.args)
        if kind in ("fixed", "once") or value.op in ELEMENTWISE:
            return kind
        axis = token_axis(value.args[0].type, self.tokens)
        if axis is None or (value.op != "slice" and value.attrs and axis not in axes_along(value)):
            return kind
        if value.op == "slice" and slice_items(value)[axis] == slice(None):
            return kind
        if value.op == "cumsum":
            return "whole"
        raise SpecError([undecodable(value.name or value.op, self.body.span, f"`{value.op}` along the tokens")])

    def node(self, node: Node) -> Kind:
        """The kind of what a block gives."""
        if node not in self._nodes:
            self._nodes[node] = self._node(node)
        return self._nodes[node]

    def _node(self, node: Node) -> Kind:
        assert node.contract is not None
        read: list[Kind] = []
        given: list[Kind] = []
        for port, value in node.values():
            if not present(value, self.combination):
                continue
            how, kind = node.contract.reads.get(port, "token"), self.kind(value)
            given.append(kind)
            if how == "axis":
                read_type = resolve(value, self.combination).type
                at, axis = token_axis(read_type, self.tokens), vars(node.contract)["axis"]
                is_other = at is not None and isinstance(read_type, Type) and axis % len(read_type.dims) != at
                how = "token" if is_other else "all"
            if kind in ("new", "whole"):
                sees_later = how == "key" and getattr(node.contract, "causal", True) is False
                if how == "all" or sees_later:
                    reason = f"its input `{port}` is read at all tokens at once"
                    raise SpecError([undecodable(node.name, node.span, reason)])
                if how in ("query", "scan", "token"):
                    read.append("new" if how == "query" else "whole" if how == "scan" else kind)
        if most(given) in ("fixed", "once", "keys"):
            return most(given)
        return most(read) if read else "keys"

    def inner(self, node: Node, at: int = 0) -> Flow:
        """The flow inside a part or a round of a repeat; what is carried is at least what a round makes of it."""
        if (node, at) not in self._inner:
            kinds: dict[str, Kind] = {
                port: most(self.kind(one) for one in flat(given) if present(one, self.combination))
                for port, given in node.inputs.items()
            }
            body = node.rounds[at]
            flow = Flow(body, self.combination, self.tokens, kinds)
            for port in [port for port in body.outputs if node.is_repeat and port in kinds]:
                if present(body.outputs[port], self.combination):
                    kinds[port] = most([kinds[port], flow.kind(body.outputs[port])])
            self._inner[node, at] = Flow(body, self.combination, self.tokens, kinds)
        return self._inner[node, at]


def undecodable(name: str, span: Span, reason: str) -> Diagnostic:
    """The diagnostic of what cannot be decoded step by step."""
    text = f"expected what each step can do for its own tokens, found that {reason}"
    return Diagnostic("undecodable", f"`{name}` cannot be decoded step by step", Label(span, text))
