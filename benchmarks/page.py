"""The page docs/benchmarks/README.md: tables from what was measured, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from statistics import geometric_mean, median
from typing import Any

from ..backends.commands.output import in_bytes, seconds
from ..backends.files import write_whole
from ..backends.torch.timing import Spread, speedups
from .measure import possible
from .plot import draw
from .records import SYSTEMS, Record, batch_of, total_of

DEVICES = {"cpu": "CPU", "cuda": "GPU"}
BLANK = "*not measured*"
OURS, OURS_COMPILED = "archwright eager", "archwright inductor"
THEIRS, THEIRS_COMPILED = "transformers eager", "transformers inductor"
_HEAD = """# Benchmarks

Written by `python -m archwright.benchmarks` from the JSON files in the folders beside this page; not edited by hand.

Models have fresh weights, in float32 on a CPU and in bfloat16 on a GPU, and are called with one sample where no batch
is named. Ours are made with `inference=True` and `dynamic=False`; Hugging Face's (HF) as they are loaded, and through
`torch.compile`. Contenders run in turn; a time is a median, a ratio the median of the ratios of runs that stood side by
side, with its quartiles in brackets. Above 1, ours is faster. With `--jobs` systems are compiled beside each other, and
each is timed alone.
"""
_LATENCY = "Seconds of a call. The ratio is that of the better of Hugging Face's two to ours, compiled."
_START = """A fresh process up to its first output: start, imports, loading the model, compiling. Cold: nothing of a
model has been compiled, though torch's own headers have, as once on each machine. Warm: ours with the file that
`archwright compile` keeps, Hugging Face's with torch's own cache. A ratio without quartiles is that of one run.
The last two columns are the most memory of the process, warm."""
_LOAD = """From a folder to a module, beside a plain read of the file's bytes; then the most memory at once while
loading, above what was in use before. A file that is mapped into memory is read at the first call, not here."""
_TRAINING = """Seconds of forward, backward and a step of SGD, all weights trained; the loss is the mean square of the
first output. Dropout is on. The ratio is that of the better of Hugging Face's to the better of ours."""
_DEPTH = "The same narrow layers, few and many: a fresh process up to its first output, cold."
_PADDING = """Seconds of a batch of sentences whose lengths are a third of the longest on average. Hugging Face's model
runs all of it, ours with `packed=True` the real tokens. The ratio is that of the better of Hugging Face's to the better
of ours."""
_GENERATION = """Texts of 128 tokens by `generate`, the likeliest at each step. The ratio is that of the better of ours
to Hugging Face's; the bandwidth is that at which it reads weights, as a share of a plain read's."""


