"""What the schema refuses, as diagnostics: pydantic knows the path of a mistake, the tree its place in the file."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any

from pydantic import ValidationError

from ..building.origins import listed
from ..diagnosing.diagnostics import Diagnostic, Label, clip, did_you_mean, nearest
from .schema import NODE_KINDS, SIZE_NAME, TAKEN, Construct, Node, taken
from .span import Span
from .tree import Mapping, Scalar, Tree, child, entries_of, locate
from .tree import Sequence as TreeSequence

Path = tuple[Any, ...]
MOST = 200
_CODES = {
    "extra_forbidden": "unknown-key", "missing": "missing-key", "string_pattern_mismatch": "bad-name",
}  # fmt: skip
_WHAT = {
    "dict_type": "a mapping", "mapping_type": "a mapping",
    "model_type": "a mapping", "model_attributes_type": "a mapping",
    "string_type": "a text", "list_type": "a list",
    "bool_type": "`true` or `false`", "bool_parsing": "`true` or `false`",
    "int_type": "a whole number", "int_parsing": "a whole number",
    "float_type": "a number", "float_parsing": "a number",
}  # fmt: skip
# Where a field takes more than one form, pydantic says of each what it is not.
_FORMS = {
    "in": "an edge, a list of edges, or a mapping from inputs to edges",
    "block": "a name or a choice", "part": "a name or a choice", "spec": "a name or a choice",
    "keep": "a list of outputs, or `all`", "prefix": "a text, or a table from tasks to texts",
}  # fmt: skip


def explain(error: ValidationError, tree: Tree, model: type[Construct]) -> list[Diagnostic]:
    """A diagnostic for every mistake that pydantic found; a missing key beside a misspelt one is one mistake."""
    problems: dict[Path, Any] = {}
    for problem in islice(error.errors(), MOST):
        problems.setdefault(_real_path(tree, problem["loc"]), problem)  # of several forms the first
    missing = {path for path, problem in problems.items() if problem["type"] == "missing"}
    diagnostics: list[Diagnostic] = []
    explained: set[Path] = set()
    for path, problem in problems.items():
        if problem["type"] != "extra_forbidden":
            continue
        close = nearest(str(path[-1]), [other[-1] for other in missing if other[:-1] == path[:-1]])
        if close is not None:
            explained.add((*path[:-1], close))
    for path, problem in problems.items():
        if path not in explained and not _is_form_of_another(path, problems):
            diagnostics += _explain(tree, path, problem, model)
    return diagnostics


def _is_form_of_another(path: Path, problems: Iterable[Path]) -> bool:
    """Whether a deeper path explains the same value better: one form of several that a field takes fits but for it."""
    if path[-1:] and path[-1] not in _FORMS:
        return False
    return any(len(other) > len(path) and other[: len(path)] == path for other in problems)


def _explain(tree: Tree, path: Path, problem: Any, model: type[Construct]) -> list[Diagnostic]:
    if problem["type"] == "task_key":
        return _task_keys(tree, path, model)
    if problem["type"] == "misplaced_key":
        return _misplaced(tree, path)
    return [_bad_node(tree, path) if problem["type"] == "bad_node" else _explain_value(tree, path, problem, model)]


def _explain_value(tree: Tree, path: Path, problem: Any, model: type[Construct]) -> Diagnostic:
    code = _CODES.get(problem["type"], "wrong-type")
    if code == "unknown-key":
        return _unknown_key(tree, path, model)
    if code == "missing-key":
        *above, key = path
        span = locate(tree, tuple(above), key=True) if above else _head(tree)
        return Diagnostic(code, f"`{key}` is missing", Label(span, f"expected the key `{key}` here"))
    if problem["type"] == "reserved_name":
        label = Label(_named(tree, path, problem), "expected a name that is no word of the language")
        return Diagnostic("bad-name", f"`{problem['input']}` means something else in expressions", label)
    if code == "bad-name" or "[key]" in problem["loc"]:
        first = "" if problem.get("ctx", {}).get("pattern") == SIZE_NAME else ", no digit first"
        stray = re.search(r"[^A-Za-z0-9_]|^[0-9]|^$" if first else r"[^A-Za-z0-9_]|^$", str(problem["input"]))
        found = f"`{stray[0]}`" if stray and stray[0] else "nothing"
        label = Label(_named(tree, path, problem), f"expected letters, digits and `_`{first}, found {found}")
        return Diagnostic("bad-name", f"`{clip(str(problem['input']))}` is no name", label)
    if problem["type"] == "bad_parameter_type":
        word, words = str(problem["ctx"]["word"]), problem["ctx"]["words"].split()
        label = Label(
            locate(tree, (*path, "type")), f"expected one of {', '.join(words)}, with a `?` where null is one too"
        )
        return Diagnostic("bad-type", f"`{clip(word)}` is no type of a parameter", label,
                          help=did_you_mean(word.rstrip("?"), words))  # fmt: skip
    if problem["type"] == "not_one_expression":
        label = Label(locate(tree, path), f"expected one expression, found {found_text(_at(tree, path))}")
        help_ = 'write a list as a text, "[$a, $b]", and a choice as "table($kind, {pre: 1, post: $a})" or by `if`'
        return Diagnostic("bad-expression", f"`{clip(str(path[-1]))}` is computed by one expression", label, help=help_)
    if problem["type"] == "parameter_key":
        label = Label(locate(tree, (*path, problem["ctx"]["key"]), key=True), "expected `type` and `default`")
        return Diagnostic("unknown-key", f"`{clip(problem['ctx']['key'])}` is no key of a parameter", label)
    what = _FORMS.get(str(path[-1]) if path else "") or _what(problem)
    key = next((part for part in reversed(path) if isinstance(part, str)), None)
    name = "this" if key is None else f"`{clip(key)}`" if key == path[-1] else f"each item of `{clip(key)}`"
    label = Label(locate(tree, path), f"expected {what}, found {found_text(_at(tree, path))}")
    return Diagnostic(code, f"{name} is {what}", label)


def _named(tree: Tree, path: Path, problem: Any) -> Span:
    return locate(tree, tuple(part for part in path if part != "[key]"), key="[key]" in problem["loc"])


def _what(problem: Any) -> str:
    context = problem.get("ctx", {})
    if problem["type"] == "literal_error":
        return str(context["expected"]).replace("'", "`")
    if problem["type"] == "bad_repeat" or context.get("class_name") == "Repeat":
        return "one index with its count, such as `{i: $num_layers}`"
    if problem["type"] == "model_type" and context.get("class_name") == "Node":
        return "a mapping such as `{block: layer_norm}`"
    if problem["type"] == "model_type" and context.get("class_name") == "Input":
        return "a type such as `float[batch, d]`, or a mapping with one"
    return _WHAT.get(problem["type"], str(problem["msg"]).removeprefix("Value error, "))


def _unknown_key(tree: Tree, path: Path, model: type[Construct]) -> Diagnostic:
    name, known = str(path[-1]), _keys(model, path[:-1])
    label = Label(locate(tree, path, key=True), f"expected one of {listed(known)}")
    return Diagnostic("unknown-key", f"`{clip(name)}` is no key here", label, help=did_you_mean(name, known))


def _task_keys(tree: Tree, path: Path, model: type[Construct]) -> list[Diagnostic]:
    """Keys of a task without a part, whose options they would be; a misspelt `part` explains the rest."""
    task, tasks = _at(tree, path), entries_of(_at(tree, path[:-1]))
    extended = _at(tree, (*path, "extends"))
    if isinstance(extended, Scalar) and extended.text not in tasks:  # whose part would take the rest
        label = Label(extended.span, f"expected one of {listed(tasks)}")
        help_, message = did_you_mean(extended.text, tasks), f"there is no task `{clip(extended.text)}`"
        return [Diagnostic("unknown-task", message, label, help=help_)]
    known = _keys(model, (*path, ""))
    strangers = [key for key in entries_of(task) if key not in known]
    meant = [key for key in strangers if nearest(key, ["part"])] or strangers
    found = [_unknown_key(tree, (*path, key), model) for key in meant]
    if meant is strangers and (help_ := as_it_was(tree, path)):
        found = [replace(one, help=help_) for one in found]
    return found


def as_it_was(tree: Tree, path: Path) -> str | None:
    """How a task of a spec that extends another goes on from what it was there; None where it does, or cannot."""
    goes_on = "extends" not in entries_of(tree) or "extends" in entries_of(_at(tree, path))
    return None if goes_on else f"to change the task that was, write `extends: {path[-1]}`"


def _bad_node(tree: Tree, path: Path) -> Diagnostic:
    """A node that is none of the kinds, or two at once."""
    entries = entries_of(_at(tree, path))
    found = [kind for kind in NODE_KINDS if kind in entries]
    message = f"`{clip(str(path[-1]))}` does not say what it is"
    kinds = f"expected one of {', '.join(NODE_KINDS)}"
    if len(found) > 1:
        first, second = sorted(found[:2], key=list(entries).index)
        label = Label(entries[second].key_span, f"expected one kind, found `{first}` and `{second}`")
        others = (Label(entries[first].key_span, "the other"),)
        return Diagnostic("bad-node", f"`{clip(str(path[-1]))}` says twice what it is", label, others)
    for key, entry in entries.items():
        help_ = did_you_mean(key, NODE_KINDS)
        if key not in Node.written_keys() and help_ is not None:
            label = Label(entry.key_span, f"{kinds}, found `{clip(key)}`")
            return Diagnostic("bad-node", message, label, help=help_)
    # it may be meant as a change of a node that there is
    there = entries_of(_at(tree, ("graph",))) if "extends" in entries_of(tree) else ()
    help_ = did_you_mean(str(path[-1]), there) or (as_it_was(tree, path[:2]) if path[0] == "tasks" else None)
    return Diagnostic("bad-node", message, Label(locate(tree, path, key=True), f"{kinds}, found none"), help=help_)


def _misplaced(tree: Tree, path: Path) -> list[Diagnostic]:
    """The keys of a node that mean nothing for what it is."""
    entries = entries_of(_at(tree, path))
    kind = next(kind for kind in NODE_KINDS if kind in entries)
    names = Node.written_keys()
    given = {names[key] for key in entries if key in names}
    fits = taken(kind, given)
    words = ", ".join(alias for alias, name in names.items() if name in fits - {kind})
    return [
        Diagnostic(
            "misplaced-key",
            f"`{key}` has no meaning beside `{kind}`" + ("" if names[key] not in TAKEN[kind] else " without `repeat`"),
            Label(entry.key_span, f"expected one of {words}"),
            help="a part is what repeats: `part:`, or a part with this block in it"
            if (key, kind) == ("repeat", "block")
            else None,
        )
        for key, entry in entries.items()
        if key in names and names[key] not in fits
    ]


def found_text(tree: Tree | None) -> str:
    """What stands somewhere, in words."""
    if isinstance(tree, Scalar):
        return f"`{clip(tree.text)}`" if tree.text else "an empty text" if tree.quoted else "nothing"
    return "a list" if isinstance(tree, TreeSequence) else "a mapping" if isinstance(tree, Mapping) else "nothing"


def _at(tree: Tree, path: Sequence[Any]) -> Tree | None:
    found: Tree | None = tree
    for part in path:
        found = None if found is None else child(found, part)
    return found


def _head(tree: Tree) -> Span:
    """The first key of a file, where what the whole file lacks is said."""
    return next((entry.key_span for entry in entries_of(tree).values()), tree.span)


def _real_path(tree: Tree, loc: Sequence[Any]) -> Path:
    """The path that pydantic gives, without the names of union members, which the file does not have."""
    path: list[Any] = []
    at = tree
    for number, part in enumerate(loc):
        below, is_key = child(at, part), isinstance(at, Mapping)
        is_missing = number == len(loc) - 1 and is_key and str(part).isidentifier() and str(part) != "str"
        if below is not None or is_missing:
            path.append(str(part) if is_key else part)
        at = below or at
    return tuple(path)


def _keys(model: type[Construct], path: Sequence[Any]) -> list[str]:
    current: type[Construct] = model
    for part in path:
        info = current.model_fields.get(str(part))
        current = (info and _model_in(info.annotation)) or current
    return list(current.written_keys())


def _model_in(annotation: Any) -> type[Construct] | None:
    if isinstance(annotation, type) and issubclass(annotation, Construct):
        return annotation
    for part in getattr(annotation, "__args__", ()):
        found = _model_in(part)
        if found is not None:
            return found
    return None
