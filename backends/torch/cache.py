"""Compiled code kept between processes: a file for each way in which a model is called.

A file holds, after its SHA-256, a zip of what is kept (`kept.py`). It says nothing of what it was compiled under: that
is its name's to say, which is a hash of all that matters. It is code, which is loaded without asking: the folder has to
be the user's own.
"""

from __future__ import annotations

import hashlib
import io
import os
import platform
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from ..files import write_whole

VARIABLE = "ARCHWRIGHT_CACHE"
_DIGEST = 32


def folder() -> Path:
    """Where the files are: what the variable says, or ``archwright`` in the user's folder of caches."""
    told = os.environ.get(VARIABLE)
    if told:
        return Path(told).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "archwright"


def path_for(text: str, values: Mapping[str, Any], *, how: tuple[Any, ...], device: Any) -> Path:
    """The file for a source, called with values of these shapes and types on a device; `how` it is compiled."""
    device = torch.device(device)
    called = sorted((name, str(likeness(value))) for name, value in values.items())
    place = torch.cuda.get_device_name(device) if device.type == "cuda" else f"{device.type} {_processor()}"
    key = repr((text, called, how, torch.__version__, place))
    return folder() / f"{hashlib.sha256(key.encode()).hexdigest()[:40]}.bin"


def likeness(value: Any) -> tuple[Any, ...]:
    """What code depends on of a value: the type and shape of each tensor in it, and numbers as they are."""
    leaves = tree_leaves(value)
    return tuple((one.dtype, tuple(one.shape)) if isinstance(one, torch.Tensor) else one for one in leaves)


def _processor() -> str:
    """What libraries are built for: the processor, down to its instructions."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    flags = next((line for line in lines if line.startswith(("flags", "Features"))), platform.processor())
    return f"{platform.system()} {platform.machine()} {torch.backends.cpu.get_cpu_capability()} {flags}"


def save(path: Path, files: Mapping[str, bytes]) -> int:
    """Write what is kept of a call; the number of bytes.

    Raises:
        OSError: the folder cannot be written.
    """
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    data = packed.getvalue()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, hashlib.sha256(data).digest() + data, mode=0o600)
    return path.stat().st_size


def load(path: Path) -> dict[str, bytes] | None:
    """What a file keeps of a call; one that is damaged or cannot be read is left alone."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        warnings.warn(f"cannot read compiled code from {path}: {error.strerror}; compiling anew", stacklevel=2)
        return None
    if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
        warnings.warn(f"the compiled code in {path} is damaged; compiling anew", stacklevel=2)
        return None
    with zipfile.ZipFile(io.BytesIO(data[_DIGEST:])) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
