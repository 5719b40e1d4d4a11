"""Where path templates lead, whatever the parameters: to nodes of a spec, its tasks and parts, and weights of blocks.

A graph has the nodes of its own task and parameters alone; a rule or a law may be for those of others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, product
from typing import Any, NamedTuple

from ...blocks.base import Block, all_blocks
from ..building.definitions import part_definition
from ..building.origins import listed
from ..diagnosing.diagnostics import SpecError, clip
from ..reading import schema
from ..reading.document import Document
from .weight_rules import INDEX

MOST = 200


class Lost(NamedTuple):
    """A word of a path that leads nowhere, how many words stand from there on, and what might stand in its place."""

    left: int
    word: str
    known: list[str]

    @property
    def label(self) -> str:
        """What stands beside the path."""
        return f"expected one of {listed(self.known)}, found `{clip(self.word)}`"


def astray(document: Document[schema.Spec], path: str) -> Lost | None:
    """Where a path template of a spec leads nowhere; None where all that it stands for may be weights or have some."""
    spec = document.model
    for spelled in islice(_spelled(path), MOST):
        head, *rest = words = spelled.split(".")
        found: list[Lost | None] = [_below(document, spec, words)]
        if head in spec.tasks and rest:
            found += _below_task(document, head, rest)
        elif head in spec.tasks:
            found.append(None)
        else:
            found.append(Lost(len(words), head, [*spec.tasks]))
        if lost := _farthest(found):
            return lost
    return None


def _spelled(path: str) -> Iterator[str]:
    """The paths that a template stands for; an index stays as it is."""
    pieces = re.split(r"(<[^<>]*\|[^<>]*>)", path)
    return map("".join, product(*(piece.strip("<>").split("|") if "|" in piece else [piece] for piece in pieces)))


def _farthest(found: list[Lost | None]) -> Lost | None:
    """Of several ways, None where one leads somewhere, else what leads farthest, the words of all that lead as far."""
    lost = [one for one in found if one is not None]
    if len(lost) < len(found) or not lost:
        return None
    left = min(one.left for one in lost)
    deepest = [one for one in lost if one.left == left]
    return deepest[0]._replace(known=list(dict.fromkeys(word for one in deepest for word in one.known)))


def _below_task(document: Document[schema.Spec], name: str, words: list[str]) -> Iterator[Lost | None]:
    """Words below a task, as nodes of its graph or its part, or of a task that it extends."""
    for owner in document.model.chain(name):
        task = document.model.tasks[owner]
        yield _below(document, task, words)
        if task.part is None:
            continue
        if owner == name:
            yield _below_part(document, task, words)
        elif words[0] == owner:  # the node of a task is called as the task is
            yield _below_part(document, task, words[1:]) if words[1:] else None
        else:
            yield Lost(len(words), words[0], [owner])


def _below(
    document: Document[Any], holder: schema.InlinePart | schema.Spec | schema.Task, words: list[str]
) -> Lost | None:
    """Words below a spec, task or part, as nodes of its graph."""
    nodes = {name: node for name, node in holder.graph.items() if _may_have_weights(node)}
    named = re.compile(INDEX.sub(r"\\d+", re.escape(words[0])))
    ways = [_below_node(document, node, words[1:]) for name, node in nodes.items() if named.fullmatch(name)]
    return _farthest(ways or [Lost(len(words), words[0], list(nodes))])


def _may_have_weights(node: schema.Node) -> bool:
    """Whether a node may own weights."""
    return node.kind in ("part", "mount") or any(block is None or block.weights for block in _blocks(node))


def _below_node(document: Document[Any], node: schema.Node, words: list[str]) -> Lost | None:
    """Words below a node: the index of a round, then what its part or block has."""
    if words and (node.repeat or node.each):
        if not (INDEX.fullmatch(words[0]) or words[0].isdigit()):
            return Lost(len(words), words[0], ["<i>"])
        words = words[1:]
    if not words or node.kind == "mount":
        return None
    return _below_part(document, node, words) if node.kind == "part" else _leaf(node, words)


def _below_part(document: Document[Any], node: schema.Node | schema.Task, words: list[str]) -> Lost | None:
    """Words below each part that a node may call."""
    ways: list[Lost | None] = []
    for name in schema.choices(node.part).values():
        try:
            part = part_definition(document, name, document.span("graph"))
        except SpecError:  # its name is computed, or wrong, which is reported where it stands
            return None
        ways.append(_below(part.document, part.model, words))
    return _farthest(ways)


def _leaf(node: schema.Node, words: list[str]) -> Lost | None:
    """The word that is a weight of no block that a node may be."""
    blocks = _blocks(node)
    leaves = [leaf for block in blocks if block is not None for leaf in block.weights if leaf]
    return None if None in blocks or words[0] in leaves else Lost(len(words), words[0], leaves)


def _blocks(node: schema.Node) -> list[type[Block] | None]:
    """The blocks that a node may be, None for one whose name is computed; none where it is no block."""
    return [all_blocks().get(name) for name in schema.choices(node.block).values()] if node.kind == "block" else []
