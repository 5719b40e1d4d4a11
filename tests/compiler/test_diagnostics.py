"""Diagnostics: the text of each shape once, JSON, order, and what a hostile file may not do to a terminal."""

from __future__ import annotations

import json
import pickle
import re
import unicodedata
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archwright.compiler.check import build_graph
from archwright.compiler.diagnosing.diagnostics import Diagnostic, Label, SpecError, nearest
from archwright.compiler.reading.span import Source, Span

T5 = Source(
    "specs/t5.yaml",
    "\n" * 26
    + "  attention: {block: self_attention, d_out: $d_kv}\n\n\n\n"
    + "  residual: {block: add, in: [attention, x]}\n",
)


def at(text: str, part: str, *, name: str = "m.yaml") -> Span:
    """The place of the first `part` in `text`."""
    source = Source(name, text)
    return source.span(text.index(part), text.index(part) + len(part))


def of(source: Source, part: str) -> Span:
    start = source.text.index(part)
    return source.span(start, start + len(part))


def one(span: Span, text: str = "here", **more: Any) -> Diagnostic:
    return Diagnostic("bad-thing", "it is bad", Label(span, text), **more)


def rendered(span: Span, text: str = "here") -> str:
    """Below the headline and the arrow."""
    return "\n".join(one(span, text).render().split("\n")[3:])


STYLE_GUIDE = """\
error[shape-mismatch]: `add` needs both inputs of one shape
  --> specs/t5.yaml:31:31
   |
27 |   attention: {block: self_attention, d_out: $d_kv}
   |                                             ----- makes this branch [batch, seq, d_kv]
31 |   residual: {block: add, in: [attention, x]}
   |                               ^^^^^^^^^ expected [batch, seq, d_model] like `x`, found [batch, seq, d_kv]
help: drop `d_out`, so the branch returns to `d_model`"""


def test_the_shape_in_the_style_guide() -> None:
    start = T5.text.rindex("attention")
    diagnostic = Diagnostic(
        "shape-mismatch",
        "`add` needs both inputs of one shape",
        Label(T5.span(start, start + 9), "expected [batch, seq, d_model] like `x`, found [batch, seq, d_kv]"),
        others=(Label(of(T5, "$d_kv"), "makes this branch [batch, seq, d_kv]"),),
        help="drop `d_out`, so the branch returns to `d_model`",
    )
    assert diagnostic.render() == STYLE_GUIDE


def test_labels_in_another_file_and_on_one_line() -> None:
    base = Source("base.yaml", "a: 1\n")
    own = Source("own.yaml", "\n" * 99 + "{a: 2, a: 3}")
    second = own.span(106, 107)
    diagnostic = Diagnostic(
        "duplicate-key",
        "`a` is given twice",
        Label(second, "again"),
        others=(Label(of(base, "a"), "first here"), Label(of(own, "a"), "and here")),
        severity="note",
    )
    assert diagnostic.render() == dedent("""\
        note[duplicate-key]: `a` is given twice
           --> own.yaml:100:8
            |
        100 | {a: 2, a: 3}
            |  - and here
            |        ^ again
           --> base.yaml:1:1
            |
          1 | a: 1
            | - first here""")


SHAPES: list[tuple[str, Span, str]] = [
    ("tab", at("\ta:\tb", "b"), "1 |     a:    b\n  |           ^ here"),
    ("wide", at("名前: {ｱ: b}", "b"), "1 | 名前: {ｱ: b}\n  |           ^ here"),
    ("wide mark", at("a: 名前", "名前"), "1 | a: 名前\n  |    ^^^^ here"),
    ("combining", at("e\u0301: b", "b"), "1 | e\u0301: b\n  |    ^ here"),
    ("lines", at("a: [b,  \n c]", "[b,  \n c]"), "1 | a: [b,\n  |    ^^^ here"),
    ("empty", at("a:\nb: 1", ""), "1 | a:\n  | ^ here"),
    ("line end", Source("m", "ab\n").span(2, 2), "1 | ab\n  |   ^ here"),
    ("file end", Source("m", "ab\n").span(3, 3), "2 |\n  | ^ here"),
    ("no text", Source("m", "").span(0, 0), "1 |\n  | ^ here"),
    ("behind the end", Span(Source("m", "ab"), 9, 9, 9, 12), "1 | ab\n  |   ^ here"),
    ("escape", at("a: \x1b[31mb\x85\u202e", "b"), "1 | a: \\x1b[31mb\\x85\\u202e\n  |            ^ here"),
    ("surrogate", at("a: \ud800b", "b"), "1 | a: \\ud800b\n  |          ^ here"),
    ("end of a long line", at("x" * 500 + "b", "b"), "1 | …" + "x" * 119 + "b\n  | " + " " * 120 + "^ here"),
    ("inside a long line", at("x" * 500 + "b" + "x" * 500, "b"),
     "1 | …" + "x" * 40 + "b" + "x" * 79 + "…\n  | " + " " * 41 + "^ here"),
    ("start of a long line", at("b" + "x" * 500, "b"), "1 | b" + "x" * 119 + "…\n  | ^ here"),
    ("long mark", at("a: " + "x" * 500, "x" * 500), "1 | a: " + "x" * 117 + "…\n  |    " + "^" * 117 + " here"),
]  # fmt: skip


