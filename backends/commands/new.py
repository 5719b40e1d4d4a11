"""``archwright new``."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ..files import write_whole
from .failures import WRONG, tell

SCHEMA = "# yaml-language-server: $schema=archwright.schema.json\n"
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@click.command("new", short_help="A commented starter spec, or a copy to change.")
@click.argument("name")
@click.option("--from", "base", metavar="SPEC", help="Copy a spec that ships instead of the starter.")
@click.option("--output", "-o", "path", metavar="FILE", type=click.Path(dir_okay=False, writable=True),
              help="The file to write.  [default: NAME.yaml]")  # fmt: skip
@click.option("--force", is_flag=True, help="Write over a file that is there.")
@click.pass_context
def command(ctx: click.Context, name: str, base: str | None, path: str | None, force: bool) -> None:
    """Write a new spec: a commented starter that checks and runs, or a copy to change.

    \b
    Examples:
      archwright new my_model
      archwright new my_bert --from bert -o specs/my_bert.yaml
    """
    if not _NAME.fullmatch(name):
        raise click.BadParameter(f"{name!r} is no name: a name is letters, digits and `_`", param_hint="NAME")
    from ...compiler.reading.schema import RESERVED

    if not RESERVED.isdisjoint({name, name.lower()}):
        raise click.BadParameter(f"{name!r} is a word of the language; take another name", param_hint="NAME")
    target = Path(path) if path is not None else Path(f"{name}.yaml")
    if target.exists() and not force:
        tell(f"{target} is there already; --force writes over it")
        ctx.exit(WRONG)
    text = starter(name) if base is None else copied(base, name)
    write_whole(target, text)
    click.echo(f"wrote {target}; next: archwright check {target}", err=True)
    click.echo("for completion in editors: archwright schema > archwright.schema.json", err=True)


def starter(name: str) -> str:
    """The starter spec under a name."""
    text = (Path(__file__).parent / "starter.yaml").read_text(encoding="utf-8")
    return SCHEMA + text.replace("model: starter", f"model: {name}", 1)


def copied(base: str, name: str) -> str:
    """A spec under another name, its comments kept.

    Raises:
        SpecError: the spec is wrong.
        FileNotFoundError: there is no such spec.
    """
    from ...compiler.reading.document import library

    text = library().spec(base).path.read_text(encoding="utf-8")
    return SCHEMA + re.sub(r"(?m)^model: .*$", f"model: {name}", text, count=1)
