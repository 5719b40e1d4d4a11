"""Values as Python expressions, for one combination of inputs and flags."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ....blocks.notation.types import ListType, Type
from ....compiler.graph import (
    Apply, Constant, Gathered, InputValue, OutputValue, Picked, Rounds, Value,
)  # fmt: skip
from ....compiler.presence import present, resolve

if TYPE_CHECKING:
    from .forward import Forward

_BINARY = {
    "or": (1, "|"), "and": (3, "&"), "==": (0, "=="), "!=": (0, "!="), "<": (0, "<"), "<=": (0, "<="), ">": (0, ">"),
    ">=": (0, ">="), "+": (4, "+"), "-": (4, "-"), "*": (5, "*"), "/": (5, "/"), "//": (5, "//"), "%": (5, "%"),
    "@": (5, "@"), "**": (7, "**"),
}  # fmt: skip
_UNARY = {"-": "-", "not": "~"}
_ATOM = 9
_CALLS = {"norm": "torch.linalg.vector_norm"}
"""Functions that are not torch's of the operation's own name."""
_METHODS = {
    "float": "float()", "int": "long()", "bool": "bool()", "detach": "detach()", "transpose": "transpose(-1, -2)",
    "unstack": "unbind()",
}  # fmt: skip
_OVER_AXES = ("sum", "mean", "var", "flip")
_EXTREMES = {"min": ("minimum", "max"), "max": ("maximum", "min")}
"""A function of two tensors, and the bound that a number sets."""
_FILLED = ("zeros", "ones")


class Render:
    """Renders the values of one body for one combination."""

    def __init__(self, forward: Forward) -> None:
        self.forward = forward
        self.names = forward.names
        self.combination = forward.combination

    def text(self, value: Value, rank: int = 0) -> str:
        """The expression, in parentheses where its operator binds less than `rank`."""
        value = self.forward.lowered(resolve(value, self.combination))
        match value:
            case InputValue(name=name):
                return self.names.claimed[name]
            case OutputValue():
                return self.forward.output(value.node, value.port)
            case Constant():
                return self.constant(value, rank)
            case Apply():
                return self.forward.edge(value) or self.apply(value, rank)
            case Gathered(items=items):
                return self.gathered(list(items))
            case Rounds(node=node, port=port):
                return self.forward.history(node, port)
            case Picked(base=base, at=int(at)):
                return self.element(base, at)
            case Picked(base=base, at=slice() as at):
                return f"{self.text(base, _ATOM)}[{_slice_text(at)}]"
        raise AssertionError(f"no text for {type(value).__name__}")

    def constant(self, value: Constant, rank: int) -> str:
        text = self.names.expression(value.tree)
        return f"({text})" if rank and not text.replace(".", "").replace("_", "").isalnum() else text

    def gathered(self, items: list[Value]) -> str:
        texts = []
        for item in items:
            if present(item, self.combination):
                many = isinstance(item.type, ListType)
                texts.append(f"*{self.text(item, _ATOM)}" if many else self.text(item))
        return f"[{', '.join(texts)}]"

    def many(self, values: list[Value]) -> str:
        """The values of a port that takes a list; one list is passed as it is."""
        if len(values) == 1 and isinstance(values[0].type, ListType):
            return self.text(values[0])
        return self.gathered(values)

    def element(self, value: Value, at: int) -> str:
        """One element of a list; of a list that is only written down, what stands there."""
        value = resolve(value, self.combination)
        if isinstance(value, Gathered) and isinstance(value.type, ListType):
            here = [item for item in value.items if present(item, self.combination)]
            lengths = [len(item.type.items) if isinstance(item.type, ListType) else 1 for item in here]
            at = at % sum(lengths)
            for item, length in zip(here, lengths, strict=True):
                if at < length:
                    return self.element(item, at) if isinstance(item.type, ListType) else self.text(item, _ATOM)
                at -= length
        if isinstance(value, Apply) and value.op == "unstack":
            return f"{self.text(value.args[0], _ATOM)}[{at}]"
        return f"{self.text(value, _ATOM)}[{at}]"

    def apply(self, value: Apply, rank: int) -> str:
        if value.op in _BINARY and len(value.args) == 2:
            return self.binary(value, rank)
        rule: Callable[[Apply], str] | None = getattr(self, f"apply_{value.op}", None)
        if rule is not None:
            return rule(value)
        if value.op in _METHODS:
            return f"{self.text(value.args[0], _ATOM)}.{_METHODS[value.op]}"
        if value.op in _EXTREMES:
            return self.extreme(value)
        if value.op in _OVER_AXES:
            return f"{self.text(value.args[0], _ATOM)}.{value.op}({self.axes(value) if value.attrs else ''})"
        if value.op in _FILLED:
            return self.filled(value)
        if value.op in _UNARY:
            text = f"{_UNARY[value.op]}{self.text(value.args[0], 6)}"
            return f"({text})" if rank > 6 else text
        inside = ", ".join(self.text(arg) for arg in value.args)
        if value.attrs:
            inside += f", dim={self.axes(value)}"
        return f"{_CALLS.get(value.op, f'torch.{value.op}')}({inside})"

    def binary(self, value: Apply, rank: int) -> str:
        own, sign = _BINARY[value.op]
        left, right = value.args
        tighter = own + 1 if own else 4
        first = tighter if not own or sign == "**" else own  # powers in a row are read from the right
        text = f"{self.text(left, first)} {sign} {self.text(right, tighter)}"
        return f"({text})" if rank > own or (own == 0 and rank) else text

    def axes(self, value: Apply) -> str:
        return str(value.attrs[0]) if len(value.attrs) == 1 else str(tuple(value.attrs))

    def apply_cosine(self, value: Apply) -> str:
        return f"F.cosine_similarity({self.text(value.args[0])}, {self.text(value.args[1])}, dim=-1)"

    def extreme(self, value: Apply) -> str:
        name, bound = _EXTREMES[value.op]
        a, b = value.args
        if isinstance(b, Constant) or isinstance(a, Constant):
            tensor, limit = (a, b) if isinstance(b, Constant) else (b, a)
            return f"{self.text(tensor, _ATOM)}.clamp({bound}={self.text(limit)})"
        return f"torch.{name}({self.text(a)}, {self.text(b)})"

    def apply_zip(self, value: Apply) -> str:
        lists = ", ".join(self.text(arg) for arg in value.args)
        return f"[item for pair in zip({lists}) for item in pair]"

    def apply_pair(self, value: Apply) -> str:
        return f"list(zip({', '.join(self.text(arg) for arg in value.args)}))"

    def apply_field(self, value: Apply) -> str:
        return f'{self.text(value.args[0], _ATOM)}["{value.attrs[0]}"]'

    def apply_slice(self, value: Apply) -> str:
        items = ", ".join(self.slice_item(attr) for attr in value.attrs)
        return f"{self.text(value.args[0], _ATOM)}[{items}]"

    def slice_item(self, attr: Any) -> str:
        if attr is ...:
            return "..."
        if isinstance(attr, slice):
            return _slice_text(attr, lambda end: self.names.expression(end[1]))
        if isinstance(attr, tuple):  # a number and the expression that it comes from
            return self.names.expression(attr[1])
        return self.names.literal(attr)

    def filled(self, value: Apply) -> str:
        """``zeros``, ``ones``: a tensor of the input's own type."""
        kind = value.type
        assert isinstance(kind, Type)
        dtype = {"int": "torch.long", "bool": "torch.bool"}.get(kind.kind) or self.forward.float_type()
        extents = ", ".join(self.names.dim(dim) for dim in kind.dims) or "()"
        return f"torch.{value.op}({extents}{f', dtype={dtype}' if dtype else ''}{self.forward.device()})"

    def apply_range(self, value: Apply) -> str:
        kind = value.type
        assert isinstance(kind, Type)
        extents = [self.names.dim(dim) for dim in kind.dims]
        counted = self.counted(kind, extents[-1])
        return f"{counted}.expand({', '.join(extents)})" if len(extents) > 1 else counted

    def counted(self, kind: Type, extent: str) -> str:
        """The numbers along the last axis of a ``range``."""
        return f"torch.arange({extent}{self.forward.device()})"


def _slice_text(at: slice, text_of: Callable[[Any], str] = str) -> str:
    """``first:last:step``, without what is not said; `text_of` writes the ends."""
    ends = ["" if end is None else text_of(end) for end in (at.start, at.stop)]
    return ":".join(ends) + ("" if at.step is None else f":{at.step}")
