"""``archwright generate``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .options import check_seed, device_options, json_option, spec_option, together
from .output import is_terminal, print_json, seconds
from .progress import steps

if TYPE_CHECKING:
    from ..torch.generation.text import Written

_COUNT, _SHARE = click.IntRange(1), click.FloatRange(0, 1)


_writing_options = together(
    click.option("--max-new-tokens", type=_COUNT, help="How many tokens are written at most."),
    click.option("--min-new-tokens", type=click.IntRange(0), help="How many at least."),
    click.option("--max-length", type=_COUNT, help="The same, prompt included."),
    click.option("--num-beams", type=_COUNT, help="Search with this many beams."),
    click.option("--num-return-sequences", type=_COUNT, help="How many texts."),
    click.option("--length-penalty", type=float, help="Above 0, beams may be longer."),
    click.option("--do-sample/--no-sample", default=None, help="Draw tokens, or take the likeliest."),
    click.option("--temperature", type=click.FloatRange(0, min_open=True), help="Below 1 for likelier tokens."),
    click.option("--top-k", type=click.IntRange(0), help="Draw from this many likeliest tokens."),
    click.option("--top-p", type=_SHARE, help="Draw from the likeliest tokens with this share together."),
    click.option("--min-p", type=_SHARE, help="Draw from tokens this likely beside the likeliest."),
    click.option("--repetition-penalty", type=click.FloatRange(0, min_open=True), help="Above 1 against repeats."),
    click.option("--no-repeat-ngram-size", type=click.IntRange(0), help="No so many tokens twice."),
    click.option("--language", help="The language that is spoken (Whisper)."),
    click.option("--forced-bos-token", metavar="TOKEN", help="The text's first token, such as de_DE (mBART)."),
    click.option("--seed", type=int, callback=check_seed, help="Of the draws."),
)
"""Hugging Face's options of `generate`, by its names; what is left out is the checkpoint's own."""


@click.command("generate", short_help="Text from text, speech or a picture.")
@click.argument("checkpoint", type=click.Path(exists=True, file_okay=False))
@click.option("--prompt", metavar="TEXT", help="What is continued, translated or answered; - reads it from stdin.")
@click.option("--audio", metavar="FILE.wav", type=click.Path(exists=True, dir_okay=False), help="For speech models.")
@click.option("--image", metavar="FILE.png", type=click.Path(exists=True, dir_okay=False), help="For image models.")
@_writing_options
@click.option("--translate", is_flag=True, help="Into English, where the model hears many languages (Whisper).")
@click.option("--keep-special-tokens", is_flag=True, help="Print tokens such as </s> too.")
@spec_option
@click.option("--task", metavar="TASK", help="A task of the spec.  [default: that of the checkpoint]")
@click.option("--backend", type=click.Choice(["eager", "inductor"]), default="eager", show_default=True,
              help="The generated source as it is, or through torch.compile.")  # fmt: skip
@device_options
@json_option
def command(
    checkpoint: str, prompt: str | None, audio: str | None, image: str | None, translate: bool,
    keep_special_tokens: bool, spec: str | None, task: str | None, backend: str, device: str | None, dtype: str | None,
    as_json: bool, **options: Any,
) -> None:  # fmt: skip
    """Write text with a checkpoint, and show it as it is written.

    The folder holds config.json, *.safetensors and tokenizer.json; to read files also preprocessor_config.json. Beams,
    several texts and JSON are printed once all is written.

    \b
    Examples:
      archwright generate path/to/gpt2 --prompt "Once upon a time" --max-new-tokens 40
      archwright generate path/to/gpt2 --prompt "The answer is" --do-sample --top-p 0.9 --seed 1
      archwright generate path/to/whisper --audio talk.wav --language en
      archwright generate path/to/trocr --image line.png --num-beams 4 --json
    """
    text = sys.stdin.read().rstrip("\n") if prompt == "-" else prompt
    given = {name: value for name, value in options.items() if value is not None}
    if translate:
        given["task"] = "translate"
    with steps(f"loading {checkpoint}"):
        from ..torch.generation.text import Writing
        from ..torch.request import Request

        model = Request(checkpoint, task=task, device=device, dtype=dtype, spec=spec or None).model(backend)
        writing = Writing(Path(checkpoint), model, text, audio, image, given, keep_special_tokens)
        writing.check()
    written = writing.write(None if as_json else _show)
    if as_json:
        graph = model.graph
        print_json({"model": graph.name, "task": graph.task or "base", "prompt": text, **written.to_json()})
        return
    _finish(written)


_CONTROLS = dict.fromkeys(one for one in (*range(32), *range(127, 160)) if chr(one) not in "\n\t")
"""Characters that would steer a terminal, which no model shall."""


def _show(piece: str) -> None:
    click.echo(piece.translate(_CONTROLS) if is_terminal("stdout") else piece, nl=False, color=True)


def _finish(written: Written) -> None:
    """What has not been shown, and on a terminal how fast it was written."""
    if written.is_shown:
        click.echo()
    else:
        for text in written.texts:
            _show(f"{text}\n")
    if is_terminal("stderr") and written.tokens:
        rate = written.tokens / written.seconds
        click.echo(f"{written.tokens} tokens in {seconds(written.seconds)}, {rate:.1f} a second", err=True)
