"""The text form of a graph: a line a node, parts indented below it. Tests, bug reports and ``show`` use it.

A body is a list of lines, in this order and notation::

    needs input_ids or inputs_embeds             what a call must give; conditions below take it for granted
    in position_ids?: int[1, seq] = range        an input, ``?`` where it may be left out, and what then stands in
    norm = layer_norm(eps=$norm_eps) <- x + attended -> float[batch, seq, d]
    encoder = post_norm_layer($dropout, causal=$is_decoder) <- x=dropped, valid -> x: float[...], probs: list(...)
      repeat i < $num_layers                     the rounds that have this body: all, or `repeat i in 0..2, 5`
        in x: float[batch, seq, d]
        ...
        out x = norm2
    mixed = gelu <- first(a when seq > 4, b)     the first that is there, and what each is there under
    again = reuse tokens <- ids -> float[...]    the same weights called again: the body stands where they are owned
    out loss = head.loss when labels             there under a condition; so are nodes

A node reads ``name = kind(options) <- inputs -> outputs``; one input or output stands alone, several have their names,
and ``valid=valid`` is written once.
Options are as written; ``resolved`` gives every option its value, defaults included, extents as numbers, and a line
``param`` for each parameter with where its value comes from. Spec, task, size and overrides alone decide the text.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from itertools import groupby
from typing import Any

from ..blocks.notation.unparse import plain_text
from .building.values import any_of
from .graph import Body, Graph, Node, Value, named_outputs
from .presence import presence_text
from .value_text import option_text, type_text, value_text


def graph_text(graph: Graph, *, resolved: bool = False) -> str:
    """The graph as text, ending in a line break.

    Args:
        resolved: write values for expressions, numbers for extents, and where each parameter comes from.
    """
    which = {"task": graph.task, "size": graph.size}
    head = f"model {graph.name}" + "".join(f", {word} {name}" for word, name in which.items() if name)
    return "\n".join([head, *Writer(graph, resolved).root()]) + "\n"


class Writer:
    """Writes a graph piece by piece; `where` are the combinations that the pieces take for granted."""

    def __init__(self, graph: Graph, resolved: bool) -> None:
        self.graph = graph
        self.resolved = resolved
        self.known: dict[Body, tuple[str, ...]] = {}
        self.where = any_of(value for _, value in named_outputs(graph.outputs))

    def root(self) -> Iterator[str]:
        needs = presence_text(self.where, self.graph)
        if needs:
            yield f"needs {needs}"
        yield from self.body(self.graph.root)
        yield from self.outputs(self.graph.outputs)

    def body(self, body: Body) -> Iterator[str]:
        """The lines of a body, without indentation."""
        if self.resolved:
            for name, option in body.params.items():
                yield f"param {name} = {plain_text(option.value)}  # {option.origin}"
        yield from self.takes(body)
        for node in body.nodes.values():
            yield from self.node(node)

    def takes(self, body: Body) -> Iterator[str]:
        """The lines of a body's inputs."""
        for name, value in body.inputs.items():
            default = f" = {body.defaults[name]}" if name in body.defaults else ""
            if value.present & self.where:
                yield f"in {name}{'?' if self.where & ~value.present else ''}: {self.type(value.type)}{default}"
        for name in body.defaults:
            if name not in body.inputs:
                yield f"in {name} = {body.defaults[name]}"

    def outputs(self, outputs: dict[str, Any]) -> Iterator[str]:
        """The lines of a body's outputs; nested ones by dotted names."""
        for name, value in named_outputs(outputs):
            if value.present & self.where:
                yield f"out {name} = {self.edge(value)}{self.when(value.present)}"

    # Nodes

    def node(self, node: Node) -> Iterator[str]:
        """The line of a node, and those of its bodies."""
        if node.reuse is not None:
            yield f"{node.name} = reuse {node.owner.name}{self.tail(node)}"
            return
        options = ", ".join(
            text if text == f"${name}" else f"{name}={text}" for name, text in self.options(node).items()
        )
        called = f"{node.kind}({options})" if options else node.kind
        yield f"{node.name} = {called}{self.tail(node)}{self.ties(node)}"
        with self.inside(node):
            yield from list(self.rounds(node))

    @contextmanager
    def inside(self, node: Node) -> Iterator[None]:
        """For as long as this stands, the presence of the node is taken for granted."""
        outer, self.where = self.where, self.where & node.present
        yield
        self.where = outer

    def tail(self, node: Node) -> str:
        """What a node reads, gives, and depends on."""
        return f"{self.inputs(node)}{self.results(node)}{self.when(node.present)}"

    def rounds(self, node: Node) -> Iterator[str]:
        """The bodies of a part, those of a repeat under the rounds that they serve."""
        groups = rounds_of(node, self.below)
        for numbers, body in groups:
            if node.is_repeat:
                all_rounds = len(groups) == 1
                yield f"  repeat {node.index} {f'< {self.count(node)}' if all_rounds else f'in {ranges(numbers)}'}"
            yield from (("    " if node.is_repeat else "  ") + line for line in self.below(body))

    def count(self, node: Node) -> str:
        """The number of rounds."""
        return option_text(node.count, resolved=self.resolved) if node.count is not None else str(len(node.rounds))

    def below(self, body: Body) -> tuple[str, ...]:
        """The lines of an inner body; made once."""
        if body not in self.known:
            self.known[body] = (*self.body(body), *self.outputs(body.outputs))
        return self.known[body]

    def ties(self, node: Node) -> str:
        """With whom a node has its weights in common."""
        ties = "".join(f" tie {pair.own or 'weights'}={pair.other}" for pair in node.ties)
        return ties + (f" share {', '.join(map(str, node.shared))}" if node.shared else "")

    def options(self, node: Node) -> dict[str, str]:
        """The text of each option: of those given, or of all of them with their values."""
        if node.contract is not None:
            known = {name: option_text(option, resolved=self.resolved) for name, option in node.options.items()}
            every = {**node.contract.__dict__, **(node.contract.model_extra or {})} if self.resolved else {}
            return {**{name: plain_text(value) for name, value in every.items()}, **known}
        params = {} if self.resolved or not node.rounds else node.rounds[0].params
        return {name: option_text(option) for name, option in params.items() if option.origin == "call"}

    def reads(self, node: Node) -> dict[str, str]:
        """The text of what stands at each input."""
        texts = {port: text for port, value in node.inputs.items() if (text := self.given(value))}
        return {port: f"each {text}" if port in node.each else text for port, text in texts.items()}

    def gives(self, node: Node) -> dict[str, str]:
        """The type of each output."""
        return {port: self.type(kind) for port, kind in node.outputs.items() if kind is not None}

    def inputs(self, node: Node) -> str:
        texts = self.reads(node)
        alone = len(texts) == 1 and not node.each
        shown = ", ".join(text if alone or text == port else f"{port}={text}" for port, text in texts.items())
        return f" <- {shown}" if texts else ""

    def given(self, value: Value | list[Value]) -> str:
        """The text of what stands at a port; empty where nothing ever does."""
        if isinstance(value, list):
            texts = [self.edge(one) for one in value if one.present & self.where]
            return f"[{', '.join(texts)}]" if texts else ""
        return self.edge(value) if value.present & self.where else ""

    def edge(self, value: Value) -> str:
        """The edge expression of a value, with what its choices are there under; the last takes what is left."""
        known = self.where & value.present
        return value_text(
            value, lambda choice: presence_text(choice.present, self.graph, where=known & choice.args[0].present)
        )

    def results(self, node: Node) -> str:
        texts = self.gives(node)
        alone = len(texts) == 1
        shown = ", ".join(text if alone else f"{port}: {text}" for port, text in texts.items())
        return f" -> {shown}" if texts else ""

    def type(self, kind: Any) -> str:
        return type_text(kind, resolved=self.resolved)

    def when(self, table: int) -> str:
        """The condition of a presence, where there is one."""
        text = presence_text(table, self.graph, where=self.where)
        return f" when {text}" if text else ""


def rounds_of(node: Node, content: Callable[[Body], Hashable]) -> list[tuple[list[int], Body]]:
    """The distinct bodies of a node by their `content`, each with the rounds that it serves."""
    groups: dict[Hashable, tuple[list[int], Body]] = {}
    known = {body: content(body) for body in node.bodies}
    for number, body in enumerate(node.rounds):
        groups.setdefault(known[body], ([], body))[0].append(number)
    return list(groups.values())


def ranges(numbers: Sequence[int]) -> str:
    """``0..2, 5``."""
    texts: list[str] = []
    for _, run in groupby(enumerate(numbers), key=lambda pair: pair[1] - pair[0]):
        members = [number for _, number in run]
        texts.append(str(members[0]) if len(members) == 1 else f"{members[0]}..{members[-1]}")
    return ", ".join(texts)
