"""The other side of each comparison: a Hugging Face model with random weights, its checkpoint folder and its outputs.

Every parameter and every saved buffer of floats is random, so that a weight that is left out, tied by mistake or put in
the wrong place changes the numbers; the scales keep activations near one, where attention and norms distinguish.
"""

from __future__ import annotations

import copy
import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch
import transformers
from torch import Tensor, nn
from transformers.image_transforms import center_to_corners_format
from transformers.models.owlvit import modeling_owlvit

from .case import Case, Inputs

SEED = 20240611
setattr(modeling_owlvit, "center_to_corners_format", center_to_corners_format)  # noqa: B010 - imported only with Pillow


@contextmanager
def quiet() -> Iterator[None]:
    """Keeps the warnings that Hugging Face raises about itself out of a run in which ours are errors."""
    logger = logging.getLogger("transformers")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def make_config(case: Case) -> transformers.PretrainedConfig:
    """Returns a fresh config: model classes change the one they are given."""
    with quiet():
        return getattr(transformers, case.config_class)(**copy.deepcopy(dict(case.config)))  # which some change


def make_inputs(case: Case) -> Inputs:
    """Returns the tensors of the call, the same at every call of this function."""
    draw, config, inputs = torch.Generator().manual_seed(SEED), make_config(case), {}
    for step in case.variant.steps:
        step(inputs, draw, config)
    return inputs


def write_checkpoint(case: Case, root: Path) -> Path:
    """Saves a random model of the case's class and config under `root`, once, and returns the folder."""
    folder = root / case.checkpoint
    if not folder.exists():
        with quiet():
            build(case).save_pretrained(folder)
    return folder


def build(case: Case) -> transformers.PreTrainedModel:
    """Returns a random model of the case's class and config, the same at every call.

    The outputs are compared with those of this model and not of one that was loaded: some classes share weights as they
    are built which they don't share as they are loaded (`Variant.reload_differs`).
    """
    with quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        config = make_config(case)
        if case.eager:
            config._attn_implementation = "eager"  # some classes choose their modules by it, so it can't be set later
        model = getattr(transformers, case.hf_class)(config)
        randomise(model, torch.Generator().manual_seed(SEED))
    return model.eval()


def load(case: Case, folder: Path, **options: Any) -> Any:
    """Loads the folder with Hugging Face, in eval mode; returns what its `from_pretrained` returns."""
    with quiet():
        return getattr(transformers, case.hf_class).from_pretrained(folder, **options)


def run(case: Case, model: transformers.PreTrainedModel) -> dict[str, Any]:
    """Returns the outputs of one call, without what is absent and without the cache.

    Each call needs a model of its own, since some keep state between calls (Swin's layers remember a smaller window, a
    classifier its `problem_type`).
    """
    with quiet(), torch.no_grad(), mock.patch("torch.multinomial", first_draws):
        call = getattr(model.eval(), case.variant.method) if case.variant.method else model.eval()
        outputs = call(**make_inputs(case), **case.variant.flags, return_dict=True)
    return present(outputs)


def first_draws(weights: Tensor, num_samples: int, replacement: bool = False) -> Tensor:
    """What Hugging Face draws at random, in eval mode too: here the first, in order."""
    return torch.arange(int(num_samples))


def present(outputs: Any) -> dict[str, Any]:
    """Returns the fields of a model output that can be compared: neither absent nor the cache."""
    return {name: value for name, value in outputs.items() if value is not None and name != "past_key_values"}


@torch.no_grad()
def randomise(model: nn.Module, draw: torch.Generator) -> None:
    """Fills all parameters and all saved buffers of floats; tied ones are filled once, integers are left."""
    unsaved = [re.compile(pattern) for pattern in getattr(model, "_keys_to_ignore_on_save", None) or ()]
    modules = dict(model.named_modules())
    for name, parameter in model.named_parameters():
        owner, _, own_name = name.rpartition(".")
        if not any(pattern.search(name) for pattern in unsaved):
            parameter.copy_(random_parameter(parameter, own_name, modules[owner], draw))
    saved = model.state_dict().keys()
    for name, buffer in model.named_buffers():
        if name in saved and buffer.is_floating_point():
            noise = 0.2 * torch.randn(buffer.shape, generator=draw)
            buffer.copy_((buffer + noise).abs() + 0.1 if name.endswith("var") else buffer + noise)


def random_parameter(old: Tensor, name: str, owner: nn.Module, draw: torch.Generator) -> Tensor:
    """Returns new values for a parameter, on a scale that suits what it is."""
    noise, kind = torch.randn(old.shape, generator=draw), type(owner).__name__
    if name == "original0":  # the length of a weight-normed kernel
        return 1 + 0.1 * noise
    if old.dim() == 0:  # a temperature, whose published start is not one
        return old + 0.1 * noise
    if "Norm" in kind and name == "weight":
        return 1 + 0.2 * noise
    if old.dim() == 1:
        return 0.2 * noise
    if isinstance(owner, nn.Embedding):
        return 0.7 * noise
    if kind == "Conv1D":  # stored as [in, out]
        return noise / math.sqrt(old.shape[0])
    if name in ("weight", "original1"):
        return noise / math.sqrt(math.prod(old.shape[1:]))
    return 0.5 * noise  # tokens, position tables and the like that belong to no layer
