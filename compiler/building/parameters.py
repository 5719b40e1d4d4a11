"""The parameters of a whole spec: defaults, sizes, overrides, what a task forces (language F6, F9)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ...blocks.notation.dims import Dim
from ...blocks.notation.values import simplest
from ..diagnosing.diagnostics import clip
from ..diagnosing.report import Report, Reported
from ..graph import Option
from ..reading import schema
from ..reading.span import Span
from .compose import FLAGS, Composed
from .definitions import TYPE_WORDS, article
from .origins import in_words, listed, not_computed
from .scope import Scope

if TYPE_CHECKING:
    from .bodies import Builder


def mount_scope(builder: Builder, definition: Composed, inner: Scope, caller: Scope) -> dict[str, Option]:
    """Put the parameters of a mounted spec, resolved before, into its scope; its flags are the caller's by name."""
    if definition.name not in caller.env:  # its size or a parameter is wrong, which is reported
        raise Reported
    values = caller.env[definition.name]
    for key, value in values.items():
        inner.env[key] = value if isinstance(value, Dim) else builder.named(key, simplest(value))
        inner.lets.pop(key, None)
    flags = {**FLAGS, **definition.spec.flags}
    own = {name: default for name, default in flags.items() if name not in caller.flags_here}
    told = {  # which parameters say
        name: bool(inner.condition(raw, definition.span("flags", name)))
        for name, raw in own.items() if isinstance(raw, str)
    }  # fmt: skip
    inner.flags_here = {**dict.fromkeys(flags), **own, **told}
    return {key: Option(simplest(value), None, origin="mount") for key, value in values.items()}


def root_parameters(
    builder: Builder,
    definition: Composed,
    scope: Scope,
    size: str | None,
    overrides: Mapping[str, Any],
    at: Callable[..., Span] | None = None,
) -> dict[str, Option]:
    """The parameters of a spec: default, then size, then overrides, then what the task forces; put into `scope`.

    Args:
        at: gives the place of each override and of the size, where a spec that mounts this one says them.
    """
    report, spec = builder.report, definition.spec
    row: Mapping[str, Any] = {}
    if size is not None:
        if size not in spec.sizes:
            section = definition.span("sizes", key=True) if spec.sizes else definition.span("model", key=True)
            help_ = report.suggest(size, spec.sizes)
            label = f"expected one of {listed(spec.sizes)}" if spec.sizes else "expected none, since it has no sizes"
            report.error("unknown-size", f"`{spec.model}` has no size `{clip(size)}`", at("size") if at else section,
                         label=label, help=help_)  # fmt: skip
        row = spec.sizes.get(size, {})
    for name in row:
        if name not in spec.params and name not in spec.mounts:
            place = definition.document.span("sizes", str(size), name, key=True)
            if place.source is definition.document.tree.span.source:  # else it is said of the spec that is extended
                _no_parameter(report, spec, name, f"there is no parameter `{name}`", place)
    for name in overrides:
        if name not in spec.params and name not in spec.mounts:
            place = at(name, key=True) if at else definition.document.span("params", key=True)
            given = "" if at else ", which was given as an override"
            _no_parameter(report, spec, name, f"`{spec.model}` has no parameter `{clip(name)}`{given}", place)
    raws: dict[str, tuple[Any, Span, str]] = {}
    for name, declared in spec.params.items():
        span = definition.span("params", name, "default")
        if name in definition.forced:
            value, place, said_by = definition.forced[name], span, f"task {definition.task}"
        elif name in overrides:
            value, place, said_by = overrides[name], at(name) if at else span, "override"
        elif name in row:
            value, place, said_by = row[name], definition.document.span("sizes", str(size), name), f"size {size}"
        elif declared.is_required:
            report.error("missing-parameter", f"`{spec.model}` needs `{name}`", span,
                         label="expected a default here, or a value in the size or the call")  # fmt: skip
            report.poison(name)
            continue
        else:
            value, place, said_by = declared.default, span, "default"
        kind = declared.word
        if type(value) in (int, float) and kind in ("int", "bool") and fits_word(value, kind):
            value = int(value) if kind == "int" else bool(value)  # as some configs write it
        raws[name] = (value, place, said_by)
    return _evaluate_all(builder, definition, scope, raws)


def _no_parameter(report: Report, spec: schema.Spec, name: str, message: str, place: Span) -> None:
    help_ = report.suggest(name, [*spec.params, *spec.mounts])
    known = f"one of {listed(spec.params)}" if spec.params else "none, since it has no parameters"
    label = "" if help_ else f"expected {known}"
    report.error("unknown-parameter", message, place, label=label, help=help_)


def _evaluate_all(
    builder: Builder, definition: Composed, scope: Scope, raws: Mapping[str, tuple[Any, Span, str]]
) -> dict[str, Option]:
    report = builder.report
    later: list[str] = []
    options: dict[str, Option] = {}
    for name, (raw, span, origin) in raws.items():
        scope.places[name] = span
        if isinstance(raw, str) and "$" in raw:
            try:
                scope.lets[name] = (scope.parse(raw, span), span)
                later.append(name)
            except Reported:
                report.poison(name)
        else:
            options[name] = Option(raw, None, span, origin=origin)
            scope.env[name] = builder.named(name, raw)
    for name in later:
        _, span, origin = raws[name]
        try:
            value = scope.evaluate(scope.lets[name][0], span, has=False) if name not in scope.env else scope.env[name]
        except Reported:
            report.poison(name)
            continue
        options[name] = Option(simplest(value), None, span, origin=origin)
        scope.env[name] = builder.named(name, simplest(value))
        scope.lets.pop(name, None)
    _check_types(report, definition, options)
    for name in [name for name in scope.env if report.is_poisoned(name)]:
        del scope.env[name]
    return {name: options[name] for name in raws if name in options}


def _check_types(report: Report, definition: Composed, options: Mapping[str, Option]) -> None:
    for name, option in options.items():
        word = definition.spec.params[name].word
        if word is None or option.value is None or fits_word(option.value, word):
            continue
        wanted = article(word)
        where, here = option.span or definition.span("params", name), definition.span("params", name)
        others = [(here, "declared here")] if (here.line, here.column) != (where.line, where.column) else []
        label = f"expected {wanted}, found {in_words(option.value)}"
        help_ = not_computed(option.value)
        report.error("bad-option", f"`{name}` is {wanted}", where, label=label, others=others, help=help_)
        report.poison(name)


def fits_word(value: Any, word: str) -> bool:
    """Whether a value that a spec, size or call gives is of a parameter's type; configs write 1.0 for 1, 1 for true."""
    if word == "bool":
        return isinstance(value, bool) or value in (0, 1)
    if word == "int":
        return isinstance(value, Dim) or type(value) is int or (isinstance(value, float) and value.is_integer())
    if word == "float":
        return isinstance(value, (int, float, Dim)) and not isinstance(value, bool)
    return isinstance(value, TYPE_WORDS[word])
