"""``archwright bench``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from .options import call_options, device_options, json_option, refuse_beside, target_options, words_option
from .output import in_bytes, plural, print_result, seconds, table, told
from .progress import steps

if TYPE_CHECKING:
    from ..torch.bench import BenchReport
    from ..torch.bench_generation import GenerationReport
    from ..torch.timing import Spread


@click.command("bench", short_help="Latency and throughput, beside Hugging Face.")
@target_options("SPEC_OR_CHECKPOINT")
@click.option("--backend", type=click.Choice(["eager", "inductor", "both"]), default="both", show_default=True,
              help="The generated source as it is, through torch.compile, or both.")  # fmt: skip
@device_options
@words_option("--inputs", help="Optional inputs that the call has too, such as labels.")
@call_options
@click.option("--inference", is_flag=True, help="As for `inference=True`: the model never trains.")
@click.option("--static", is_flag=True, help="As for `dynamic=False`: compiled for these shapes alone.")
@click.option("--packed", is_flag=True,
              help="Samples of many lengths, a third of --length on average, also with `packed=True`.")  # fmt: skip
@click.option("--generate", is_flag=True, help="Measure how fast it writes, with `inference=True`.")
@click.option(
    "--lookup", type=click.IntRange(0), default=0, help="With --generate: also with so many tokens looked up."
)
@click.option("--new-tokens", type=click.IntRange(1), help="With --generate: how many it writes.  [default: 128]")
@click.option("--runs", type=click.IntRange(1), help="Timed rounds.  [default: 30, or 5 of writing]")
@click.option(
    "--reference/--no-reference", default=True, help="Compare with Hugging Face's model, where it is installed."
)
@click.option("--cold/--no-cold", default=True, help="Also time first calls in fresh processes, compiling included.")
@json_option
def command(
    target: str, backend: str, inputs: list[str] | None, static: bool, generate: bool, lookup: int,
    new_tokens: int | None, runs: int | None, reference: bool, cold: bool, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Measure a model: latency and throughput, eager and compiled, cold and warm.

    Contenders are run in turn, and a speedup is taken between runs that stood side by side: its median, and in brackets
    its quartiles.

    With --generate, the model writes its likeliest tokens after a prompt of --length (16): tokens a second, whether
    the ids are Hugging Face's, the weights read as a share of the memory's bandwidth, and the memory that is held.

    \b
    Examples:
      archwright bench bert --size tiny --no-cold
      archwright bench path/to/checkpoint --batch 8 --length 128 --device cuda --dtype bfloat16
      archwright bench bert --backend eager --batch 32 --packed
      archwright bench gpt2 --task causal_lm --batch 1 --generate
    """
    for name, number in (("--lookup", lookup), ("--new-tokens", new_tokens)):
        if number and not generate:
            raise click.BadParameter("it is of texts that are written; give --generate too", param_hint=name)
    if generate:
        refuse_beside("--generate", "packed", *(["cold"] if cold else []))
    with steps("importing") as step:
        from ..torch.bench import bench
        from ..torch.bench_generation import bench_generation
        from ..torch.request import Request

        chosen = ("eager", "inductor") if backend == "both" else (backend,)
        request = Request(target, inputs=inputs or (), dynamic=False if static else None, **asked)
        how: dict[str, Any] = {"backends": chosen, "reference": reference, "step": step}
        if generate:
            report = bench_generation(request, new_tokens=new_tokens or 128, lookup=lookup, runs=runs or 5, **how)
            text = _written(report)
        else:
            report = bench(request, runs=runs or 30, cold=cold, **how)
            text = _text(report)
    if report.no_reference:
        click.echo(f"no reference: {report.no_reference}", err=True)
    print_result(report, text, as_json=as_json)


def _text(report: BenchReport) -> str:
    rows = [
        [row.name, seconds(row.latency.median), f"{seconds(row.latency.low)} .. {seconds(row.latency.high)}",
         f"{row.throughput:.1f}", f"{row.speedup.median:.2f}x", _range(row.speedup, ".2f")]
        for row in report.rows
    ]  # fmt: skip
    lines = [
        table(("", "median", "quartiles", "samples/s", "speedup", "quartiles"), rows, right=(1, 2, 3, 4, 5)),
        "",
        f"{plural(report.runs, 'round')} of {told(report.inputs)}; {plural(report.threads, 'thread')}; "
        f"speedup over {report.baseline}",
    ]
    if report.difference is not None:
        lines.append(f"outputs differ from the reference's by at most {report.difference:.1e} of their largest number")
    if report.first_calls:
        firsts = [[one.name, *map(seconds, (one.start, one.build, one.first, one.again))] for one in report.first_calls]
        lines += ["", table(("fresh process", "start", "build", "first call", "second"), firsts, right=(1, 2, 3, 4))]
    return "\n".join(lines)


def _written(report: GenerationReport) -> str:
    rows = [
        [row.name, f"{row.tokens_per_second:.1f}", f"{row.speedup.median:.2f}x", _range(row.speedup, ".2f"),
         f"{row.bandwidth.median:.0%}", _range(row.bandwidth, ".0%"),
         "?" if row.growth is None else in_bytes(row.growth), _sameness(row.first_difference)]
        for row in report.rows
    ]  # fmt: skip
    expected = "" if report.cache_expected is None else f"; by arithmetic {in_bytes(report.cache_expected)}"
    head = ("", "tokens/s", "speedup", "quartiles", "bandwidth", "quartiles", "growth", f"ids of {report.baseline}")
    return "\n".join(
        [
            table(head, rows, right=(1, 2, 3, 4, 5, 6)),
            "",
            f"{plural(report.runs, 'round')} of {plural(report.new_tokens, 'new token')} after {told(report.inputs)}; "
            f"{plural(report.threads, 'thread')}; speedup over {report.baseline}",
            f"{in_bytes(report.weight_bytes)} of weights are read for a token; "
            f"a plain read reaches {in_bytes(report.bytes_per_second.median)} a second",
            f"{in_bytes(report.cache_bytes)} are held from step to step{expected}; growth is that of memory over steps",
        ]
    )


def _range(spread: Spread, form: str) -> str:
    return f"{spread.low:{form}} .. {spread.high:{form}}"


def _sameness(first_difference: int | None) -> str:
    return "the same" if first_difference is None else f"differ from token {first_difference}"
