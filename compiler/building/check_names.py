"""Names that no graph asks for: in the rows of sizes, derived parameters, and what tasks and checkpoint maps list.

Building a graph finds what it reads; a row of another size, or a name that a task keeps, would be wrong in silence.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from ...blocks.base import all_blocks
from ...blocks.notation.expressions import Conditional, ExpressionError, Name, Param, parse, walk
from ...blocks.notation.types import parse_type
from ..diagnosing.diagnostics import Diagnostic, Label, SpecError, clip, did_you_mean
from ..reading import schema
from ..reading.document import Document
from ..reading.schema_errors import as_it_was
from ..reading.span import Span
from .definitions import article, part_definition
from .order import Path, edges_of, entries
from .origins import in_words, listed
from .parameters import fits_word


def check_names(document: Document[schema.Spec]) -> list[Diagnostic]:
    """What is misspelt where no graph looks."""
    spec = document.model
    found = [*_sizes(document), *_lets(document), *_example(document), *_blocks_and_parts(document)]
    if not any(one.code == "unknown-part" for one in found):  # which may be the one that is not used
        found += _unused_parts(document)
    found += _generate(document, (), spec.generate, {*spec.inputs})
    for name, task in spec.tasks.items():
        found += _task(document, name, task)
    nodes = {*spec.graph, *(node for task in spec.tasks.values() for node in task.graph), *spec.tasks}
    found += _listed(document, ("weights",), spec.weights, nodes, "a node")
    found += _published(document)
    checkpoint = spec.checkpoint
    tasks = {"base", *spec.tasks}
    for table, classes in (("architectures", checkpoint.architectures), ("also", checkpoint.also)):
        for key, task_name in classes.items():
            if task_name is not None:
                found += _known(document, ("checkpoint", table, key), task_name, tasks, "unknown-task")
    for name, told in checkpoint.config.items():
        for field in [told] if isinstance(told, str) else told:
            if "$" in field:
                label = Label(document.span("checkpoint", "config", name), "expected a name such as `hidden_size`")
                found.append(Diagnostic("bad-name", f"`{clip(field)}` is no field of a config", label))
    fields = [key for key in checkpoint.config if "." not in key]
    found += _keys(document, ("checkpoint", "config"), fields, spec.params, "unknown-parameter")
    if isinstance(checkpoint.prefix, dict):
        known, what = {*tasks, "always"}, "a task or `always`"
        found += _keys(document, ("checkpoint", "prefix"), checkpoint.prefix, known, "unknown-task", what)
    own = document.tree.span.source  # what an extended spec says is checked where it is written
    return [one for one in found if one.label.span.source is own]


def misread(
    model: schema.Spec | schema.InlinePart, values: Collection[str], params: Collection[str], span: Callable[..., Span]
) -> Iterator[Diagnostic]:
    """What nodes with a `when` read that there is not: where that is false, no graph asks for it.

    Args:
        values: the inputs and nodes.
        params: what ``$`` may stand before.
        span: gives the place of a path below `model`.
    """
    for name, node in model.graph.items():
        if node.when is None:
            continue
        here = {*params, *([node.repeat.index] if node.repeat else ())}
        edges = [(path, text) for path, text in edges_of(node, model) if path != ("when",) and isinstance(text, str)]
        options = [(path, text) for path, text in entries((), node.options) if isinstance(text, str) and "$" in text]
        for path, text in (*edges, *options):
            yield from _expression(span("graph", name, *path), text, here)
        for path, text in edges:
            for part in _names(text):
                head = part.text.split(".")[0]
                if head not in values and re.sub(r"_\d+$", "", head) not in values:  # which numbers those of an `each`
                    place = span("graph", name, *path).within(part.start, part.end)
                    label, help_ = Label(place, "expected an input or a node of this scope"), did_you_mean(head, values)
                    yield Diagnostic("unknown-name", f"nothing is called `{clip(head)}` here", label, help=help_)


def _names(text: str) -> list[Name]:
    """The names in an edge; words in the conditions of its choices are texts."""
    try:
        parts = [*walk(parse(text))]
    except ExpressionError:  # which is told
        return []
    words = {id(word) for part in parts if isinstance(part, Conditional) for word in walk(part.test)}
    return [part for part in parts if isinstance(part, Name) and id(part) not in words]


def _known(
    document: Document[Any], path: Path, name: str, known: Collection[str], code: str, what: str = "",
    *, message: str = "", key: bool = False,
) -> Iterator[Diagnostic]:  # fmt: skip
    """A name, written at `path`, that is none of the `known`."""
    if name not in known:
        noun = code.removeprefix("unknown-")
        there = f"nothing is called `{clip(name)}` here" if noun == "name" else f"there is no {noun} `{clip(name)}`"
        text = f"expected {what or f'a {noun}'}" + (f", one of {listed(sorted(known))}" if known else "")
        label = Label(document.span(*path, key=key), text)
        beside = key and path[0] == "checkpoint" and name in schema.Checkpoint.written_keys()
        help_ = f"`{name}` stands beside `{path[-2]}`" if beside else did_you_mean(name, known)
        yield Diagnostic(code, message or there, label, help=help_)


def _keys(
    document: Document[Any], path: Path, names: Iterable[str], known: Collection[str], code: str, what: str = ""
) -> Iterator[Diagnostic]:
    """The keys of a mapping that are none of the `known`."""
    for name in names:
        yield from _known(document, (*path, name), name, known, code, what, key=True)


def _listed(
    document: Document[Any], path: Path, names: Iterable[str], known: Collection[str], what: str
) -> Iterator[Diagnostic]:
    """The paths in a list that begin with none of the `known`."""
    for number, name in enumerate(names):
        head = re.split(r"[.<]", name)[0]
        if head:
            yield from _known(document, (*path, number), head, known, "unknown-name", what)


def _task(document: Document[schema.Spec], name: str, task: schema.Task) -> Iterator[Diagnostic]:
    spec = document.model
    chain = [spec.tasks[one] for one in spec.chain(name)]
    inputs = {*spec.inputs, *(key for one in chain for key in one.inputs)}
    outputs = {*spec.outputs, *(key for one in chain for key in one.outputs)}
    nodes = {*spec.graph, *(key for one in chain for key in one.graph), name}
    at = ("tasks", name)
    if task.part is None:  # what it extends keeps what it reads; a task that extends its own name is whole by now
        for key, value in (("in", task.source), ("tie", task.tie), ("pass", task.passed)):
            if value:
                label = Label(document.span(*at, key, key=True), "expected `part` beside it, found none")
                message = f"`{key}` has no meaning without `part`"
                yield Diagnostic("misplaced-key", message, label, help=as_it_was(document.tree, at))
    if name == "base":
        label = Label(document.span(*at, key=True), "expected another name: this is the model without a task")
        yield Diagnostic("name-clash", "`base` is the name of two things", label)
    if not isinstance(task.keep, str):
        yield from _listed(document, (*at, "keep"), task.keep, outputs, "an output")
    yield from _listed(document, (*at, "drop"), task.drop, inputs, "an input")
    yield from _listed(document, (*at, "weights"), task.weights, nodes, "a node")
    for axis, folded in task.fold.items() if isinstance(task.fold, dict) else ():
        yield from _listed(document, (*at, "fold", axis), folded, inputs, "an input")
    yield from _generate(document, at, task.generate, inputs)


def _generate(
    document: Document[schema.Spec], at: Path, facts: schema.Generate | None, inputs: Collection[str]
) -> Iterator[Diagnostic]:
    """What writing has to know: names of inputs, and the kind of prompt."""
    if facts is None:
        return
    at = (*at, "generate")
    yield from _listed(document, (*at, "ignores"), facts.ignores, inputs, "an input")
    for key in ("hidden_by", "asked_by", "memory"):
        name = getattr(facts.blank, key, None)
        if name is not None:
            yield from _known(document, (*at, "blank", key), name, inputs, "unknown-name", "an input")
    at, prompt = (*at, "prompt"), facts.prompt
    if "$" in prompt:
        yield from _expression(document.span(*at), prompt, _params(document.model))
    else:
        message = f"there is no prompt `{clip(prompt)}`"
        yield from _known(document, at, prompt, schema.PROMPTS, "unknown-name", "a prompt", message=message)


def _sizes(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Rows of sizes: parameters, values of their types, expressions that can be read."""
    spec = document.model
    for size, row in spec.sizes.items():
        known = {*spec.params, *spec.mounts, "published", "size"}
        yield from _keys(document, ("sizes", size), row, known, "unknown-parameter", "a parameter or a mount")
        for name, value in row.items():
            at = ("sizes", size, name)
            if isinstance(value, str) and "$" in value and (name in spec.params or name in spec.mounts):
                yield from _expression(document.span(*at), value, _params(spec))
            elif name in spec.params:
                word = spec.params[name].word
                if word is not None and value is not None and not fits_word(value, word):
                    wanted = article(word)
                    label = Label(document.span(*at), f"expected {wanted}, found {in_words(value)}")
                    other = Label(document.span("params", name), "declared here")
                    yield Diagnostic("bad-option", f"`{name}` is {wanted}", label, (other,))


