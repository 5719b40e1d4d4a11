"""``archwright emit``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..files import write_whole
from .options import target_options, words_option
from .target import check_flags, check_inputs, graph_of

if TYPE_CHECKING:
    from ...compiler.graph import Graph


@click.command("emit", short_help="The Python that a model is.")
@target_options("SPEC")
@click.option("--output", "-o", "path", metavar="FILE", type=click.Path(dir_okay=False, writable=True, allow_dash=True),
              help="The file to write; - is stdout.  [default: stdout]")  # fmt: skip
@click.option("--standalone", is_flag=True, help="Copy in the modules that it uses: the file needs torch alone.")
@words_option("--inputs", help="The optional inputs that a call gives.  [default: what it must, and attention_mask]")
@words_option("--flags", help="The flags that a call sets, such as output_hidden_states.")
def command(
    target: str, path: str | None, standalone: bool, inputs: list[str] | None, flags: list[str] | None, **which: Any
) -> None:
    """Write the Python that a model is: classes of torch modules, and a forward for the inputs and flags named.

    \b
    Examples:
      archwright emit bert -o bert.py
      archwright emit bert --task masked_lm --inputs input_ids,labels --standalone -o bert_masked_lm.py
    """
    from ..torch.emit.source import Source

    graph = graph_of(target, **which)
    if graph.conditions:
        asked = next(iter(graph.conditions))
        told = f"`{graph.name}` asks whether `{asked}`, and is another text for each answer"
        raise click.UsageError(f"{told}: see `model.source` after a call")
    # Regions have right gradients only as `Model.compiled` compiles them, and whoever takes the file may train it.
    source = Source(graph, rounds="plain")
    source.specialise(graph.combination(called_with(graph, inputs, flags or [])))
    text = source.text(standalone=standalone)
    if path in (None, "-"):
        click.echo(text, nl=False)
    else:
        write_whole(Path(path), text)
        click.echo(f"wrote {path}", err=True)


def called_with(graph: Graph, inputs: list[str] | None, flags: list[str]) -> set[str]:
    """The optional inputs and flags of a call.

    Raises:
        click.BadParameter: there is none of that name, or what the call always gives cannot be made.
    """
    from ...compiler.calls import lacking, plain_call

    optional = [atom for atom in graph.atoms if atom not in graph.flags]
    check_inputs(graph, inputs or ())
    check_flags(graph, flags)
    if inputs is None:
        given = plain_call(graph) | ({"attention_mask"} & set(optional))
    else:
        given = frozenset(name for name in inputs if name in optional)
    called = {*given, *flags}
    for missing, _ in lacking(graph, graph.combination(called)):
        raise click.BadParameter(f"`{missing}` cannot be made from these inputs", param_hint="--inputs")
    return called
