"""The labels of the tasks, as steps like those of `inputs.py`."""

from __future__ import annotations

import torch
from torch import Generator
from transformers import PretrainedConfig

from .case import Inputs, Step, Variant, variant
from .inputs import floats, integers, size


def token_labels(of: str = "input_ids", *, name: str = "labels", below: str = "vocab_size") -> Step:
    """A label for each position of `of`, a fifth of them -100; `below` names the config field that limits them."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        shape, limit = inputs[of].shape, size(config, below)
        labels = torch.randint(0, limit, shape, generator=draw)
        labels[torch.rand(shape, generator=draw) < 0.2] = -100
        labels[..., 2] = limit - 1  # so that no row is without labels
        inputs[name] = labels

    return step


def tag_labels(of: str = "input_ids") -> Step:
    """A class for each token."""
    return token_labels(of, below="num_labels")


def class_labels(batch: int = 2) -> Step:
    """A class for each row."""
    return integers("labels", batch, below="num_labels")


def label_column(batch: int = 2) -> Step:
    """A class for each row, in a column."""
    return integers("labels", batch, 1, below="num_labels")


def spans(batch: int = 2) -> Step:
    """Start and end positions; the last row's end lies beyond every sequence, and is to be ignored."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs["start_positions"] = torch.randint(0, 3, (batch,), generator=draw)
        inputs["end_positions"] = torch.randint(3, 5, (batch,), generator=draw)
        inputs["end_positions"][-1] = 1000

    return step


def without_padding(mask: str = "attention_mask") -> Step:
    """Takes the labels away that bring undefined positions into the loss.

    Those are labels of padding, of the first real token (predicted from padding), and spans, whose softmax runs over
    all positions.
    """

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        kept, labels = inputs[mask].bool(), inputs.get("labels")
        if labels is not None and labels.shape == kept.shape:
            labels[~kept] = -100
            labels[:, 1:][~kept[:, :-1]] = -100
        inputs.pop("start_positions", None)
        inputs.pop("end_positions", None)

    return step


def as_floats(name: str) -> Step:
    """Makes an input float32, as labels of several classes at once are."""

    def step(inputs: Inputs, draw: Generator, config: PretrainedConfig) -> None:
        inputs[name] = inputs[name].float()

    return step


def problem_types(*steps: Step, batch: int = 2) -> tuple[Variant, ...]:
    """Variants of a classifier for each kind of label, with `problem_type` left open and given."""
    single, number, numbers = class_labels(batch), floats("labels", batch), floats("labels", batch, 4)
    several = (integers("labels", batch, 4, below=2), as_floats("labels"))

    def four(problem_type: str | None = None) -> dict[str, object]:
        return {"num_labels": 4, **({"problem_type": problem_type} if problem_type else {})}

    return (
        variant("single_label", *steps, single, config=four()),
        variant("single_label_given", *steps, single, config=four("single_label_classification")),
        variant("regression", *steps, number, config={"num_labels": 1}),
        variant("regression_given", *steps, numbers, config=four("regression")),
        variant("multi_label", *steps, *several, config=four()),
        variant("multi_label_given", *steps, *several, config=four("multi_label_classification")),
    )
