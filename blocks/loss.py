"""Losses. Each is absent where its labels are."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from .base import Block, block

Kind: TypeAlias = Literal["regression", "single_label_classification", "multi_label_classification", "single", "multi"]
"""What Hugging Face calls them, and in specs for short."""


@block
class CrossEntropy(Block):
    """Cross entropy of logits against class numbers but `ignored`; `shift` compares each token with the next label."""

    inputs: ClassVar = {"logits": "float[*, classes]", "labels": "int[*]"}
    outputs: ClassVar = {"x": "float[]"}
    reads: ClassVar = {"logits": "all", "labels": "all"}
    ignoring: ClassVar = {"logits": "labels"}
    category: ClassVar[str] = "loss"

    shift: bool = False
    reduction: Literal["mean", "sum"] = "mean"
    ignored: int = -100


@block
class ClassificationLoss(Block):
    """What labels ask for: regression (one class), a class (integers), several (floats), or as `problem_type` says.

    Where nothing says and with `soft`, several numbers are a distribution, and negative classes do not count.
    """

    inputs: ClassVar = {"logits": "float[batch, classes]", "labels": "any"}
    outputs: ClassVar = {"x": "float[]"}
    category: ClassVar[str] = "loss"

    problem_type: Kind | None = None
    soft: bool = False


@block
class SpanLoss(Block):
    """The mean of two cross entropies over positions, where a span starts and where it ends (arXiv:1810.04805, 4.2)."""

    inputs: ClassVar = {
        "start": "float[batch, seq]",
        "end": "float[batch, seq]",
        "start_positions": "any",
        "end_positions": "any",
    }
    outputs: ClassVar = {"x": "float[]"}
    reads: ClassVar = {"start": "all", "end": "all"}
    category: ClassVar[str] = "loss"


@block
class CtcLoss(Block):
    """Connectionist temporal classification (Graves et al. 2006): the labels in order, some frames `blank` between.

    Negative labels are left out. `lengths` are the frames of each row that count; without them all do.
    """

    inputs: ClassVar = {
        "logits": "float[batch, frames, classes]",
        "labels": "int[batch, label]",
        "lengths?": "int[batch]",
    }
    outputs: ClassVar = {"x": "float[]"}
    reads: ClassVar = {"logits": "all", "labels": "all", "lengths": "all"}
    category: ClassVar[str] = "loss"

    blank: int = 0
    reduction: Literal["mean", "sum"] = "mean"
    zero_infinity: bool = False
