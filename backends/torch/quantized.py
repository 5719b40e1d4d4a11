"""Weights of linear maps rounded to a few bits, through torchao where it is installed; all else stays as it is."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import torch
from torch import nn

from ..errors import ArgumentError

KINDS = ("int8", "int4")
GROUP = 32
"""How many numbers of a row share a scale and a zero, of 4 bits: what the widths of all models are multiples of."""

STEP = 16
"""How many numbers of a row torch's kernels for 8 bits read at once, past its end too; and of rows, those for 4."""


def require(kind: str) -> None:
    """Refuse a kind that there is not, and any where the library is missing.

    Raises:
        ArgumentError: why.
    """
    if kind not in KINDS:
        raise ArgumentError(f"expected `quantize` of {', '.join(KINDS)}, found {kind!r}")
    if find_spec("torchao") is None:
        raise ArgumentError("`quantize` needs torchao: pip install torchao")


def quantize(net: nn.Module, kind: str) -> None:
    """Round every linear map's weight, to 8 bits with a scale a row or to 4 bits with one for each `GROUP` of a row.

    A weight that an embedding shares stays as it is there; one whose extents the kernels cannot divide is not rounded.

    Raises:
        ArgumentError: torchao lacks what it needs for that on this device.
    """
    try:
        device = next(net.parameters(), torch.empty(0)).device
        library, config = import_module("torchao.quantization"), _config(kind, device)
        for module in net.modules():
            if isinstance(module, nn.Linear) and _fits(module, kind):
                module.weight.data = module.weight.data.contiguous()  # kernels refuse one that lies transposed
                library.quantize_(module, config)
    except (ImportError, AttributeError, AssertionError, RuntimeError, ValueError) as error:
        raise ArgumentError(f'torchao cannot make `quantize="{kind}"` here: {error}') from error


def _config(kind: str, device: torch.device) -> Any:
    """What torchao is asked for; its settings for all of torch are left alone."""
    library = import_module("torchao.quantization")
    if kind == "int8":
        return library.Int8WeightOnlyConfig(set_inductor_config=False)
    if device.type == "cpu":
        library = import_module("torchao.prototype.quantization.int4")
        return library.PrototypeInt4WeightOnlyConfig(group_size=GROUP, set_inductor_config=False)
    form = "tile_packed_to_4d"  # the one whose kernel comes with torch
    return library.Int4WeightOnlyConfig(group_size=GROUP, int4_packing_format=form, set_inductor_config=False)


def _fits(module: nn.Linear, kind: str) -> bool:
    if kind == "int8":
        return module.in_features % STEP == 0
    return module.in_features % GROUP == 0 and module.out_features % STEP == 0
