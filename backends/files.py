"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def write_whole(path: Path, content: str | bytes | Callable[[str], object], *, mode: int = 0o644) -> None:
    """Write under a temporary name, then rename: a reader never sees half a file.

    Args:
        path: the file, whose folder is there.
        content: what it holds, text in UTF-8; or what writes it, given a name.
        mode: who may read and write it.
    """
    if path.exists() and not path.is_file():  # a pipe or a device has no half, and a folder refuses
        content(str(path)) if callable(content) else path.write_bytes(_encoded(content))
        return
    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from None
    os.close(handle)
    try:
        if callable(content):
            content(temporary)
        else:
            Path(temporary).write_bytes(_encoded(content))
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def _encoded(content: str | bytes) -> bytes:
    return content.encode() if isinstance(content, str) else content
