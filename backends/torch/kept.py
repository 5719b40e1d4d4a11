"""What is kept of a call that was compiled, as files by name, and what runs it again.

On a CPU that is an AOTInductor package, which none of torch's compiler is needed to run: importing that takes longer
than all else of a warm start. Elsewhere it is a function of `torch.compile`: building a package for a GPU needs CUDA's
own headers, and rounded weights are no plain tensors.
"""

from __future__ import annotations

import io
import json
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from ..files import write_whole
from .modules.inference import Held
from .modules.windowed import COUNTS

PACKAGE, _CALL, _FUNCTION = "package.pt2", "call.json", "function"

Files = Mapping[str, bytes]


def is_packaged(net: nn.Module) -> bool:
    """Whether calls of a module are kept as packages: all that it keeps are plain tensors on a CPU."""
    kinds = (Tensor, nn.Parameter, nn.Buffer)
    return all(one.device.type == "cpu" and type(one) in kinds for one in places(net).values())


# A package


Place = tuple[str, str, str]
"""Where a module keeps a tensor: the path of the part, the attribute that holds it there, its name."""
_STORES = ("_parameters", "_buffers", "__dict__", "kept")


class _Kept:
    """What is run in place of a module with these parts."""

    def __init__(self, net: nn.Module) -> None:
        self.parts = [(one._modules, name, part) for one in net.modules() for name, part in one._modules.items()]

    def fits(self) -> bool:
        """Whether the module's parts are those that it had."""
        return all(parts.get(name) is part for parts, name, part in self.parts)


class Package(_Kept):
    """A package, called with all tensors that a module keeps before those of the call.

    Attributes:
        reads_held: whether it reads what is held for shapes (`Held`).
    """

    def __init__(self, files: Files, net: nn.Module) -> None:
        from torch._C import _aoti  # pyright: ignore[reportAttributeAccessIssue]

        super().__init__(net)
        told = json.loads(files[_CALL])
        self.places = [(getattr(net.get_submodule(path), store), name) for path, store, name in told["places"]]
        self.reads_held = any(store == "kept" for _, store, _ in told["places"])
        self.layout = [(getattr(torch, kind), None if at is None else tuple(at)) for kind, at in told["layout"]]
        self.order = told["order"]
        self.form = pytree.treespec_loads(told["form"])
        with tempfile.TemporaryDirectory() as folder:  # read once
            file = Path(folder, PACKAGE)
            file.write_bytes(files[PACKAGE])
            # `torch._inductor.aoti_load_package` gives the same, and imports the compiler.
            self.run = _aoti.AOTIModelPackageLoader(str(file), "model", False, 1, -1).run

    def fits(self) -> bool:
        """Whether the module's tensors, too, lie in memory as they did when this was compiled."""
        tensors = [store.get(name) for store, name in self.places]
        return super().fits() and [None if one is None else _lies(one) for one in tensors] == self.layout

    def __call__(self, **values: Any) -> Any:
        made = self.run([*(store[name] for store, name in self.places), *_tensors(values)])
        return pytree.tree_unflatten([None if at is None else made[at] for at in self.order], self.form)


def package(method: Any, values: Mapping[str, Any]) -> Files:
    """An AOTInductor package of a call without gradients; the source of `method` has no regions."""
    call = _Call(method, values)
    own = call.places.values()
    # Of warnings there are those that torch's own code calls forth.
    with torch.no_grad(), warnings.catch_warnings(action="ignore"), tempfile.TemporaryDirectory() as folder:
        given = [*(one.detach() for one in own), *_tensors(values)]
        counting = COUNTS.set(True)
        try:
            program = torch.export.export(call, (given,), strict=False)
        finally:
            COUNTS.reset(counting)
        file = torch._inductor.aoti_compile_and_package(program, package_path=str(Path(folder, PACKAGE)))
        layout = [(str(kind).removeprefix("torch."), strides) for kind, strides in map(_lies, own)]
        form = pytree.treespec_dumps(call.form)
        told = {"places": list(call.places), "layout": layout, "form": form, "order": call.order}
        return {PACKAGE: Path(file).read_bytes(), _CALL: json.dumps(told).encode()}


