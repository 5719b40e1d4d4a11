"""The C++ kernels of a graph, compiled together: as many files as there are workers, where inductor has one a kernel.

Of the time that a small kernel takes, most is the same for any: the compiler starts, reads torch's headers and links.
What can be made before there are kernels is made by a worker while the model is traced. The functions are the same,
compiled with the same flags.
"""

from __future__ import annotations

import ctypes
import functools
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any

from torch._inductor.async_compile import AsyncCompile, get_compile_threads
from torch._inductor.codecache import CppPythonBindingsCodeCache, LambdaFuture
from torch._inductor.cpp_builder import get_cpp_compiler
from torch._inductor.utils import clear_on_fresh_cache

_NAME = re.compile(r"\bkernel(?=\()")
_INCLUDE = re.compile(r"^\s*#include .*\n", re.MULTILINE)
_LIBRARY = "torch_cpu"


_ALONE = AsyncCompile.cpp_pybinding
_IS_TOGETHER = ContextVar("is_together", default=False)  # other threads may compile what is not ours


@contextmanager
def together() -> Iterator[None]:
    """Inductor compiles the kernels of each graph together."""
    token = _IS_TOGETHER.set(True)
    try:
        yield
    finally:
        _IS_TOGETHER.reset(token)


def _add(self: AsyncCompile, argtypes: list[str], source_code: str) -> Any:
    if not _IS_TOGETHER.get() or get_compile_threads() <= 1:  # with one, compiled at once, one after the other
        return _ALONE(self, argtypes, source_code)
    waiting = vars(self).setdefault("waiting", _Waiting())
    return LambdaFuture(waiting.add(argtypes, source_code))


AsyncCompile.cpp_pybinding = _add


def prepare() -> None:
    """Begin to make what all files need, where there are workers: torch's headers, compiled, and what is linked."""
    if get_compile_threads() > 1:
        _prepared()


@functools.cache
def _prepared() -> Future[Any]:
    def make() -> None:
        _hollow()
        _File.load_async("", submit_fn=lambda work: None)  # which compiles torch's headers, and not yet a file

    return AsyncCompile.submit(make)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_prepared.cache_clear)  # where no worker goes on


class _Waiting:
    """The kernels of a graph; the first that is asked for has all compiled that were added before."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.compiled: dict[int, Any] = {}

    def add(self, argtypes: list[str], source_code: str) -> Callable[[], Any]:
        number = len(self.texts)
        self.texts.append(_text(number, argtypes, source_code))
        return lambda: self.result(number)

    def result(self, number: int) -> Any:
        if number not in self.compiled:
            self.compile([at for at in range(len(self.texts)) if at not in self.compiled])
        return _loaded(number, self.compiled[number]())

    def compile(self, numbers: list[int]) -> None:
        """Start to compile these, in files of about the same length."""
        files: list[list[int]] = [[] for _ in range(min(get_compile_threads(), len(numbers)))]
        for number in sorted(numbers, key=lambda one: -len(self.texts[one])):
            min(files, key=lambda file: sum(len(self.texts[one]) for one in file)).append(number)
        wait([_prepared()])  # what went wrong there does so again, and is told
        for file in files:
            text = "".join(self.texts[one] for one in file)
            included = dict.fromkeys(_INCLUDE.findall(text))  # before the namespaces, none of which they belong to
            whole = "".join(included) + _INCLUDE.sub("", text)
            self.compiled |= dict.fromkeys(file, _File.load_async(whole, submit_fn=_submit))


def _submit(work: functools.partial[None]) -> Future[None]:
    for builder in work.args[1]:
        builder._ldflags_args += _hollow()
    return AsyncCompile.submit(work)


def _text(number: int, argtypes: list[str], source_code: str) -> str:
    """A kernel and its Python module, both named by the number."""
    name = f"kernel_{number}"
    parsed = ", ".join(f"parse_arg<{one.replace('const ', '')}>(args, {place})" for place, one in enumerate(argtypes))
    binding = CppPythonBindingsCodeCache.suffix_template.format(
        arg_len=len(argtypes), entry_func=name, call_entry_func=f"{name}({parsed}); Py_RETURN_NONE;", extra_parse_arg=""
    )
    return f"namespace of_{name} {{\n{_NAME.sub(name, source_code)}\n{binding}\n}}\n"


@clear_on_fresh_cache
class _File(CppPythonBindingsCodeCache):
    """A library with several modules, which are loaded by their names."""

    cache = {}
    cache_clear = staticmethod(cache.clear)

    @classmethod
    def _load_library_inner(cls, path: str, key: str) -> Any:
        return SimpleNamespace(path=path)


def _loaded(number: int, file: Any) -> Any:
    """A kernel, out of the module of a library that bears its name."""
    name = f"kernel_{number}"
    module = type("_Module", (CppPythonBindingsCodeCache,), {"entry_function": name})
    return getattr(module._load_library_inner(file.path, file.key), name)


@functools.cache
def _hollow() -> str:
    """Has the linker read, in place of torch's largest library, one of the same name that defines nothing.

    A kernel's library names it as before; what the kernel takes from it is found by that name when it is loaded.
    """
    name = f"lib{_LIBRARY}.so"
    if not sys.platform.startswith("linux") or not _is_loaded(name):
        return ""
    flags = f"-L{shlex.quote(_folder().name)} -Wl,--push-state,--no-as-needed -l{_LIBRARY} -Wl,--pop-state "
    return flags if _links(name, f"-Wl,-soname,{name}") and _links("kernel.so", *shlex.split(flags)) else ""


def _is_loaded(name: str) -> bool:
    """Whether this process has a library of this name."""
    try:
        ctypes.CDLL(name, mode=os.RTLD_LAZY | os.RTLD_NOLOAD)
    except OSError:
        return False
    return True


def _links(name: str, *flags: str) -> bool:
    """Whether a library without code can be made in the folder so."""
    file = f"{_folder().name}/{name}"
    command = [get_cpp_compiler(), "-shared", "-nostdlib", "-x", "c++", os.devnull, "-x", "none", *flags, "-o", file]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


@functools.cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(prefix="archwright-")
