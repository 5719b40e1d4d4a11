"""What differs: every kind of change to one spec is found, at its path, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from archwright.backends.diagrams.build import scene_of
from archwright.backends.diagrams.marks import mark
from archwright.backends.diagrams.render import rendered
from archwright.compiler.check import build_graph
from archwright.compiler.diff import Difference, differences, parameter_differences


def edited(small: Path, *changes: tuple[str, str]) -> Path:
    """The spec with texts replaced."""
    text = small.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    path = small.with_name("edited.yaml")
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("old", "new", "path", "facts"),
    [
        ("bias: false", "bias: true", "encoder.<i>.down", {"option bias": ("false", "true")}),
        ("in: x + core", "in: x - core", "encoder.<i>.up", {"input x": ("x + core", "x - core")}),
        ("rate: 0.0,", "rate: 0.2,", "", {}),  # a default that the call replaces
        ("gated: bool}", "gated: false}", "encoder.<i>", {"param gated": ("$gated", "false")}),
        ("rate: $dropout", "rate: 0.3", "encoder.<i>", {"param rate": ("$dropout", "0.3")}),
        ("block: dropout, p: $rate", "block: activation, kind: relu", "encoder.<i>.dropped",
         {"kind": ("dropout", "activation"), "option p": ("$rate", None), "option kind": (None, "relu")}),
        ("{i: $num_layers}", "{i: 3}", "encoder", {"rounds": ("$num_layers", "3")}),
        ("first: again", "first: again * 2", "", {"out first": ("again", "again * 2")}),
        ("default: range", "default: zeros", "",
         {"in position_ids": ("optional int[batch, seq] = range", "optional int[batch, seq] = zeros")}),
        ("reuse: tokens, in", "block: embedding, num: 11, dim: $d_model, in", "again",
         {"kind": ("reuse tokens", "embedding"), "option num": (None, "11"), "option dim": (None, "$d_model")}),
    ],
)  # fmt: skip
def test_one_change_is_found(small: Path, old: str, new: str, path: str, facts: dict[str, object]) -> None:
    found = differences(build_graph(small), build_graph(edited(small, (old, new))))
    told = {one.path: dict(one.facts) for one in found}
    if not facts:
        assert told == {}
    else:
        assert told[path].items() >= facts.items()
        assert {one.kind for one in found} == {"both"}


def test_nodes_of_one_graph(small: Path) -> None:
    more = edited(small, ("dropped: {block: dropout, p: $rate}", "dropped: {block: linear, in: down, d_out: $d}\n"
                          "      late: {block: dropout, p: $rate}"), ("2 * dropped", "2 * late"))  # fmt: skip
    one, other = build_graph(small), build_graph(more)
    text = "dropout(p=$rate) <- dropped -> float[batch, seq, d]"
    assert Difference("encoder.<i>.late", "second", text) in differences(one, other)
    back = [found for found in differences(other, one) if found.kind != "both"]
    assert back == [Difference("encoder.<i>.late", "first", text)]


def test_rounds(small: Path) -> None:
    one, other = build_graph(small, size="tiny"), build_graph(small)
    found = differences(one, other)
    assert [(found.path, found.kind) for found in found] == [("encoder", "both"), ("encoder.<2>", "second")]
    assert parameter_differences(one, other) == {"num_layers": ("2", "3")}
    wide = build_graph(small, overrides={"d_ff": 20})
    assert differences(other, wide) == []
    up = next(one for one in differences(other, wide, resolved=True) if one.path == "encoder.<i>.up")
    assert dict(up.facts) == {
        "option d_out": ("12", "20"),
        "output x": ("float[batch, seq, 12]", "float[batch, seq, 20]"),
    }


def test_what_differs_in_some_rounds(small: Path) -> None:
    some = edited(small, ("rate: $dropout", "gated: $i > 0"))
    found = differences(build_graph(small), build_graph(some))
    text = "linear(d_out=$d_ff) <- x -> float[batch, seq, d_ff]"
    assert [one for one in found if one.kind != "both"] == [Difference("encoder.<1..2>.gate", "second", text)]
    inside = next(dict(one.facts) for one in found if one.path == "encoder.<i>")
    assert inside == {"param rate": ("$dropout", "0.0"), "param gated": ("$gated", "$i > 0")}


def test_a_drawing_marks_what_differs(small: Path) -> None:
    scene = scene_of(build_graph(edited(small, ("rate: $dropout", "gated: $i > 0")), "tagging"))
    found = differences(build_graph(small), build_graph(edited(small, ("bias: false", "bias: true")), "tagging"))
    mark(scene, found, scene_of(build_graph(small)))
    families = {box.id: box.family for box in scene.root.boxes() if box.kind in ("block", "part")}
    assert families == {
        "tokens": "operation", "positions": "operation", "encoder.core": "operation", "encoder.up": "operation",
        "encoder.down": "changed", "tagging": "new",
    }  # fmt: skip
    assert scene.title[-1] == "gone: again"


def test_a_drawing_marks_what_it_says_otherwise_and_no_shape_that_follows() -> None:
    bert, roberta, vit, deit = map(build_graph, ("bert", "roberta", "vit", "deit"))
    marked = []
    for one, other in ((bert, roberta), (vit, deit)):
        scene = scene_of(other)
        mark(scene, differences(one, other), scene_of(one))
        marked.append({box.id for box in scene.root.boxes() if box.family in ("changed", "new")})
    assert marked == [{"tokens", "positions"}, {"distillation_token", "sequence", "positions"}]
    text = rendered(roberta, "mermaid", 1, first=build_graph("bert", size="base"))
    assert "<br/>compared with bert#64;base" in str(text)


@pytest.mark.parametrize("name", ["clip", "detr", "swin", "t5"])
def test_a_spec_is_what_it_is(name: str) -> None:
    one, other = build_graph(name, size="tiny"), build_graph(name, size="tiny")
    assert differences(one, other, resolved=True) == []
    assert parameter_differences(one, other) == {}
