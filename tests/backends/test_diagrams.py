"""Diagrams: golden text, what each picture must show, nothing over anything else, and hostile text that stays text."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import pytest
from pygraphviz import AGraph

import archwright as aw
from archwright.backends.diagrams.build import scene_of
from archwright.backends.diagrams.dot import to_dot, to_layout
from archwright.backends.diagrams.layout import laid_out
from archwright.backends.diagrams.legend import legend_of
from archwright.backends.diagrams.mermaid import to_mermaid
from archwright.backends.diagrams.rects import (
    Rect, clusters, curve, curves, label_rect, node_rect, text_width,
)  # fmt: skip
from archwright.backends.diagrams.scene import Box, Cluster, Scene
from archwright.compiler.reading.document import library
from archwright.compiler.graph import Graph
from archwright.compiler.check import build_graph

SMALL = """\
archwright: 1
model: small
title: {title}
params: {{vocab_size: 10, d_model: 4, num_layers: 3}}
inputs: {{ids: "int[batch, seq]"}}
parts:
  layer:
    inputs: {{x: "float[batch, seq, d]"}}
    graph:
      norm: {{block: layer_norm, in: x}}
      mixed: {{block: linear, in: norm, d_out: $d}}
      dropped: {{block: dropout, p: 0.1}}
    outputs: {{x: x + dropped}}
graph:
  tokens: {{block: embedding, in: ids, num: $vocab_size, dim: $d_model}}
  layers: {{repeat: {{i: $num_layers}}, part: layer, in: {{x: tokens}}}}
  logits: {{block: linear, in: layers, d_out: $vocab_size, bias: false, tie: {{weight: tokens.weight}}}}
outputs: {{logits: logits}}
"""
GOLDEN = """\
  n1 [label="Embedding\\ntokens · 10", fillcolor="#fbe0d3", color="#c2643a", width="1.5"]
  n2 [label="ids", shape="plaintext", style="solid", height="0.25"]
  subgraph cluster_1 {
    n3 [label="", shape="point", width="0.05", height="0.05", color="#333333"]
    n4 [label="Layer norm", fillcolor="#fff8d0", color="#c0a93a", width="1.5"]
    n5 [label="Linear\\nmixed", fillcolor="#e7f2d3", color="#7a9a35", width="1.5"]
    n6 [label="+", shape="circle", width="0.26", height="0.26", fixedsize="true", fillcolor="white", color="#333333", \
fontsize="14", margin="0"]
  }
  n7 [label="Linear\\nlogits", fillcolor="#e7f2d3", color="#7a9a35", width="1.5"]
  n8 [label="logits", shape="plaintext", style="solid", height="0.25"]
  n2 -> n1 [weight="100", label=" [batch, seq] "]
  n1 -> n3 [weight="100", label=" [batch, seq, d_model] "]
  n3 -> n4 [weight="100"]
  n4 -> n5 [weight="100"]
  n3 -> n6 [weight="1"]
  n5 -> n6 [weight="100"]
  n6 -> n7 [weight="100"]
  n7 -> n8 [weight="100", label=" [batch, seq, vocab_size] "]
  n1 -> n7 [color="#8a8a8a", style="dotted", dir="none", constraint="false", penwidth="1.4"]