def _published(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Published counts: of sizes, a task and parameters that there are."""
    spec, told = document.model, document.model.published
    yield from _keys(document, ("published", "sizes"), told.sizes, spec.sizes, "unknown-size")
    yield from _keys(document, ("published", "params"), told.params, {*spec.params, *spec.mounts}, "unknown-parameter")
    if told.task is not None:
        yield from _known(document, ("published", "task"), told.task, spec.tasks, "unknown-task")


def _lets(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Derived parameters, of the spec and of its own parts: every name in them is one of their scope."""
    spec = document.model
    extra = {*spec.flags, *spec.mounts, *_folded(spec), *(key for task in spec.tasks.values() for key in task.params)}
    for base, holder in ((), spec), *((("parts", name), part) for name, part in spec.parts.items()):
        known = {*holder.params, *holder.let, *axes_of(holder.inputs.values()), *(() if base else extra)}
        for name, raw in holder.let.items():
            if isinstance(raw, str) and "$" in raw:
                yield from _expression(document.span(*base, "let", name), raw, known)
            elif isinstance(raw, str) and _is_bare(raw, {*holder.params, *holder.let}):
                label = Label(document.span(*base, "let", name), "expected parameters, found words")
                help_ = "write `" + re.sub(r"\b(?=[A-Za-z_])", "$", raw) + "`"
                yield Diagnostic("bare-parameter", f"the parameters in `{clip(raw)}` lack their `$`", label, help=help_)


def _is_bare(text: str, known: Collection[str]) -> bool:
    """Whether a text would be an expression over parameters but for their ``$``."""
    try:
        tree = parse(text)
    except ExpressionError:
        return False
    names = [part.text for part in walk(tree) if isinstance(part, Name)]
    return not isinstance(tree, Name) and bool(names) and all(name in known for name in names)


def _example(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Extents of example inputs: axes of an input, and expressions over parameters."""
    spec = document.model
    inputs = [one for task in spec.tasks.values() for one in task.inputs.values()]
    axes = axes_of([*spec.inputs.values(), *inputs]) | _folded(spec)
    for name, raw in spec.example.items():
        at, message = ("example", name), f"no input has an axis `{name}`"
        yield from _known(document, at, name, axes, "unknown-name", "an axis", message=message, key=True)
        if isinstance(raw, str) and "$" in raw:
            yield from _expression(document.span(*at), raw, _params(spec))
        elif type(raw) is not int or raw < 0:
            label = Label(document.span(*at), f"expected a whole number of 0 or more, found {in_words(raw)}")
            yield Diagnostic("wrong-type", f"`{name}` is an extent", label)


def _params(spec: schema.Spec) -> set[str]:
    """What ``$`` may stand before in the spec itself."""
    return {*spec.params, *spec.let, *spec.mounts}


def _folded(spec: schema.Spec) -> set[str]:
    """The axes that tasks fold."""
    return {axis for task in spec.tasks.values() for axis in task.axes}


def axes_of(inputs: Iterable[schema.Input]) -> set[str]:
    """The dimensions that the inputs' types bind."""
    names: set[str] = set()
    for one in inputs:
        try:
            notation = parse_type(one.type)
        except ExpressionError:  # reported where the type is read; any word of it may be one
            names |= set(re.findall(r"[A-Za-z_]\w*", one.type))
            continue
        names |= {part.text for tree in notation.dims for part in walk(tree) if isinstance(part, Name)}
    return names


def _expression(span: Span, text: str, known: Collection[str]) -> Iterator[Diagnostic]:
    """What is wrong with an expression: it cannot be read, or reads a parameter that is none."""
    try:
        tree = parse(text)
    except ExpressionError as error:
        place = span.within(error.start, error.end)
        yield Diagnostic("bad-expression", f"`{clip(text)}` is no expression", Label(place, str(error)))
        return
    for part in walk(tree):
        if isinstance(part, Param) and part.text.split(".")[0] not in known:
            place = Label(span.within(part.start, part.end), "expected a parameter or a dimension of this scope")
            help_ = did_you_mean(part.text, known, prefix="$")
            yield Diagnostic("unknown-parameter", f"there is no parameter `{part.text}`", place, help=help_)


def _holders(document: Document[schema.Spec]) -> dict[Path, Any]:
    """What names blocks and parts, by where it stands: the spec, its parts and tasks, and every node."""
    spec = document.model
    holders: dict[Path, Any] = {(): spec}
    for section in ("parts", "tasks"):
        holders |= {(section, name): one for name, one in getattr(spec, section).items()}
    nodes = {(*at, "graph", name): node for at, holder in holders.items() for name, node in holder.graph.items()}
    return holders | nodes


def _named(document: Document[schema.Spec]) -> Iterator[tuple[Path, str, str]]:
    """Every block and part that a node or task names, choices included: where, which of the two, its name."""
    for at, holder in _holders(document).items():
        for key, choice, word in _calls(holder):
            yield (*at, key, *filter(None, [choice])), key, word


def choices_that_lack_options(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Notes of options that one of a node's choices lacks: a mistake once a config chooses it.

    What a derived parameter chooses may be the same for all that a config can say.
    """
    derived = {name for holder in _holders(document).values() for name in getattr(holder, "let", ())}
    for at, node in _nodes(document):
        for key, choice, word in _calls(node):
            raw = getattr(node, key)
            if len(schema.choices(raw)) < 2 or derived.intersection(re.findall(r"\$(\w+)", str(raw.get("choose")))):
                continue
            place = document.span(*at, key, choice)
            known = _options(document, key, word, place)
            for option in node.options if known else ():
                span = document.span(*at, option, key=True)
                if option not in known and span.source is document.tree.span.source:
                    label = Label(span, f"expected one of {listed(list(known))}")
                    chosen = (Label(place, "which may be chosen"),)
                    help_ = f"write a node for each {key}, with a `when:`, or an option that all choices have"
                    message = f"`{clip(word)}` has no option `{clip(option)}`"
                    yield Diagnostic("unknown-option", message, label, chosen, help_, severity="note")


def options_left_behind(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Notes of options that a node had before it was replaced, and of which it says nothing, though it could."""
    for at, node in _nodes(document):
        span = document.span(*at, key=True)
        lost = {option: value for option, value in node.replaced.items() if option not in node.options}
        if not lost or span.source is not document.tree.span.source:
            continue
        for key, choice, word in _calls(node):
            known = _options(document, key, word, document.span(*at, key, *filter(None, [choice])))
            for option, value in lost.items():  # of which a namesake has its own notes
                if option in known and value not in (f"${option}", known[option].default):
                    said = "..." if isinstance(value, dict | list) else clip(schema.as_choice(value))
                    label = Label(span, f"expected `{option}: {said}`, or what else `{clip(word)}` is to have")
                    before = Label(document.span(*at, "<replaced>", option, key=True), "which it replaces")
                    message = f"`{clip(str(at[-1]))}` does not say `{clip(option)}`, as the node does that it replaces"
                    yield Diagnostic("missing-parameter", message, label, (before,), severity="note")


def _nodes(document: Document[schema.Spec]) -> Iterator[tuple[Path, schema.Node]]:
    """All nodes, those of parts and tasks too."""
    return ((at, one) for at, one in _holders(document).items() if isinstance(one, schema.Node))


def _calls(node: Any) -> Iterator[tuple[str, str, str]]:
    """The blocks and parts that a node or task may call: which of the two, the choice, which may be empty, the name."""
    for key in ("block", "part"):
        for choice, word in schema.choices(getattr(node, key, None)).items():
            yield key, choice, word


def _options(document: Document[schema.Spec], key: str, word: str, at: Span) -> Mapping[str, Any]:
    """What a block or part may be told, each with its ``default``; nothing of one that is not known."""
    if key == "block":
        contract = all_blocks().get(word)
        return contract.model_fields if contract is not None else {}
    try:
        return part_definition(document, word, at).model.params
    except SpecError:
        return {}


def _blocks_and_parts(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Names of blocks and parts, also in choices that are not taken and under a ``when:`` that does not hold."""
    for path, key, word in _named(document):
        if "$" in word or word in document.model.parts:
            continue
        if key == "block":
            yield from _known(document, path, word, all_blocks(), "unknown-block")
            continue
        try:
            part_definition(document, word, document.span(*path))
        except SpecError as error:
            yield from error.diagnostics


def _unused_parts(document: Document[schema.Spec]) -> Iterator[Diagnostic]:
    """Parts of the spec itself that no node calls; where a name is computed, all may be called."""
    words = {word for _, key, word in _named(document) if key == "part" or word in document.model.parts}
    if any("$" in word for word in words):
        return
    for name in document.model.parts:
        if name not in words:
            label = Label(document.span("parts", name, key=True), "expected a node with this part, found none")
            yield Diagnostic("unused-part", f"`{name}` is never used", label)