def write_page(folder: Path) -> None:
    """Write the page, and a plot for each device, from the files in a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    parts = [_HEAD]
    for device, title in _places(folder):
        records = {name: Record.read(folder / device, name) for name in SYSTEMS}
        if not any(record.data["measured"] for record in records.values()):
            if not any(folder.glob(f"{device}-*/")):
                parts.append(f"## {title}\n\n{BLANK}\n")
            continue
        parts.append("\n".join(_device(title, device, records)))
        ratios = {name: ratio for name, one in records.items() if (ratio := _latency_ratio(one)) is not None}
        if ratios:
            draw(ratios, folder / f"latency-{device}", title=f"Latency: Hugging Face's better / ours ({title})")
    write_whole(folder / "README.md", "\n".join(parts))


def _places(folder: Path) -> Iterator[tuple[str, str]]:
    """The folders of measurements, and how their parts of the page are called (`records.place`)."""
    for device, title in DEVICES.items():
        yield device, title
        for other in sorted(folder.glob(f"{device}-*/")):
            beside = other.name.removeprefix(f"{device}-").replace("-batch", ", batch").replace("-", " ")
            yield other.name, f"{title}, {beside}"


def _device(title: str, device: str, records: Mapping[str, Record]) -> Iterator[str]:
    yield f"## {title}\n"
    yield from (f"{line}\n" for line in _environments(records))
    found = [ratio.median for one in records.values() if (ratio := _latency_ratio(one)) is not None]
    if found:
        yield f"![latency beside Hugging Face's](latency-{device}.svg)\n"
        yield f"Geometric mean over {len(found)} systems: **{geometric_mean(found):.2f}**\n"
    head = ("system", "inputs", "HF eager", "HF compiled", "eager", "compiled", "samples/s", "ratio")
    section = partial(_section, records, kind=device.partition("-")[0], batch=batch_of(device))
    yield from section("Latency", _LATENCY, head, "latency", _latency_row)
    head = ("system", "HF cold", "cold", "ratio", "HF warm", "warm", "ratio", "HF memory", "memory")
    yield from section("First call", _START, head, "start", _start_row)
    head = ("system", "file", "HF", "ours", "plain read", "HF / ours", "ours / read", "HF memory", "memory")
    yield from section("Loading", _LOAD, head, "load", _load_row)
    head = ("system", "HF eager", "HF compiled", "eager", "compiled", "ratio")
    yield from section("Training step", _TRAINING, head, "training", _training_row)
    head = ("model", "HF", "ours", "ratio")
    yield from section("Depth", _DEPTH, head, "depth", _depth_row)
    head = ("batch", "HF eager", "HF compiled", "eager", "compiled", "ratio")
    yield from section("Padding", _PADDING, head, "padding", _padding_row)
    head = ("model", "HF", "eager", "compiled", "ratio", "bandwidth", "ids")
    yield from section("Writing", _GENERATION, head, "generation", _generation_row)


def _section(
    records: Mapping[str, Record], title: str, text: str, head: Sequence[str], measurement: str, row: Any, *,
    kind: str, batch: int | None,
) -> Iterator[str]:  # fmt: skip
    rows = [one for name, one in records.items() if measurement in possible(SYSTEMS[name], kind, batch)]
    if not rows:
        return
    if not any(measurement in one.data["measured"] for one in rows):
        yield f"### {title}\n\n{BLANK}\n"
        return
    yield f"### {title}\n\n{text}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}"
    notes = []
    for record in rows:
        entry = record.data["measured"].get(measurement, {})
        cells = row(record) if "result" in entry else [BLANK if not entry else f"failed: {entry['failed']}"]
        cells = [*cells, *[""] * (len(head) - 1 - len(cells))]
        yield f"| {record.title} | {' | '.join(cells)} |"
        if left_out := (entry.get("result") or {}).get("left_out"):
            notes.append(f"\n{record.title}: {left_out}")
    yield from notes
    yield ""


def _environments(records: Mapping[str, Record]) -> Iterator[str]:
    """Where and when: a line for each set of device and versions."""
    found: dict[str, list[Mapping[str, Any]]] = {}
    for record in records.values():
        for entry in record.data["measured"].values():
            one = entry["environment"]
            where = f"{one['device']}, {one['cores']} cores, {one['threads']} threads; Python {one['python']}, "
            where += f"torch {one['torch']}, transformers {one['transformers']}, archwright {one['archwright']}"
            found.setdefault(where, []).append(one)
    for where, entries in found.items():
        dates = sorted({one["date"][:10] for one in entries})
        loads = [one["load"] for one in entries if one["load"] is not None]
        busy = f"; load of the machine before a measurement {median(loads):.1f} in the middle" if loads else ""
        yield f"{where}; {dates[0]}{f' to {dates[-1]}' if dates[1:] else ''}{busy}."


def _latency_ratio(record: Record) -> Spread | None:
    result = record.result("latency")
    return None if result is None else _ratio(result["times"], OURS_COMPILED)


def _ratio(times: Mapping[str, list[float]], ours: str) -> Spread:
    """How much faster ours is than the better of Hugging Face's."""
    best = min((name for name in times if name.startswith("transformers")), key=lambda name: median(times[name]))
    return speedups(times, baseline=best)[ours]


