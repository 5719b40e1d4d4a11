"""Emitted forwards: what stands beside their lines."""

from __future__ import annotations

from pathlib import Path

import pytest

import archwright as aw

SPEC = """
model: narrowing
params: {bent: [true, false, false]}
inputs: {x: "float[batch, 2, length]"}
parts:
  narrow:
    params: {bent: bool}
    inputs: {x: "float[batch, d, length]"}
    graph:
      conv: {block: conv1d, d_out: 2 * $d, kernel: 2, stride: 2}
      act: {block: activation, kind: relu, when: $bent, else: conv}
graph:
  layers: {repeat: {i: 3}, part: narrow, in: x, ROUND}
outputs: {y: layers}
"""


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (
            "each: {bent: $bent}",
            [
                "layers = self.layers[0](layers)  # [batch, 4, length//2]",
                "layers = self.layers[1].forward_2(layers)  # [batch, 8, length//4]",
                "layers = self.layers[2].forward_2(layers)  # [batch, 16, length//8]",
            ],
        ),
        ("bent: true", ["layers = layer(layers)"]),
    ],
    ids=["apart", "in a loop"],
)
def test_the_shape_beside_a_round_is_that_of_the_round(tmp_path: Path, options: str, wanted: list[str]) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("ROUND", options))
    lines = aw.compile(spec, backend="eager").source.splitlines()
    assert [line.strip() for line in lines if "layers = " in line and "(layers)" in line] == wanted
