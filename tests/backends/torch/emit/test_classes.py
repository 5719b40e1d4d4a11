"""Emitted text: lines that are broken mean what they meant whole, and nothing that a spec says is run."""

from __future__ import annotations

import ast
import json
import math
from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.backends.torch.emit.classes import wrapped


def test_a_group_does_not_become_a_tuple() -> None:
    names = {f"name_{'x' * 40}_{i}": [i] for i in range(4)}
    a, b, c, _ = names
    line = f"found = dict(size=len(({a} if {b} == None else ({b} if {a} == {c} else {c} + {c}))))"
    broken = wrapped(line)
    assert "\n" in broken
    whole, split = dict(names), dict(names)
    exec(line, whole)
    exec(broken, split)
    assert split["found"] == whole["found"] == {"size": 2}


def test_a_title_and_a_number_are_what_a_spec_says(tmp_path: Path) -> None:
    title = 'Ends with """ + print() + """, a \\ and a "'
    spec = tmp_path / "spec.yaml"
    head = 'model: m\ninputs: {x: "float[n, 4]"}\ngraph: {y: {block: layer_norm, in: x, eps: .inf}}\noutputs: {y: y}'
    spec.write_text(f"title: {json.dumps(title)}\n{head}")
    model = aw.compile(spec, backend="eager")
    tree = ast.parse(model.source)
    assert (ast.get_docstring(tree) or "").startswith(f"{title}\n")
    assert [ast.get_docstring(one) for one in tree.body if isinstance(one, ast.ClassDef)] == [title]
    assert math.isinf(model.net.y.eps)


LISTS = """\
model: lists
params: {size: 12}
inputs: {x: "float[batch, $size]"}
parts:
  step:
    params: {widths: list, more: {type: list, default: "[$widths[0] + 1, 2]"}, last: bool}
    inputs: {x: "float[batch, d]"}
    graph:
      up: {block: linear, in: x, d_out: "$widths[0] + $more[0]"}
      act: {expr: relu(up), when: $last, else: up}
      down: {block: linear, in: act, d_out: $d}
graph:
  steps: {repeat: {i: 2}, part: step, in: {x: x}, widths: "[$size // 2 ** $i]", last: $i == 1}
  own: {part: step, in: steps, widths: [$size], last: true}
outputs: {y: own}
"""


def test_extents_in_a_list_are_written_as_numbers(tmp_path: Path) -> None:
    spec = tmp_path / "lists.yaml"
    spec.write_text(LISTS, encoding="utf-8")
    net = aw.compile(spec, backend="eager").net
    assert [one.up.out_features for one in (*net.steps, net.own)] == [25, 13, 25]


PADDED = """\
model: padded
inputs: {x: "float[batch, 4, length]"}
parts:
  step:
    params: {padding: int}
    inputs: {x: "float[batch, d, length]"}
    graph:
      conv: {block: conv1d, d_out: $d, kernel: 3, padding: ceil($padding / 2)}
      out: {expr: relu(conv) + 1}
graph:
  first: {part: step, in: x, padding: 2}
  second: {part: step, in: first, padding: 4}
outputs: {y: second}
"""


def test_code_that_differs_in_its_comments_alone_is_written_once(tmp_path: Path) -> None:
    spec = tmp_path / "padded.yaml"
    spec.write_text(PADDED, encoding="utf-8")
    source = aw.compile(spec, backend="eager").source
    assert source.count("def forward") == 2
    assert "        conv = self.conv(x)\n" in source
    assert "first = self.first(x)  # [batch, 4, length]\n" in source
    assert "second = self.second(first)  # [batch, 4, length + 2]\n" in source


