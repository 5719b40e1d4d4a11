"""Layers: a spec laid over what it extends, and what is written short written out. Every value keeps its place.

Each file is prepared alone (`prepare`), laid over what it extends (`lay_over`), and at last completed (`complete`):
what refers to other entries, a size to another size or a node to the one that it changes, means those of the whole.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean
from .schema import NODE_KINDS
from .span import Span
from .tree import Entry, Mapping, Scalar, Sequence, Tree, child, entries_of

SECTIONS = (
    "params", "let", "sizes", "flags", "inputs", "mounts", "parts", "graph", "outputs", "tasks", "checkpoint", "init",
)  # fmt: skip
"""What is merged by entry, where ``null`` removes one; the rest is replaced."""
DEEPER = ("config", "weights", "also")
WHOLE = {"graph": NODE_KINDS, "inputs": ("type",)}
"""What an entry of its own says: a node what it is, an input its type. One that does not changes that of its name."""
BUILDS_ON = {"tasks": "extends", "sizes": "size"}
"""Where an entry names the one that it builds on: its own name is the entry that it stands over."""
IN_ORDER = ("inputs", "outputs")
OF_ONE_MODEL = ("frame", "published")
OF_ONE_CLASS = ("architectures", "also", "model_type", "match")


# Of one file


def prepare(tree: Mapping, *, is_part: bool = False) -> None:
    """Write out what a file says short: `in`, a part's `outputs`, `pass`, `each`, `inherited`, counts and a class."""
    parts, tasks = _children(tree, "parts"), _children(tree, "tasks")
    for part in [tree, *parts] if is_part else parts:
        if "outputs" not in part.entries and _entries(part, "graph"):
            name, last = list(_entries(part, "graph"))[-1]
            _made(part, "outputs").entries["x"] = Entry(last.key_span, _text(name, last.key_span))
    for holder in [tree, *parts]:
        inherited = _entries(holder, "inherited")
        if inherited:  # in front, since the others' defaults may read them
            params = _made(holder, "params")
            own, params.entries = params.entries, dict(inherited)
            for name, entry in own.items():
                _add(params, name, entry)
    for task in tasks:
        _pass(task)
    for holder in [tree, *parts, *tasks]:
        previous: str | None = None
        for name, entry in _entries(holder, "graph"):
            node = entry.value
            # It is fixed where it is written, before `extends` and `when` (language F3).
            if isinstance(node, Mapping):
                if "in" not in node.entries and previous is not None and _is_whole(node, "graph"):
                    node.entries["<previous>"] = Entry(entry.key_span, _text(previous, entry.key_span))
                _pass(node)
                _hand_round(node)
            previous = name
    for name, row in _entries(tree, "sizes"):
        if isinstance(row.value, Mapping) and "published" in row.value.entries:
            _add(_made(_made(tree, "published"), "sizes"), name, row.value.entries.pop("published"))
    if any(name == "class" for name, _ in _entries(tree, "checkpoint")) and "model" in tree.entries:
        _made(tree, "checkpoint").entries.setdefault("model_type", tree.entries["model"])


def _pass(node: Mapping) -> None:
    """``pass: [dropout]`` is ``dropout: $dropout``."""
    passed = node.entries.get("pass")
    for one in passed.value.items if passed and isinstance(passed.value, Sequence) else ():
        if isinstance(one, Scalar):
            _add(node, one.text, Entry(one.span, _text(f"${one.text}", one.span)))


def _hand_round(node: Mapping) -> None:
    """Of what `each` hands round, a list that is a parameter is one for an option: ``d_out: "$widths[$i]"``."""
    each, index = _entries(node, "each"), next((name for name, _ in _entries(node, "repeat")), None)
    for name, entry in each if index else ():
        if isinstance(entry.value, Scalar) and re.fullmatch(r"\$\w+", entry.value.text):
            _add(node, name, Entry(entry.key_span, _text(f"{entry.value.text}[${index}]", entry.value.span)))
            del entries_of(node.entries["each"].value)[name]
    if each and not _entries(node, "each"):
        del node.entries["each"]


def _add(mapping: Mapping, key: str, entry: Entry) -> None:
    first = mapping.entries.setdefault(key, entry)
    if first is not entry:
        label, other = Label(entry.span, "given again here"), Label(first.span, "first given here")
        raise SpecError([Diagnostic("duplicate-key", f"`{key}` is given twice", label, (other,))])


def _text(value: str, span: Span) -> Scalar:
    return Scalar(value, span, False, value)


def _is_whole(value: Tree, section: str) -> bool:
    return not isinstance(value, Mapping) or not value.entries.keys().isdisjoint(WHOLE[section])