"""
TASKS = [(name, task) for name in aw.list_models() for task in (None, *library().spec(name).model.tasks)]
HOSTILE = [
    '"]; evil [label="x', "<script>alert(1)</script>", "<<b>bold</b>>", "javascript:alert(1)", "a\\n\\l\\G\\",
    "&lt;&#106;&amp;",
    'x" onload="alert(1)', "]]><!-- -->", "%%{init: {'theme': 'x'}}%%", "`md` ![a](http://a.b/c.png)", "end", "tail\\",
    "\x00\x07\x1b[31m\u202e\ud800", "#quot;#59;", "a;b\nc\r\nd|e", "{{x}} {[(>", "https://evil.example/x",
]  # fmt: skip
SVG_ATTRIBUTES = {
    "width", "height", "viewBox", "class", "transform", "fill", "stroke", "points", "d", "x", "y", "cx", "cy", "rx",
    "ry", "text-anchor", "font-family", "font-size", "stroke-width", "stroke-dasharray",
}  # fmt: skip
SVG_ELEMENTS = {"svg", "g", "polygon", "path", "text", "ellipse", "polyline", "title"}


@cache
def graph_of(name: str, task: str | None = None) -> Graph:
    return build_graph(name, task)


@cache
def drawing(name: str, task: str | None = None, depth: int = 1) -> Scene:
    return scene_of(graph_of(name, task), depth)


def small(folder: Path, title: str = "A small model") -> Path:
    path = folder / "small.yaml"
    path.write_text(SMALL.format(title=title))
    return path


def titles(scene: Scene) -> list[str]:
    return [line for cluster in scene.root.clusters() for line in cluster.lines]


def boxes(scene: Scene, first_line: str) -> list[Box]:
    return [box for box in scene.root.boxes() if box.lines[:1] == [first_line]]


# Text


def test_golden_dot(tmp_path: Path) -> None:
    text = aw.draw(small(tmp_path), format="dot")
    assert isinstance(text, str)
    kept = text.partition("subgraph cluster_legend")[0].splitlines(keepends=True)
    shown = [line for line in kept if not re.match(r" *(graph|node|edge) \[|digraph", line)]
    assert "".join(shown).rstrip(" ") == GOLDEN


def test_the_base_is_drawn_alike_however_it_is_called() -> None:
    assert aw.draw("bert", task="base", format="mermaid") == aw.draw("bert", format="mermaid")


def test_golden_mermaid(tmp_path: Path) -> None:
    text = aw.draw(small(tmp_path), format="mermaid")
    assert isinstance(text, str)
    lines = text.splitlines()
    assert lines[:4] == [
        "flowchart BT",
        '  subgraph model ["A small model"]',
        '    n1["Embedding<br/>tokens · 10"]',
        '    n2(["ids"])',
    ]
    assert '  n1 -->|"[batch, seq, d_model]"| n3' in lines
    assert "  n1 -.- n7" in lines
    assert "  class n5,n7 linear" in lines


def test_threads_draw_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, layout, inside, most = small(tmp_path), AGraph.layout, [], []

    def watched(graph: AGraph, *args: Any) -> None:
        inside.append(graph)
        time.sleep(0.01)  # others would come in
        layout(graph, *args)
        most.append(len(inside))
        inside.remove(graph)

    monkeypatch.setattr(AGraph, "layout", watched)
    with ThreadPoolExecutor(4) as threads:
        drawings = set(threads.map(lambda _: aw.draw(path, format="svg"), range(8)))
    assert max(most) == 1 and len(most) == 8 and len(drawings) == 1


def test_a_drawing_is_the_same_each_time(tmp_path: Path) -> None:
    program = f"import archwright as aw; print(aw.draw({str(small(tmp_path))!r}), aw.draw('t5', format='dot', depth=2))"
    texts = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        texts.add(
            subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=True).stdout
        )
    assert len(texts) == 1
    assert "<svg" in texts.pop()


def test_drawing_needs_no_torch(tmp_path: Path) -> None:
    program = f"import archwright as aw, sys; aw.draw({str(small(tmp_path))!r}); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)


# What a picture shows


@pytest.mark.parametrize(("name", "task"), TASKS)
def test_every_task_is_drawn(name: str, task: str | None) -> None:
    for depth in (0, 1, 2):
        scene = drawing(name, task, depth)
        shown = {box.id: box for box in scene.root.boxes()}
        assert all(edge.source in shown and edge.target in shown for edge in scene.edges)
        assert scene.depths(), "a carried value is no edge back"
        assert any(box.kind == "output" for box in shown.values())
        AGraph(string=to_dot(scene)).close()
        assert to_mermaid(scene).startswith("flowchart BT")
    sizes = [len(list(drawing(name, task, depth).root.boxes())) for depth in (0, 1, 2)]
    assert sizes == sorted(sizes)


@pytest.mark.parametrize("name", aw.list_models())
def test_every_spec_draws_to_svg(name: str) -> None:
    text = aw.draw(graph_of(name), format="svg")
    assert isinstance(text, str)
    elements = {element.tag.partition("}")[2] for element in ElementTree.fromstring(text).iter()}
    assert elements <= SVG_ELEMENTS
    assert "http://www.w3.org/2000/svg" in text
    assert [one.text for one in ElementTree.fromstring(text) if one.tag.endswith("title")] == [graph_of(name).title]
    assert text.count("://") == 1, "nothing outside is named but the namespace"


def test_bert_is_the_figure_of_its_paper() -> None:
    scene = drawing("bert", "masked_lm")
    assert titles(scene) == ["encoder", "post_norm_layer ×12"]
    inside = [
        box for cluster in scene.root.clusters() for box in cluster.items if cluster.lines and isinstance(box, Box)
    ]
    depth = scene.depths()
    rising = sorted((box for box in inside if box.kind != "dot"), key=lambda box: depth[box.id])
    layer = ["Self attention", "+", "Layer norm", "Feed forward", "+", "Layer norm"]
    assert [box.lines[0] for box in rising] == layer
    assert {box.id.split(".")[1]: box.optional for box in scene.root.boxes() if box.kind == "input"} == {
        "input_ids": False, "token_type_ids": True, "position_ids": True, "attention_mask": True, "labels": True,
    }  # fmt: skip
    assert [(edge.source, edge.target) for edge in scene.edges if edge.style == "tied"] == [("tokens", "masked_lm")]
    assert scene.symbols == {"d_model": "768", "vocab_size": "30522"}
    assert not any(box.family == "cross_attention" for box in scene.root.boxes())


def test_shared_weights_are_told() -> None:
    assert titles(drawing("albert")) == ["encoder", "post_norm_layer ×12", "1 set of weights"]
    assert boxes(drawing("albert", depth=0), "Encoder")[0].lines[1:3] == ["post_norm_layer ×12", "1 set of weights"]


def test_depth_unfolds() -> None:
    assert not titles(drawing("bert", depth=0))
    assert boxes(drawing("bert", depth=0), "Encoder")[0].lines[1] == "post_norm_layer ×12"
    assert "self_attention" in titles(drawing("bert", depth=2))
    assert not boxes(drawing("bert", depth=2), "Dropout")
    assert boxes(drawing("bert", depth=3), "Dropout")


@pytest.mark.parametrize("depth", [0, 1, 2])
def test_cross_attention_is_seen_as_what_it_is(depth: int) -> None:
    scene = drawing("t5", depth=depth)
    memory = [edge for edge in scene.edges if edge.style == "memory"]
    assert any(edge.source == "encoder_norm" and edge.sideways == (depth > 0) for edge in memory)
    assert ("cross_attention" in scene.families) == (depth > 0)
    crossing = boxes(scene, "Cross-attention")
    assert len(crossing) == (depth > 0)
    assert all(box.id.startswith("decoder.cross") for box in crossing)
    assert "thick red: attends to another sequence" in legend_of(scene).notes


def test_an_optional_memory_makes_cross_attention_too() -> None:
    scene = scene_of(build_graph("bert", "causal_lm", None, {"is_decoder": True, "add_cross_attention": True}))
    assert boxes(scene, "Cross-attention")
    assert any(edge.source == "input.encoder_hidden_states" and edge.style == "memory" for edge in scene.edges)


def test_rounds_that_differ() -> None:
    shown = titles(drawing("swin"))
    for line in ("swin_stage ×4", "num_heads 3, 6, 12, 24", "swin_block ×1, 1, 3, 1", "shift 0", "shift 3"):
        assert line in shown
    merge = [box for box in drawing("swin").root.boxes() if box.id == "stages.reduced"]
    assert [box.optional for box in merge] == [True], "the last stage does not merge"


def test_rounds_inside_rounds_tell_what_holds_for_all() -> None:
    shown = titles(drawing("resnet"))
    assert {"channels 64, 256, 512, 1024", "resnet_layer ×3, 4, 6, 3"} <= set(shown)
    assert sum("channels" in line for line in shown) == 1, "those of the third stage's six layers speak of no other"


def test_a_number_is_told_though_it_is_one() -> None:
    details = {line for name in ("resnet", "decision_transformer") for box in drawing(name).root.boxes()
               for line in box.lines[1:]}  # fmt: skip
    assert {"kernel 1", "1 head · causal"} <= details
    assert "kernel" not in details


def test_details_go_on_in_the_next_line() -> None:
    patches = next(box for box in drawing("segformer").root.boxes() if box.id == "stages.patches")
    assert patches.lines == ["Conv2d", "patches · kernel 7, 3", "stride 4, 2"]


def test_bounds_of_float16_are_a_detail() -> None:
    assert not boxes(drawing("t5", depth=2), "Float16 range")
    assert boxes(drawing("t5", depth=3), "Float16 range")


def test_what_a_model_gives_has_its_shape() -> None:
    given = {edge.target: edge.text for edge in drawing("clip").edges if edge.target.startswith("output.logits")}
    assert given == {"output.logits_per_image": "[images, texts]", "output.logits_per_text": "[texts, images]"}
    assert [edge.text for edge in drawing("bert").edges if edge.target == "output.last_hidden_state"] == [
        "[batch, seq, d_model]"
    ]


def test_long_extents_are_told_apart() -> None:
    scene = drawing("vit")
    shapes = {edge.source: edge.text for edge in scene.edges}
    assert (shapes["patches"], shapes["sequence"]) == ("[batch, n1, d_model]", "[batch, n2, d_model]")
    assert scene.symbols["n1"] == "(height//16)*(width//16)"
    assert scene.symbols["n2"] == "(height//16)*(width//16) + 1"
    rounds = drawing("resnet").symbols
    assert rounds["n1"] == "(height - 1)//stride + 1", "the stride differs from round to round"


def test_a_part_that_attends_and_more_is_no_feed_forward() -> None:
    assert {box.family for box in boxes(drawing("xlnet"), "Relative stream")} == {"stack"}


def test_an_encoder_stands_left_of_its_decoder() -> None:
    assert drawing("whisper").starts() == [
        "input.input_features",
        "input.decoder_input_ids",
        "input.decoder_position_ids",
    ]


def test_what_stands_in_for_an_input_is_the_plain_way_inside_a_cluster_too() -> None:
    edges = {(edge.source, edge.target): edge.optional for edge in drawing("vision_encoder_decoder", depth=2).edges}
    assert not edges["decoder.tokens", "decoder.+"]
    assert edges["decoder.in.inputs_embeds", "decoder.+"]


def test_second_calls_are_dotted() -> None:
    tied = [(edge.source, edge.target) for edge in drawing("t5").edges if edge.style == "tied"]
    assert ("tokens", "decoder_tokens") in tied


# Layout


def laid(scene: Scene) -> Any:
    text, ties = to_layout(scene)
    return AGraph(string=laid_out(text, "dot", legend=legend_of(scene), ties=ties).decode())


def shrunk(rect: Rect, by: float) -> Rect:
    return Rect(rect.left + by, rect.bottom + by, rect.right - by, rect.top - by)


def stretches(edge: Any) -> list[Rect]:
    """An edge without gaps."""
    pairs = pairwise(curve(edge.attr["pos"]))
    return [
        Rect(min(a.left, b.left), min(a.bottom, b.bottom), max(a.right, b.right), max(a.top, b.top)) for a, b in pairs
    ]


def nested(graph: Any) -> Iterator[Any]:
    for cluster in clusters(graph):
        yield cluster
        yield from nested(cluster)


@pytest.mark.parametrize("name", aw.list_models())
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_nothing_overlaps(name: str, depth: int) -> None:
    graph = laid(drawing(name, None, depth))
    rects = {str(node): node_rect(node) for node in graph.nodes() if not re.fullmatch(r"legend_?\w*\d", str(node))}
    assert "legend" in rects
    for (one, first), (two, second) in combinations(rects.items(), 2):
        assert not shrunk(first, 1).meets(second), (one, two)
    for edge in graph.edges():
        text = label_rect(edge)
        assert text is None or not any(shrunk(text, 3).meets(rect) for rect in rects.values()), edge.attr["label"]
        assert text is None or any(map(shrunk(text, -14).meets, stretches(edge))), edge.attr["label"]
    for cluster in nested(graph):
        box, members = Rect.of(cluster.graph_attr["bb"]), {str(node) for node in cluster.nodes()}
        for node, rect in rects.items():
            within = box.left <= rect.left + 1 and rect.right <= box.right + 1
            assert within if node in members else not shrunk(box, 1).meets(rect), (cluster.graph_attr["label"], node)


@pytest.mark.parametrize("name", ["whisper", "t5", "bart", "vision_encoder_decoder"])
def test_memory_goes_straight_from_one_stack_to_the_other(name: str) -> None:
    graph = laid(drawing(name))
    edge = next(edge for edge in graph.edges() if edge.attr["penwidth"] == "2")
    tail, head = (node_rect(graph.get_node(end), 4) for end in edge)
    assert all(tail.right - 8 <= spot.middle[0] <= head.left + 8 for spot in curve(edge.attr["pos"]))


@pytest.mark.parametrize("name", ["whisper", "wav2vec2", "clip_vision"])
def test_no_edge_crosses_the_name_of_a_cluster(name: str) -> None:
    graph = laid(drawing(name))
    lines = curves(graph)
    for cluster in nested(graph):
        words = cluster.graph_attr["label"].strip("\\l").split("\\l")
        x, y = map(float, cluster.graph_attr["lp"].split(","))
        text = Rect.around(x, y, max(map(text_width, words)) * 11 / 9, 13 * len(words), -2)
        assert not any(map(text.meets, lines)), words


# Hostile text


def hostile_graph(text: str) -> Graph:
    """BERT, with the text as every name that a drawing may show."""
    graph = build_graph("bert", "masked_lm", "tiny")
    graph.title, graph.size, graph.task = text, text, text
    for node in graph.root.nodes.values():
        node.name = f"{node.name}{text}"
        for body in node.rounds:
            body.part = text
    for name, value in graph.root.inputs.items():
        value.name = f"{name}{text}"
    graph.outputs = {f"{name}{text}": value for name, value in graph.outputs.items()}
    for symbol in graph.root.symbols.values():
        symbol.name = text
    return graph


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_stays_text_in_svg(text: str) -> None:
    graph = hostile_graph(text)
    svg = aw.draw(graph)
    assert isinstance(svg, str)
    allowed = {"{http://www.w3.org/XML/1998/namespace}space", *SVG_ATTRIBUTES}
    for element in ElementTree.fromstring(svg).iter():
        assert element.tag.partition("}")[2] in SVG_ELEMENTS
        assert set(element.attrib) <= allowed
        assert not any(text in value for value in element.attrib.values() if len(text) > 3)
    assert "<!" not in svg


def test_hostile_text_is_shown_as_it_is() -> None:
    for text in (one for one in HOSTILE if one.isprintable()):
        svg = aw.draw(hostile_graph(text))
        assert isinstance(svg, str)
        shown = [element.text for element in ElementTree.fromstring(svg).iter() if element.tag.endswith("text")]
        assert text in shown


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_adds_no_statement(text: str) -> None:
    plain, hostile = scene_of(hostile_graph("x")), scene_of(hostile_graph(text))
    dot = to_dot(hostile)
    one, two = AGraph(string=to_dot(plain)), AGraph(string=dot)
    assert one.nodes() == two.nodes()
    assert [edge[:2] for edge in one.edges()] == [edge[:2] for edge in two.edges()]
    assert not re.search(r"=\s*<|URL|href|tooltip", re.sub(r'"(?:[^"\\]|\\.)*"', '""', dot))
    bare = [re.sub(r'\|"[^"]*"\||"[^"]*"', "", to_mermaid(scene)) for scene in (plain, hostile)]
    assert bare[0] == bare[1]
    for label in re.findall(r'"([^"]*)"', to_mermaid(hostile)):
        assert not re.search(r"[<>`{}|\\;%!'&]", re.sub(r"<br/>|#\d+;", "", label)), label


def test_widths_are_the_same_with_every_python() -> None:
    assert all(text_width("a" * number) == number * text_width("a") for number in range(99))


def test_clusters_are_never_empty() -> None:
    assert all(cluster.items for cluster in drawing("clip", None, 2).root.clusters() if isinstance(cluster, Cluster))
