"""The order of nodes: after what they read, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.compiler.check import build_graph


def test_an_edge_expression_does_not_wait_for_the_node_before(tmp_path: Path) -> None:
    path = tmp_path / "turned.yaml"
    path.write_text(
        "archwright: 1\nmodel: turned\ninputs: {x: 'float[batch, 4]'}\n"
        "graph:\n  last: {block: linear, in: first, d_out: 3}\n  first: {expr: 2 * x}\noutputs: {y: last}\n"
    )
    assert str(build_graph(path).outputs["y"].type) == "float[batch, 3]"


def test_a_cycle_that_a_parameter_would_break_says_how_to_write_it(tmp_path: Path) -> None:
    own = tmp_path / "own.yaml"
    own.write_text(
        "model: own\nparams: {first: true}\ninputs: {x: 'float[batch, 8]'}\ngraph:\n"
        "  norm: {block: layer_norm, in: x if $first else added}\n"
        "  up: {block: linear, in: norm if $first else x, d_out: 8}\n"
        "  added: {expr: x + up}\noutputs: {y: added, z: norm}\n"
    )
    with pytest.raises(aw.SpecError, match=r"cycle(.|\n)*help: .* write two, with a `when:` each"):
        aw.check(own)
    own.write_text(own.read_text().replace("x if $first else added", "added").replace("norm if $first else x", "norm"))
    with pytest.raises(aw.SpecError) as caught:
        aw.check(own)
    assert "help:" not in str(caught.value)


@pytest.mark.parametrize("word", ["zeros", "ones", "range"])
def test_a_node_that_is_called_as_what_an_input_may_be_by_default_is_no_default(word: str, tmp_path: Path) -> None:
    path = tmp_path / "named.yaml"
    path.write_text(
        f"model: named\nparams: {{d: 4}}\ninputs: {{x: 'int[batch, 3]', kinds: {{type: 'int[batch, 3]', default: {word}}}}}\n"
        f"graph:\n  table: {{block: embedding, in: x + kinds, num: 9, dim: $d}}\n  {word}: {{expr: 7 * table}}\n"
        f"outputs: {{y: {word}, kinds: kinds}}\n"
    )
    model = aw.compile(path, backend="eager")
    expected = {"zeros": [0, 0, 0], "ones": [1, 1, 1], "range": [0, 1, 2]}[word]
    assert model(x=torch.zeros(1, 3, dtype=torch.long)).kinds.tolist() == [expected]
