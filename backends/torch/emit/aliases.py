"""What torch (2.13) compiles no region of: what is given, or gives, values in one memory, or as long as numbers say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ....blocks.notation.dims import Symbol
from ....blocks.notation.types import ListType, Type
from ....compiler.graph import Apply, Constant, Gathered, InputValue, Node, OutputValue, Picked, Rounds, Value, flat
from ....compiler.passes.held import is_bare
from ....compiler.presence import present, resolve

_VIEWS = {"slice", "transpose", "unstack", "detach", "float", "int", "bool", "field", "zip", "pair", "range"}
"""Operations whose result may be what they read, or a part of it."""
_WEIGHT = ""
"""Stands for any weight, as the name of an input does for that."""
Origin = str | tuple[object, ...]


def gives_twice(outputs: Iterable[Value], combination: int) -> bool:
    """Whether what is given may share memory, among itself or with an input or a weight."""
    seen: set[Origin] = set()
    for value in _items(outputs, combination):
        found = _origins(value, combination)
        is_parts = isinstance(value.type, ListType)  # of one tensor, perhaps
        if is_parts or found & seen or any(isinstance(one, str) for one in found):
            return True
        seen |= found
    return False


def gives_counted(outputs: Iterable[Value], inputs: Iterable[Value], combination: int) -> bool:
    """Whether numbers alone say how long something is that is given: torch has no gradients for such a region."""
    known = {symbol for one in inputs for symbol in _symbols(one)}
    return any(not known.issuperset(_symbols(one)) for one in _items(outputs, combination))


def _symbols(value: Value) -> set[Symbol]:
    dims = value.type.dims if isinstance(value.type, Type) else ()
    return {symbol for dim in dims for symbol in dim.expanded().symbols()}


def takes_twice(arguments: Iterable[Value], combination: int) -> bool:
    """Whether two values share memory, and are not the same (`regions.apart`)."""
    seen: dict[Origin, Value] = {}
    for value in _items(arguments, combination):
        for one in _origins(value, combination):
            if not _is_same(seen.setdefault(one, value), value):
                return True
    return False


def _is_same(one: Value, other: Value) -> bool:
    if isinstance(one, Picked) and isinstance(other, Picked):
        return one.at == other.at and _is_same(one.base, other.base)
    return one is other


def _items(values: Iterable[Value], combination: int) -> Iterator[Value]:
    """The values, those in lists one by one."""
    for given in values:
        value = resolve(given, combination)
        if isinstance(value, Gathered):
            yield from _items((one for one in value.items if present(one, combination)), combination)
        else:
            yield value


def _origins(given: Value, combination: int) -> set[Origin]:
    """Whose memory a value may lie in: inputs by name, weights, what is computed here."""
    value = resolve(given, combination)
    match value:
        case InputValue(name=name):
            return {name}
        case OutputValue(node=node, port=port):
            return _given_by(node, port, combination)
        case Rounds(node=node, port=port, initial=initial):
            first = _origins(initial, combination) if initial is not None else set[Origin]()
            return first | _given_by(node, port, combination)
        case Picked(base=base):
            return _origins(base, combination)
        case Gathered(items=items) | Apply(args=items) if isinstance(value, Gathered) or value.op in _VIEWS:
            return _all(items, combination) or {(value,)}
        case Constant():
            return set()
    return {(value,)}


def _all(values: Iterable[Value], combination: int) -> set[Origin]:
    return {one for value in values if present(value, combination) for one in _origins(value, combination)}


def _given_by(node: Node, port: str, combination: int) -> set[Origin]:
    if node.contract is not None:
        if is_bare(node):
            return {_WEIGHT}
        read = (value for name in node.contract.views for value in flat(node.inputs[name]))
        return {(node, port)} | _all(read, combination)
    found: set[Origin] = set()
    ports, done = [port], set[str]()
    while ports:
        name = ports.pop()
        done.add(name)
        for body in node.bodies:
            inner = _origins(body.outputs[name], combination) if name in body.outputs else set[Origin]()
            for one in inner:
                if not isinstance(one, str) or one == _WEIGHT:
                    found.add(one if one == _WEIGHT else (node, one))
                    continue
                found |= _all(flat(node.inputs[one]) if one in node.inputs else [], combination)
                ports += [one] if one in body.outputs and node.is_repeat and one not in done else []
    return found
