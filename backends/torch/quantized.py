"""Weights of linear maps rounded to a few bits, through torchao where it is installed; all else stays as it is."""

from __future__ import annotations

from importlib.util import find_spec

from torch import nn

from ..errors import ArgumentError

KINDS = ("int8", "int4")


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
    """Round every linear map's weight, to 8 bits with a scale a row or to 4 bits with one for each group of a row.

    A weight that an embedding shares stays as it is there.

    Raises:
        ArgumentError: torchao lacks what it needs for that on this device.
    """
    from torchao.quantization import (  # pyright: ignore[reportMissingImports] - an extra
        Int4WeightOnlyConfig,
        Int8WeightOnlyConfig,
        quantize_,
    )

    try:
        quantize_(net, {"int8": Int8WeightOnlyConfig, "int4": Int4WeightOnlyConfig}[kind]())
    except ImportError as error:
        raise ArgumentError(f'torchao cannot make `quantize="{kind}"` here: {error}') from error
