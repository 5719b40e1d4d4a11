"""Drawings as files: formats by suffix, mistakes, and what is said where Graphviz is not there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import archwright as aw

SPEC = """\
model: small
params: {vocab_size: 10, d_model: 4, num_layers: 3}
inputs: {ids: "int[batch, seq]"}
parts: {layer: {inputs: {x: "float[batch, seq, d]"}, graph: {mixed: {block: linear, in: x, d_out: $d}}}}
graph:
  tokens: {block: embedding, in: ids, num: $vocab_size, dim: $d_model}
  layers: {repeat: {i: $num_layers}, part: layer, in: {x: tokens}}
outputs: {y: layers}
"""


def small(folder: Path) -> Path:
    path = folder / "small.yaml"
    path.write_text(SPEC)
    return path


@pytest.mark.parametrize(("suffix", "start"), [
    (".svg", b"<?xml"), (".png", b"\x89PNG"), (".pdf", b"%PDF"), (".dot", b"digraph"), (".gv", b"digraph"),
    (".mmd", b"flowchart"), (".mermaid", b"flowchart"), (".SVG", b"<?xml"),
    (".html", b"<!DOCTYPE html>"),
])  # fmt: skip
def test_files(tmp_path: Path, suffix: str, start: bytes) -> None:
    target = tmp_path / f"x{suffix}"
    assert aw.draw(small(tmp_path), target) is None
    assert target.read_bytes().startswith(start)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["small.yaml", target.name])


def test_without_a_path_the_drawing_is_given_back(tmp_path: Path) -> None:
    spec = small(tmp_path)
    assert isinstance(aw.draw(spec), str)
    assert isinstance(aw.draw(spec, format="png"), bytes)
    assert aw.draw(aw.check(spec), format="dot") == aw.draw(str(spec), format="dot")
    assert "×5" in str(aw.draw(spec, format="dot", num_layers=5))
    aw.draw(spec, tmp_path / "x.doc", format="dot")
    assert (tmp_path / "x.doc").read_text().startswith("digraph")


@pytest.mark.parametrize(("arguments", "message"), [
    ({"path": "x.doc"}, "the suffix `.doc` of `x.doc` is no format"),
    ({"path": "x"}, "the suffix `` of `x` is no format"),
    ({"format": "gif"}, "there is no format `gif`; there are svg, png, pdf, dot, mermaid, html"),
    ({"depth": -1}, "`depth` is a whole number from 0, found -1"),
    ({"depth": True}, "found True"),
])  # fmt: skip
def test_mistakes(tmp_path: Path, arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(aw.ArgumentError, match=re.escape(message)):
        aw.draw(small(tmp_path), **arguments)


def test_a_graph_takes_no_parameters(tmp_path: Path) -> None:
    with pytest.raises(aw.ArgumentError, match="give them to `check`"):
        aw.draw(aw.check(small(tmp_path)), size="tiny")


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.svg").mkdir()
    with pytest.raises(OSError, match=r"x\.svg"):
        aw.draw(small(tmp_path), tmp_path / "x.svg")
    assert not list(tmp_path.glob(".x*"))


def test_without_graphviz_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygraphviz", None)
    with pytest.raises(aw.ArgumentError, match="pip install pygraphviz"):
        aw.draw(small(tmp_path))
    assert aw.draw(small(tmp_path), format="mermaid")


def test_where_graphviz_cannot_be_loaded_it_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pygraphviz.py").write_text("raise ImportError('libgobject-2.0.so.0: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pygraphviz", raising=False)
    with pytest.raises(aw.ArgumentError, match=r"libgobject-2\.0\.so\.0.*apt-get install libglib2\.0-0"):
        aw.draw(small(tmp_path))


def test_without_a_font_it_says_so(tmp_path: Path) -> None:
    bare = tmp_path / "fonts.conf"
    bare.write_text(f"<fontconfig><dir>{tmp_path}</dir><cachedir>{tmp_path}</cachedir></fontconfig>")
    for name, told in (("x.png", 1), ("x.pdf", 1), ("x.svg", 0)):
        command = [sys.executable, "-m", "archwright", "draw", str(small(tmp_path)), "-o", str(tmp_path / name)]
        done = subprocess.run(
            command, capture_output=True, text=True, check=True, env={**os.environ, "FONTCONFIG_FILE": str(bare)}
        )
        assert done.stderr.count("warning: no font is found") == told
