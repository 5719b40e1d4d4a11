"""What a parity case is: a Hugging Face class, a small config, the inputs of one call.

A new model is a `System` (its config class and small numbers) and a few `System.cases(...)` lines in a `cases_*.py`
file:

    ROBERTA = System("roberta", config_class="RobertaConfig", config={"vocab_size": 61, "hidden_size": 24, ...})
    CASES = [*ROBERTA.cases("RobertaForMaskedLM", "masked_lm", *encoder_variants(token_labels()))]

`test_parity.py` finds every list named `CASES` in the `cases_*.py` files beside it. Ids read `bert-masked_lm-leftpad`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import torch
from transformers import PretrainedConfig

Inputs: TypeAlias = dict[str, Any]
"""The keyword arguments of one forward call."""
Step: TypeAlias = Callable[[Inputs, torch.Generator, PretrainedConfig], None]
"""Adds to or changes the inputs of a call; the steps of `inputs.py` are combined in order."""

MAPS: Mapping[str, bool] = {"output_hidden_states": True, "output_attentions": True}
"""Flags that ask for every layer's states and attention maps; Hugging Face then runs its eager attention."""
STATES: Mapping[str, bool] = {"output_hidden_states": True}
"""Flags that ask for every layer's states, with Hugging Face's default attention."""


@dataclass(frozen=True)
class Variant:
    """One way to build and call a class.

    Args:
        name: Last part of the id.
        steps: What makes the inputs, in order.
        config: Fields that differ from the system's small config; nested mappings are merged.
        flags: Further keyword arguments of the call, given to both sides as they are.
        skip_padding: Names of the masks whose zeros mark positions that are not compared, as no number is right there.
        eager: Whether to ask Hugging Face for its eager attention, since its default ignores the config.
        why: Reason for `skip_padding` or `eager`.
        reload_differs: Why Hugging Face's own model differs after it was saved and loaded, where it does.
        method: A method of Hugging Face's that is called in place of `forward`; a task of ours has its name.
    """

    name: str
    steps: tuple[Step, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    flags: Mapping[str, Any] = field(default_factory=dict)
    skip_padding: tuple[str, ...] = ()
    eager: bool = False
    why: str = ""
    reload_differs: str = ""
    method: str = ""

    def __post_init__(self) -> None:
        if bool(self.skip_padding or self.eager) != bool(self.why):
            raise ValueError(f"variant {self.name}: a deviation has a reason, and a reason a deviation")


def variant(name: str, *steps: Step, **options: Any) -> Variant:
    """Returns `Variant(name, steps, **options)`; a line shorter where cases are listed."""
    return Variant(name, steps, **options)


@dataclass(frozen=True)
class Case:
    """A variant of one Hugging Face class.

    Args:
        id: `system-task-variant`.
        hf_class: Name in `transformers` of the model class.
        config_class: Name in `transformers` of the config class.
        config: Fields of the config.
        variant: How it is called.
    """

    id: str
    hf_class: str
    config_class: str
    config: Mapping[str, Any]
    variant: Variant

    @property
    def checkpoint(self) -> str:
        """Name of the checkpoint folder; cases of one class and config share it."""
        text = json.dumps([self.hf_class, self.config_class, self.config], sort_keys=True)
        return f"{self.hf_class}-{hashlib.sha256(text.encode()).hexdigest()[:12]}"

    @property
    def eager(self) -> bool:
        """Whether Hugging Face is to run its eager attention; its default kernel gives no attention maps."""
        return self.variant.eager or bool(self.variant.flags.get("output_attentions"))


@dataclass(frozen=True)
class System:
    """A model type and a small config for it, no number of which is the default or equals another by accident.

    Args:
        name: First part of the ids.
        config_class: Name in `transformers` of the config class.
        config: Fields of the small config.
    """

    name: str
    config_class: str
    config: Mapping[str, Any]

    def cases(self, hf_class: str, task: str, *variants: Variant, **config: Any) -> list[Case]:
        """Returns a case for each of `variants`; `config` holds fields that differ for all of them."""
        base = merged(self.config, config)
        return [
            Case(f"{self.name}-{task}-{v.name}", hf_class, self.config_class, merged(base, v.config), v)
            for v in variants
        ]


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns `base` with `changes` on top; mappings inside are merged, everything else is replaced."""
    result = dict(base)
    for name, value in changes.items():
        old = result.get(name)
        result[name] = merged(old, value) if isinstance(old, Mapping) and isinstance(value, Mapping) else value
    return result
