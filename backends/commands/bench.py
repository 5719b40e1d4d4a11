"""``archwright bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import call_options, device_options, json_option, model_options, words_option
from .output import print_json, print_lines, seconds, table
from .progress import steps

if TYPE_CHECKING:
    from ..torch.bench import BenchReport


@click.command("bench", short_help="Latency and throughput, beside Hugging Face.")
@click.argument("target", metavar="SPEC_OR_CHECKPOINT")
@model_options
@click.option("--backend", type=click.Choice(["eager", "inductor", "both"]), default="both", show_default=True,
              help="The generated source as it is, through torch.compile, or both.")  # fmt: skip
@device_options
@words_option("--inputs", help="Optional inputs that the call has too, such as labels.")
@call_options
@click.option("--runs", type=click.IntRange(1), default=30, show_default=True, help="Timed rounds.")
@click.option(
    "--reference/--no-reference", default=True, help="Compare with Hugging Face's model, where it is installed."
)
@click.option("--cold/--no-cold", default=True, help="Also time first calls in fresh processes, compiling included.")
@json_option
def command(
    target: str, task: str | None, size: str | None, overrides: dict[str, Any], backend: str, device: str | None,
    dtype: str | None, inputs: list[str] | None, dims: dict[str, int], batch: int, length: int | None,
    runs: int, reference: bool, cold: bool, as_json: bool,
) -> None:  # fmt: skip
    """Measure a model: latency and throughput, eager and compiled, cold and warm.

    Contenders are run in turn, and a speedup is taken between runs that stood side by side: its median, and in brackets
    its quartiles.

    \b
    Examples:
      archwright bench bert --size tiny --no-cold
      archwright bench path/to/checkpoint --batch 8 --length 128 --device cuda --dtype bfloat16
    """
    with steps() as step:
        step("importing")
        from ..torch.bench import Request, bench

        backends = ("eager", "inductor") if backend == "both" else (backend,)
        request = Request(target, task, size, overrides, dims, batch, length, inputs or (), device, dtype)
        report = bench(request, backends=backends, runs=runs, reference=reference, cold=cold, step=step)
    if report.no_reference:
        click.echo(f"no reference: {report.no_reference}", err=True)
    if as_json:
        print_json(report.to_json())
    else:
        print_lines(_text(report))


def _text(report: BenchReport) -> str:
    rows = [
        [row.name, seconds(row.latency.median), f"{seconds(row.latency.low)} .. {seconds(row.latency.high)}",
         f"{row.throughput:.1f}", f"{row.speedup.median:.2f}x", f"{row.speedup.low:.2f} .. {row.speedup.high:.2f}"]
        for row in report.rows
    ]  # fmt: skip
    given = ", ".join(f"{name} {shape}" for name, shape in report.inputs.items())
    lines = [
        table(("", "median", "quartiles", "samples/s", "speedup", "quartiles"), rows, right=(1, 2, 3, 4, 5)),
        "",
        f"{report.runs} rounds of {given}; {report.threads} threads; speedup over {report.baseline}",
    ]
    if report.difference is not None:
        lines.append(f"outputs differ from the reference's by at most {report.difference:.1e} of their largest number")
    if report.first_calls:
        firsts = [[one.name, *map(seconds, (one.start, one.build, one.first, one.again))] for one in report.first_calls]
        lines += ["", table(("fresh process", "start", "build", "first call", "second"), firsts, right=(1, 2, 3, 4))]
    return "\n".join(lines)
