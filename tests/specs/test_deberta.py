"""DeBERTa's `pos_att_type` is read as by Hugging Face: a text in any case and with blanks, a list as it is."""

from __future__ import annotations

from typing import Any

import pytest

import archwright as aw


@pytest.mark.parametrize("name", ["deberta", "deberta_v2"])
@pytest.mark.parametrize(
    ("given", "same"), [("P2C | c2p", ["p2c", "c2p"]), ("C2P", ["c2p"]), (["P2C"], ["none"]), (["p2c"], ["p2c"])]
)
def test_pos_att_type(name: str, given: Any, same: list[str]) -> None:
    graphs = [aw.check(name, size="tiny", relative_attention=True, pos_att_type=one) for one in (given, same)]
    found, expected = ([entry.path for entry in graph.weights()] for graph in graphs)
    assert found == expected
