"""What the inputs of a case are made of: each function returns a step that adds tensors to the call's arguments.

Steps run in the order they are listed in, so a mask comes after the ids it belongs to. Numbers come from the case's own
generator; sizes come from the config, whose `hidden_size` and `vocab_size` Hugging Face gives every model type.
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Generator, Tensor
from transformers import PretrainedConfig

from .case import Inputs, Step

FIRST_PLAIN_ID = 5
"""Ids below are special in the small configs (padding, start, end, separators)."""


def size(config: PretrainedConfig, of: int | str) -> int:
    """Returns a number as it is, and a name's value in the config (of the text half, where there are two)."""
    if isinstance(of, int):
        return of
    value = getattr(config, of, None)
    return getattr(config.get_text_config(), of) if value is None else value


def ids(*shape: int, name: str = "input_ids", end: str | None = None) -> Step:
    """Token ids, none of them special; `end` names the config's token that is put last."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs[name] = torch.randint(FIRST_PLAIN_ID, size(config, "vocab_size"), shape, generator=draw)
        if end:
            inputs[name][..., -1] = size(config, end)

    return step


def put(field: str, *, at: tuple[int, ...], name: str = "input_ids") -> Step:
    """Puts the config's token `field` at position `at[row]` of each row."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        for row, position in enumerate(at):
            inputs[name][row, position] = size(config, field)

    return step


def mask(side: Literal["left", "right", "none"], *, of: str = "input_ids", name: str = "attention_mask") -> Step:
    """Ones `[..., seq]` for the ids, samples or `[batch, seq, width]` states named `of`, with zeros on one side.

    Row `r` lacks `r + 1` eighths of its length, at most half of it, and the last row nothing. `none` is a mask of ones
    alone, which implementations may treat as no mask.
    """

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        source: Tensor = inputs[of]
        is_states = source.is_floating_point() and source.dim() == 3
        kept = torch.ones(source.shape[:2] if is_states else source.shape, dtype=torch.long)
        length = kept.shape[-1]
        for number, row in enumerate(kept.view(-1, length)[:-1]):
            lacking = min((number + 1) * -(-length // 8), length // 2)
            if side != "none":
                row[slice(0, lacking) if side == "left" else slice(length - lacking, length)] = 0
        inputs[name] = kept

    return step


def pad_ids(mask: str = "attention_mask", name: str = "input_ids") -> Step:
    """Writes the config's padding token wherever `mask` is zero."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs[name].masked_fill_(inputs[mask] == 0, size(config, "pad_token_id"))

    return step


def embeds(*, instead_of: str = "input_ids", name: str = "inputs_embeds", width: str = "hidden_size") -> Step:
    """Replaces ids by embeddings `[..., width]` that are not rows of any table."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        shape = inputs.pop(instead_of).shape
        inputs[name] = torch.randn(*shape, size(config, width), generator=draw)

    return step


def integers(name: str, *shape: int | str, like: str | None = None, below: int | str) -> Step:
    """Integers in `[0, below)`, in the shape given or that of the input `like`; strings name config fields."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        sizes = inputs[like].shape if like else [size(config, n) for n in shape]
        inputs[name] = torch.randint(0, size(config, below), tuple(sizes), generator=draw)

    return step


def floats(name: str, *shape: int | str) -> Step:
    """Normal numbers of the given shape; a string names a field of the config."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs[name] = torch.randn(*(size(config, n) for n in shape), generator=draw)

    return step


def flags(name: str, *shape: int) -> Step:
    """Booleans, two of five true; the first of each row is, so that no row is empty."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs[name] = torch.rand(*shape, generator=draw) < 0.4
        inputs[name][..., 0] = True

    return step


def given(**tensors: Any) -> Step:
    """Inputs whose values matter: nested lists of numbers, made tensors."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs.update({name: torch.tensor(value) for name, value in tensors.items()})

    return step


def wrapped(name: str) -> Step:
    """Turns a tensor into a tuple of one, the way `encoder_outputs` may be given."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs[name] = (inputs[name],)

    return step


def without(name: str) -> Step:
    """Takes away an input that other steps needed."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        del inputs[name]

    return step
