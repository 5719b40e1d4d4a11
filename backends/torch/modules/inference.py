"""Modules that inference computes with: made from others', which keep the weights, and made anew when those change."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

from .linear import Linear
from .prepacked import fused_linear, is_plain, is_fused, prepack, prepacked_linear


class Renewed(nn.Module):
    """What is made from weights, and made anew when they are loaded, moved or converted, or when the model settles."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.register_load_state_dict_post_hook(_renew)

    def renew(self) -> None:
        """Make it from the weights as they are."""

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        super()._apply(fn, recurse)
        self.renew()
        return self


def _renew(module: Any, keys: Any) -> None:
    module.renew()


class Prepacked(Renewed):
    """One whose weight also lies as the CPU's kernels read it, where these are to be had."""

    packed: torch.Tensor | None = None

    def pack(self, weight: torch.Tensor) -> None:
        """Put the weight in order."""
        packed = prepack(weight)
        vars(self)["packed"] = None if packed is None else _fixed(packed)  # no parameter of the module's

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "packed": None}  # torch cannot copy it

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self.renew()


class PrepackedLinear(Prepacked, Linear):
    """A linear map, ``[*, d_in]`` to ``[*, d_out]``."""

    is_joined = False  # another module multiplies by this weight

    @torch.no_grad()
    def renew(self) -> None:
        """Put the weight in order."""
        if not self.is_joined:
            self.pack(self.weight)

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        """``[*, d_in]`` to ``[*, d_out]``."""
        if self.packed is None or is_plain(input):
            return super().forward(input)
        x = input.to(self.weight.dtype) if self.stays_float32 else input
        if is_fused(x):
            return fused_linear(x, self.weight, self.bias)
        return prepacked_linear(x, self.packed, self.bias)


