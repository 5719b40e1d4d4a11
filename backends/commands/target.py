"""From a command's argument to a graph: a shipped name, a path to a spec, or a checkpoint folder. No torch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from ...compiler.graph import Graph


def graph_of(
    target: str, *, task: str | None, size: str | None, overrides: Mapping[str, Any], spec: str | None = None
) -> Graph:
    """The checked graph of a spec; of a checkpoint folder by its ``config.json``, its weights unread.

    Args:
        target: the spec, or the folder.
        task: a task of it.
        size: a row of the spec's sizes.
        overrides: parameters.
        spec: reads the folder, in place of the one that its config names.

    Raises:
        SpecError: the spec is wrong.
        CheckpointError: the config names no spec that ships.
        ArgumentError: a checkpoint is given a size, or a `spec` is and there is no checkpoint.
        FileNotFoundError: there is no such spec.
    """
    from ...compiler.check import build_graph
    from ..torch.checkpoint.folder import overrides_from, read_json, reads_checkpoint, spec_for

    chosen, told = task, overrides
    if reads_checkpoint(target, size=size, spec=spec):
        from ...compiler.reading.document import library

        config = read_json(Path(target) / "config.json")
        target, found = spec_for(config, Path(target), spec, task=task)
        overrides = overrides_from(config, library().spec(target), overrides)
        chosen = task or found
    return build_graph(target, chosen, size, overrides, told)


def check_inputs(graph: Graph, names: Iterable[str]) -> None:
    """Refuse inputs that a graph does not have."""
    for name in names:
        if name not in graph.root.inputs:
            known = ", ".join(graph.root.inputs)
            raise click.BadParameter(f"no input `{name}`; there are {known}", param_hint="--inputs")


def check_flags(graph: Graph, flags: Iterable[str]) -> None:
    """Refuse flags that a graph does not have."""
    for name in flags:
        if name not in graph.flags:
            raise click.BadParameter(f"no flag `{name}`; there are {', '.join(graph.flags)}", param_hint="--flags")
