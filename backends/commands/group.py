"""The group of commands: each is found by name when it is asked for, and every failure becomes an exit code."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import click

from ... import __version__
from .failures import plain_warnings, report

COMMANDS = (
    "list",
    "new",
    "check",
    "show",
    "draw",
    "diff",
    "emit",
    "run",
    "compile",
    "export",
    "generate",
    "schema",
    "bench",
)
"""The commands, in the order that help lists them; each is the `command` of the file of its name."""


class Commands(click.Group):
    """Imports a command when it is called, or when its line of help is printed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order of a model's life."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None where there is none."""
        if cmd_name not in COMMANDS:
            return None
        return import_module(f".{cmd_name}", __package__).command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """As click does; an unknown name is told with the nearest one."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from ...compiler.diagnosing.diagnostics import did_you_mean

            help_ = did_you_mean(args[0], COMMANDS) if args else None
            if help_ is None:
                raise
            message = error.format_message().rstrip(".")
            raise click.UsageError(f"{message}; {help_}", ctx) from None

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what the user can mend is told without a traceback, and exits with 1 or 2."""
        try:
            with plain_warnings():
                return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort, click.ClickException, BrokenPipeError):
            raise  # click ends quietly where nobody reads on
        except Exception as error:  # `report` raises again whatever is a mistake of ours
            ctx.exit(report(error, as_json=bool(ctx.meta.get("archwright.json"))))


@click.group("archwright", cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, package_name="archwright", message="%(prog)s %(version)s")
def main() -> None:
    """Model architectures from YAML: check them, draw them, run them as PyTorch.

    A SPEC is the name of a spec that ships, or the path of a YAML file. Commands that say CHECKPOINT take a folder with
    config.json and weights too; check, show, draw, diff and emit do by its config.json.

    \b
    Examples:
      archwright list
      archwright check bert my_model.yaml
      archwright draw swin -o swin.svg
    """
