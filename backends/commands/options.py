"""Options that commands share: which task, size and parameters, and JSON."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

_Decorator = Callable[[Any], Any]


def together(*options: _Decorator) -> _Decorator:
    """Several options as one, in the order of help."""

    def decorate(command: Any) -> Any:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def refuse_beside(said: str, *names: str) -> None:
    """Refuse options that mean nothing where another is given.

    Args:
        said: the other, as it is written.
        names: the parameters that the options are.

    Raises:
        click.UsageError: the command line has one of them.
    """
    ctx = click.get_current_context()
    for param in ctx.command.params:
        if param.name in names and ctx.get_parameter_source(param.name) is ParameterSource.COMMANDLINE:
            raise click.UsageError(f"`{param.opts[0]}` means nothing with `{said}`; leave one of them out", ctx)


def _remember(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta["archwright.json"] = value
    return value


def _words(ctx: click.Context, param: click.Parameter, value: str | None) -> list[str] | None:
    return None if value is None else [word for word in (part.strip() for part in value.split(",")) if word]


def _dims(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for text in value:
        name, _, number = text.partition("=")
        if not name.isidentifier() or not number.isdecimal() or int(number) < 1:
            raise click.BadParameter(f"expected NAME=N with a whole number from 1, found {text!r}", ctx, param)
        found[name] = int(number)
    return found


def _device(ctx: click.Context, param: click.Parameter, value: str | None) -> str | None:
    if value is not None and value.partition(":")[0] == "meta":
        raise click.BadParameter("expected a device that holds numbers, found 'meta'", ctx, param)
    return value


def check_seed(ctx: click.Context, param: click.Parameter, value: int | None) -> int | None:
    """A number that torch's generator can start from."""
    if value is not None and not -(2**63) <= value < 2**64:
        raise click.BadParameter(f"expected a whole number of 64 bits, found {value}", ctx, param)
    return value


def _overrides(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> dict[str, Any]:
    """``a.b=1`` as nested tables, values read as YAML."""
    found: dict[str, Any] = {}
    for text in value:
        name, sign, raw = text.partition("=")
        words = name.strip().split(".")
        if not sign or not all(word.isidentifier() for word in words):
            raise click.BadParameter(f"expected NAME=VALUE, found {text!r}", ctx, param)
        inner = found
        for word in words[:-1]:
            inner = inner.setdefault(word, {})
            if not isinstance(inner, dict):
                raise click.BadParameter(f"`{word}` is given a value and a table", ctx, param)
        inner[words[-1]] = _yaml(raw, ctx, param)
    return found


def _yaml(raw: str, ctx: click.Context, param: click.Parameter) -> Any:
    from ...compiler.diagnosing.diagnostics import SpecError
    from ...compiler.reading.source import load
    from ...compiler.reading.tree import plain

    if not raw.strip():
        return ""
    try:
        return plain(load(raw, name="--set"))
    except SpecError as error:
        raise click.BadParameter(f"{raw!r} is no YAML: {error.diagnostics[0].message}", ctx, param) from None


model_options = together(
    click.option("--task", metavar="TASK", help="A task of the spec.  [default: the base model]"),
    click.option("--size", metavar="SIZE", help="A row of the spec's sizes.  [default: the parameters' defaults]"),
    click.option(
        "--set", "overrides", metavar="NAME=VALUE", multiple=True, callback=_overrides,
        help="Set a parameter; that of a mounted spec by a dotted name (text.num_layers=2). Repeatable.",
    ),
)  # fmt: skip
"""The model that a spec becomes; most commands hand these on as they are (`which`)."""
spec_option = click.option(
    "--spec", metavar="SPEC", help="Of a checkpoint: a spec of your own.  [default: the one of its `model_type`]"
)
"""What reads a checkpoint that no spec which ships is of."""
json_option = click.option("--json", "as_json", is_flag=True, is_eager=True, callback=_remember, help="Print JSON.")
"""Print data, and failures too, as JSON on stdout."""
dim_option = click.option(
    "--dim", "dims", metavar="NAME=N", multiple=True, callback=_dims,
    help="The extent of an axis, by its name in the spec's types (batch=2, seq=128). Repeatable.",
)  # fmt: skip
"""How long an axis is that only a call decides."""
call_options = together(
    dim_option,
    click.option("--batch", type=click.IntRange(1), default=2, show_default=True, help="How many samples."),
    click.option("--length", type=click.IntRange(1), help="Extents that the spec's example leaves open."),
)
"""How much an example call holds."""
device_options = together(
    click.option(
        "--device", metavar="DEVICE", callback=_device, help="Where the model runs, such as cuda.  [default: cpu]"
    ),
    click.option("--dtype", metavar="DTYPE", help="The type of the weights, such as bfloat16."),
)
"""Where the weights are, and of which type."""


def target_options(metavar: str) -> _Decorator:
    """What most commands are about: a spec, or a checkpoint's folder, and which model that becomes."""
    return together(click.argument("target", metavar=metavar), model_options, spec_option)


def words_option(*names: str, help: str) -> _Decorator:
    """An option that takes names with commas between; None where it is left out."""
    return click.option(*names, metavar="A,B", default=None, callback=_words, help=help)
