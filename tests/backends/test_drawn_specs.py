"""Diagrams of specs of one's own: what rounds read and hand on, what reads across, and the words of labels."""

from __future__ import annotations

from pathlib import Path

from archwright.backends.diagrams.build import scene_of
from archwright.backends.diagrams.scene import Cluster
from archwright.compiler.check import build_graph

READS_AGAIN = """
model: reads_again
params: {d_model: 8, num_heads: 2, d_ff: 16, activation: relu}
inputs: {x: "float[batch, seq, $d_model]", text: "float[batch, source, $d_model]"}
graph:
  first: {part: pre_norm_layer, in: {x: x, memory: text}, has_cross: true}
  second: {part: pre_norm_layer, in: {x: first, memory: text}, has_cross: true}
outputs: {x: second}
"""


def test_a_layer_reads_a_text_across_that_one_before_it_has_read(tmp_path: Path) -> None:
    (tmp_path / "again.yaml").write_text(READS_AGAIN, encoding="utf-8")
    scene = scene_of(build_graph(tmp_path / "again.yaml", None, None, {}), 2)
    found = {box.id: box.family for box in scene.root.boxes() if box.family.endswith("attention")}
    assert found == {
        "first.attention.core": "attention", "first.cross.core": "cross_attention",
        "second.attention.core": "attention", "second.cross.core": "cross_attention",
    }  # fmt: skip


LOCAL = """
model: local
params: {d_model: 8, num_heads: 2, d_ff: 16, activation: relu, num_layers: 14, every: 7}
inputs: {x: "float[batch, seq, $d_model]"}
graph:
  places: {block: token_positions, in: x}
  angles: {block: rotary_angles, in: "places[null]", dim: 4}
  local_angles: {block: rotary_angles, in: "places[null]", dim: 4, base: 100.0}
  offset: {block: relative_position, in: {q: x, k: x}}
  near: {expr: offset > -3}
  layers:
    repeat: {i: $num_layers}
    part: pre_norm_layer
    in:
      x: x
      angles: angles if $i % $every == $every - 1 else local_angles
      allow: null if $i % $every == $every - 1 else near
    head_norm: rms_norm
    rotary: none if $i == 6 else halves
outputs: {x: layers}
"""


def test_what_some_rounds_read_is_told(tmp_path: Path) -> None:
    (tmp_path / "local.yaml").write_text(LOCAL, encoding="utf-8")
    scene = scene_of(build_graph(tmp_path / "local.yaml", None, None, {}))
    attention = next(box for box in scene.root.boxes() if box.lines[:1] == ["Self attention"])
    entering = {edge.source: (edge.text, edge.optional) for edge in scene.edges if edge.target == attention.id}
    assert entering["local_angles"] == entering["~"] == ("12 of 14 rounds", True)
    assert entering["angles"] == ("2 of 14 rounds", True)
    assert not entering["layers.norm1"][1]
    assert attention.family == "attention", "norms of heads are no more than a detail"
    scene = scene_of(build_graph(tmp_path / "local.yaml", None, None, {"every": 99}))
    entering = {edge.source: (edge.text, edge.optional) for edge in scene.edges if edge.target == attention.id}
    assert "angles" not in entering
    assert entering["local_angles"][1], "a round turns nothing"
    assert not entering["~"][1]
    text = LOCAL.replace("null if $i % $every == $every - 1 else near", "near if $i >= 10 else null")
    (tmp_path / "local.yaml").write_text(text, encoding="utf-8")
    scene = scene_of(build_graph(tmp_path / "local.yaml", None, None, {}))
    assert [edge.text for edge in scene.edges if edge.source == "~"] == ["4 of 14 rounds"], "though the first has none"


TWO_STREAMS = """
model: two_streams
params: {d_model: 8, num_layers: 3}
inputs: {x: "float[batch, seq, $d_model]", y: "float[batch, source, $d_model]"}
parts:
  layer:
    params: {last: bool}
    inputs: {x: "float[batch, seq, d]", y: "float[batch, source, d]"}
    graph:
      read: {block: linear, in: y, d_out: $d}
      kept: {block: linear, in: y, d_out: $d, when: not $last, else: y}
      unread: {block: layer_norm, in: y}
    outputs: {x: "x + mean(read, 1)[:, None]", y: kept, z: unread}
graph:
  layers: {repeat: {i: $num_layers}, part: layer, in: {x: x, y: y}, last: $i == $num_layers - 1}
outputs: {x: layers}
"""


def test_what_only_the_next_round_reads_is_drawn(tmp_path: Path) -> None:
    (tmp_path / "two.yaml").write_text(TWO_STREAMS, encoding="utf-8")
    scene = scene_of(build_graph(tmp_path / "two.yaml", None, None, {}))
    shown = {box.id: box for box in scene.root.boxes()}
    assert {"layers.read", "layers.kept"} <= set(shown)
    assert "layers.unread" not in shown, "the next round does not read it either"
    assert shown["layers.next.y"].lines == ["y, to the next round"]
    assert ("layers.kept", "layers.next.y") in {(edge.source, edge.target) for edge in scene.edges}
    scene = scene_of(build_graph(tmp_path / "two.yaml", None, None, {"num_layers": 1}))
    assert {box.id for box in scene.root.boxes() if box.kind == "output"} == {"output.x"}, "there is no next round"


