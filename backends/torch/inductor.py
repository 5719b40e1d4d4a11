"""What torch's inductor (2.13) gets wrong, or searches for though it is plain to see: set right before it compiles.

Importing this imports torch's compiler.
"""

from __future__ import annotations

import sys
from typing import Any

import sympy
from torch._inductor.codegen import cpp
from torch._inductor.codegen.wrapper import PythonWrapperCodegen, SubgraphPythonWrapperCodegen
from torch._inductor.ir import InvokeSubgraph, Layout, MultiOutput
from torch._inductor.virtualized import V

_CREATE = vars(InvokeSubgraph)["create"].__func__
_ASSIGN = PythonWrapperCodegen.codegen_input_symbol_assignment
_IS_LARGER = vars(Layout).get("_stride_expr_ge_or_false")  # which 2.11 has not
_HOME: Any = sys.modules[vars(cpp)["stride_at_vec_range"].__module__]  # `cpp` itself up to torch 2.11
_SEARCHED = _HOME.simplify_index_in_vec_range


def settle_inductor() -> None:
    """Put what is below in the place of inductor's own."""
    InvokeSubgraph.create = classmethod(_created)
    SubgraphPythonWrapperCodegen.codegen_input_symbol_assignment = _assigned
    if _IS_LARGER is not None:
        Layout._stride_expr_ge_or_false = staticmethod(_is_larger)
    _HOME.simplify_index_in_vec_range = _simplified


def _created(cls: Any, *args: Any, **options: Any) -> Any:
    """What a region gives, or gradients that it gives, is read where it lies.

    A tensor that is a part of another begins at an offset, of which inductor reads it from as far again: what it
    computes of a slice is then wrong, and told by nobody.
    """
    outputs = _CREATE(cls, *args, **options)
    for one in outputs:
        if isinstance(one, MultiOutput):
            one.get_layout().offset = 0
    return outputs


def _assigned(self: Any, name: str, value: Any, bound_vars: Any) -> None:
    """The extents of what a region reads are named by the symbols that they have become, too.

    Two inputs of one extent, such as images and their labels, have one symbol in the end. A region that was traced
    before is still given it by its first name alone, and inductor stops where that is the only one, in ``4*batch``.
    """
    _ASSIGN(self, name, value, bound_vars)
    if isinstance(value, sympy.Symbol):
        known = V.graph.sizevars.shape_env.replace(value)
        if isinstance(known, sympy.Symbol) and known not in bound_vars:
            self.prefix.writeline(f"{known} = {value}")
            bound_vars.add(known)


def _is_larger(left: Any, right: Any) -> bool:
    """Whether a stride is the larger, where it is no multiple of one that holds a further extent as well.

    Of a map with channels last inductor asks whether a row's stride is a multiple of the map's. What is left of such a
    division is written with a quotient, `Mod(1, h*w/w)`, at whose range it stops with an error where both extents are
    symbols.
    """
    assert _IS_LARGER is not None
    rest: Any = sympy.sympify(left % right) if right != 0 else sympy.S.Zero
    if any(one.exp.is_negative for one in rest.atoms(sympy.Pow)):  # written with a quotient of symbols
        return bool(V.graph.sizevars.guard_or_false(sympy.Ge(left, right)))
    return bool(_IS_LARGER(left, right))


def _simplified(index: sympy.Expr, var: sympy.Expr, vec_length: int) -> sympy.Expr:
    """The index of a vector loop, off which is read by how much it grows: a sum of numbered variables as it stands.

    Inductor hands each to sympy's search for the shortest form, 5 to 10 ms at a time. ``768*d0 + d1`` says so as it
    stands, and the search gives back the same.
    """
    return index if all(map(_is_step, sympy.Add.make_args(index))) else _SEARCHED(index, var, vec_length)


def _is_step(term: sympy.Expr) -> bool:
    """Whether a term is a whole number, a variable or a whole number of it."""
    factor, variable = term.as_coeff_Mul()
    return factor.is_Integer and (variable.is_Symbol or variable == 1)
