"""``archwright check``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .failures import WRONG, tell, tell_diagnostics
from .options import json_option, model_options, spec_option
from .output import color_of, plural, print_json
from .target import graph_of

if TYPE_CHECKING:
    from ...compiler.graph import Graph


@click.command("check", short_help="Every mistake of specs, with its place.")
@click.argument("specs", metavar="SPEC...", nargs=-1, required=True)
@model_options
@spec_option
@click.option("--notes", is_flag=True, help="Print all notes, such as extents that only a call can prove equal.")
@click.option("--quiet", "-q", is_flag=True, help="Print nothing where all is well.")
@json_option
@click.pass_context
def command(
    ctx: click.Context, specs: tuple[str, ...], task: str | None, size: str | None, overrides: dict[str, Any],
    spec: str | None, notes: bool, quiet: bool, as_json: bool,
) -> None:  # fmt: skip
    """Check specs: every mistake, with its place. Without --task, the base and all tasks.

    Of a checkpoint folder it says whether its config.json is understood, as the task that this names.

    \b
    Examples:
      archwright check my_model.yaml
      archwright check bert --task masked_lm --set num_layers=6
      archwright check specs/*.yaml --quiet
      archwright check path/to/checkpoint
    """
    from ...compiler.diagnosing.diagnostics import SpecError
    from ...compiler.check import check_with
    from ..errors import CheckpointError
    from ..torch.checkpoint.folder import is_checkpoint

    results: list[dict[str, Any]] = []
    colored = color_of("stderr")
    for target in specs:
        is_folder = is_checkpoint(target)
        try:
            if is_folder or spec is not None:
                graph = graph_of(target, task=task, size=size, overrides=overrides, spec=spec)
            else:
                graph = check_with(target, task, size, overrides)
        except SpecError as error:
            results.append({"spec": target, "ok": False, "diagnostics": [one.to_json() for one in error.diagnostics]})
            if not as_json:
                tell_diagnostics(error, as_json=False)
            continue
        except (CheckpointError, FileNotFoundError) as error:
            results.append({"spec": target, "ok": False, "message": str(error), "diagnostics": []})
            if not as_json:
                tell(str(error))
            continue
        results.append(_result(target, graph, graph.task or "base" if is_folder else task))
        told = [note for note in graph.notes if notes or (note.code in _TELLING and not quiet)]
        for note in told if not as_json else ():
            click.echo(note.render(color=colored), err=True, color=colored)
        if not quiet and not as_json:
            click.echo(_summary(results[-1]) + (" (--notes prints all)" if len(told) < len(graph.notes) else ""))
    if as_json:
        print_json({"ok": all(result["ok"] for result in results), "specs": results})
    if not all(result["ok"] for result in results):
        ctx.exit(WRONG)


_TELLING = {"missing-parameter"}
"""Notes that are told unasked: what is not handed on may give other numbers, and nothing else says so."""


def _result(spec: str, graph: Graph, task: str | None) -> dict[str, Any]:
    tasks = ["base", *graph.document.model.tasks] if task is None else [task]
    return {
        "spec": spec,
        "ok": True,
        "tasks": tasks,
        "parameters": graph.num_parameters(),
        "notes": [note.to_json() for note in graph.notes],
        "diagnostics": [],
    }


def _summary(result: dict[str, Any]) -> str:
    first, *others = result["tasks"]
    checked = f"{first} and {plural(len(others), 'task')}" if others else first
    notes = f", {plural(len(result['notes']), 'note')}" if result["notes"] else ""
    return f"{result['spec']}: fine, {checked}{notes}"
