"""Values as text: the edge expression that stands for each, in the notation of specs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..blocks.notation.types import AnyType, Type
from ..blocks.notation.unparse import ATOM, NEGATIVE, NOT, POWER, RANK, plain_text, to_text, wrapped
from .graph import Apply, Constant, FirstOf, Gathered, InputValue, Option, OutputValue, Picked, Rounds, Value


def value_text(value: Value, rank: float = 0) -> str:
    """The edge expression of a value, in parentheses where its operator binds less than `rank`."""
    match value:
        case InputValue(name=name):
            return name
        case OutputValue(node=node, port=port):
            return node.name if next(iter(node.outputs), port) == port else f"{node.name}.{port}"
        case Constant(tree=tree):
            return to_text(tree, rank)
        case FirstOf(choices=choices):
            return f"first({', '.join(map(value_text, choices))})"
        case Gathered(items=items):
            return f"[{', '.join(map(value_text, items))}]"
        case Rounds(node=node, port=port, initial=initial):
            return f"{node.name}.{port}{'' if initial is None else '[*]'}"
        case Picked(base=base, at=at):
            name = value_text(base, ATOM)
            return f"{name.removesuffix('[*]')}[{slice_text(at) if isinstance(at, slice) else at}]"
        case Apply():
            return _apply(value, rank)
    return "null"  # what is not there


def _apply(value: Apply, rank: float) -> str:
    args = list(value.args)
    if value.op == "when":
        return value_text(args[0], rank)
    if value.op == "field":
        return f"{value_text(args[0], ATOM)}.{value.attrs[0]}"
    if value.op == "slice":
        return f"{value_text(args[0], ATOM)}[{', '.join(map(_item, value.attrs))}]"
    if len(args) == 1 and value.op in ("-", "not"):
        own = NEGATIVE if value.op == "-" else NOT
        return wrapped(f"{value.op.replace('not', 'not ')}{value_text(args[0], own)}", rank > own)
    if value.op == "**":
        return wrapped(f"{value_text(args[0], POWER + 1)}**{value_text(args[1], NEGATIVE)}", rank > POWER)
    if value.op in RANK:
        own = RANK[value.op]
        text = f"{value_text(args[0], own)} {value.op} {value_text(args[1], own + 0.5)}"
        return wrapped(text, rank > own)
    inside = [*map(value_text, args), *map(_item, value.attrs)]
    return f"{value.op}({', '.join(inside)})" if inside else value.op


def _item(attr: Any) -> str:
    """One item of an index, or an axis."""
    if attr is ...:
        return "..."
    if isinstance(attr, slice):
        return slice_text(attr, lambda end: to_text(end[1]))
    if isinstance(attr, tuple):  # a number and the expression that it comes from
        return to_text(attr[1])
    return plain_text(attr)


def slice_text(at: slice, text_of: Callable[[Any], str] = str) -> str:
    """``first:last:step``, without what is not said; `text_of` writes the ends."""
    ends = ["" if end is None else text_of(end) for end in (at.start, at.stop)]
    return ":".join(ends) + ("" if at.step is None else f":{at.step}")


def option_text(option: Option, *, resolved: bool = False) -> str:
    """An option as written, or its value: a number where that is known, else the dimension it is."""
    if option.tree is not None and not resolved:
        return to_text(option.tree)
    return plain_text(option.value)


def type_text(kind: AnyType | None, *, resolved: bool = False) -> str:
    """A type; `resolved` writes every extent that is known as its number."""
    if kind is None:
        return "?"
    if isinstance(kind, Type):
        dims = [dim.expanded() for dim in kind.dims] if resolved else kind.dims
        return f"{kind.kind}[{', '.join(map(str, dims))}]"
    texts = [type_text(item, resolved=resolved) for item in kind.items]
    alike = len(set(texts)) == 1
    return f"list({texts[0]} x {len(texts)})" if alike else f"list({', '.join(texts)})"
