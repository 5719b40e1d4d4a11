"""What has been measured: a JSON file for each system, and in it what, when, where and with which versions."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import yaml

from .. import __version__
from ..backends.files import write_whole

SYSTEMS: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "systems.yaml").read_text("utf-8"))
"""The rows of `systems.yaml`, by name."""


@dataclass(frozen=True)
class Record:
    """A system's file.

    Attributes:
        path: the file.
        data: the name, the call (`request`), and under `measured` an entry for each measurement: its `environment`,
            and its `result` or why it `failed`.
    """

    path: Path
    data: dict[str, Any]

    @classmethod
    def read(cls, folder: Path, name: str) -> Record:
        """A system's record, empty where nothing has been measured."""
        path = folder / f"{re.sub(r'[^a-z0-9]+', '-', name)}.json"
        data = json.loads(path.read_text("utf-8")) if path.exists() else {"name": name, "measured": {}}
        return cls(path, data)

    def of(self, request: Mapping[str, Any]) -> Record:
        """The record of this call: what was measured of another one does not count, nor does an option that is null."""
        asked = json.loads(json.dumps(request))
        measured = self.data["measured"] if _said(self.data.get("request", {})) == _said(asked) else {}
        return Record(self.path, {"name": self.data["name"], "request": asked, "measured": measured})

    @property
    def title(self) -> str:
        """The name with the size that was measured."""
        size = self.data.get("request", {}).get("size")
        return f"{self.data['name']}, {size}" if size else self.data["name"]

    def result(self, measurement: str) -> Any:
        """What was measured; None where nothing was."""
        return self.data["measured"].get(measurement, {}).get("result")

    def write(self, measurement: str, entry: Mapping[str, Any]) -> None:
        """Add a measurement, or measure it anew."""
        self.data["measured"][measurement] = entry
        self.path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(self.path, json.dumps(self.data, indent=1) + "\n")


def _said(request: Mapping[str, Any]) -> dict[str, Any]:
    return {option: value for option, value in request.items() if value is not None}


def total_of(first_call: Mapping[str, Any]) -> float:
    """Seconds of a fresh process up to its first output."""
    return float(first_call["start"] + first_call["build"] + first_call["first"])


def place(device: str, batch: int | None = None) -> str:
    """The folder of what is measured on a device, with another transformers than the tests', and of a batch."""
    major = (_version("transformers") or "4").split(".")[0]
    beside = "" if major == "4" else f"-transformers-{major}"
    return f"{device}{beside}{'' if batch is None else f'-batch-{batch}'}"


def batch_of(place: str) -> int | None:
    """The batch that a folder of `place` is of."""
    found = re.search(r"-batch-(\d+)$", place)
    return int(found[1]) if found else None


def environment(device: str) -> dict[str, Any]:
    """Where and when, as far as it matters for a number."""
    import torch

    is_cuda = torch.device(device).type == "cuda"
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return {
        "device": torch.cuda.get_device_name(device) if is_cuda else _processor(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "transformers": _version("transformers"),
        "archwright": __version__,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M"),
        "load": load,  # of the machine over the last minute, before the measurement
    }


def _processor() -> str:
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    named = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), None)
    return named or platform.processor() or platform.machine()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
