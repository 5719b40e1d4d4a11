"""Which rounds of a repeat look alike: these are drawn once, the others one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...compiler.graph import Body, Node
from .crossing import is_attention

_MAX_PERIOD, _MAX_RUNS = 3, 6


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of rounds: `turns` are drawn one after the other, each the bodies that look alike, `count` times."""

    turns: tuple[tuple[Body, ...], ...]
    count: int


def phases(node: Node) -> list[Phase]:
    """The stretches of a repeat: all rounds in one, alternating ones, or runs of alike ones.

    Rounds are in one if they are alike, or if the fullest has all that the others have. Those that hand nothing on, of
    a part mapped over a list, stand side by side, and the fullest speaks for all.
    """
    rounds = tuple(node.rounds)
    seen = [signature(body) for body in rounds]
    count = len(rounds)
    whole = [Phase((rounds,), count)]
    if len(set(seen)) == 1 or not set(rounds[0].outputs) & set(node.inputs):
        return whole
    for period in range(2, _MAX_PERIOD + 1):
        if count >= 2 * period and count % period == 0 and all(one == seen[at % period] for at, one in enumerate(seen)):
            return [Phase(tuple(rounds[at::period] for at in range(period)), count // period)]
    starts = [at for at in range(count) if at == 0 or seen[at] != seen[at - 1]]
    if len(starts) > _MAX_RUNS or all(contains(fullest(rounds), body) for body in node.bodies):
        return whole
    return [Phase((rounds[a:b],), b - a) for a, b in zip(starts, [*starts[1:], count], strict=True)]


def signature(body: Body) -> tuple[object, ...]:
    """What two bodies have in common if they look the same: nodes, kinds and ports, options and counts aside."""
    return tuple(
        (node.name, node.kind, tuple(node.inputs), tuple(dict.fromkeys(map(signature, node.bodies))))
        for node in body.nodes.values()
    )


def contains(full: Body, other: Body) -> bool:
    """Whether a body has every node of another."""
    for node in other.nodes.values():
        own = full.nodes.get(node.name)
        if own is None or own.kind != node.kind:
            return False
        if not all(any(contains(one, inner) for one in own.bodies) for inner in node.bodies):
            return False
    return True


def fullest(bodies: Sequence[Body]) -> Body:
    """The first of the bodies with the most nodes, and of these of those that read the most."""
    return max(bodies, key=lambda body: (len(body.nodes), sum(bool(one.present) for one in body.inputs.values())))


def is_structure(node: Node) -> bool:
    """Whether a part repeats or is made of parts: then it is structure, and no detail. Attention is a detail anyhow."""
    if not node.rounds:
        return False
    inside = node.rounds[0].nodes.values()
    made_of_parts = any(one.rounds for one in inside) and not any(map(is_attention, inside))
    return node.is_repeat or made_of_parts or any(map(is_structure, inside))


def nested(bodies: Sequence[Body]) -> list[Node]:
    """Every node in the bodies, inner ones too."""
    found: list[Node] = []
    for body in dict.fromkeys(bodies):
        for node in body.nodes.values():
            found.append(node)
            found.extend(nested(node.rounds))
    return found