def _latency_row(record: Record) -> list[str]:
    result = record.result("latency")
    inputs = ", ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in result["inputs"].items())
    rate = next(one["throughput"] for one in result["rows"] if one["name"] == OURS_COMPILED)
    return [inputs, *_medians(result["times"]), f"{rate:.1f}", _shown(_ratio(result["times"], OURS_COMPILED))]


def _training_row(record: Record) -> list[str]:
    times = (record.result("compiled_training") or record.result("training"))["times"]
    ours = min((name for name in (OURS, OURS_COMPILED) if name in times), key=lambda name: median(times[name]))
    return [*_medians(times), _shown(_ratio(times, ours))]


def _medians(times: Mapping[str, list[float]], ours: Iterable[str] = (OURS, OURS_COMPILED)) -> list[str]:
    order = (THEIRS, THEIRS_COMPILED, *ours)
    return [seconds(median(times[name])) if name in times else BLANK for name in order]


def _start_row(record: Record) -> list[str]:
    result = record.result("start")
    memory = [_bytes(result[f"{whose} warm"].get("peak_bytes")) for whose in ("transformers", "archwright")]
    return [*_pair(result, "cold"), *_pair(result, "warm"), *memory]


def _depth_row(record: Record) -> list[str]:
    return _pair(record.result("depth"), "cold")


def _padding_row(record: Record) -> list[str]:
    times = record.result("padding")["times"]
    packed = [f"{name} packed" for name in (OURS, OURS_COMPILED)]
    ours = min(packed, key=lambda name: median(times[name]))
    return [*_medians(times, packed), _shown(_ratio(times, ours))]


def _generation_row(record: Record) -> list[str]:
    rows = {row["name"]: row for row in record.result("generation")["rows"]}
    names = ("transformers", OURS, OURS_COMPILED)
    best = max((rows[name] for name in names[1:]), key=lambda row: row["tokens_per_second"])
    same = "the same" if best["first_difference"] is None else f"differ from token {best['first_difference']}"
    rates = [f"{rows[name]['tokens_per_second']:.1f} tokens/s" if name in rows else BLANK for name in names]
    return [*rates, _shown(Spread(**best["speedup"])), f"{best['bandwidth']['median']:.0%}", same]


def _pair(result: Mapping[str, Any], state: str) -> list[str]:
    """Theirs, ours and the ratio, up to the first output."""
    found = {whose: result[f"{whose} {state}"] for whose in ("transformers", "archwright")}
    times = {whose: _totals(one) for whose, one in found.items() if "failed" not in one}
    cells = [f"{median(times[whose]):.1f} s" if whose in times else one["failed"] for whose, one in found.items()]
    if len(times) < len(found):
        return [*cells, ""]
    ratio = speedups(times, baseline="transformers")["archwright"]
    return [*cells, _shown(ratio) if len(times["archwright"]) > 1 else f"{ratio.median:.2f}"]


def _totals(one: Mapping[str, Any]) -> list[float]:
    """Up to the first output, of each run."""
    return one.get("totals") or [total_of(one)]


def _load_row(record: Record) -> list[str]:
    result, first = record.result("load"), record.result("start") or {}
    times = result["times"]
    ratios = [
        speedups(times, baseline=slow)[fast]
        for slow, fast in (("transformers", "archwright"), ("archwright", "plain read"))
    ]
    memory = [_bytes(first.get(f"{whose} cold", {}).get("build_bytes")) for whose in ("transformers", "archwright")]
    medians = [seconds(median(times[name])) for name in ("transformers", "archwright", "plain read")]
    return [in_bytes(result["file_bytes"]), *medians, *map(_shown, ratios), *memory]


def _bytes(number: int | None) -> str:
    return BLANK if number is None else in_bytes(number)


def _shown(ratio: Spread) -> str:
    return f"{ratio.median:.2f} ({ratio.low:.2f} .. {ratio.high:.2f})"
