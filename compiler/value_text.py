"""Values as text: the edge expression that stands for each, in the notation of specs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..blocks.notation.expressions import (
    Binary, Call, Dots, Expr, Index, ListOf, Literal, Name, Slice, Star, Unary,
)  # fmt: skip
from ..blocks.notation.types import AnyType, Type
from ..blocks.notation.unparse import RANK, plain_text, to_text
from .graph import Apply, Constant, FirstOf, Gathered, InputValue, Option, OutputValue, Picked, Rounds, Value


def value_text(value: Value, when: Callable[[Apply], str] = lambda _: "") -> str:
    """The edge expression of a value; `when` puts in words what one of its choices is there under."""
    return to_text(_tree(value, when))


def _tree(value: Value, when: Callable[[Apply], str]) -> Expr:
    """The edge expression of a value, without places."""

    def tree(inner: Value) -> Expr:
        return _tree(inner, when)

    match value:
        case InputValue(name=name):
            return Name(0, 0, name)
        case OutputValue(node=node, port=port):
            return Name(0, 0, node.name if next(iter(node.outputs), port) == port else f"{node.name}.{port}")
        case Constant(tree=written):
            return written
        case FirstOf(choices=choices):
            return Call(0, 0, "first", tuple(map(tree, choices)))
        case Gathered(items=items):
            return ListOf(0, 0, tuple(map(tree, items)))
        case Rounds(node=node, port=port, initial=initial):
            name = Name(0, 0, f"{node.name}.{port}")
            return name if initial is None else Index(0, 0, name, (Star(0, 0),))
        case Picked(base=base, at=at):
            whole = tree(base)
            if isinstance(whole, Index) and isinstance(whole.items[0], Star):
                whole = whole.base
            return Index(0, 0, whole, (_item(at),))
        case Apply(op="when", args=(only,)):
            return Name(0, 0, f"{value_text(only, when)} when {text}") if (text := when(value)) else tree(only)
        case Apply(op="field", args=args, attrs=attrs):
            return Name(0, 0, f"{value_text(args[0], when)}.{attrs[0]}")
        case Apply(op="slice", args=args, attrs=attrs):
            return Index(0, 0, tree(args[0]), tuple(map(_item, attrs)))
        case Apply(op="-" | "not" as op, args=(operand,)):
            return Unary(0, 0, op, tree(operand))
        case Apply(op=op, args=(left, right)) if op in (*RANK, "**"):
            return Binary(0, 0, op, tree(left), tree(right))
        case Apply(op=op, args=args, attrs=attrs):
            inside = (*map(tree, args), *map(_item, attrs))
            return Call(0, 0, op, inside) if inside else Name(0, 0, op)
    return Literal(0, 0, None)  # what is not there


def _item(attr: Any) -> Expr:
    """One item of an index, an end of a slice, or an axis."""
    if attr is ...:
        return Dots(0, 0)
    if isinstance(attr, slice):
        first, last, step = (None if one is None else _item(one) for one in (attr.start, attr.stop, attr.step))
        return Slice(0, 0, first, last, step)
    return attr[1] if isinstance(attr, tuple) else Literal(0, 0, attr)  # a number may come with its expression


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
        return str(Type(kind.kind, tuple(dim.expanded() for dim in kind.dims)) if resolved else kind)
    texts = [type_text(item, resolved=resolved) for item in kind.items]
    alike = len(set(texts)) == 1
    return f"list({texts[0]} x {len(texts)})" if alike else f"list({', '.join(texts)})"
