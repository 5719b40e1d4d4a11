"""Files that are mapped into memory: the pages of them that were read can be given back."""

from __future__ import annotations

import ctypes
import mmap
import os
from collections.abc import Iterable
from pathlib import Path

import torch

_MAPS = Path("/proc/self/maps")


class Mapped:
    """Where this process has files mapped; nowhere on systems that do not say (Linux does)."""

    def __init__(self, files: Iterable[Path]) -> None:
        wanted = {os.fsencode(file.resolve()) for file in files}
        self.ranges: list[tuple[int, int]] = []
        for line in _MAPS.read_bytes().split(b"\n")[:-1] if _MAPS.exists() and wanted else ():
            place, *_, name = line.split(maxsplit=5)  # a name is of any bytes, of whatever file is mapped
            if name in wanted:
                start, end = place.split(b"-")
                self.ranges.append((int(start, 16), int(end, 16)))

    def let_go(self, tensor: torch.Tensor) -> None:
        """Give back the whole pages of a tensor that lies in a file: they are read from there when they are asked for.

        What was written to them since the file was mapped would be lost.
        """
        if not tensor.is_cpu:
            return
        start, size = tensor.untyped_storage().data_ptr(), tensor.untyped_storage().nbytes()
        if any(first <= start and start + size <= last for first, last in self.ranges):
            page = mmap.PAGESIZE
            begin, end = -(-start // page) * page, (start + size) // page * page
            if begin < end:
                ctypes.CDLL(None).madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), mmap.MADV_DONTNEED)
