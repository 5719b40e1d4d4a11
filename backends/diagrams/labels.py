"""The words of a drawing: titles, what is worth saying of a node, shapes, weightless expressions."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from ...blocks.notation.dims import Dim, Symbol
from ...blocks.notation.types import ListType, Type
from ...compiler.graph import Apply, Body, FirstOf, Node, Value
from ...compiler.value_text import value_text
from .rounds import Phase

_TOLD = (
    "num_heads",
    "num_kv_heads",
    "causal",
    "num",
    "num_groups",
    "kernel",
    "stride",
    "window",
    "shift",
    "activation",
    "d_ff",
)
TIMES = "\N{MULTIPLICATION SIGN}"
LONG_DIM, _BY_NAME = 18, 14
_LONG_TEXT, _FEW, _MANY = 34, 4, 8


def spoken(word: str) -> str:
    """``layer_norm`` as `Layer norm`, ``lm_head`` as `LM head`: what has no vowel is an abbreviation."""
    words = word.replace("_", " ").split()
    text = " ".join(one.upper() if one.isalpha() and not set(one) & set("aeiouy") else one for one in words)
    return text[:1].upper() + text[1:]


def cut(text: str, longest: int = _LONG_TEXT) -> str:
    """The text, or its beginning where it is too long for a box."""
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "…"


def title(node: Node, alike: Sequence[Node], phase: Phase | None = None) -> list[str]:
    """A repeat's name; its part with the count, one for each of `alike` in other rounds; how weights are shared."""
    part = node.rounds[0].part if node.rounds else node.kind
    turns = len(phase.turns) if phase else 1
    counts = [len(one.rounds) // turns for one in alike]
    if phase is not None and phase.count < len(node.rounds) // turns:
        counts = [phase.count]
    count = f" {TIMES}{listed(counts)}" if node.is_repeat and counts != [1] else ""
    sets = len(set(node.shared))
    shared = [f"{sets} set{'s' if sets > 1 else ''} of weights"] if sets else []
    return [*([] if node.name in part else [node.name]), f"{part}{count}", *shared]


def box_lines(nodes: Sequence[Node], family: str) -> list[str]:
    """Title and detail of a block or folded part, which is `nodes` in the rounds that the drawing stands for.

    A part's parameters speak of all that is inside.
    """
    is_block = nodes[0].contract is not None
    tables = [node.options if is_block else node.rounds[0].params for node in nodes]
    options = _columns([{name: option.value for name, option in table.items()} for table in tables])
    if is_block and "pattern" in options:
        return [cut(str(options["pattern"][0]))]
    if is_block and family == "activation" and "kind" in options:
        return [str(options["kind"][0])]
    return _lines("cross-attention" if family == "cross_attention" else nodes[0].kind, nodes[0].name, options)


def _columns(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Any]]:
    """The values of each option over the rounds, each once."""
    columns: dict[str, dict[str, Any]] = {}
    for row in rows:
        for name, value in row.items():
            columns.setdefault(name, {})[str(_known(value))] = _known(value)
    return {name: list(values.values()) for name, values in columns.items()}


def _lines(kind: str, name: str, options: Mapping[str, list[Any]]) -> list[str]:
    """The kind, and below it the name, where that says something else, and what is told."""
    bare = name.rstrip("0123456789_").replace("_", " ")
    named = [] if bare in kind.replace("_", " ") or kind in name else [name]
    lines = [spoken(kind)]
    for text in [*named, *(text for option in _TOLD if (text := _told(option, options.get(option, []))))]:
        longer = f"{lines[-1]} · {text}"
        if len(lines) == 1 or len(longer) > _LONG_TEXT:
            lines.append(cut(text))
        else:
            lines[-1] = longer
    return lines


def _told(name: str, values: Sequence[Any]) -> str:
    """An option as a detail; empty where it goes without saying."""
    plain = [value for value in values if value not in (None, False, 0, [], {})]
    if not plain or (name == "stride" and plain == [1]):
        return ""
    text = listed(plain) if len(plain) < 3 or name == "num_heads" else f"{plain[0]} … {plain[-1]}"
    if name == "num_heads":
        return f"{text} head{'' if plain == [1] else 's'}"
    if name in ("activation", "num"):
        return text
    return name if plain[0] is True else f"{name} {text}"


