"""The plot: a bar for each system, and where the two are even."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import click

from ..backends.torch.timing import Spread


def draw(ratios: Mapping[str, Spread], path: Path, *, title: str) -> None:
    """Write a plot as ``.svg`` and ``.png``; the bars are medians, the lines across their ends quartiles."""
    if find_spec("matplotlib") is None:
        click.echo("no plot: matplotlib is not installed (the extra `benchmarks` has it)", err=True)
        return
    import matplotlib as mpl  # pyright: ignore[reportMissingImports]
    from matplotlib.figure import Figure  # pyright: ignore[reportMissingImports]

    names = list(ratios)
    middles = [ratios[name].median for name in names]
    around = [
        [ratios[name].median - ratios[name].low for name in names],
        [ratios[name].high - ratios[name].median for name in names],
    ]
    figure = Figure(figsize=(8, 1 + 0.3 * len(names)), layout="constrained")
    axes = figure.add_subplot()
    axes.barh(names, middles, xerr=around, color="#4878a8", ecolor="#333333", capsize=2)
    axes.axvline(1, color="#333333", linewidth=1, linestyle="--")
    axes.invert_yaxis()
    axes.set_xlim(left=0)
    axes.set_xlabel("times as fast")
    axes.set_title(title, fontsize="medium")
    with mpl.rc_context({"svg.hashsalt": "archwright"}):  # the same numbers, the same file
        figure.savefig(path.with_suffix(".svg"), metadata={"Date": None})
    figure.savefig(path.with_suffix(".png"), dpi=150)
