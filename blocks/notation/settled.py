"""Expressions with what is known of their parameters written in, and what that decides left out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from .expressions import Binary, Conditional, Expr, Literal, Param, Unary


def settled(tree: Expr, known: Callable[[str], Expr | None]) -> Expr:
    """`tree` with what `known` says in the place of parameters: ``$a * 2 if $a else $b`` is ``$b`` where `a` is null.

    Args:
        tree: an expression over parameters.
        known: what stands for ``$name``; None where that is to stay.
    """
    match tree:
        case Param(text=text):
            found = known(text)
            return tree if found is None else settled(found, known)
        case Conditional(test=test, then=then, other=other):
            answer = settled(test, known)
            if isinstance(answer, Literal):
                return settled(then if answer.value else other, known)
        case Binary(op="and" | "or" as op, left=left, right=right):
            answer = settled(left, known)
            if isinstance(answer, Literal):
                return answer if bool(answer.value) == (op == "or") else settled(right, known)
    found = replace(tree, **{field: _each(getattr(tree, field), known) for field in tree.__dataclass_fields__})
    match found:
        case Unary(op="not", operand=Literal(value=value)):
            return _literal(tree, not value)
        case Binary(op="==" | "!=" as op, left=Literal(value=left), right=Literal(value=right)):
            return _literal(tree, (left == right) == (op == "=="))
    return found


def _literal(tree: Expr, value: Any) -> Literal:
    return Literal(tree.start, tree.end, value)


def _each(value: Any, known: Callable[[str], Expr | None]) -> Any:
    if isinstance(value, tuple):
        return tuple(_each(item, known) for item in value)
    return settled(value, known) if isinstance(value, Expr) else value