def varying(bodies: Sequence[Body]) -> dict[str, list[Any]]:
    """What differs between rounds, of what boxes tell and of the dimensions: name to the value in each."""
    columns: dict[str, list[Any]] = {}
    for body in bodies:
        dims = {name: symbol.definition for name, symbol in body.symbols.items() if name not in body.params}
        own = {name: body.params[name].value for name in _TOLD if name in body.params}
        for name, value in {**own, **dims}.items():
            columns.setdefault(name, []).append(_known(value))
    differ = {name: values for name, values in columns.items() if len(set(map(str, values))) > 1}
    return {name: values for name, values in differ.items() if len(values) == len(bodies) and None not in values}


def varying_lines(bodies: Sequence[Body]) -> list[str]:
    """What differs between rounds, a line each: `num_heads 3, 6, 12, 24`."""
    return [cut(f"{name} {listed(values)}") for name, values in varying(bodies).items()]


def turn_lines(phase: Phase, at: int) -> list[str]:
    """A turn's part, and what tells it from the others: `shift 3`."""
    differ = varying([bodies[0] for bodies in phase.turns])
    return [phase.turns[at][0].part, *(f"{name} {values[at]}" for name, values in differ.items())]


def listed(values: Sequence[Any]) -> str:
    """Values in turn, a stretch of equal ones once with its length; shortened where they are many."""
    words = [str(value) for value in values]
    runs = [(word, len(list(same))) for word, same in groupby(words)]
    if len(runs) == 1 or len(words) <= _FEW:
        return words[0] if len(runs) == 1 else ", ".join(words)
    if len(runs) > _MANY and all(word == words[at % 2] for at, word in enumerate(words)):
        return f"{words[0]}, {words[1]} in turn"
    short = [word if many == 1 else f"{word} {TIMES}{many}" for word, many in runs]
    return ", ".join(short if len(short) <= _MANY else [short[0], short[1], "…", short[-1]])


def shape_text(kind: Any, lifts: Sequence[Iterable[Symbol]] = (), differing: Collection[str] = ()) -> str:
    """A type's shape, in the words of the outermost body of `lifts` (the symbols of each body, inner first).

    Args:
        differing: names that stand for other numbers in other rounds.
    """
    if isinstance(kind, ListType):
        return f"list of {len(kind.items)}"
    if not isinstance(kind, Type) or not kind.dims:
        return ""
    dims = list(kind.dims)
    for symbols in lifts:
        own = list(symbols)
        dims = [dim.lift(own) for dim in dims]
    return f"[{', '.join(_dim_text(dim, differing) for dim in dims)}]"


def _dim_text(dim: Dim, differing: Collection[str]) -> str:
    """A dimension; in a long one the numbers that names stand for."""
    if len(text := _written(dim)) > _BY_NAME:
        known = {symbol: Dim.of(symbol).known for symbol in dim.symbols() if symbol.name not in differing}
        text = _written(dim.substitute({symbol: Dim.of(one) for symbol, one in known.items() if one is not None}))
    return text


def _written(dim: Dim) -> str:
    return str(dim).replace("**2", "²")


def expression(value: Value, leaves: Collection[Value]) -> str:
    """A weightless value as short text; of its leaves what is drawn apart is a dot, a choice is what comes first."""
    text, words = value_text(value), {value_text(one): _word(one) for one in leaves}
    for long in sorted(words, key=len, reverse=True):
        text = text.replace(long, words[long])
    return cut(text.replace("$", ""))


def _word(leaf: Value) -> str:
    while isinstance(leaf, FirstOf):
        leaf = leaf.choices[0]
    return "·" if isinstance(leaf, Apply) else value_text(leaf)


def _known(value: Any) -> Any:
    if isinstance(value, list):
        return [_known(one) for one in value]
    return value.known if isinstance(value, Dim) else value