@pytest.mark.parametrize(("span", "expected"), [case[1:] for case in SHAPES], ids=[case[0] for case in SHAPES])
def test_snippets(span: Span, expected: str) -> None:
    assert rendered(span) == expected


def test_two_marks_in_a_long_line_have_a_window_each() -> None:
    source = Source("m", "a" + "x" * 300 + "b")
    diagnostic = Diagnostic("bad-thing", "it is bad", Label(of(source, "b"), ""), others=(Label(of(source, "a"), ""),))
    assert diagnostic.render().split("\n")[3:] == [
        "1 | a" + "x" * 119 + "…", "  | -", "1 | …" + "x" * 119 + "b", "  | " + " " * 120 + "^",
    ]  # fmt: skip


def test_the_words_of_a_file_cannot_act_on_the_terminal() -> None:
    evil = "\x1b[2J\n\u202e\ud800"
    diagnostic = Diagnostic("bad-thing", evil, Label(at("a", "a", name=evil), evil), help=evil)
    text = str(SpecError([diagnostic]))
    assert text.count("\\x1b[2J\\n\\u202e\\ud800") == 5 and text.count("\n") == 7
    assert all(letter == "\n" or unicodedata.category(letter) not in ("Cc", "Cf", "Cs") for letter in text)


def test_color_only_adds_color() -> None:
    diagnostic = one(at("a: b", "b"), help="write `c`")
    colored = diagnostic.render(color=True)
    assert colored.startswith("\x1b[1m\x1b[31merror[bad-thing]\x1b[0m")
    plain = colored
    for code in ("\x1b[0m", "\x1b[1m", "\x1b[31m", "\x1b[34m", "\x1b[36m"):
        plain = plain.replace(code, "")
    assert plain == diagnostic.render()


def test_json() -> None:
    source = Source("m.yaml", "a: b\nc: d")
    diagnostic = Diagnostic("bad-thing", "it is bad", Label(of(source, "d"), "x"), (Label(of(source, "a"), "y"),), "z")
    place = {"file": "m.yaml", "line": 2, "column": 4, "end_line": 2, "end_column": 5}
    assert json.loads(json.dumps(diagnostic.to_json())) == {
        "code": "bad-thing",
        "severity": "error",
        "message": "it is bad",
        **place,
        "label": "x",
        "labels": [{"file": "m.yaml", "line": 1, "column": 1, "end_line": 1, "end_column": 2, "text": "y"}],
        "help": "z",
    }


def test_an_error_sorts_and_counts() -> None:
    text = "a: b\nc: d"
    source = Source("m.yaml", text)
    first, second = one(of(source, "b")), one(of(source, "d"))
    error = SpecError(iter([second, first, second, one(at(text, "b"))]))
    assert error.diagnostics == [first, second], "the same place of the same file is one finding, also when read twice"
    assert str(error) == f"{first.render()}\n\n{second.render()}\n\n2 errors in m.yaml"
    assert str(SpecError([first])).endswith("\n\n1 error in m.yaml")
    note = one(at("b", "b", name="b.yaml"), severity="note")
    assert SpecError([note, first, second]).summary() == "2 errors and 1 note in 2 files"
    assert SpecError([note]).summary() == "1 note in b.yaml"
    assert SpecError([one(at("", "", name=name)) for name in "ba"]).diagnostics[0].label.span.source.name == "a"
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


NEAREST: list[tuple[str, list[str], str | None]] = [
    ("num_head", ["num_heads", "num_layers"], "num_heads"),
    ("layernorm", ["rms_norm", "layer_norm"], "layer_norm"),
    ("Layer-Norm", ["layer", "layer_norm"], "layer_norm"),
    ("frobnicate", ["layer_norm"], None),
    ("x", [], None),
    ("a", ["a"], None),
    ("x" * 100_000, ["x" * 99_999], None),
]


@pytest.mark.parametrize(("word", "known", "expected"), NEAREST)
def test_nearest(word: str, known: list[str], expected: str | None) -> None:
    assert nearest(word, iter(known)) == expected


@given(st.text(), st.tuples(*[st.integers(0, 9)] * 4), st.text())
def test_any_place_in_any_text_can_be_shown(text: str, place: tuple[int, int, int, int], label: str) -> None:
    line, column, more_lines, more_columns = place
    span = Span(Source(text, text), line + 1, column + 1, line + 1 + more_lines, column + 1 + more_columns)
    shown = str(SpecError([one(span, label, help=label)]))
    assert shown.count("\n") == 7 and "^" in shown
    shown.encode()


def test_what_is_found_is_told_as_a_spec_writes_it(tmp_path: Path) -> None:
    path = tmp_path / "small.yaml"
    spec = (
        'model: small\nparams: {d: VALUE}\ninputs: {x: "float[batch, $d]"}\n'
        "graph: {a: {block: linear, in: x, d_out: $d}}\noutputs: {y: a}\n"
    )
    for value in ("[null]", "true", "{a: null}"):
        path.write_text(spec.replace("VALUE", value))
        with pytest.raises(SpecError) as caught:
            build_graph(path)
        for one in caught.value.diagnostics:
            assert not re.search("None|True|'a'", one.label.text), one.label.text
