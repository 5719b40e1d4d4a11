"""Which of two strides is the larger, asked of inductor where one is no whole multiple of the other."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def settle_multiples() -> None:
    """Let inductor see that a stride is no multiple of one that holds a further extent.

    Of a map with channels last it asks whether a row's stride is a multiple of the map's. What is left of such a
    division is written with a quotient, `Mod(1, h*w/w)`, at whose range inductor (2.13) stops with an error where both
    extents are symbols.
    """
    import sympy  # which torch has not imported where kept code is only loaded
    from torch._inductor.ir import Layout
    from torch._inductor.virtualized import V

    asked = vars(Layout).get("_stride_expr_ge_or_false")  # which 2.11 has not
    if asked is None:
        return

    def is_larger(left: Any, right: Any) -> bool:
        rest: Any = sympy.sympify(left % right) if right != 0 else sympy.S.Zero
        if any(one.exp.is_negative for one in rest.atoms(sympy.Pow)):  # written with a quotient of symbols
            return bool(V.graph.sizevars.guard_or_false(sympy.Ge(left, right)))
        return bool(asked(left, right))

    Layout._stride_expr_ge_or_false = staticmethod(is_larger)
