"""Rates that differ from layer to layer, as of stochastic depth: kept as tensors where layers are compiled.

Torch compiles the numbers that modules have into their code, so that each layer with a rate of its own would be
compiled by itself; a tensor is given to code that all of them share. It has the precision of the number, and draws and
results are the same. 0 stays a number: nothing is drawn for it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from .emit.source import Source

ALIKE = 4
"""How many rounds are of one layer, but for rates, where they share it: Swin (1.5) begins to train hardly sooner so (73
beside 80 s), and its steps take 2 % longer; BEiT (12) begins a third sooner, and its steps take as long."""


def settle_rates(net: nn.Module, classes: Mapping[str, type[nn.Module]], source: Source) -> None:
    """Make the rates of modules tensors on a CPU, and numbers elsewhere: what a GPU does of it is not measured."""
    is_cpu = all(weight.device.type == "cpu" for weight in net.parameters())
    names = {classes[made.name]: made.rates() for made in source.classes.values()}
    for module in net.modules():
        for name in names.get(type(module), ()):
            value = float(getattr(module, name))
            settled = torch.tensor(value, dtype=torch.float64, device="cpu") if is_cpu and value else value
            setattr(module, name, settled)
