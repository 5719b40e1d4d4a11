"""What becomes of values from body to body: the kinds of what parts are given and give, rounds of a repeat together."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, Self, TypeVar

from .graph import Body, Node, Value
from .presence import made

K = TypeVar("K", bound=str)


class BodyFlow(ABC, Generic[K]):
    """The kinds of the values of one body under one combination: what decoding and packing have in common.

    Attributes:
        rank: the kinds, from the least on.
    """

    def __init__(self, body: Body, combination: int, rank: Sequence[K]) -> None:
        self.body = body
        self.combination = combination
        self.rank = rank
        self._ports: dict[Node, dict[str, K]] = {}
        self._inner: dict[tuple[Node, Body], Self] = {}

    @abstractmethod
    def kind(self, value: Value) -> K:
        """What a value is."""

    @abstractmethod
    def given_to(self, node: Node) -> dict[str, K]:
        """The kinds of what a part is given."""

    @abstractmethod
    def within(self, node: Node, body: Body, kinds: Mapping[str, K]) -> Self:
        """The flow inside a part, or a round of a repeat, that is called with inputs of `kinds`."""

    def most(self, kinds: Iterable[K]) -> K:
        """The kind of what is made from, or may be any of, `kinds`."""
        return max(kinds, key=self.rank.index, default=self.rank[0])

    def ports(self, node: Node) -> dict[str, K]:
        """The kinds of a part's inputs; what rounds carry comes in every round as it does in any."""
        if node not in self._ports:
            kinds = self.given_to(node)
            read = {port for body in node.bodies for port in body.inputs} - node.each
            made_by_any = [port for body in node.bodies for port in made(body, self.combination)]
            ports = [port for port in dict.fromkeys(made_by_any) if port in read]
            if node.is_repeat:  # the first round may have none of what is carried
                kinds = {**dict.fromkeys(ports, self.rank[0]), **kinds}
            while node.is_repeat:
                inner = [self.within(node, body, kinds) for body in node.bodies]
                carried = {port: self.most([kinds[port], *(flow.gives(port) for flow in inner)]) for port in ports}
                if carried.items() <= kinds.items():
                    break
                kinds = {**kinds, **carried}
            self._ports[node] = kinds
        return self._ports[node]

    def inner(self, node: Node, body: Body) -> Self:
        """The flow inside a part, or a round of a repeat."""
        if (node, body) not in self._inner:
            self._inner[node, body] = self.within(node, body, self.ports(node))
        return self._inner[node, body]

    def result(self, node: Node, port: str) -> K:
        """The kind of a part's output, of every round alike."""
        kinds = [self.inner(node, body).gives(port) for body in node.bodies]
        carried = [self.ports(node)[port]] if node.is_repeat and port in self.ports(node) else []
        return self.most([*kinds, *carried])

    def gives(self, port: str) -> K:
        """The kind of an output of this body; the least where it gives none."""
        value = made(self.body, self.combination).get(port)
        return self.rank[0] if value is None else self.kind(value)
