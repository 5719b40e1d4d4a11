"""Which vector instructions the C++ that inductor writes may use, without compiling programs to find out.

Inductor compiles and loads a program for each set of instructions that the processor says it has, anew in every empty
cache: as long as compiling a small model takes. That torch's own kernels run with vectors says that processor and
libraries go together; that the compiler knows a set is told by its taking the flags.
"""

from __future__ import annotations

import functools
import platform
import subprocess

import torch

from ..errors import ArgumentError


@functools.cache
def settle_instructions() -> None:
    """Let inductor remember what it would find by compiling; where torch itself runs without vectors, it finds out.

    Raises:
        ArgumentError: there is no C++ compiler.
    """
    if platform.machine() not in ("x86_64", "AMD64"):
        return
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return
    from torch._inductor.cpu_vec_isa import VecISA, pick_vec_isa
    from torch._inductor.exc import InvalidCxxCompiler

    build = VecISA.check_build
    VecISA.check_build = lambda self, code: _is_known(self._arch_flags)
    try:
        pick_vec_isa()  # every answer is kept
    except InvalidCxxCompiler as error:
        raise ArgumentError(
            "torch.compile needs a C++ compiler and finds none: install g++, or say in the environment variable CXX "
            'which it is; a model made with `backend="eager"` needs none'
        ) from error
    finally:
        VecISA.check_build = build


@functools.cache
def _is_known(flags: str) -> bool:
    """Whether the C++ compiler takes these flags."""
    from torch._inductor.cpp_builder import get_cpp_compiler

    command = [get_cpp_compiler(), *flags.split(), "-fsyntax-only", "-x", "c++", "-"]
    return subprocess.run(command, input=b"", capture_output=True, check=False).returncode == 0
