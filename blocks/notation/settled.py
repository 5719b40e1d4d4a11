"""Expressions with what is known of their parameters written in, and what that decides left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .expressions import Binary, Conditional, Expr, Index, Literal, Param, Unary


def settled(tree: Expr, known: Callable[[str], Expr | None], has_value: Callable[[str], bool]) -> Expr:
    """`tree` with what is known of parameters written in: ``$b if $a == null else $a`` is ``$b`` where `a` is null.

    Args:
        tree: an expression over parameters.
        known: what stands for ``$name``; None where that is to stay.
        has_value: whether a ``$name`` that stays is known not to be null.
    """

    def each(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(each(item) for item in value)
        return settled(value, known, has_value) if isinstance(value, Expr) else value

    match tree:
        case Param(text=text):
            found = known(text)
            return tree if found is None else each(found)
        case Conditional(test=test, then=then, other=other):
            answer = each(test)
            if isinstance(answer, Literal):
                return each(then if answer.value else other)
        case Binary(op="and" | "or" as op, left=left, right=right):
            answer = each(left)
            if isinstance(answer, Literal):
                return answer if bool(answer.value) == (op == "or") else each(right)
    found = replace(tree, **{field: each(getattr(tree, field)) for field in tree.__dataclass_fields__})
    match found:
        case Conditional(then=then, other=other) if _fails(then) or _fails(other):
            return other if _fails(then) else then
        case Unary(op="not", operand=Literal(value=value)):
            return _literal(tree, not value)
        case Binary(op="==" | "!=" as op, left=Literal(value=left), right=Literal(value=right)):
            return _literal(tree, (left == right) == (op == "=="))
        case Binary(op="==" | "!=" as op, left=Param(text=text), right=Literal(value=None)) if has_value(text):
            return _literal(tree, op == "!=")
    return found


def _fails(tree: Expr) -> bool:
    """Whether an expression has no value, as it reads an element of null: what has been checked does not choose it."""
    match tree:
        case Index(base=base):
            return _fails(base) or (isinstance(base, Literal) and base.value is None)
        case Unary(operand=operand):
            return _fails(operand)
        case Binary(op=op, left=left, right=right):
            return _fails(left) or (op not in ("and", "or") and _fails(right))
    return False


def _literal(tree: Expr, value: Any) -> Literal:
    return Literal(tree.start, tree.end, value)