def _made(tree: Mapping, key: str) -> Mapping:
    """The mapping under a key, which is put there where there is none."""
    entry = tree.entries.setdefault(key, Entry(tree.span, Mapping({}, tree.span)))
    return entry.value if isinstance(entry.value, Mapping) else Mapping({}, tree.span)


def _entries(tree: Mapping, key: str) -> list[tuple[str, Entry]]:
    return list(entries_of(child(tree, key)).items())


def _children(tree: Mapping, key: str) -> list[Mapping]:
    return [entry.value for _, entry in _entries(tree, key) if isinstance(entry.value, Mapping)]


# Of several files


def lay_over(base: Mapping, own: Mapping) -> Mapping:
    """`own` laid over `base`, which stays as it is."""
    entries = {key: entry for key, entry in base.entries.items() if key not in OF_ONE_MODEL}
    for key, entry in own.entries.items():
        below = entries.get(key)
        entries[key] = entry
        if key in SECTIONS and below is not None:
            entries[key] = Entry(entry.key_span, _lay_section(below.value, entry.value, key))
    return Mapping(entries, own.span)


def _lay_section(base: Tree, own: Tree, section: str) -> Tree:
    """The entries of a section over those of its name, where ``null`` removes; what is no mapping is a whole."""
    if not (isinstance(base, Mapping) and isinstance(own, Mapping)):
        return own
    is_checkpoint = section == "checkpoint"
    renamed = OF_ONE_CLASS if is_checkpoint and "class" in own.entries else ()
    entries = {key: entry for key, entry in base.entries.items() if key not in renamed}
    order = interleaved(entries, own.entries if section in IN_ORDER else ())
    for key, entry in own.entries.items():
        below = entries.get(key)
        names = key[1:-1].split("|") if below is None and re.fullmatch(r"<[^<>]+>", key) else [key]
        if _is_null(entry.value) and all(name in entries for name in names):
            entries = {name: one for name, one in entries.items() if name not in names}
        elif below is None and _is_null(entry.value) and (section != "params" or key.startswith("<")):
            raise SpecError([_nothing_to_remove(key, names, entries, entry)])
        elif below is None:
            entries[key] = entry
        elif section in WHOLE:
            entries[key] = _changed(below, entry, section)
        elif _text_of(entry.value, BUILDS_ON.get(section, "")) == key:
            said = {name: one for name, one in entries_of(entry.value).items() if name != BUILDS_ON[section]}
            entries[key] = Entry(entry.key_span, _change(below.value, Mapping(said, entry.value.span)))
        elif is_checkpoint and key in DEEPER:
            entries[key] = Entry(entry.key_span, _lay_section(below.value, entry.value, key))
        else:
            entries[key] = entry
    return Mapping({key: entries[key] for key in (*order, *entries) if key in entries}, own.span)


def _nothing_to_remove(key: str, names: Collection[str], known: Collection[str], entry: Entry) -> Diagnostic:
    """A ``null`` for what is not there; a new parameter alone may be null."""
    strange = next((name for name in names if name not in known), key)
    label = Label(entry.key_span, f"expected an entry of what this extends, found `{clip(strange)}`")
    help_ = did_you_mean(strange, known)
    return Diagnostic("unknown-name", f"`{clip(key)}: null` removes nothing", label, help=help_)


def interleaved(base: Collection[str], own: Collection[str]) -> list[str]:
    """The names of both, each in its order: `own` takes the places that it has in the base, new ones stand between."""
    waiting: list[str] = []
    again = iter(name for name in own if name in base)
    order = [next(again) if name in own else name for name in base]
    for name in own:
        if name in order:
            at = order.index(name)
            order[at:at] = waiting
            waiting = []
        else:
            waiting.append(name)
    return [*order, *waiting]


def _is_null(value: Tree) -> bool:
    return isinstance(value, Scalar) and value.value is None and not value.quoted


def _text_of(tree: Tree, key: str) -> str | None:
    found = child(tree, key)
    return found.text if isinstance(found, Scalar) else None


def _changed(below: Entry, own: Entry, section: str) -> Entry:
    """A node or input over that of its name: the change of it, or itself where it is one of its own."""
    if section == "inputs" and isinstance(below.value, Scalar):
        below = Entry(below.key_span, Mapping({"type": below}, below.value.span))
    if not _is_whole(own.value, section):
        return Entry(own.key_span, _change(below.value, own.value))
    if section != "graph" or not isinstance(own.value, Mapping):
        return own
    replaced = {"<replaced>": Entry(own.key_span, Mapping(entries_of(below.value), below.value.span))}
    return Entry(own.key_span, Mapping({**own.value.entries, **replaced}, own.value.span))