class Derived(Renewed, ABC):
    """Tensors made from other modules' weights."""

    weight: torch.Tensor
    bias: torch.Tensor | None

    def __init__(self, *sources: nn.Module) -> None:
        super().__init__()
        self.sources = sources  # a tuple: they stay the children of the part that calls this, under their own names
        self.register_buffer("weight", None, persistent=False)
        self.register_buffer("bias", None, persistent=False)

    @abstractmethod
    def made(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The weight and the bias that the sources' weights make."""

    @torch.no_grad()
    def renew(self) -> None:
        """Make the tensors from the sources' weights."""
        weight, bias = self.made()
        self.weight, self.bias = weight.detach(), None if bias is None else bias.detach()

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> Any:
        self.renew()  # the sources stand before this and are there already
        return self


class Joined(Prepacked, Derived):
    """Linear maps of one input as one product, ``[*, d_in]`` to a ``[*, d_out]`` each.

    Their weights are slices of its own. Beside one in the order of the CPU's kernels they stay where they are, and its
    own views them where they lie side by side, as a file may have them.
    """

    sources: tuple[PrepackedLinear, ...]

    def __init__(self, *sources: PrepackedLinear) -> None:
        super().__init__(*sources)
        self.sizes = [one.out_features for one in sources]
        for one in sources:
            one.is_joined = True

    def made(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The maps' weights one below the other; a bias of zeros where one has none and others have."""
        weight = torch.cat([one.weight for one in self.sources])
        if all(one.bias is None for one in self.sources):
            return weight, None
        biases = [weight.new_zeros(one.out_features) if one.bias is None else one.bias for one in self.sources]
        return weight, torch.cat(biases)

    @torch.no_grad()
    def renew(self) -> None:
        """Make the one weight from the maps'."""
        super().renew()
        self.pack(self.weight)
        if self.packed is not None:
            self.weight = _side_by_side([one.weight.detach() for one in self.sources])
            return
        for one, rows in zip(self.sources, self.weight.split(self.sizes), strict=True):
            one.weight.data = rows

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Every map's ``[*, d_out]``."""
        if self.packed is None:
            y = F.linear(x, self.weight, self.bias)
        elif is_plain(x):
            y = F.linear(x, *self.made())
        elif is_fused(x) and not self.weight.numel():
            parts = zip(self.sources, self.biases(), strict=True)
            return tuple(fused_linear(x, one.weight, bias) for one, bias in parts)
        elif is_fused(x):  # a compiled region refuses weights that share memory
            y = fused_linear(x, self.weight, self.bias)
        else:
            y = prepacked_linear(x, self.packed, self.bias)
        return y.split(self.sizes, dim=-1)

    def some(self, x: torch.Tensor, wanted: list[int]) -> tuple[torch.Tensor, ...]:
        """Some maps' ``[*, d_out]``; weights are cut here, since a compiled region refuses two that share memory."""
        has_own = self.weight.numel() > 0
        weights = self.weight.split(self.sizes) if has_own else [one.weight for one in self.sources]
        return tuple(F.linear(x, weights[at], self.biases()[at]) for at in wanted)

    def biases(self) -> Sequence[torch.Tensor | None]:
        """Each map's, cut from the one."""
        return [None] * len(self.sizes) if self.bias is None else self.bias.split(self.sizes)


@torch.no_grad()
def lay_rows(net: nn.Module) -> None:
    """Let each row of the plain weights lie together, as what is compiled for one row reads them; files may not."""
    modules = list(net.modules())
    for module in modules:
        if isinstance(module, PrepackedLinear) and (module.is_joined or module.packed is not None):
            module.weight.data = module.weight.contiguous()
    for module in modules:
        if isinstance(module, Joined) and module.packed is not None:
            module.weight = _side_by_side([one.weight.detach() for one in module.sources])


def _side_by_side(parts: list[torch.Tensor]) -> torch.Tensor:
    """One view of ``[rows, d]`` tensors that lie in the same memory, each behind the other; empty where they do not."""
    first, place = parts[0], parts[0].data_ptr()
    memory = first.untyped_storage().data_ptr()
    for part in parts:
        is_near = part.data_ptr() == place and part.untyped_storage().data_ptr() == memory
        if not is_near or part.stride() != first.stride():
            return first.new_empty(0)
        place += len(part) * part.stride(0) * part.element_size()
    return first.as_strided((sum(map(len, parts)), first.shape[1]), first.stride())


class FoldedNorm(Derived):
    """A convolution with the scale and shift of the batch norm behind it in its kernel and bias."""

    sources: tuple[Any, Any]

    def made(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The kernel scaled, the bias scaled and shifted; in float32 at least."""
        conv, norm = self.sources
        kind = torch.promote_types(conv.weight.dtype, torch.float32)
        mean, variance = norm.running_mean.to(kind), norm.running_var.to(kind)
        scale = norm.weight.to(kind) * torch.rsqrt(variance + norm.eps)
        weight = conv.weight.to(kind) * scale.view(-1, *[1] * (conv.weight.dim() - 1))
        shift = norm.bias.to(kind) - mean * scale + (0 if conv.bias is None else conv.bias.to(kind) * scale)
        return weight.to(conv.weight.dtype), shift.to(conv.weight.dtype)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve and normalise ``[batch, d, ...]``."""
        return self.sources[0]._conv_forward(x, self.weight, self.bias)


class SettledConv(Derived):
    """A convolution whose kernel is made from its weights once."""

    sources: tuple[Any]

    def made(self) -> tuple[torch.Tensor, torch.Tensor | None]:
        """The kernel, and the bias as it is."""
        conv = self.sources[0]
        return conv.kernel(), conv.bias

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Convolve ``[batch, d_in, length]``."""
        return F.conv1d(x, self.weight, self.bias, **self.sources[0].shape)


class Held(Renewed):
    """Values that no number of a call changes: those for the last shapes are kept, by name.

    Attributes:
        emptied: how often they have been given up.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[str, torch.Tensor] = {}
        self.like: dict[str, list[Any]] = {}
        self.emptied = 0

    def renew(self) -> None:
        """Give up what is kept."""
        self.kept.clear()
        self.like.clear()
        self.emptied += 1

    def forward(self, name: str, *like: torch.Tensor | int) -> torch.Tensor | None:
        """The value kept for tensors and extents like these; None where it has to be made."""
        return self.kept.get(name) if self.like.get(name) == _likeness(like) else None

    def keep(self, name: str, like: list[torch.Tensor | int], value: torch.Tensor) -> torch.Tensor:
        """Keep a value; not that of a call that is being traced, nor one of inference mode, which others cannot use."""
        if not torch.compiler.is_compiling() and not value.is_inference():
            self.kept[name], self.like[name] = _fixed(value.detach()), _likeness(like)
        return value


def _fixed(value: torch.Tensor) -> torch.Tensor:
    """A tensor of fixed extents: to `torch.compile` those of a parameter are.

    It takes others for free where an earlier model of the process had another extent in the same place, and then fails
    on the regions.
    """
    return nn.Parameter(value, requires_grad=False)


def _likeness(like: Iterable[Any]) -> list[Any]:
    return [*casts(), *((one.shape, one.dtype, one.device) if isinstance(one, torch.Tensor) else one for one in like)]


def casts() -> list[torch.dtype | None]:
    """What autocast makes of floats on a CPU and on CUDA; None where it is off."""
    kinds = ("cpu", "cuda")
    return [torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None for kind in kinds]
