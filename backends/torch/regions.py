"""Rounds that are compiled as one region (`nested_compile_region`): what torch asks of what they are given."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import torch


def apart(region: Callable[..., Any]) -> Callable[..., Any]:
    """A region whose arguments are tensors of their own, of one that is given twice the second is a copy.

    Torch (2.13) reads such a pair as one input, and goes on to do so in the rounds that give two: what it computes is
    then wrong, and told by nobody.
    """

    def called(self: Any, *args: Any, **inputs: Any) -> Any:
        seen: list[torch.Tensor] = []
        own = [_own(one, seen) for one in args]
        return region(self, *own, **{name: _own(one, seen) for name, one in inputs.items()})

    return called


def _own(given: Any, seen: list[torch.Tensor]) -> Any:
    if isinstance(given, list):
        return [_own(one, seen) for one in given]
    if isinstance(given, torch.Tensor):
        if any(given is one for one in seen):
            return given.clone()
        seen.append(given)
    return given


def own_inputs(inputs: dict[str, Any]) -> dict[str, Any]:
    """What a call gives; of views of one tensor all but the first are copied: torch refuses a region that reads two."""
    firsts: dict[torch.Tensor, torch.Tensor] = {}  # a tensor is a key by itself, not by its numbers

    def own(given: Any) -> Any:
        if not isinstance(given, torch.Tensor):
            return given
        base = given if given._base is None else given._base
        return given if firsts.setdefault(base, given) is given else given.clone()

    return {name: own(given) for name, given in inputs.items()}


@functools.cache
def settle_offsets() -> None:
    """Let inductor read what a region gives, or gradients that it gives, where they lie.

    A tensor that is a part of another begins at an offset, of which inductor (2.13) reads it from as far again: what it
    computes of a slice is then wrong, and told by nobody.
    """
    from torch._inductor.ir import InvokeSubgraph, MultiOutput

    create = vars(InvokeSubgraph)["create"].__func__

    def created(cls: Any, *args: Any, **options: Any) -> Any:
        outputs = create(cls, *args, **options)
        for one in outputs:
            if isinstance(one, MultiOutput):
                one.get_layout().offset = 0
        return outputs

    InvokeSubgraph.create = classmethod(created)


@functools.cache
def settle_extents() -> None:
    """Let inductor name the extents of what a region reads by the symbols that they have become.

    Two inputs of one extent, such as images and their labels, have one symbol in the end. A region that was traced
    before is still given it by its first name alone, and inductor (2.13) stops where that is the only one, in
    ``4*batch``.
    """
    import sympy  # which torch has not imported where kept code is only loaded
    from torch._inductor.codegen.wrapper import PythonWrapperCodegen, SubgraphPythonWrapperCodegen
    from torch._inductor.virtualized import V

    assign = PythonWrapperCodegen.codegen_input_symbol_assignment

    def assigned(self: Any, name: str, value: Any, bound_vars: Any) -> None:
        assign(self, name, value, bound_vars)
        if isinstance(value, sympy.Symbol):
            known = V.graph.sizevars.shape_env.replace(value)
            if isinstance(known, sympy.Symbol) and known not in bound_vars:
                self.prefix.writeline(f"{known} = {value}")
                bound_vars.add(known)

    SubgraphPythonWrapperCodegen.codegen_input_symbol_assignment = assigned