def _change(base: Tree, own: Tree) -> Tree:
    """`own` key by key over `base`, mappings inside likewise, where ``null`` removes; a choice is a whole."""
    if not (isinstance(base, Mapping) and isinstance(own, Mapping)) or "choose" in own.entries:
        return own
    entries = dict(base.entries)
    for key, entry in own.entries.items():
        below = entries.get(key)
        if below is None:
            entries[key] = entry
        elif _is_null(entry.value):
            del entries[key]
        elif key in WHOLE:
            entries[key] = Entry(entry.key_span, _lay_section(below.value, entry.value, key))
        else:
            entries[key] = Entry(entry.key_span, _change(below.value, entry.value))
    return Mapping(entries, own.span)


# Of the whole


def complete(tree: Mapping) -> Mapping:
    """The rows of sizes that build on others, and what changes a node or an input in a task, written out.

    An extent of an example that another file says of an axis which no input has is left out.
    """
    entries = dict(tree.entries)
    if any("size" in row.entries for row in _children(tree, "sizes")):
        sizes = tree.entries["sizes"]
        rows = {name: Entry(entry.span, _row(sizes.value, name, ())) for name, entry in _entries(tree, "sizes")}
        entries["sizes"] = Entry(sizes.span, Mapping(rows, sizes.value.span))
    if _entries(tree, "tasks"):
        made = {name: Entry(entry.span, _task(tree, entry.value)) for name, entry in _entries(tree, "tasks")}
        entries["tasks"] = Entry(tree.entries["tasks"].span, Mapping(made, tree.entries["tasks"].value.span))
    if _entries(tree, "example"):
        words = {word for key in ("inputs", "tasks") if key in entries for word in _words(entries[key].value)}
        kept = {name: entry for name, entry in _entries(tree, "example")
                if name in words or entry.span.source is tree.span.source}  # fmt: skip
        entries["example"] = Entry(tree.entries["example"].span, Mapping(kept, tree.entries["example"].value.span))
    return Mapping(entries, tree.span)


def _words(tree: Tree) -> set[str]:
    """The words of all keys and texts, the axes of types among them."""
    if isinstance(tree, Scalar):
        return set(re.findall(r"\w+", tree.text))
    inner = [entry.value for entry in tree.entries.values()] if isinstance(tree, Mapping) else tree.items
    return {word for one in inner for word in _words(one)} | {*getattr(tree, "entries", ())}


def _row(sizes: Tree, name: str, above: tuple[str, ...]) -> Tree:
    """A row of sizes with what it takes from another.

    Raises:
        SpecError: there is no such row, or rows build on each other.
    """
    rows = entries_of(sizes)
    row, wanted = rows[name].value, _text_of(rows[name].value, "size")
    if wanted is None:
        return row
    span = entries_of(row)["size"].value.span
    if wanted in (*above, name):
        label = Label(span, " -> ".join([*above, name, wanted]))
        raise SpecError([Diagnostic("cycle", f"the size `{name}` builds on itself", label)])
    if wanted not in rows:
        label, help_ = Label(span, f"expected one of {', '.join(rows)}"), did_you_mean(wanted, rows)
        raise SpecError([Diagnostic("unknown-size", f"there is no size `{wanted}`", label, help=help_)])
    own = {key: entry for key, entry in entries_of(row).items() if key != "size"}
    return Mapping({**entries_of(_row(sizes, wanted, (*above, name))), **own}, row.span)


def _task(tree: Mapping, task: Tree) -> Tree:
    """A task whose nodes and inputs are whole: as in the tasks that it extends, else as in the base."""
    entries = dict(entries_of(task))
    for section in WHOLE:
        own = entries.get(section)
        if own is None or all(_is_whole(one.value, section) for one in entries_of(own.value).values()):
            continue
        below: Tree = Mapping(dict(_entries(tree, section)), tree.span)
        for one in reversed([*_extended(tree, task)]):
            below = _lay_section(below, one.entries[section].value, section) if section in one.entries else below
        over = entries_of(_lay_section(below, own.value, section))
        made = {name: over.get(name, one) for name, one in entries_of(own.value).items()}
        entries[section] = Entry(own.span, Mapping(made, own.value.span))
    return Mapping(entries, task.span) if isinstance(task, Mapping) else task


def _extended(tree: Mapping, task: Tree) -> Iterator[Mapping]:
    """The tasks that a task extends, the nearest first."""
    tasks, seen = dict(_entries(tree, "tasks")), [task]
    while (entry := tasks.get(_text_of(task, "extends") or "")) is not None and entry.value not in seen:
        task = entry.value
        seen.append(task)
        if isinstance(task, Mapping):
            yield task
