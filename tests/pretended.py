"""A pretended accelerator: tensors that say they are on a device `gpu`, whose numbers a CPU computes.

What a GPU refuses is refused: an operation with tensors of both sides, and draws from the other side's generator.
What makes the host wait for a GPU is noted: numbers and shapes that the host asks for, and copies from and to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch._library.custom_ops import OPDEFS
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only
from torch.utils.backend_registration import _DummyBackendModule, _setup_privateuseone_for_python_backend

aten = torch.ops.aten
_MOVES = (aten._to_copy.default, aten.copy_.default)
_INDEXES = (aten.index.Tensor, aten.index_put.default, aten.index_put_.default, aten._index_put_impl_.default)
_ASKS = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}


class There(Tensor):
    """A tensor of the device; `here` has its numbers."""

    here: Tensor

    @staticmethod
    def __new__(cls, here: Tensor) -> There:
        with torch.inference_mode(here.is_inference()):  # a view of what is none of that mode is none either
            made = Tensor._make_wrapper_subclass(
                cls, here.shape, here.stride(), here.storage_offset(), dtype=here.dtype, device="gpu:0"
            )
        made.here = here
        return made

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """What is no operation."""
        with torch._C.DisableTorchFunctionSubclass():
            if func is Tensor.tolist:
                return args[0].cpu().tolist()
            found = func(*args, **(kwargs or {}))
        if func == Tensor.data.__set__:
            args[0].here = args[1].here
        return found

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        raise AssertionError(f"{func} on the pretended device, outside of `Accelerator`")


class _Module(_DummyBackendModule):
    """What torch asks a device's module for, in a process that has it; draws are the CPU's."""

    def get_rng_state(self, device: Any = None) -> Tensor:
        return torch.empty(0, dtype=torch.uint8)

    def set_rng_state(self, state: Tensor, device: Any = None) -> None:
        """There is none."""

    def get_amp_supported_dtype(self) -> list[torch.dtype]:
        return [torch.float16, torch.bfloat16]


class Generator(torch.Generator):
    """In place of torch's, which there is none of for the device: it draws what a CPU's draws."""

    made: ClassVar[dict[int, Generator]] = {}

    def __new__(cls, device: Any = "cpu") -> Generator:
        new = super().__new__(cls)
        if torch.device(device).type != "cpu":
            cls.made[new._cdata] = new  # an operation is given another object with this number
        return new


class Accelerator(TorchDispatchMode):
    """While it is entered, there is the device.

    Attributes:
        waits: the operations for which the host would have waited, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        if not hasattr(torch, "gpu"):  # a process has it from here on, which others of its tests need not have
            _setup_privateuseone_for_python_backend("gpu", _Module())
        self.waits: list[str] = []
        self.before: list[bool] = []

    def __enter__(self) -> Accelerator:
        self.before.append(torch._C._only_lift_cpu_tensors())
        torch._C._set_only_lift_cpu_tensors(True)  # `torch.tensor` makes on the CPU what is moved in sight of this
        torch.__future__.set_swap_module_params_on_conversion(True)  # a moved parameter stays the one that it was
        return super().__enter__()

    def __exit__(self, *error: Any) -> None:
        super().__exit__(*error)
        torch._C._set_only_lift_cpu_tensors(self.before.pop())
        torch.__future__.set_swap_module_params_on_conversion(bool(self.before))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        given = dict(kwargs or {})
        tensors = [one for one in tree_leaves((args, given)) if isinstance(one, Tensor)]
        is_there = any(isinstance(one, There) for one in tensors)
        inner = OPDEFS[func.name()]._init_fn if is_there and func.namespace == "archwright" else None
        if inner or func._can_decompose():  # torch takes most apart itself, but not in inference mode
            with self:
                return (inner or func.decompose)(*args, **given)
        told = given.get("device")
        place = args[0].device if func is aten.copy_.default else torch.device(told or ("gpu" if is_there else "cpu"))
        if is_there or place.type == "gpu":
            self._watch(func, args, given, tensors, place.type)
        if told is not None and place.type == "gpu":
            given["device"] = "cpu"
        known = {id(one.here): one for one in tensors if isinstance(one, There)}
        if func is aten._fused_sdp_choice.default and is_there:
            return 0  # plain operations
        plain, named = tree_map_only(There, lambda one: one.here, (list(args), given))
        found = func(*plain, **named)
        if place.type != "gpu":
            return found
        return tree_map_only(Tensor, lambda one: known[id(one)] if id(one) in known else There(one), found)

    def _watch(self, func: Any, args: Any, given: Mapping[str, Any], tensors: list[Tensor], place: str) -> None:
        """Refuse what a GPU refuses, and note what is waited for."""
        generator = given.get("generator")
        if generator is not None and (generator._cdata in Generator.made) != (place == "gpu"):
            raise RuntimeError(f"{func}: expected a generator of {place}, found one of the other side")
        host = [one for one in tensors if one.is_cpu]
        if func in _MOVES:
            waits = len({place, *(one.device.type for one in tensors)}) > 1
        elif func in _INDEXES:
            waits = any(one is not None and (one.is_cpu or one.dtype == torch.bool) for one in args[1])
        elif any(one.dim() for one in host) or (host and torch.Tag.pointwise not in func.tags):
            raise RuntimeError(f"{func}: expected all tensors on one device, found gpu and cpu")
        else:
            waits = not _ASKS.isdisjoint(func.tags) or func is aten.multinomial.default
            waits |= bool(host) and func is aten.where.self
        if waits:
            self.waits.append(str(func))
