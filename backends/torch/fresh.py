"""A function called in a process of its own: nothing is imported, compiled or held there yet.

Run as a module it is that process: it is given the function's place and its arguments as JSON, and prints the result as
JSON on its last line.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from ..errors import ArgumentError


class TooLong(ArgumentError):
    """The process took longer than it may."""


def fresh(
    function: str, arguments: Mapping[str, Any], *, environment: Mapping[str, str] | None = None,
    limit: float | None = None,
) -> Any:  # fmt: skip
    """What a function gives in a fresh process.

    Args:
        function: ``module:name``, the module within this package.
        arguments: by name, as JSON can hold them.
        environment: variables on top of this process's.
        limit: seconds after which the process and those that it started are ended.

    Raises:
        TooLong: it took longer.
        ArgumentError: the process failed; its last line is told.
    """
    # Modules are kept as bytecode, as those of an installation are, whatever is asked of this process.
    surroundings = {**os.environ, "PYTHONDONTWRITEBYTECODE": "", **(environment or {})}
    process = subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", __name__, function, json.dumps(arguments)],
        env=surroundings, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    )  # fmt: skip
    try:
        out, err = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        raise TooLong(f"the fresh process took longer than {limit:.0f} s") from None
    finally:
        if process.poll() is None:
            _end(process)
    if process.returncode != 0:
        last = err.strip().splitlines()[-1:] or [f"it ended with {process.returncode} and said nothing"]
        raise ArgumentError(f"the fresh process failed: {last[0]}")
    return json.loads(out.splitlines()[-1])


def _end(process: subprocess.Popen[str]) -> None:
    """End a process with the compilers that it started."""
    if hasattr(os, "killpg"):
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.communicate()


if __name__ == "__main__":
    place, name = sys.argv[1].split(":")
    print("\n" + json.dumps(getattr(import_module(place), name)(**json.loads(sys.argv[2]))))
