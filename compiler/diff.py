"""What differs between two graphs: nodes that only one has, what is said otherwise of those that both have, parameters.

Nodes are matched by their path, rounds by their number; what differs alike in several rounds is one difference. What is
compared is the text form (`text.py`), piece by piece::

    encoder.<i>.norm1       kind: layer_norm | rms_norm       option affine: $affine | -
    encoder.<12..23>        only in the second, which has more rounds
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from ..blocks.notation.unparse import plain_text, to_text
from .graph import Body, Graph, Node
from .presence import presence_text
from .text import Writer, ranges
from .value_text import option_text

Pair = tuple[str | None, str | None]
"""What the first and the second graph say; None where one says nothing."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One node, or the whole model where `path` is empty.

    Attributes:
        kind: `first` and `second` are nodes that only one of the graphs has, `both` is told in `facts`.
        text: the line of a node that one graph has.
        facts: what is said otherwise: ``kind``, ``option p``, ``input x``, ``output x``, ``when``, ``rounds``, for the
            inside of a part ``param p``, ``let p``, ``in x``, ``out x``.
    """

    path: str
    kind: Literal["first", "second", "both"]
    text: str = ""
    facts: tuple[tuple[str, Pair], ...] = ()


def differences(first: Graph, second: Graph, *, resolved: bool = False) -> list[Difference]:
    """The differences of two graphs in nodes, options, edges and shapes, in the order of the first.

    Args:
        resolved: compare values and extents, where else it is what is written: `$d_model` is `$d_model` in every size.
    """
    return _Comparison(first, second, resolved).bodies(first.root, second.root)


def parameter_differences(first: Graph, second: Graph) -> dict[str, Pair]:
    """The values of the parameters that differ; those of mounted specs by dotted names."""
    return dict(_unequal(*({name: plain_text(value) for name, value in _flat(one)} for one in (first, second))))


def _flat(graph: Graph) -> Iterator[tuple[str, Any]]:
    for name, value in graph.params.items():
        if name in graph.root.mounts:
            yield from ((f"{name}.{inner}", one) for inner, one in value.items())
        else:
            yield name, value


def _unequal(one: Mapping[str, str], other: Mapping[str, str]) -> Iterator[tuple[str, Pair]]:
    for name in {**one, **other}:
        pair = one.get(name), other.get(name)
        if pair[0] != pair[1]:
            yield name, pair


class _Comparison:
    def __init__(self, first: Graph, second: Graph, resolved: bool) -> None:
        self.writers = Writer(first, resolved), Writer(second, resolved)
        self.resolved = resolved
        nodes = [node for graph in (first, second) for node in graph.root.nodes.values()]
        self.mounted = {id(body) for node in nodes for body in node.rounds if body.is_spec}

    def bodies(self, first: Body, second: Body) -> list[Difference]:
        """What differs inside two bodies; paths begin there, and are empty for what a body says of itself."""
        unequal = _unequal(*(self.inside(*pair) for pair in zip(self.writers, (first, second), strict=True)))
        is_other = first.part != second.part  # then it goes without saying that each has parameters of its own
        facts = tuple((name, pair) for name, pair in unequal
                      if not (is_other and name.startswith("param ") and None in pair))  # fmt: skip
        found = [Difference("", "both", facts=facts)] if facts else []
        for name in {**first.nodes, **second.nodes}:
            one, other = first.nodes.get(name), second.nodes.get(name)
            if one is not None and other is not None:
                found += self.nodes(one, other)
            elif one is not None:
                found.append(Difference(name, "first", _line(self.writers[0], one)))
            elif other is not None:
                found.append(Difference(name, "second", _line(self.writers[1], other)))
        return found

    def nodes(self, first: Node, second: Node) -> list[Difference]:
        """What differs between two nodes and inside them."""
        facts = tuple(_unequal(*(self.said(*pair) for pair in zip(self.writers, (first, second), strict=True))))
        found = [Difference(first.name, "both", facts=facts)] if facts else []
        with self.writers[0].inside(first), self.writers[1].inside(second):
            inside = self.rounds(first, second)
        if inside and found and inside[0].path == first.name and inside[0].kind == "both":
            found, inside = [replace(found[0], facts=facts + inside[0].facts)], inside[1:]
        return found + inside

    def rounds(self, first: Node, second: Node) -> list[Difference]:
        """What differs inside: in each round that both have, and the rounds that one has."""
        known: dict[tuple[int, int], list[Difference]] = {}
        numbers: dict[Difference, list[int]] = {}
        common = min(len(first.rounds), len(second.rounds))
        for number, (one, other) in enumerate(zip(first.rounds, second.rounds, strict=False)):
            key = id(one), id(other)
            if key not in known:
                known[key] = self.bodies(one, other)
            for difference in known[key]:
                numbers.setdefault(difference, []).append(number)
        is_repeat = first.is_repeat or second.is_repeat
        found = []
        for difference, where in numbers.items():
            index = first.index or second.index if len(where) == common else ranges(where)
            path = f"{first.name}.<{index}>" if is_repeat else first.name
            found.append(replace(difference, path=f"{path}.{difference.path}".rstrip(".")))
        longer, kind = (first, "first") if len(first.rounds) > common else (second, "second")
        extra = ranges(range(common, len(longer.rounds)))
        if longer.is_repeat and extra:
            text = _line(self.writers[kind == "second"], longer)
            found.append(Difference(f"{first.name}.<{extra}>", kind, text))
        return found

    def said(self, writer: Writer, node: Node) -> dict[str, str]:
        """What the line of a node says; the parameters of a part are told with its inside."""
        is_own = node.contract is not None and node.reuse is None
        groups = {"option": writer.options(node) if is_own else {}, "input": writer.reads(node),
                  "output": writer.gives(node)}  # fmt: skip
        said = {"kind": node.kind if node.reuse is None else f"reuse {node.owner.name}"}
        said |= {f"{word} {name}": text for word, texts in groups.items() for name, text in texts.items()}
        said |= {"when": writer.when(node.present).removeprefix(" when "), "weights": writer.ties(node).strip()}
        said |= {"rounds": writer.count(node)} if node.is_repeat else {}
        return {name: text for name, text in said.items() if text}

    def inside(self, writer: Writer, body: Body) -> dict[str, str]:
        """What a body says of itself: inputs, outputs, parameters where `parameter_differences` has them not."""
        said: dict[str, str] = {}
        if body is writer.graph.root:
            said |= {"needs": presence_text(writer.where, writer.graph)}
            said |= {f"flag {name}": plain_text(on) for name, on in writer.graph.flags.items()}
        elif id(body) not in self.mounted:
            for name, option in body.params.items():
                written = option_text(option)
                is_callers = self.resolved and written == f"${name}"
                said |= {} if is_callers else {f"param {name}": plain_text(option.value) if self.resolved else written}
        said |= {f"let {name}": to_text(tree) for name, tree in body.lets.items()}
        outputs = writer.graph.outputs if body is writer.graph.root else body.outputs
        for line in (*writer.takes(body), *writer.outputs(outputs)):
            word, _, rest = line.partition(" ")
            name = rest.split()[0].rstrip(":?")
            said[f"{word} {name}"] = rest.removeprefix(name).replace("?: ", "optional ", 1).lstrip(":= ")
        return {name: text for name, text in said.items() if text}


def _line(writer: Writer, node: Node) -> str:
    """The line of a node, without its name."""
    return next(writer.node(node)).partition(" = ")[2]
