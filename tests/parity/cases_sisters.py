"""XLM-RoBERTa, CamemBERT, data2vec and mT5, whose graphs are others': of the others' cases one of each checkpoint."""

from __future__ import annotations

from dataclasses import replace

from .case import Case
from .cases_encoders import ROBERTA_CASES
from .cases_image_towers import BEIT_CASES
from .cases_seq2seq import T5_CASES
from .collect import one_of_each_checkpoint

LACKED = ("BeitBackbone", "BeitForMaskedImageModeling")
"""Classes of BEiT's that data2vec has not."""


def sister(name: str, kind: str, cases: list[Case], *, of: str) -> list[Case]:
    """Returns the cases of a system as those of one whose classes begin with `kind` in place of `of`."""
    return [
        replace(
            case,
            id=f"{name}-{case.id.partition('-')[2]}",
            hf_class=case.hf_class.replace(of, kind, 1),
            config_class=f"{kind}Config",
        )
        for case in one_of_each_checkpoint(cases)
        if case.hf_class not in LACKED
    ]


CASES: list[Case] = [
    *sister("xlm_roberta", "XLMRoberta", ROBERTA_CASES, of="Roberta"),
    *sister("camembert", "Camembert", ROBERTA_CASES, of="Roberta"),
    *sister("data2vec_text", "Data2VecText", ROBERTA_CASES, of="Roberta"),
    *sister("data2vec_vision", "Data2VecVision", BEIT_CASES, of="Beit"),
    *sister("mt5", "MT5", T5_CASES, of="T5"),
]