LADDER = """
model: ladder
params: {d_model: 8}
inputs: {x: "float[batch, length, $d_model]"}
parts:
  down:
    params: {shrinks: bool}
    inputs: {x: "float[batch, length, d]"}
    graph:
      turned: {block: linear, in: x, d_out: $d, when: not $shrinks, else: x}
      shrunk: {expr: "turned[:, :2]", when: $shrinks, else: turned}
      normed: {block: layer_norm, in: shrunk, when: $shrinks, else: shrunk}
    outputs: {x: normed}
  up:
    inputs: {x: "float[batch, seq, d]", skip: "float[batch, length, d]"}
    graph: {both: {block: linear, in: "mean(skip, 1)[:, None]", d_out: $d}}
    outputs: {x: x + both}
graph:
  first: {block: linear, in: x, d_out: $d_model}
  descent: {repeat: {i: 3}, part: down, in: {x: first}, shrinks: $i == 1}
  ascent: {repeat: {i: 4}, part: up, in: {x: descent}, each: {skip: "descent.x[::-1]"}}
outputs: {x: ascent}
"""


def test_what_each_round_reads_comes_from_the_round_that_made_it(tmp_path: Path) -> None:
    (tmp_path / "ladder.yaml").write_text(LADDER, encoding="utf-8")
    scene = scene_of(build_graph(tmp_path / "ladder.yaml", None, None, {}))
    read = {box.id for box in scene.root.boxes() if box.id.startswith("ascent")}
    entering = {edge.source for edge in scene.edges if edge.target in read and edge.source not in read}
    assert entering == {"first", "descent.turned", "descent.normed", "descent.turned@2"}


def test_what_one_round_gave_comes_from_where_that_is_drawn(tmp_path: Path) -> None:
    above = LADDER[: LADDER.index("  ascent:")]
    entering = []
    for at in range(4):
        joined = f'  out: {{block: linear, in: "descent.x[{at}]", d_out: 4}}\noutputs: {{x: out, last: descent}}\n'
        (tmp_path / "skipping.yaml").write_text(above + joined, encoding="utf-8")
        scene = scene_of(build_graph(tmp_path / "skipping.yaml", None, None, {}))
        entering += [edge.source for edge in scene.edges if edge.target == "out"]
    assert entering == ["first", "descent.turned", "descent.normed", "descent.turned@2"]


WORDS = """\
model: words
params: {kernel: 5, num_layers: 2}
inputs:
  x: "float[batch, 1, length, width]"
  places: {type: "int[batch, seq, 4]", default: counted}
  valid: "bool[batch, seq]?"
graph:
  counted: {expr: "int(x[:, 0, :, :4] * 100 + abs(x[:, 0, :, :4]))"}
  row: {block: embedding, in: "places[:, :, 1]", num: 10, dim: 8}
  scores: {expr: "row @ transpose(row)"}
  open: {expr: "where(valid[:, None], scores, -10.0)", else: scores}
  conv: {block: conv2d, in: "softmax(open, -1)[:, None]", d_out: 2, kernel: "[$kernel, 1]"}
outputs: {y: conv}
"""


def test_a_label_has_the_words_of_the_spec(tmp_path: Path) -> None:
    (tmp_path / "words.yaml").write_text(WORDS, encoding="utf-8")
    scene = scene_of(build_graph(tmp_path / "words.yaml", None, None, {}))
    shown = [line for box in scene.root.boxes() for line in box.lines]
    assert "places[:, :, 1]" in shown, "and not what stands in for the input"
    assert "softmax(·, -1)" in shown, "what is masked stands in a box of its own"
    assert "kernel [5, 1]" in shown


ASKED = """
model: asked
params: {d_model: 8}
inputs: {x: "float[batch, seq, $d_model]", side: "float[batch, seq, $d_model]?"}
parts:
  squash:
    inputs: {x: "float[batch, seq, d]"}
    graph:
      bent: {block: activation, kind: gelu, in: x}
      half: {expr: bent / 2, when: $seq > 9, else: bent}
    outputs: {x: half}
graph:
  up: {block: linear, in: x, d_out: $d_model}
  squash: {part: squash, in: {x: up}, when: $seq > 4 and has(side), else: up}
  twice: {expr: squash * 2, when: $seq > 4, else: squash}
outputs: {x: twice}
"""


def test_what_only_some_extents_make_says_so_once(tmp_path: Path) -> None:
    (tmp_path / "asked.yaml").write_text(ASKED, encoding="utf-8")
    graph = build_graph(tmp_path / "asked.yaml", None, None, {})
    assert [box.lines for box in scene_of(graph).root.boxes() if "when" in str(box.lines)] == [
        ["Squash", "[batch, seq, d_model]", "when seq > 4"],
        ["squash * 2", "when seq > 4"],
    ]
    scene = scene_of(graph, 3)
    assert [item.lines for item in scene.root.items if isinstance(item, Cluster)] == [["squash", "when seq > 4"]]
    inside = next(item for item in scene.root.items if isinstance(item, Cluster))
    assert ["gelu"] in [box.lines for box in inside.boxes()]
    assert ["bent / 2", "when seq > 9"] in [box.lines for box in inside.boxes()]
