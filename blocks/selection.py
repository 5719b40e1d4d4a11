"""Choosing among several: by integers, and by the largest score."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from .base import Block, Size, block
from .notation.dims import Dim


@block
class OneHot(Block):
    """Which of `num` classes an integer is; none for integers outside, such as the ignored label -100."""

    inputs: ClassVar = {"index": "int[*]"}
    outputs: ClassVar = {"x": "bool[*, num]"}
    category: ClassVar[str] = "layout"

    num: Size

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """None."""
        return Dim.of(0)


@block
class GatherRows(Block):
    """The rows of a matrix that integers name: ``rows[index]``."""

    inputs: ClassVar = {"rows": "float[num, d]", "index": "int[*]"}
    outputs: ClassVar = {"x": "float[*, d]"}
    reads: ClassVar = {"rows": "all"}
    category: ClassVar[str] = "layout"

    def flops(self, values: Mapping[str, Any], results: Mapping[str, Any]) -> Dim:
        """None: a lookup."""
        return Dim.of(0)


@block
class GumbelChoice(Block):
    """A one-hot choice by scores: the largest; in training a Gumbel sample with its soft gradient (arXiv:1611.01144).

    `probs` are the probabilities behind the choice in training, and the choice itself otherwise.
    """

    inputs: ClassVar = {"scores": "float[*, num]"}
    outputs: ClassVar = {"x": "float[*, num]", "probs": "float[*, num]"}
    category: ClassVar[str] = "operation"
    random: ClassVar[bool] = True

    temperature: float = 1.0
