"""Writing with a model that sees both ways: each step reads the text with a blank behind it, and predicts the blank."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from ....blocks.notation.types import Type
from ....compiler.reading.schema import Blank
from ..model import Model


class BlankDecoder:
    """One text, or a batch of them, that is written by a model with a blank (`Blank` in `compiler/schema.py`).

    What the model gives as its memory is given back to it, and then the last tokens alone are read again.
    """

    def __init__(self, model: Model, inputs: Mapping[str, Any], facts: Blank, *, ids: str) -> None:
        self.model = model
        self.inputs = dict(inputs)
        self.facts = facts
        self.name = ids
        self.count = 0
        self.ids: torch.Tensor | None = None
        self.memory: list[torch.Tensor] | None = None
        kind = model.graph.root.inputs[facts.memory].type if facts.memory else None
        dims = [str(dim) for dim in kind.dims] if isinstance(kind, Type) else []
        self.batch_axis = dims.index("batch") - 1 if dims else 0

    def begin(self, tokens: torch.Tensor, **along: torch.Tensor) -> torch.Tensor:
        """The logits after the last of a prompt's tokens, ``[batch, vocabulary]``."""
        return self.step(tokens, **along)[:, -1]

    def step(self, tokens: torch.Tensor, **along: torch.Tensor) -> torch.Tensor:
        """The logits after the last of some new tokens, ``[batch, 1, vocabulary]``."""
        facts = self.facts
        self.ids = tokens if self.ids is None else torch.cat([self.ids, tokens], 1)
        self.count = self.ids.shape[1]
        blank = torch.full_like(self.ids[:, :1], facts.token)
        read = torch.cat([self.ids if self.memory is None else self.ids[:, -facts.again :], blank], 1)
        rows, length = read.shape
        given = {self.name: read, facts.hidden_by: torch.zeros(rows, length, length, device=read.device)}
        given[facts.hidden_by][:, :, -1] = 1
        given[facts.asked_by] = torch.zeros(rows, 1, length, device=read.device)
        given[facts.asked_by][:, :, -1] = 1
        if facts.memory and self.memory is not None:
            kept = self.memory[0].shape[0] - facts.again
            given[facts.memory] = torch.stack([one[:kept] for one in self.memory])
        outputs = self.model(**self.inputs, **given)
        self.memory = outputs.get(facts.memory) if facts.memory else None
        return outputs["logits"]

    def reorder(self, rows: torch.Tensor) -> None:
        """Go on with other rows of the batch."""
        assert self.ids is not None
        self.ids = self.ids.index_select(0, rows)
        if self.memory is not None:
            self.memory = [one.index_select(self.batch_axis, rows) for one in self.memory]
