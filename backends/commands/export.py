"""``archwright export``."""

from __future__ import annotations

from typing import Any

import click

from .options import call_options, device_options, json_option, target_options, words_option
from .output import in_bytes, print_result
from .progress import steps


@click.command("export", short_help="A file that runs without this package.")
@target_options("SPEC_OR_CHECKPOINT")
@click.option("--output", "-o", "path", metavar="FILE", required=True, type=click.Path(dir_okay=False, writable=True),
              help="The file: .pt2 for a torch.export program, .onnx for ONNX.")  # fmt: skip
@click.option("--aoti", is_flag=True, help="A .pt2 that AOTInductor compiles, for this kind of machine.")
@click.option("--dynamic", is_flag=True, help="For all extents that the model does not fix, such as batch and length.")
@device_options
@words_option("--inputs", help="Optional inputs that the call gives too, such as attention_mask.")
@words_option("--flags", help="Flags that the call sets, such as output_hidden_states.")
@call_options
@json_option
def command(
    target: str, path: str, aoti: bool, dynamic: bool, inputs: list[str] | None, flags: list[str] | None,
    length: int | None, as_json: bool, **asked: Any,
) -> None:  # fmt: skip
    """Write a model, in eval mode, for one way of calling it. A spec gets fresh weights, a checkpoint has its own.

    The file is read back and called once; a difference to the model above 1e-4 of its largest number is an error, and
    leaves no file. ONNX needs pip install "archwright[onnx]".

    \b
    Examples:
      archwright export path/to/checkpoint -o model.pt2 --dynamic --inputs attention_mask
      archwright export vit --size base --batch 1 -o vit.pt2 --aoti
      archwright export bert --task masked_lm -o bert.onnx --dynamic
    """
    with steps(f"building {target}") as step:
        from ..torch.export import export
        from ..torch.request import SHORT, Request

        request = Request(target, inputs=inputs or (), length=length or SHORT, **asked)
        model = request.model()
        made = request.call(model)
        step("exporting")
        report = export(model, path, made, flags=flags or (), dynamic=dynamic, aoti=aoti)
    taken = "\n".join(f"{name}: {text}" for name, text in report.inputs.items())
    text = f"{taken}\n{in_bytes(report.size_in_bytes)} in {path}, read back: differs by {report.difference:.1e}"
    print_result(report, text, as_json=as_json)
