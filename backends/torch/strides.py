"""Indices that are sums of numbered variables, left as they are where inductor asks for the strides of a vector loop.

Inductor hands each index of a C++ kernel to sympy's search for the shortest form, 5 to 10 ms at a time, to read off by
how much it grows. ``768*d0 + d1`` says so as it stands, and the search gives back the same.
"""

from __future__ import annotations

import sys
from typing import Any

import sympy
from torch._inductor.codegen import cpp

_HOME: Any = sys.modules[vars(cpp)["stride_at_vec_range"].__module__]  # `cpp` itself up to torch 2.11
_SEARCHED = _HOME.simplify_index_in_vec_range


def settle_strides() -> None:
    """Let inductor read strides off such indices as they are."""
    _HOME.simplify_index_in_vec_range = _simplified


def _simplified(index: sympy.Expr, var: sympy.Expr, vec_length: int) -> sympy.Expr:
    return index if all(map(_is_step, sympy.Add.make_args(index))) else _SEARCHED(index, var, vec_length)


def _is_step(term: sympy.Expr) -> bool:
    """Whether a term is a whole number, a variable or a whole number of it."""
    factor, variable = term.as_coeff_Mul()
    return factor.is_Integer and (variable.is_Symbol or variable == 1)
