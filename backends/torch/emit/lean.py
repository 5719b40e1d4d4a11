"""Forwards for inference: nodes computed as one, and values that no number of a call changes kept from call to call."""

from __future__ import annotations

import re

from ....compiler.graph import Body, Graph, Node
from ....compiler.passes.held import Hold, costs
from ....compiler.passes.rewrites import Kind, Rewrite, rewrites
from .forward import Forward
from .naming import MODULES, attribute

MODULE = f"{MODULES}.inference"
LEAN = {"Linear": "PrepackedLinear"}
"""Modules of blocks that have another for inference."""
_CLASSES: dict[Kind, str] = {"joined": "Joined", "folded": "FoldedNorm", "settled": "SettledConv"}


class Rewriting(Forward):
    """Writes a forward in which nodes are computed as one, where it is for inference."""

    def write(self) -> None:
        """Find what is computed as one, then write."""
        found = rewrites(self.owner.source.graph, self.body) if self.owner.source.inference else []
        computed = {node for node in self.needs.ports if not self.is_held(node)}
        self.rewritten: dict[Node, tuple[Rewrite, list[Node]]] = {}
        for one in found:
            wanted = [node for node in one.nodes if node in computed]
            if len(wanted) == len(one.nodes) or (one.kind == "joined" and len(wanted) > 1):
                self.rewritten.update((node, (one, wanted)) for node in wanted)
        super().write()

    def is_held(self, node: Node) -> bool:
        """Whether a node may be left uncomputed."""
        return False

    def block(self, node: Node) -> None:
        """A call of a block, or of what computes it with others."""
        rewrite, wanted = self.rewritten.get(node, (None, []))
        if rewrite is None:
            super().block(node)
        elif rewrite.kind == "joined" and node is wanted[0]:
            targets, call, given = [self.named(one, "x") for one in wanted], rewrite.name, self.port_text(node, "x")
            if len(wanted) < len(rewrite.nodes):
                call, given = f"{call}.some", f"{given}, {[rewrite.nodes.index(one) for one in wanted]}"
            self.line(f"{', '.join(targets)} = self.{call}({given})", node.outputs["x"])
        elif rewrite.kind != "joined" and node is rewrite.nodes[-1]:
            call = f"self.{rewrite.name}({self.port_text(rewrite.nodes[0], 'x')})"
            self.line(f"{self.named(node, 'x')} = {call}", node.outputs["x"])


class Lean(Rewriting):
    """Writes a forward for inference, in which what no number of a call changes is held."""

    def write(self) -> None:
        """Find what is held, then write."""
        self.hold = Hold(self.body, self.combination, extents=self.owner.source.holds_extents)
        self.kept = self.hold.frontier(self.needs.ports, self.outputs.values())
        self.inner = {node for chain in self.kept.values() for node in chain} - set(self.kept)
        super().write()

    def is_held(self, node: Node) -> bool:
        """Whether a value is held, or made for one that is."""
        return node in self.hold.nodes

    def block(self, node: Node) -> None:
        """A call of a block, of what computes it with others, or what is held of it."""
        if node in self.kept:
            self.keep(node)
        elif node not in self.inner:
            super().block(node)

    def keep(self, node: Node) -> None:
        """What is held of a node, and how it is made."""
        before, self.statements = self.statements, []
        shared, self.shared = self.shared, {}
        for one in self.kept[node]:
            super().block(one)  # none is computed with others: what is held is not
        lines, self.statements, self.shared = self.statements, before, shared
        target = self.variables[node, next(iter(node.outputs))]
        like = "".join(f", {name}" for name in self.read(lines))
        name = self.owner.held_name(target, "\n".join(lines))
        value = lines.pop().partition("  # ")[0].removeprefix(f"{target} = ")
        held = f"self.{holder(self.body)}"
        self.line(f'{target} = {held}("{name}"{like})', next(iter(node.outputs.values())))
        self.line(f"if {target} is None:")
        self.statements += [f"    {line}" for line in lines]
        self.line(f'    {target} = {held}.keep("{name}", [{like[2:]}], {value})')

    def read(self, lines: list[str]) -> list[str]:
        """The variables that lines read and do not make: by what holds for these, what is held is found again."""
        codes = [line.partition("  # ")[0] for line in lines]
        made = {target.strip() for code in codes for target in code.partition(" = ")[0].split(",")}
        known = [self.names.claimed[name] for name in self.body.inputs]
        known += [*self.variables.values(), *self.names.runtime.values()]
        words = {word for code in codes for word in re.findall(r"(?<![\w.\"])[A-Za-z_]\w*(?!\w|=[^=])", code)}
        return [name for name in dict.fromkeys(known) if name in words - made]


def made_from_others(graph: Graph, body: Body, imports: dict[str, set[str]]) -> list[str]:
    """The lines of a constructor that make what a lean forward calls."""
    lines = []
    for rewrite in rewrites(graph, body):
        sources = ", ".join(f"self.{attribute(node.name)}" for node in rewrite.nodes)
        lines.append(f"self.{rewrite.name} = {_CLASSES[rewrite.kind]}({sources})")
        imports[MODULE].add(_CLASSES[rewrite.kind])
    if any(map(costs, Hold(body, None, extents=True).nodes)):
        lines.append(f"self.{holder(body)} = Held()")
        imports[MODULE].add("Held")
    return lines


def holder(body: Body) -> str:
    """The attribute that holds values."""
    taken = body.nodes.keys() | body.params.keys() | body.symbols.keys()
    return "held_" if "held" in taken else "held"
