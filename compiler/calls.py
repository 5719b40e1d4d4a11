"""Calls of a model: which inputs one is made with, and how long the axes are that only a call decides."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..blocks.notation.dims import Dim, DimError
from ..blocks.notation.expressions import parse
from ..blocks.notation.types import RecordType, Type
from ..blocks.notation.values import evaluate
from .decoding import ELEMENTWISE
from .graph import Apply, Body, Graph, Node, Value, named_outputs, values_below
from .presence import present, resolve

CHOICES = 2
_SUBSTITUTES = ("embeds", "outputs", "labels")


def chosen_inputs(graph: Graph, extra: tuple[str, ...] = ()) -> list[str]:
    """The inputs of an example call, in the order of the spec: those required, and what else its outputs need.

    Args:
        extra: optional inputs to give as well, such as ``labels``.
    """
    inputs = graph.root.inputs
    chosen = {name for name in inputs if name not in graph.atoms} | {name for name in extra if name in inputs}
    for value in (value for name, value in named_outputs(graph.outputs) if not _is_loss(name)):
        if value.present == 0 or _depends_on_flag(graph, value):
            continue
        for name in inputs:
            if present(value, graph.combination(chosen)):
                break
            alone = graph.combination(chosen | {name})
            if present(value, alone) or _is_needed(graph, value, name, chosen):
                chosen.add(name)
    return [name for name in inputs if name in chosen]


def plain_call(graph: Graph) -> frozenset[str]:
    """The optional inputs of an example call."""
    return frozenset(name for name in chosen_inputs(graph) if name in graph.atoms)


def least_call(graph: Graph) -> frozenset[str]:
    """The optional inputs without which not all of its outputs can be had that a call may not lack."""
    needed = plain_call(graph)
    for name in sorted(needed):
        if not any(lacking(graph, graph.combination(needed - {name}))):
            needed -= {name}
    return needed


def lacking(graph: Graph, combination: int) -> Iterator[tuple[str, Value]]:
    """The outputs that a call always gives, and that one of this combination cannot make."""
    for name, value in graph.outputs.items():
        is_always = isinstance(value, Value) and value.present and not is_conditional(graph, name)
        if is_always and not present(value, combination):
            yield name, value


def is_conditional(graph: Graph, name: str) -> bool:
    """Whether an output is one that a call may lack: a loss, or one that the spec says ``when`` or ``optional`` of."""
    raw = graph.spec.outputs.get(name)
    return _is_loss(name) or (isinstance(raw, dict) and bool("when" in raw or raw.get("optional")))


def _is_needed(graph: Graph, value: Value, name: str, chosen: set[str]) -> bool:
    """Whether `value` can be had with every other input, but not without this one."""
    if name not in graph.atoms or name.endswith(_SUBSTITUTES):
        return False
    every = {atom for atom in graph.atoms if atom not in graph.flags and not atom.endswith(_SUBSTITUTES)}
    return not present(value, graph.combination((chosen | every) - {name}))


def _depends_on_flag(graph: Graph, value: Value) -> bool:
    """Whether it takes a flag, or records, which are what a model is to learn."""
    records = {name for name, given in graph.root.inputs.items() if isinstance(given.type, RecordType)}
    every = {atom for atom in graph.atoms if atom not in graph.flags} - records
    return not any(present(value, graph.combination(every - {left})) for left in ("", *every))


def _is_loss(name: str) -> bool:
    return name.rpartition(".")[2] == "loss" or name.endswith("_loss")


# Extents


def free_extents(graph: Graph, given: Collection[str]) -> list[str]:
    """The names of the axes that only a call decides, in the order of its inputs."""
    names: dict[str, None] = {}
    for name, value in graph.root.inputs.items():
        if name in given or name not in graph.atoms:
            for dim in value.type.dims if isinstance(value.type, Type) else ():
                names.update(dict.fromkeys(sorted(symbol.name for symbol in dim.expanded().symbols())))
            if name in graph.folds:
                names[graph.folds[name]] = None
    return list(names)


def stated_extents(graph: Graph) -> dict[str, int]:
    """What the spec's ``example:`` says of free axes."""
    return {name: evaluate(parse(str(raw)), graph.param) for name, raw in graph.spec.example.items()}


def inner_extents(graph: Graph, sizes: Mapping[str, int]) -> dict[str, int]:
    """The extents as the graph's types have them: an axis that a task folds makes the batch longer."""
    inner = dict(sizes)
    for axis in dict.fromkeys(graph.folds.values()):
        inner["batch"] = inner.get("batch", 1) * inner.get(axis, 1)
    return inner


def extents(
    graph: Graph, given: Collection[str], *, batch: int, length: int, more: Iterable[str] = ()
) -> dict[str, int]:
    """An extent for every free axis: as ``example:`` says, else `batch` for the first of each input, else `length`.

    Args:
        given: the optional inputs of the call.
        batch: the extent of samples.
        length: the extent of axes that nothing else is known of.
        more: axes that are no input's, such as how many tokens a block keeps.
    """
    kinds = [value.type for name, value in graph.root.inputs.items() if name in given or name not in graph.atoms]
    samples = {str(kind.dims[0].expanded()) for kind in kinds if isinstance(kind, Type) and kind.dims}
    usual = {**dict.fromkeys(graph.folds.values(), CHOICES), **dict.fromkeys(samples, batch), **stated_extents(graph)}
    names = (*free_extents(graph, given), *more)
    return {name: usual.get(name, length) for name in names}


def clash(graph: Graph, combination: int, sizes: Mapping[str, int]) -> str:
    """The first place at which a call with these extents has two that had to be equal, in words; empty for none."""
    for node in called(graph.root, combination):
        for pair in _equated(node, combination):
            try:
                found = [[dim.evaluate(sizes) for dim in dims] for dims in pair]
            except DimError:  # an extent that numbers of the call decide
                continue
            if any(a != b and 1 not in (a, b) for a, b in zip(found[0][::-1], found[1][::-1], strict=False)):
                shown = [f"[{', '.join(map(str, dims))}], here {here}" for dims, here in zip(pair, found, strict=True)]
                return f"`{node.name}` ({node.span}) needs extents that fit: {', meets '.join(shown)}"
    return ""


def called(body: Body, combination: int) -> Iterator[Node]:
    """The nodes of a call in the order in which they are computed, those inside of parts before these."""
    for node in body.nodes.values():
        if present(node, combination):
            for inner in node.rounds:
                yield from called(inner, combination)
            yield node


def _equated(node: Node, combination: int) -> Iterator[tuple[tuple[Dim, ...], tuple[Dim, ...]]]:
    """Shapes that meet at a node and have to fit: at its edges, and those that a block compares."""
    waiting = [value for _, value in node.values() if present(value, combination)]
    while waiting:
        value = waiting.pop()
        waiting += [one for one in values_below(value) if present(one, combination)]
        if isinstance(value, Apply) and value.op in ELEMENTWISE:
            kinds = [resolve(one, combination).type for one in value.args]
            shapes = [kind.dims for kind in kinds if isinstance(kind, Type)]
            yield from ((shapes[0], other) for other in shapes[1:])
    if node.bindings is not None:
        yield from (((a,), (b,)) for a, b in node.bindings.unproven)
