"""Small random checkpoints of every system that writes, Hugging Face's model and ours, and what each is called with."""

from __future__ import annotations

import copy
import functools
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers

import archwright as aw
from tests.parity.case import System
from tests.parity.cases_audio import WHISPER
from tests.parity.cases_causal import BLOOM, GPTJ, OPT
from tests.parity.cases_encoders import ROBERTA
from tests.parity.cases_image_towers import IMAGEGPT
from tests.parity.cases_multimodal import TROCR, pair
from tests.parity.cases_seq2seq import BART, T5
from tests.parity.cases_signals import SPEECH2TEXT
from tests.parity.cases_text import BERT, GPT2
from tests.parity.cases_translation import MARIAN, MBART, PEGASUS
from tests.parity.cases_xlnet import XLNET
from tests.parity.reference import quiet, randomise


@dataclass(frozen=True)
class Writing:
    """A class that writes: its system, further config fields, the input it reads and the sizes of a row of it."""

    system: System
    hf_class: str
    config: Mapping[str, Any] = field(default_factory=dict)
    reads: tuple[int | str, ...] = ()
    seed: int = 4


SYSTEMS = {
    "gpt2": Writing(GPT2, "GPT2LMHeadModel"),
    "gptj": Writing(GPTJ, "GPTJForCausalLM"),
    "opt": Writing(OPT, "OPTForCausalLM"),
    "roberta": Writing(ROBERTA, "RobertaForCausalLM", {"is_decoder": True}),
    "bloom": Writing(BLOOM, "BloomForCausalLM"),
    "bert": Writing(BERT, "BertLMHeadModel", {"is_decoder": True}),
    "imagegpt": Writing(IMAGEGPT, "ImageGPTForCausalImageModeling"),
    "trocr": Writing(TROCR, "TrOCRForCausalLM"),
    "xlnet": Writing(XLNET, "XLNetLMHeadModel"),
    "xlnet_short_memory": Writing(XLNET, "XLNetLMHeadModel", {"mem_len": 4}),
    "xlnet_no_memory": Writing(XLNET, "XLNetLMHeadModel", {"use_mems_eval": False}),
    "bart": Writing(BART, "BartForConditionalGeneration", seed=3),
    "mbart": Writing(MBART, "MBartForConditionalGeneration"),
    "pegasus": Writing(PEGASUS, "PegasusForConditionalGeneration"),
    "t5": Writing(T5, "T5ForConditionalGeneration", {"num_decoder_layers": 2}),
    "transformer": Writing(MARIAN, "MarianMTModel"),
    "whisper": Writing(WHISPER, "WhisperForConditionalGeneration", {}, ("input_features", "num_mel_bins", 22)),
    "speech_to_text": Writing(SPEECH2TEXT, "Speech2TextForConditionalGeneration", {}, ("input_features", 19, 9)),
    "vit_trocr": Writing(pair("vit", "trocr"), "VisionEncoderDecoderModel", {}, ("pixel_values", 3, 20, 20), seed=2),
    "donut_mbart": Writing(pair("donut-swin", "mbart"), "VisionEncoderDecoderModel", {}, ("pixel_values", 3, 20, 24)),
    "vit_gpt2": Writing(pair("vit", "gpt2"), "VisionEncoderDecoderModel", {}, ("pixel_values", 3, 20, 20)),
}


@functools.cache
def models(name: str) -> tuple[Any, aw.Model]:
    """Hugging Face's model and ours, loaded from one folder."""
    writing = SYSTEMS[name]
    seed = writing.seed
    with quiet(), torch.random.fork_rng(devices=[]), tempfile.TemporaryDirectory() as folder:
        torch.manual_seed(seed)
        fields = copy.deepcopy({**writing.system.config, **writing.config})
        config = getattr(transformers, writing.system.config_class)(**fields)
        model = getattr(transformers, writing.hf_class)(config)
        draw = torch.Generator().manual_seed(seed)
        randomise(model, draw)
        _stir(model, draw)
        model.save_pretrained(folder)
        return getattr(transformers, writing.hf_class).from_pretrained(folder).eval(), ours(folder)


@torch.no_grad()
def _stir(model: torch.nn.Module, draw: torch.Generator) -> None:
    """Norms of both signs: a token would be most like itself, and be written again and again, otherwise."""
    for module in model.modules():
        if "Norm" in type(module).__name__ and isinstance(module.weight, torch.nn.Parameter):
            module.weight.mul_(torch.randint(0, 2, module.weight.shape, generator=draw) * 2 - 1)
    for name, parameter in model.named_parameters():
        parameter.mul_(2 if "position" in name else 1)


def ours(folder: str | Path) -> aw.Model:
    """Our model of a folder."""
    return aw.from_pretrained(folder, backend="eager")


def inputs(name: str, rows: int = 3, length: int = 7) -> dict[str, torch.Tensor]:
    """What the model is called with."""
    draw = torch.Generator().manual_seed(3)
    hf, _ = models(name)
    if reads := SYSTEMS[name].reads:
        sizes = [getattr(hf.config, size) if isinstance(size, str) else size for size in reads[1:]]
        return {str(reads[0]): torch.randn(rows, *sizes, generator=draw)}
    return {"input_ids": torch.randint(6, 39, (rows, length), generator=draw)}


def theirs(name: str, /, **options: Any) -> torch.Tensor:
    """What Hugging Face writes."""
    with quiet(), torch.no_grad():
        return models(name)[0].generate(**options)