EXTENTS = """\
model: extents
params: {size: 3}
inputs: {x: "float[batch, width, 4]", y: "float[batch, length, 4]"}
parts:
  turn:
    params: {told: int}
    inputs: {x: "float[batch, w, d]"}
    graph:
      map: {block: linear, in: x, d_out: $d}
      flat: {block: rearrange, pattern: b w d -> b (w d)}
      back: {block: rearrange, pattern: b (w d) -> b w d, w: $w}
      out: {expr: back * $told * $w}
  twice: {params: {told: int}, inputs: {x: "float[batch, w, d]"}, graph: {turn: {part: turn, in: x, pass: [told]}}}
graph:
  known: {part: twice, in: "x[:, :$size]", told: $size}
  found: {part: twice, in: x, told: $width}
  other: {part: twice, in: y, told: $length}
outputs: {y: known, z: found, other: other}
"""


def test_an_extent_that_is_known_in_some_calls_of_a_part_and_found_in_others(tmp_path: Path) -> None:
    """What is known is an argument of the constructor, and what a call finds is told as that call's own."""
    spec, x, y = tmp_path / "extents.yaml", torch.randn(2, 5, 4), torch.randn(2, 6, 4)
    lines = EXTENTS.splitlines(keepends=True)
    at = lines.index("graph:\n", 4) + 1
    for order in (lines, [*lines[:at], *reversed(lines[at : at + 3]), *lines[at + 3 :]]):
        spec.write_text("".join(order), encoding="utf-8")
        net = aw.compile(spec, backend="eager")
        made = net(x=x, y=y)
        for name, given, out in (("known", x[:, :3], made.y), ("found", x, made.z), ("other", y, made.other)):
            part = net.net.get_submodule(f"{name}.turn")
            assert torch.equal(out, part.map(given) * given.shape[1] * given.shape[1])


WIDTHS = """\
model: widths
inputs: {x: "float[batch, length, 4]"}
parts:
  turn:
    params: {told: int, wide: int}
    inputs: {x: "float[batch, w, d]"}
    graph:
      flat: {block: rearrange, in: x, pattern: b w d -> b (w d)}
      back: {block: rearrange, pattern: b (w d) -> b w d, w: $told}
      down: {block: linear, d_out: $wide // $told}
graph: {turn: {part: turn, in: x, told: $length, wide: 2 * $length}}
outputs: {y: turn}
"""


def test_a_width_that_extents_cancel_out_of_is_written_as_a_number(tmp_path: Path) -> None:
    spec = tmp_path / "widths.yaml"
    spec.write_text(WIDTHS, encoding="utf-8")
    net = aw.compile(spec, backend="eager")
    down = net.net.get_submodule("turn.down")
    assert (down.in_features, down.out_features) == (4, 2)
    assert net(x=torch.ones(2, 5, 4)).y.shape == (2, 5, 2)


LATER = """
model: later
inputs: {x: "float[batch, 4]", z: "float[batch, 4]?"}
parts:
  scaled: {params: {slope: 1.0}, inputs: {x: "float[batch, d]"}, graph: {y: {expr: x * $slope}}}
  step:
    params: {slope: 1.0}
    inputs: {x: "float[batch, d]", side: "float[batch, d]?"}
    graph:
      map: {block: linear, in: x, d_out: $d, bias: false}
      own: {OWN}
      fixed: {block: layer_norm, in: "x * 0 + 1"}
      both: {first: [map + own, map]}
    outputs: {x: both + 0 * fixed}
graph:
  one: {part: step, in: {x: x, FIRST}, slope: 3.0}
  two: {reuse: one, in: {x: x, side: z}}
outputs: {y: one, z: {from: two, when: has(z)}}
"""


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("first", ["side: z", ""], ids=["by an optional input", "by a second call"])
@pytest.mark.parametrize("own", ["expr: side * $slope", "part: scaled, in: side, pass: [slope]"])
def test_what_only_some_calls_of_a_part_read_is_there(tmp_path: Path, own: str, first: str, inference: bool) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(LATER.replace("OWN", own).replace("FIRST", first))
    model = aw.compile(spec, backend="eager", inference=inference)
    x, z = torch.randn(2, 4), torch.randn(2, 4)
    plain = model(x=x).y
    out = model(x=x, z=z)
    torch.testing.assert_close(out.z, plain + 3 * z)
    torch.testing.assert_close(out.y, plain + 3 * z if first else plain)
