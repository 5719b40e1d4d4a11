"""``archwright draw``."""

from __future__ import annotations

from typing import Any

import click

from .options import target_options
from .target import graph_of


@click.command("draw", short_help="A model as a diagram.")
@target_options("SPEC")
@click.option("--output", "-o", "path", metavar="FILE", required=True, type=click.Path(dir_okay=False, writable=True),
              help="The file to write; its suffix says the format (svg, png, pdf, dot, mmd, html).")  # fmt: skip
@click.option("--format", metavar="FORMAT", help="The format, where the suffix does not say it.")
@click.option(
    "--depth", type=click.IntRange(0), help="0 for a few boxes, 1 as in a paper, more to open parts.  [default: 1]"
)
def command(target: str, path: str, format: str | None, depth: int | None, **which: Any) -> None:
    """Draw a model as a diagram.

    \b
    Examples:
      archwright draw bert -o bert.svg
      archwright draw swin --task image_classification -o swin.pdf --depth 2
    """
    from ..diagrams import draw

    draw(graph_of(target, **which), path, format=format, depth=depth)
    click.echo(f"wrote {path}", err=True)