def places(net: nn.Module) -> dict[Place, Tensor]:
    """The tensors that a module and its parts keep."""
    found: dict[Place, Tensor] = {}
    for path, module in net.named_modules():
        for store in _STORES if isinstance(module, Held) else _STORES[:-1]:
            named = getattr(module, store).items()
            found.update({(path, store, name): one for name, one in named if isinstance(one, Tensor)})
    return found


def layout_of(net: nn.Module) -> list[Any]:
    """How the tensors that a module and its parts keep lie in memory, but for those that are held for shapes."""
    return [_lies(one) for (_, store, _), one in places(net).items() if store != "kept"]


def _lies(one: Tensor) -> tuple[torch.dtype, tuple[int, ...] | None]:
    """The type and the strides, of what is in a kernel's own order the type alone."""
    return one.dtype, None if one.is_mkldnn else one.stride()


def _tensors(values: Mapping[str, Any]) -> list[Tensor]:
    """Those of a call, of its records too, row by row; other values are part of the code."""
    return [one.contiguous() for one in pytree.tree_leaves(dict(values)) if isinstance(one, Tensor)]


class _Call(nn.Module):
    """A method as a function of all tensors that it reads, which gives a list of tensors.

    Attributes:
        places: where the module keeps what comes before the inputs.
        form: that of what the method gives, found when this is called.
        order: where each leaf of it is in the list; None where the method gives None.
    """

    def __init__(self, method: Any, values: Mapping[str, Any]) -> None:
        super().__init__()
        self.method = method
        self.places = places(method.__self__)
        self.leaves, self.taken = pytree.tree_flatten(dict(values))

    def forward(self, given: list[Tensor]) -> list[Tensor]:
        """Call the method with these in their places."""
        rest = iter(given[len(self.places) :])
        leaves = [next(rest) if isinstance(one, Tensor) else one for one in self.leaves]
        with self._placed(given):
            found, self.form = pytree.tree_flatten(self.method(**pytree.tree_unflatten(leaves, self.taken)))
        made = [one for one in found if one is not None]
        count = iter(range(len(made)))
        self.order = [None if one is None else next(count) for one in found]
        return made

    @contextmanager
    def _placed(self, given: list[Tensor]) -> Iterator[None]:
        net = self.method.__self__
        stores = [(getattr(net.get_submodule(path), store), name) for path, store, name in self.places]
        try:
            for (store, name), one in zip(stores, given, strict=False):
                store[name] = one
            yield
        finally:
            for (store, name), one in zip(stores, self.places.values(), strict=True):
                store[name] = one


# A function


def function(method: Any, values: Mapping[str, Any]) -> Files:
    """A function of `torch.compile`, and the libraries that the C++ compiler built for it in torch's folder."""
    with torch._dynamo.config.patch(enable_aot_compile=True, capture_scalar_outputs=True):
        options: dict[str, Any] = {"guard_filter_fn": lambda guards: [False] * len(guards)}
        made: Any = torch.compile(method, fullgraph=True, dynamic=False, options=options)
        compiled = made.aot_compile(((), dict(values)))
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, _FUNCTION)
        compiled.save_compiled_function(str(file))
        own = _torch_folder()
        libraries = {one.relative_to(own).as_posix(): one.read_bytes() for one in sorted(own.glob("*/*.so"))}
        return {_FUNCTION: file.read_bytes(), **libraries}


class Function(_Kept):
    """A function that `aot_compile` gave, in the names of the `method` that it was made of; tensors may lie anyhow."""

    reads_held = True  # for all that it knows

    def __init__(self, files: Files, method: Any) -> None:
        super().__init__(method.__self__)
        _write_libraries(files)
        file = io.BytesIO(files[_FUNCTION])
        self.run = torch.compiler.load_compiled_function(file, f_globals=method.__globals__)
        self.net = method.__self__

    def __call__(self, **values: Any) -> Any:
        return self.run(self.net, **values)


def _write_libraries(files: Files) -> None:
    for name, content in files.items():
        library = PurePosixPath(name)
        target = _torch_folder() / library
        is_library = library.suffix == ".so" and len(library.parts) == 2 and ".." not in library.parts
        if is_library and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            write_whole(target, content, mode=0o600)


def _torch_folder() -> Path:
    """Where torch keeps what it compiles."""
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    return Path(cache_dir())
