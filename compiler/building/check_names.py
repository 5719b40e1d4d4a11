"""Names that no graph asks for: in the rows of sizes, derived parameters, and what tasks and checkpoint maps list.

Building a graph finds what it reads; a row of another size, or a name that a task keeps, would be wrong in silence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from ...blocks.notation.expressions import ExpressionError, Name, Param, parse, walk
from ...blocks.notation.types import parse_type
from ..diagnosing.diagnostics import Diagnostic, Label, nearest
from ..reading import schema
from ..reading.composer import clip
from ..reading.document import Document
from ..reading.span import Span
from ..reading.tree import Mapping, Sequence
from .origins import in_words, listed

_DOLLAR = re.compile(r"\$([A-Za-z_]\w*)")


def check_names(document: Document[schema.Spec]) -> list[Diagnostic]:
    """What is misspelt where no graph looks."""
    spec = document.model
    found = [*_sizes(document), *_lets(document), *_example(document), *_unused_parts(document)]
    found += _generate(document, (), spec.generate, {*spec.inputs})
    for name, task in spec.tasks.items():
        found += _task(document, name, task)
    nodes = {*spec.graph, *(node for task in spec.tasks.values() for node in task.graph), *spec.tasks}
    found += _listed(document, ("weights",), spec.weights, nodes, "unknown-name", "a node")
    found += _published(document)
    checkpoint = spec.checkpoint
    tasks = {"base", *spec.tasks}
    for key, task_name in checkpoint.architectures.items():
        if task_name is None:
            continue
        span = document.span("checkpoint", "architectures", key)
        found += _known(task_name, tasks, span, "unknown-task", f"there is no task `{clip(task_name)}`", "a task")
    for key in checkpoint.config:
        if "." not in key:
            span = document.span("checkpoint", "config", key, key=True)
            found += _known(
                key, spec.params, span, "unknown-parameter", f"there is no parameter `{clip(key)}`", "a parameter"
            )
    if isinstance(checkpoint.prefix, dict):
        for key in checkpoint.prefix:
            span = document.span("checkpoint", "prefix", key, key=True)
            message = f"there is no task `{clip(key)}`"
            found += _known(key, {*tasks, "always"}, span, "unknown-task", message, "a task or `always`")
    own = document.tree.span.source  # what an extended spec says is checked where it is written
    return [one for one in found if one.label.span.source is own]


def _known(name: str, known: Collection[str], span: Span, code: str, message: str, what: str) -> Iterator[Diagnostic]:
    if name not in known:
        close = nearest(name, known)
        label = Label(span, f"expected {what}" + (f", one of {listed(sorted(known))}" if known else ""))
        yield Diagnostic(code, message, label, help=f"did you mean `{close}`?" if close else None)


def _listed(
    document: Document[Any], path: tuple[str, ...], names: Iterable[str], known: Collection[str], code: str, what: str
) -> Iterator[Diagnostic]:
    for number, name in enumerate(names):
        head = re.split(r"[.<]", name)[0]
        if head:
            yield from _known(
                head, known, document.span(*path, number), code, f"nothing is called `{clip(head)}` here", what
            )


def _task(document: Document[schema.Spec], name: str, task: schema.Task) -> Iterator[Diagnostic]:
    spec = document.model
    names = [name]
    while (below := spec.tasks[names[-1]].extends) in spec.tasks and below not in names:
        names.append(str(below))
    chain = [spec.tasks[one] for one in names]
    inputs = {*spec.inputs, *(key for one in chain for key in one.inputs)}
    outputs = {*spec.outputs, *(key for one in chain for key in one.outputs)}
    nodes = {*spec.graph, *(key for one in chain for key in one.graph), name}
    at = ("tasks", name)
    if not isinstance(task.keep, str):
        yield from _listed(document, (*at, "keep"), task.keep, outputs, "unknown-name", "an output")
    yield from _listed(document, (*at, "drop"), task.drop, inputs, "unknown-name", "an input")
    yield from _listed(document, (*at, "weights"), task.weights, nodes, "unknown-name", "a node")
    for axis, folded in task.fold.items() if isinstance(task.fold, dict) else ():
        yield from _listed(document, (*at, "fold", axis), folded, inputs, "unknown-name", "an input")
    yield from _generate(document, at, task.generate, inputs)


def _generate(
    document: Document[schema.Spec], at: tuple[str, ...], facts: schema.Generate | None, inputs: Collection[str]
) -> Iterator[Diagnostic]:
    """What writing has to know: names of inputs, and the kind of prompt."""
    spec = document.model
    if facts is None:
        return
    at = (*at, "generate")
    yield from _listed(document, (*at, "ignores"), facts.ignores, inputs, "unknown-name", "an input")
    blank = facts.blank
    named = {"hidden_by": blank.hidden_by, "asked_by": blank.asked_by, "memory": blank.memory} if blank else {}
    for key, name in named.items():
        if name is not None:
            span, message = document.span(*at, "blank", key), f"nothing is called `{clip(name)}` here"
            yield from _known(name, inputs, span, "unknown-name", message, "an input")
    if "$" in facts.prompt:
        yield from _expression(
            document, facts.prompt, document.span(*at, "prompt"), {*spec.params, *spec.let, *spec.mounts}
        )
    else:
        message = f"there is no prompt `{clip(facts.prompt)}`"
        yield from _known(
            facts.prompt, schema.PROMPTS, document.span(*at, "prompt"), "unknown-name", message, "a prompt"
        )


def _sizes(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Rows of sizes: parameters, values of their types, expressions that can be read."""
    from .definitions import article, declared
    from .parameters import fits_word

    spec = document.model
    for size, row in spec.sizes.items():
        for name, value in row.items():
            at = ("sizes", size, name)
            if name not in spec.params and name not in spec.mounts:
                span, message = document.span(*at, key=True), f"there is no parameter `{clip(name)}`"
                yield from _known(name, {*spec.params, *spec.mounts}, span, "unknown-parameter", message, "a parameter")
            elif isinstance(value, str) and "$" in value:
                yield from _expression(document, value, document.span(*at), {*spec.params, *spec.let, *spec.mounts})
            elif name in spec.params:
                _, word = declared(spec.params[name])
                if word is not None and value is not None and not fits_word(value, word.rstrip("?")):
                    wanted = article(word.rstrip("?"))
                    label = Label(document.span(*at), f"expected {wanted}, found {in_words(value)}")
                    other = Label(document.span("params", name), "declared here")
                    yield Diagnostic("bad-option", f"`{name}` is {wanted}", label, (other,))


