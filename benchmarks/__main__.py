"""``python -m archwright.benchmarks``: measure the systems, and draw docs/benchmarks from what was measured."""

from __future__ import annotations

import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from itertools import starmap
from pathlib import Path
from typing import Any

import click

from ..backends.commands.options import words_option
from ..backends.errors import ArgumentError
from ..backends.torch.build import device_of
from ..backends.torch.fresh import fresh
from ..backends.torch.request import Request
from .measure import FIRST_CALLS, MEASUREMENTS, Case, possible
from .page import write_page
from .records import SYSTEMS, Record, environment, place

DTYPES = {"cuda": "bfloat16"}
"""The type of the weights on a kind of device, where it is not float32."""


@click.command()
@words_option("--systems", help="Some of the systems.  [default: all]")
@words_option("--only", help=f"Some of {', '.join(MEASUREMENTS)}.  [default: all but compiled_training]")
@click.option("--size", help="This size of every system, with a short call, such as tiny.")
@click.option("--device", default="cpu", show_default=True, help="On CUDA weights are bfloat16, else float32.")
@click.option(
    "--batch", type=click.IntRange(1), help="So many samples, in a folder and a part of the page of their own."
)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True,
              help="Systems compiled beside each other; each is timed alone. Not for first calls.")  # fmt: skip
@click.option("--again", is_flag=True, help="Also measure what has been measured.")
@click.option("--runs", type=click.IntRange(1), default=20, show_default=True, help="Rounds; fewer of slow models.")
@click.option("--limit", type=click.IntRange(1), default=180, show_default=True, help="Seconds for compiling a model.")
@click.option("--draw", "only_draw", is_flag=True, help="Measure nothing; write the page and the plot anew.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("docs/benchmarks"), show_default=True)
def main(
    systems: list[str] | None, only: list[str] | None, size: str | None, device: str, batch: int | None, jobs: int,
    again: bool, runs: int, limit: int, only_draw: bool, folder: Path,
) -> None:  # fmt: skip
    """Measure systems beside Hugging Face's, and write the table and the plot.

    What has been measured is in FOLDER/DEVICE, a file for each system, and is not measured again: a run that was cut
    short goes on where it was. What failed is tried again, and so is what was measured of another size or call. With
    another major version of transformers than 4, the folder has its name too, and the page a part of its own.

    \b
    Examples:
      python -m archwright.benchmarks
      python -m archwright.benchmarks --systems bert,gpt2 --only latency --again
      python -m archwright.benchmarks --device cuda --batch 32 --only latency --jobs 16
    """
    _check("--systems", systems, SYSTEMS)
    _check("--only", only, MEASUREMENTS)
    try:
        device_of(None if only_draw else device)
    except ArgumentError as error:
        raise click.BadParameter(str(error), param_hint="--device") from None
    if jobs > 1 and set(only or ()) & set(FIRST_CALLS):
        raise click.BadParameter(f"{' and '.join(FIRST_CALLS)} are measured one after the other", param_hint="--jobs")
    usual = [one for one in MEASUREMENTS if one != "compiled_training"]  # which takes as long as all else together
    asked = only or [one for one in usual if jobs == 1 or one not in FIRST_CALLS]
    todo: list[tuple[Record, list[str]]] = []
    for name in () if only_draw else systems or SYSTEMS:
        system = SYSTEMS[name]
        record = Record.read(folder / place(device, batch), name).of(_request(name, system, size, device, batch))
        wanted = [one for one in possible(system, device, batch) if one in asked]
        if missing := [one for one in wanted if again or record.result(one) is None]:
            todo.append((record, missing))
    with tempfile.NamedTemporaryFile(prefix="archwright-turns-") as turns, ThreadPoolExecutor(jobs) as pool:
        measure = partial(_measure, limit=limit, runs=runs, turns=turns.name if jobs > 1 else None)
        try:
            for _ in pool.map(measure, *zip(*todo, strict=True)) if jobs > 1 else starmap(measure, todo):
                pass
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    write_page(folder)


def _check(option: str, given: Sequence[str] | None, known: Mapping[str, Any]) -> None:
    for name in given or ():
        if name not in known:
            raise click.BadParameter(f"no {name!r}; there are {', '.join(known)}", param_hint=option)


def _request(name: str, system: Mapping[str, Any], size: str | None, device: str, batch: int | None) -> dict[str, Any]:
    """The call of a system; at another size than its own, a short one."""
    asked = Request(
        system.get("spec", name), task=system.get("task"), size=size or system.get("size"),
        batch=batch or system.get("batch", 1), device=device, dtype=DTYPES.get(device.partition(":")[0]),
    )  # fmt: skip
    if size is not None:
        return asdict(asked)
    call = {"overrides": system.get("set", {}), "dims": system.get("dims", {}), "length": system.get("length")}
    return {**asdict(asked), **call}


def _measure(record: Record, wanted: Sequence[str], *, limit: float, runs: int, turns: str | None) -> None:
    """Measure a system and write its file after each measurement; a failure is written as what it says."""
    request = record.data["request"]
    with tempfile.TemporaryDirectory(prefix="archwright-", ignore_cleanup_errors=True) as folder:
        checkpoint, cache = (str(Path(folder, name)) for name in ("checkpoint", "cache"))
        asked = {**request, "target": checkpoint, "size": None, "overrides": {}, "inference": True, "dynamic": False}
        has_reference = SYSTEMS[record.data["name"]].get("reference", True)
        case = Case(asked, request, cache, limit, runs, turns, has_reference)
        for measurement in wanted:
            told = f"{record.data['name']}: {measurement}"
            click.echo(f"{told} ...", err=True)
            began = time.perf_counter()
            entry: dict[str, Any] = {"environment": environment(request["device"])}
            try:
                if not Path(checkpoint).exists() and measurement != "generation":
                    fresh(f"{__package__}.measure:prepare", {"folder": checkpoint, "request": request})
                entry["result"] = MEASUREMENTS[measurement](case)
            except ArgumentError as error:
                entry["failed"] = str(error)
            record.write(measurement, entry)
            click.echo(f"{told}: {entry.get('failed') or f'{time.perf_counter() - began:.0f} s'}", err=True)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it started ends with it
    main(prog_name="python -m archwright.benchmarks")
