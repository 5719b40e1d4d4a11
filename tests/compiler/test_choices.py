"""What a ``{choose: ...}`` selects: by texts, truth values, whole numbers and null."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import archwright as aw

SPEC = """\
archwright: 1
model: small
params: {kind: any?}
inputs: {x: "float[batch, 4]"}
graph:
  a: {block: linear, d_out: {choose: $kind, wide: 8, true: 7, false: 6, 1: 5, 2: 4, null: 3}}
outputs: {y: a}
"""


@pytest.mark.parametrize(("kind", "width"), [("wide", 8), (True, 7), (False, 6), (1, 5), (2, 4), (None, 3)], ids=repr)
def test_a_value_chooses_the_entry_that_is_written_like_it(tmp_path: Path, kind: Any, width: int) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    assert aw.check(path, kind=kind).text().endswith(f"-> float[batch, {width}]\nout y = a\n")


LACKING = """\
archwright: 1
model: small
params: {side: true, num_heads: 2, d_ff: 8, activation: relu, width: 4}
inputs: {x: "float[batch, seq, 4]"}
graph:
  a:
    part: {choose: $side, true: parallel_layer, false: post_norm_layer}
    o_bias: false
  b:
    block: {choose: $side, true: layer_norm, false: rms_norm}
    bias: false
outputs: {y: b}
"""


def test_an_option_that_a_choice_lacks_is_told_before_it_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(LACKING)
    notes = aw.check(path).notes
    found = {(one.code, one.message, str(one.label.span).rsplit("/", 1)[-1]) for one in notes}
    assert found == {
        ("unknown-option", "`post_norm_layer` has no option `o_bias`", "spec.yaml:8:5"),
        ("unknown-option", "`rms_norm` has no option `bias`", "spec.yaml:11:5"),
    }
    path.write_text(LACKING.replace("    o_bias: false\n", "").replace("    bias: false\n", "    eps: 1e-3\n"))
    assert not aw.check(path).notes
    assert not aw.check(path, side=False).notes


NAMED = """\
archwright: 1
model: small
params: {num_heads: 2, d_ff: 8, activation: relu}
inputs: {x: "float[batch, seq, 4]"}
graph:
  a: {part: pre_norm_layer, OPTION: rmsnorm}
outputs: {y: a}
"""


@pytest.mark.parametrize("option", ["norm", "head_norm"])
def test_a_block_that_there_is_not_is_told_where_it_is_named(option: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(NAMED.replace("OPTION", option))
    with pytest.raises(aw.SpecError) as told:
        aw.check(path)
    found = [(one.code, str(one.label.span).rsplit("/", 1)[-1], one.help) for one in told.value.diagnostics]
    assert found == [("unknown-block", f"spec.yaml:6:{31 + len(option)}", "did you mean `rms_norm`?")]


REPLACED = """\
model: small
params: {wide: false}
inputs: {x: "float[batch, 4]"}
parts:
  both:
    inputs: {x: "float[batch, d]"}
    graph: {map: {block: linear, in: x, d_out: $d}}
    outputs: {x: map, y: x}
graph:
  never: {expr: x + 1, when: $wide}
  left: {part: both, in: {x: x}, when: $wide, else: x}
  lacking: {part: both, in: {x: never}, else: x}
  rounds: {repeat: {i: 2}, part: both, in: {x: x}, when: $wide, else: x}
  again: {reuse: left, in: {x: x}}
outputs: {x: left + lacking + rounds, READ}
"""


@pytest.mark.parametrize("read", ["left.y", "lacking.y", "rounds.y", "rounds.x[0]", "again", "again.y"])
def test_what_stands_in_for_a_node_is_its_name_alone(read: str, tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(REPLACED.replace("READ", f'read: {{from: "{read}", optional: true}}'))
    graph = aw.check(path)
    assert not graph.outputs["read"].present and graph.outputs["x"].present
    assert aw.check(path, wide=True).outputs["read"].present
