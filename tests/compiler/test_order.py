"""The order of nodes: after what they read, however they are written."""

from __future__ import annotations

from pathlib import Path

import pytest


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
