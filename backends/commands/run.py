"""``archwright run``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from .options import call_options, check_seed, device_options, json_option, refuse_beside, target_options, words_option
from .output import counted, in_bytes, plural, print_result, seconds, shapes, table, told
from .progress import steps
from .target import check_flags

if TYPE_CHECKING:
    from ..torch.model import Model
    from ..torch.run import RunReport


@click.command("run", short_help="Build a model and run it once.")
@target_options("SPEC_OR_CHECKPOINT")
@click.option("--backend", type=click.Choice(["eager", "inductor"]), default="eager", show_default=True,
              help="The generated source as it is, or through torch.compile.")  # fmt: skip
@device_options
@click.option("--input", "file", metavar="FILE", type=click.Path(exists=True, dir_okay=False),
              help="Inputs by name in a .safetensors or .json file.  [default: example inputs]")  # fmt: skip
@words_option("--inputs", help="Optional inputs that the example has too, such as labels.")
@words_option("--flags", help="Flags of the call, such as output_hidden_states.")
@call_options
@click.option(
    "--seed", type=int, callback=check_seed, default=0, show_default=True, help="Of fresh weights and example inputs."
)
@json_option
def command(
    target: str, backend: str, file: str | None, inputs: list[str] | None, flags: list[str] | None,
    length: int | None, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Build a model and run it once: its outputs, time and memory.

    A spec gets fresh weights, a checkpoint folder has its own.

    \b
    Examples:
      archwright run bert --size tiny
      archwright run path/to/checkpoint --flags output_hidden_states --length 64
      archwright run gpt2 --task causal_lm --input ids.json --json
    """
    if file is not None:
        refuse_beside("--input", "inputs", "dims", "batch", "length")
    with steps(f"building {target}"):
        from ..torch.request import SHORT, Request
        from ..torch.run import read_inputs, run_once

        request = Request(target, inputs=inputs or (), length=length or SHORT, **asked)
        model = request.model(backend)
    check_flags(model.graph, flags or [])
    with steps("running"):
        made = request.call(model) if file is None else read_inputs(file)
        report = run_once(model, made, flags=flags or ())
    data = {"model": model.graph.name, "task": model.graph.task, "inputs": shapes(made), **asdict(report)}
    text = f"{_head(model)}\n{told(shapes(made))}\n\n{_outputs(report)}\n\n{_costs(report)}"
    print_result(data, text, as_json=as_json)


def _head(model: Model) -> str:
    graph = model.graph
    return f"{graph.name}, task {graph.task or 'base'}" + (f", size {graph.size}" if graph.size else "")


def _outputs(report: RunReport) -> str:
    rows = [
        [one.name, one.dtype, str(one.shape), *map(_number, (one.mean, one.std, one.least, one.greatest)),
         "" if one.finite else "not finite"]
        for one in report.outputs
    ]  # fmt: skip
    return table(("output", "dtype", "shape", "mean", "std", "least", "greatest", ""), rows, right=(3, 4, 5, 6))


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _costs(report: RunReport) -> str:
    peak = f", {in_bytes(report.peak_bytes)} at the peak" if report.peak_bytes is not None else ""
    return (
        f"{counted(report.parameters, billion='B')} parameters, {in_bytes(report.weight_bytes)} of weights{peak}\n"
        f"{seconds(report.seconds)} for the first call, {seconds(report.again)} for the second, "
        f"{plural(len(report.outputs), 'output')}"
    )