def _published(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Published counts: of sizes, a task and parameters that there are."""
    spec = document.model
    at, told = ("published",), spec.published
    for size in told.sizes:
        span, message = document.span(*at, "sizes", size, key=True), f"there is no size `{clip(size)}`"
        yield from _known(size, spec.sizes, span, "unknown-size", message, "a size")
    for name in told.params:
        span, message = document.span(*at, "params", name, key=True), f"there is no parameter `{clip(name)}`"
        yield from _known(name, {*spec.params, *spec.mounts}, span, "unknown-parameter", message, "a parameter")
    if told.task is not None:
        span, message = document.span(*at, "task"), f"there is no task `{clip(told.task)}`"
        yield from _known(told.task, spec.tasks, span, "unknown-task", message, "a task")


def _lets(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Derived parameters, of the spec and of its own parts: every name in them is one of their scope."""
    spec = document.model
    folded = {axis for task in spec.tasks.values() for axis in task.axes}
    extra = {*spec.flags, *spec.mounts, *folded, *(key for task in spec.tasks.values() for key in task.params)}
    for base, holder in ((), spec), *((("parts", name), part) for name, part in spec.parts.items()):
        known = {*holder.params, *holder.let, *_dimensions(holder), *(() if base else extra)}
        for name, raw in holder.let.items():
            if isinstance(raw, str) and "$" in raw:
                yield from _expression(document, raw, document.span(*base, "let", name), known)


def _example(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Extents of example inputs: axes of an input, and expressions over parameters."""
    spec = document.model
    folded = {axis for task in spec.tasks.values() for axis in task.axes}
    inputs = [one for task in spec.tasks.values() for one in task.inputs.values()]
    axes = _of_types([*spec.inputs.values(), *inputs]) | folded
    for name, raw in spec.example.items():
        span = document.span("example", name, key=True)
        yield from _known(name, axes, span, "unknown-name", f"no input has an axis `{name}`", "an axis")
        if isinstance(raw, str) and "$" in raw:
            known = {*spec.params, *spec.let, *spec.mounts}
            yield from _expression(document, raw, document.span("example", name), known)


def _dimensions(holder: schema.InlinePart | schema.Spec) -> set[str]:
    """The dimensions that the inputs' types bind."""
    return _of_types(holder.inputs.values())


def _of_types(inputs: Iterable[schema.Input]) -> set[str]:
    names: set[str] = set()
    for one in inputs:
        try:
            notation = parse_type(one.type)
        except ExpressionError:  # reported where the type is read; any word of it may be one
            names |= set(re.findall(r"[A-Za-z_]\w*", one.type))
            continue
        names |= {part.text for tree in notation.dims for part in walk(tree) if isinstance(part, Name)}
    return names


def _expression(document: Document[Any], text: str, span: Span, known: Collection[str]) -> Iterator[Diagnostic]:
    try:
        tree = parse(text)
    except ExpressionError as error:
        place = span.within(error.start, error.end)
        yield Diagnostic("bad-expression", f"`{clip(text)}` is no expression", Label(place, str(error)))
        return
    for part in walk(tree):
        if isinstance(part, Param) and part.text.split(".")[0] not in known:
            close = nearest(part.text, known)
            place = Label(span.within(part.start, part.end), "expected a parameter or a dimension of this scope")
            help_ = f"did you mean `${close}`?" if close else None
            yield Diagnostic("unknown-parameter", f"there is no parameter `{part.text}`", place, help=help_)


def _unused_parts(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Parts of the spec itself that no node calls; where a name is computed, all may be called."""
    spec = document.model
    words = set(_part_words(document.tree)) if spec.parts else set()
    if any("$" in word for word in words):
        return
    for name in spec.parts:
        if name not in words:
            label = Label(document.span("parts", name, key=True), "expected a node with this part, found none")
            yield Diagnostic("unused-part", f"`{name}` is never used", label)


def _part_words(tree: Any) -> Iterator[str]:
    """Every text under a key ``part``, choices included."""
    if isinstance(tree, Sequence):
        for item in tree.items:
            yield from _part_words(item)
    elif isinstance(tree, Mapping):
        for key, entry in tree.entries.items():
            if key == "part":
                choices = entry.value.entries if isinstance(entry.value, Mapping) else {"": entry}
                yield from (getattr(one.value, "text", "") for word, one in choices.items() if word != "choose")
            else:
                yield from _part_words(entry.value)


__all__ = ["check_names"]
