"""Contacts between residues, which Hugging Face's ESM gives in a method beside its forward."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw

from .cases_encoders import ESM
from .inputs import ids, mask, pad_ids, put
from .case import variant
from .reference import build, make_inputs, quiet


def test_contacts(tmp_path: Path) -> None:
    steps = (ids(2, 9), mask("right"), pad_ids(), put("eos_token_id", at=(7, 8)))
    rotary = {"position_embedding_type": "rotary", "eos_token_id": 2}
    (case,) = ESM.cases(
        "EsmModel", "contacts", variant("rightpad", *steps, config=rotary, flags={"output_attentions": True})
    )
    reference, inputs = build(case), make_inputs(case)
    with quiet(), torch.no_grad():
        reference.save_pretrained(tmp_path)
        expected = reference.predict_contacts(inputs["input_ids"], inputs["attention_mask"])
    with pytest.warns(UserWarning, match=r"left in the file, .* 2 such as pooler\.dense\.bias"):
        model = aw.from_pretrained(str(tmp_path), task="contact_prediction", backend="eager")
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs).contacts, expected)
