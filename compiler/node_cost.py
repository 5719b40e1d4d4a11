"""The cost of a node and of all below it, as polynomials and as numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..blocks.notation.dims import Dim
from ..blocks.notation.types import AnyType

ZERO = Dim.of(0)


@dataclass(slots=True)
class NodeCost:
    """The cost of a node, in all its rounds.

    Attributes:
        name: the node's name; a stretch of rounds where a repeat's rounds differ; the model's for the whole.
        path: where it is, its rounds' index as ``<i>``.
        kind: its block or part; ``reuse <node>`` where it owns no weights.
        times: how often `children` are run, one round each.
        outputs: the types of its outputs.
        parameters: trained numbers, tied ones where they are owned.
        flops: operations of one call.
        memory: bytes of what it and its children give.
    """

    name: str
    path: str
    kind: str
    times: int = 1
    outputs: dict[str, AnyType] = field(default_factory=dict)
    parameters: int = 0
    flops: Dim = ZERO
    memory: Dim = ZERO
    children: list[NodeCost] = field(default_factory=list)

    def figures(self, sizes: Mapping[str, int]) -> Figures:
        """The numbers for these extents, by name.

        Raises:
            DimError: an extent is missing.
        """
        return Figures(self.parameters, self.flops.evaluate(sizes), self.memory.evaluate(sizes))

    def rewrite(self, rule: Callable[[Dim], Dim]) -> None:
        """Replace every polynomial by what `rule` makes of it, here and below."""
        self.flops, self.memory = rule(self.flops), rule(self.memory)
        for child in self.children:
            child.rewrite(rule)

    def axes(self) -> list[str]:
        """The names of the extents that its numbers depend on."""
        return sorted({symbol.name for symbol in (*self.flops.symbols(), *self.memory.symbols())})

    def walk(self, depth: int = 0) -> Iterator[tuple[int, NodeCost]]:
        """This and all below it, with how deep it lies."""
        yield depth, self
        for child in self.children:
            yield from child.walk(depth + 1)

    def to_json(self, sizes: Mapping[str, int]) -> dict[str, Any]:
        """The tree as plain data: numbers for `sizes`, and the polynomials that they come from."""
        figures = self.figures(sizes)
        return {
            "name": self.name, "path": self.path, "kind": self.kind, "times": self.times,
            "outputs": {port: str(kind) for port, kind in self.outputs.items()},
            "parameters": figures.parameters, "flops": figures.flops, "memory": figures.memory,
            "symbolic": {"flops": str(self.flops), "memory": str(self.memory)},
            "children": [child.to_json(sizes) for child in self.children],
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Figures:
    """Plain numbers: trained parameters, operations of a call, bytes of activations."""

    parameters: int
    flops: int
    memory: int
