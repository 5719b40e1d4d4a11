"""The order of nodes: after what they read, however they are written."""

from __future__ import annotations

from pathlib import Path

from archwright.compiler.check import build_graph


def test_an_edge_expression_does_not_wait_for_the_node_before(tmp_path: Path) -> None:
    path = tmp_path / "turned.yaml"
    path.write_text(
        "archwright: 1\nmodel: turned\ninputs: {x: 'float[batch, 4]'}\n"
        "graph:\n  last: {block: linear, in: first, d_out: 3}\n  first: {expr: 2 * x}\noutputs: {y: last}\n"
    )
    assert str(build_graph(path).outputs["y"].type) == "float[batch, 3]"
