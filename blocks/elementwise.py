"""What works on every number or token alone: activations, gates, dropout."""

from __future__ import annotations

from typing import ClassVar

from .base import Activation as ActivationName
from .base import Block, Rate, block


@block
class Activation(Block):
    """A named activation."""

    category: ClassVar[str] = "activation"
    views: ClassVar = frozenset({"x"})

    kind: ActivationName


@block
class Float16Range(Block):
    """Numbers of float16 kept 1,000 within what it holds, infinities too; those of other types as they are."""

    category: ClassVar[str] = "range"
    views: ClassVar = frozenset({"x"})


@block
class Glu(Block):
    """Gated linear unit over an axis: the first half times the sigmoid of the second (arXiv:1612.08083)."""

    inputs: ClassVar = {"x": "float[batch, d, length]"}
    outputs: ClassVar = {"x": "float[batch, d // 2, length]"}
    category: ClassVar[str] = "activation"


@block
class Dropout(Block):
    """Dropout, in training only (Srivastava et al. 2014)."""

    category: ClassVar[str] = "dropout"
    views: ClassVar = frozenset({"x"})
    random: ClassVar[bool] = True

    p: Rate


@block
class DropPath(Block):
    """Stochastic depth: drops a whole sample's branch, in training only (arXiv:1603.09382)."""

    reads: ClassVar = {"x": "all"}
    category: ClassVar[str] = "dropout"
    views: ClassVar = frozenset({"x"})
    random: ClassVar[bool] = True
    rates: ClassVar = frozenset({"p"})

    p: Rate
