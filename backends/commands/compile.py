"""``archwright compile``."""

from __future__ import annotations

import time
from typing import Any

import click

from .options import call_options, device_options, json_option, target_options, words_option
from .output import in_bytes, print_result, shapes, told
from .progress import steps


@click.command("compile", short_help="Compile ahead of time, for processes that start later.")
@target_options("SPEC_OR_CHECKPOINT")
@device_options
@click.option("--inference", is_flag=True, help="As for `inference=True`: the model never trains.")
@click.option("--static", is_flag=True, help="As for `dynamic=False`: for these shapes alone.")
@words_option("--inputs", help="Optional inputs that the call gives too, such as labels.")
@words_option("--flags", help="Flags of the call, such as output_hidden_states.")
@call_options
@json_option
def command(
    target: str, static: bool, inputs: list[str] | None, flags: list[str] | None, length: int | None, as_json: bool,
    **asked: Any,
) -> None:  # fmt: skip
    """Compile a model through inductor for one way of calling it, and keep the code.

    A process that builds the same model and calls it with the same inputs, shapes and types, without gradients, starts
    with it. The files are in the folder that ARCHWRIGHT_CACHE names.  [default: ~/.cache/archwright]

    \b
    Examples:
      archwright compile bert --size base --batch 1 --length 128
      archwright compile path/to/checkpoint --inference --device cuda --dtype bfloat16
    """
    with steps(f"building {target}"):
        from ..torch.request import SHORT, Request

        dynamic = False if static else None
        request = Request(target, inputs=inputs or (), length=length or SHORT, dynamic=dynamic, **asked)
        model = request.model("inductor")
        made = request.call(model)
    start = time.perf_counter()
    with steps("compiling"):
        path, size_in_bytes = model.keep_compiled(**made, **dict.fromkeys(flags or (), True))
    taken = time.perf_counter() - start
    text = f"{told(shapes(made))}\ncompiled in {taken:.1f} s, {in_bytes(size_in_bytes)} in {path}"
    print_result({"path": str(path), "bytes": size_in_bytes, "seconds": taken}, text, as_json=as_json)
