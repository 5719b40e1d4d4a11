"""The loader: values, places, every refusal with its code and line:column, hostile texts, and any text at all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from archwright.compiler.reading import composer
from archwright.compiler.diagnosing.diagnostics import SpecError
from archwright.compiler.reading.scalars import resolve
from archwright.compiler.reading.composer import Limits
from archwright.compiler.reading.source import load, load_file
from archwright.compiler.reading.tree import Mapping, Scalar, Sequence, locate, plain
from archwright.compiler.reading.span import Source, Span


@pytest.fixture(params=["libyaml", "python"])
def parser(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both parsers of PyYAML."""
    if request.param == "python":
        monkeypatch.setattr(composer, "_Parser", yaml.SafeLoader)
    elif not yaml.__with_libyaml__:
        pytest.skip("PyYAML was built without libyaml")
    return str(request.param)


def read(text: str, **limits: int) -> Any:
    return plain(load(text, name="m.yaml", limits=Limits(**limits)))


def findings(text: str, **limits: int) -> list[str]:
    """`code line:column` of every diagnostic."""
    with pytest.raises(SpecError) as caught:
        load(text, name="m.yaml", limits=Limits(**limits))
    assert str(caught.value)
    places = [(found.code, found.label.span) for found in caught.value.diagnostics]
    return [f"{code} {span.line}:{span.column}" for code, span in places]


def place(span: Span) -> str:
    return f"{span.line}:{span.column}-{span.end_line}:{span.end_column}"


SCALARS: list[tuple[str, Any]] = [
    ("1e-5", 1e-5), ("1e5", 1e5), ("1.0e-5", 1e-5), ("1.", 1.0), (".5", 0.5), ("-.5e+3", -500.0), ("+1", 1), ("-0", 0),
    ("012", 12), ("0o12", 10), ("0x1f", 31), ("0X1F", "0X1F"), ("-0x1", "-0x1"), ("0b1", "0b1"),
    ("1:30", "1:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("=", "="), ("1e", "1e"), (".", "."),
    ("no", "no"), ("off", "off"), ("on", "on"), ("Yes", "Yes"), ("y", "y"), ("n", "n"),
    ("true", True), ("True", True), ("FALSE", False), ("tRUE", "tRUE"),
    ("~", None), ("null", None), ("NULL", None), ("", None), ("nULL", "nULL"),
    (".inf", math.inf), ("-.INF", -math.inf), ("+.Inf", math.inf), ("1e999", math.inf),
    ("'1'", "1"), ('"true"', "true"), ("''", ""), ("'~'", "~"), ("|\n  1\n", "1\n"), (">-\n  a\n  b", "a b"),
    ("$d_model // 2", "$d_model // 2"), ("x + attention", "x + attention"),
    ("encoder.<i>.<q|k|v>", "encoder.<i>.<q|k|v>"),
    ("min(a, b)", "min(a, b)"), ("x[:, 1:]", "x[:, 1:]"), ('"${x}"', "${x}"), ("£٣", "£٣"), ("٣", "٣"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), SCALARS)
def test_scalars_mean_what_the_core_schema_says(parser: str, text: str, value: Any) -> None:
    found = read(f"a: {text}")["a"]
    assert found == value and type(found) is type(value)


def test_not_a_number() -> None:
    assert math.isnan(read("a: .nan")["a"])
    assert read("[.NaN, .naN, -.nan]")[1:] == [".naN", "-.nan"]


@pytest.mark.parametrize("digits", ["9" * 5000, "-" + "9" * 5000, "0x" + "f" * 5000, "0o" + "7" * 5000])
def test_digits_that_python_cannot_print_stay_text(digits: str) -> None:
    assert read(f"a: {digits}") == {"a": digits}
    assert read("a: " + "9" * 512)["a"] == int("9" * 512)
    assert read("a: " + "9" * 5000 + ".0") == {"a": math.inf}


def test_a_scalar_keeps_its_text() -> None:
    tree = load("{a: 0x10, b: '0x10'}", name="m")
    assert isinstance(tree, Mapping)
    a, b = tree.entries["a"].value, tree.entries["b"].value
    assert isinstance(a, Scalar) and isinstance(b, Scalar)
    assert (a.value, a.quoted, a.text) == (16, False, "0x10")
    assert (b.value, b.quoted, b.text) == ("0x10", True, "0x10")


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1: a\n0x2: b\ntrue: c\n~: d\n1e-5: e", {"1": "a", "0x2": "b", "true": "c", "~": "d", "1e-5": "e"}),
        ("'': a\n'<<': b", {"": "a", "<<": "b"}),
        ("- &a [1, {b: 2}]\n- *a\n- *a", [[1, {"b": 2}]] * 3),
        ("a: &x 7\nb: *x\n? *x\n: c", {"a": 7, "b": 7, "7": "c"}),
        ("- &a 1\n- &a 2\n- *a", [1, 2, 2]),
        ("--- {a: 1}\n...\n", {"a": 1}),
        ("%YAML 1.1\n---\na: 1", {"a": 1}),
        ("\ufeffa: 1", {"a": 1}),
        ("a: 1\r\nb: [2,\r\n 3]\r\n", {"a": 1, "b": [2, 3]}),
        ("{note: see (a)b, c: f(x)}", {"note": "see (a)b", "c": "f(x)"}),
        ("{note: '(', a: smile :(, b: 1}", {"note": "(", "a": "smile :(", "b": 1}),
        ("title: A (b\nlist:\n- f(a, b)", {"title": "A (b", "list": ["f(a, b)"]}),
        ("- 1\n-\n- {a: , b: }", [1, None, {"a": None, "b": None}]),
    ],
)
def test_documents(parser: str, text: str, value: Any) -> None:
    assert read(text) == value


def test_aliased_trees_are_copies() -> None:
    tree = load("- &a {b: [1]}\n- *a", name="m")
    assert isinstance(tree, Sequence)
    first, second = tree.items
    assert isinstance(first, Mapping) and isinstance(second, Mapping)
    first.entries.clear()
    assert plain(second) == {"b": [1]}
    assert place(locate(second, ["b"])) == "1:10-1:13"


REFUSED: list[tuple[str, list[str]]] = [
    # syntax
    ("a: [1, 2\nb: 3\n", ["yaml-syntax 2:2"]),
    ("a:\n  b: 1\n c: 2", ["yaml-syntax 3:2"]),
    ("x: 'don''t' so", ["yaml-syntax 1:13"]),
    ("x: a: b", ["yaml-syntax 1:5"]),
    ("a: `x`", ["yaml-syntax 1:4"]),
    ("{a: 1 b: 2}", ["yaml-syntax 1:8"]),
    ("a: [b [c], 1]", ["yaml-syntax 1:7"]),
    ("a: 1\na: 2\nb: @c", ["duplicate-key 2:1", "yaml-syntax 3:4"]),
    ("a: b\n\tc: d\n", ["tab 2:1"]),
    ("a:\n\tb: 1", ["tab 2:1"]),
    ("", ["empty-document 1:1"]),
    ("# nothing\n", ["empty-document 1:1"]),
    ("---\n", ["empty-document 1:1"]),
    ("a: 1\n---\nb: 2", ["several-documents 2:1"]),
    ("a: 1\n...\nb", ["yaml-syntax 3:1"]),
    # what a spec has no use for
    ("a: 1\nb: 2\na: 3\na: 4", ["duplicate-key 3:1", "duplicate-key 4:1"]),
    ("{1: a, '1': b}", ["duplicate-key 1:8"]),
    ("a: {b: 1}\nc: {b: 1, b: {b: 2, b: 3}}", ["duplicate-key 2:11", "duplicate-key 2:21"]),
    ("a: !x 1\nb: !!str 2\nc: !!map {}\nd: ! e", ["tag 1:4", "tag 2:4", "tag 3:4", "tag 4:4"]),
    ("- &a {}\n- <<: *a\n  b: 1", ["merge-key 2:3"]),
    ("? [a, b]\n: 1\n? {c: d}\n: 2", ["non-text-key 1:3", "non-text-key 3:3"]),
    ("{{i}: 1}", ["non-text-key 1:2"]),
    ("{: 1}", ["yaml-syntax 1:2"]),
    ("?\n: 1", ["empty-key 1:2"]),
    ("&a b: 1", ["anchored-key 1:4"]),
    ("a: *b", ["unknown-alias 1:4"]),
    ("a: &x [1, *x]", ["recursive-alias 1:11"]),
    ("a: &x {b: *x, *x : c}", ["recursive-alias 1:11", "recursive-alias 1:15"]),
    ("a: \x07b\nc: \x00\n\x1b\x1b", ["control-character 1:4", "control-character 2:4", "control-character 3:1"]),
    ("a: '\ud800'", ["control-character 1:5"]),
    ("a: \ufeff", ["control-character 1:4"]),
    # expressions without quotes
    ("a: {num_heads: $num_heads[$stage]}", ["unquoted-expression 1:16"]),
    ("{x: a[i], y: 1}", ["unquoted-expression 1:5"]),
    ("a:\n  b: {x: $min(a, b), y: $min(a, b)}", ["unquoted-expression 2:10", "unquoted-expression 2:25"]),
    ("a: [min(a, b), c]", ["unquoted-expression 1:5"]),
    ("{x: ${b}}", ["unquoted-expression 1:5"]),
    ("x: ${b}\ny: ${n > 0}", ["unquoted-expression 1:4", "unquoted-expression 2:4"]),
    ("{file: h.{i}.attn.c_attn, b: 1}", ["unquoted-expression 1:8"]),
    ("{in: x[:, 1:]}", ["unquoted-expression 1:6"]),
    ("in: x[1: 3]", ["unquoted-expression 1:5"]),
    ("x: [a, b][0]", ["unquoted-expression 1:4"]),
    ("x: [a] + b", ["unquoted-expression 1:4"]),
    ("{x: 'a' == $b}", ["unquoted-expression 1:5"]),
    ("a: {x:\n  b[1],\n y: 2}", ["unquoted-expression 2:3"]),
    ("a: {b[0]: 1, c[0]: 2}", ["unquoted-expression 1:5", "unquoted-expression 1:14"]),
    ("a: {x: b[0]}\na: 1\nc: {y: d[$i]}\ne: @", [
        "unquoted-expression 1:8", "duplicate-key 2:1", "unquoted-expression 3:8", "yaml-syntax 4:4"]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_refusals(text: str, expected: list[str]) -> None:
    assert findings(text) == expected


@pytest.mark.parametrize(("text", "expected"), REFUSED)
def test_refusals_of_the_python_parser(text: str, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The same codes and lines; the columns of a syntax error are the parser's own."""
    monkeypatch.setattr(composer, "_Parser", yaml.SafeLoader)
    assert [found.partition(":")[0] for found in findings(text)] == [found.partition(":")[0] for found in expected]


HELP: list[tuple[str, str]] = [
    ("  a: {num_heads: $num_heads[$stage], b: c[0]}", 'a: {num_heads: "$num_heads[$stage]", b: "c[0]"}'),
    ("a: {x: $min(a, b), y: 1}  # why", 'a: {x: "$min(a, b)", y: 1}  # why'),
    ("{x: ${b}, y: 1}", "{x: $b, y: 1}"),
    ("x: ${b}", "x: $b"),
    ("x: [a, b][0]", 'x: "[a, b][0]"'),
    ('{x: $k[0] == "l"}', "{x: '$k[0] == \"l\"'}"),
    ("{x: 'it''s' + $a[0]}", "{x: \"'it''s' + $a[0]\"}"),
]


@pytest.mark.parametrize(("text", "line"), HELP)
def test_an_unquoted_expression_is_quoted_in_the_help(text: str, line: str) -> None:
    with pytest.raises(SpecError) as caught:
        load(text, name="m.yaml")
    found = caught.value.diagnostics
    assert {one.code for one in found} == {"unquoted-expression"}
    assert {one.help for one in found} == {line}
    assert read(line), "the help is pasteable"


def test_a_long_line_is_not_repeated_in_the_help() -> None:
    with pytest.raises(SpecError) as caught:
        load("{x: a[i], y: ${n}, z: " + "1" * 300 + "}", name="m.yaml")
    assert [found.help for found in caught.value.diagnostics] == ['write "a[i]"', "write $n"]


def test_no_help_is_guessed() -> None:
    with pytest.raises(SpecError) as caught:
        load("{x: ${n > 0}}", name="m.yaml")
    assert caught.value.diagnostics[0].help == (
        "write `$name` for a parameter, with quotes round an expression that holds a comma, bracket or brace"
    )


LIMITS: list[tuple[str, dict[str, int], list[str]]] = [
    ("a: bcdef", {"bytes": 7}, ["document-too-large 1:1"]),
    ("a: éé", {"bytes": 6}, ["document-too-large 1:1"]),
    ("a: {b: [c]}", {"depth": 2}, ["too-deep 1:8"]),
    ("[a, b, c]", {"nodes": 3}, ["too-many-nodes 1:8"]),
    ("a: bcd\ne: fghi", {"scalar": 3}, ["scalar-too-long 2:4"]),
    ("- &a b\n- *a\n- *a", {"aliases": 1}, ["alias-bomb 3:3"]),
    ("- &a [b, c]\n- &d [*a, *a]\n- *d", {"expanded": 12}, ["alias-bomb 3:3"]),
    ("- &a [[b]]\n- [*a]", {"depth": 3}, ["too-deep 2:4"]),
]


@pytest.mark.parametrize(("text", "limits", "expected"), LIMITS)
def test_limits(parser: str, text: str, limits: dict[str, int], expected: list[str]) -> None:
    assert findings(text, **limits) == expected
    name, value = next(iter(limits.items()))
    assert read(text, **{name: value + 1}), "the limit itself is allowed"


def bomb() -> str:
    """Nine to the twelfth nodes in half a kilobyte."""
    names = "abcdefghijklm"
    lines = [f"{b}: &{b} [{','.join([f'*{a}'] * 9)}]\n" for a, b in pairwise(names)]
    return "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(lines)


HOSTILE: list[tuple[str, Callable[[], str], str]] = [
    ("brackets", lambda: "[" * 200_000, "too-deep"),
    ("braces", lambda: "{a: " * 200_000, "too-deep"),
    ("dashes", lambda: "- " * 200_000, "too-deep"),
    ("keys", lambda: "? " * 200_000, "too-deep"),
    ("indents", lambda: "".join(f"{' ' * depth}a:\n" for depth in range(3_000)), "too-deep"),
    ("10 MB", lambda: "a: " + "x" * 10_000_000, "document-too-large"),
    ("8 MB scalar", lambda: "a: " + "x" * 8_000_000, "scalar-too-long"),
    ("bomb", bomb, "alias-bomb"),
    ("chain", lambda: "- &a0 [x]\n" + "".join(f"- &a{i} [*a{i - 1}]\n" for i in range(1, 3000)), "too-deep"),
    ("merges", lambda: "a: &a {b: 1}\n" + "".join("c: {<<: *a}\n" for _ in range(20)), "merge-key"),
    ("duplicates", lambda: "a: 1\n" * 100_000, "duplicate-key"),
    ("expressions", lambda: "".join(f"k{i}: {{a: b[0]}}\n" for i in range(60_000)), "unquoted-expression"),
    ("calls", lambda: "".join(f"k{i}: {{a: f(b, c)}}\n" for i in range(60_000)), "unquoted-expression"),
    ("parentheses", lambda: "[" + "(," * 20_000 + "]]", "yaml-syntax"),
    ("control", lambda: "\x07" * 8_000_000, "control-character"),
    ("long line", lambda: "{" + "a: b[0], " * 200 + "}", "unquoted-expression"),
]  # fmt: skip


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="times are those of libyaml")
@pytest.mark.parametrize(("text", "code"), [case[1:] for case in HOSTILE], ids=[case[0] for case in HOSTILE])
def test_hostile_texts_end_in_a_diagnostic_soon(text: Callable[[], str], code: str) -> None:
    hostile = text()
    started = time.process_time()
    with pytest.raises(SpecError) as caught:
        load(hostile, name="m.yaml")
    rendered = str(caught.value)
    assert time.process_time() - started < 2, "of the processor; a tenth of this is usual"
    assert code in {found.code for found in caught.value.diagnostics}
    assert len(caught.value.diagnostics) <= 100 and len(rendered) < 200_000


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="times are those of libyaml")
def test_ten_thousand_nodes_are_read_at_once() -> None:
    lines = [f"  n{i}: {{block: linear, in: n{i - 1}, d_out: $d_model, bias: true}}\n" for i in range(10_000)]
    text = "graph:\n" + "".join(lines)
    best, tree = math.inf, load("a", name="m.yaml")
    for _ in range(3):
        started = time.process_time()
        tree = load(text, name="m.yaml")
        best = min(best, time.process_time() - started)
    assert best < 1.5, "0.3 s of the processor are usual"
    column = lines[-1].index("true") + 1
    assert place(locate(tree, ["graph", "n9999", "bias"])) == f"10001:{column}-10001:{column + 4}"


DOCUMENT = """\
model: bert
graph:
  norm: {block: layer_norm, in: [a, 'b']}
  text: |
    two
    lines

  # a comment
sizes:
- tiny
-
"""
PLACES: list[tuple[list[str | int], bool, str]] = [
    ([], False, "1:1-11:2"),
    (["model"], False, "1:8-1:12"),
    (["model"], True, "1:1-1:6"),
    (["graph"], False, "3:3-6:10"),
    (["graph", "norm"], False, "3:9-3:42"),
    (["graph", "norm", "in"], True, "3:29-3:31"),
    (["graph", "norm", "in", 1], False, "3:37-3:40"),
    (["graph", "norm", "in", 1], True, "3:37-3:40"),
    (["graph", "text"], False, "4:9-6:10"),
    (["sizes", 1], False, "11:2-11:2"),
    (["sizes", 2], False, "10:1-11:2"),
    (["sizes", 2], True, "9:1-9:6"),
    (["graph", "norm", "eps"], False, "3:9-3:42"),
    (["graph", "norm", "eps"], True, "3:3-3:7"),
    (["model", "x", "y"], False, "1:8-1:12"),
    (["graph", 3], False, "3:3-6:10"),
]


@pytest.mark.parametrize(("path", "key", "expected"), PLACES)
def test_places(parser: str, path: list[str | int], key: bool, expected: str) -> None:
    assert place(locate(load(DOCUMENT, name="m"), path, key=key)) == expected


WITHIN: list[tuple[str, tuple[int, int], str]] = [
    ("a: x + norm", (4, 8), "1:8-1:12"),
    ('a: "x + norm"', (4, 8), "1:9-1:13"),
    ("a: 'it''s + b'", (7, 8), "1:13-1:14"),
    ("a: &anchor x + norm", (4, 8), "1:16-1:20"),
    ("a: x + norm", (7, 99), "1:11-1:12"),
    ("a: x + norm", (9, 9), "1:12-1:12"),
    ('a: "\\x41 + b"', (4, 5), "1:4-1:14"),
    ("a: x +\n   norm", (4, 8), "1:4-2:8"),
    ("é😀: é + 😀", (4, 5), "1:9-1:10"),
]


@pytest.mark.parametrize(("text", "part", "expected"), WITHIN)
def test_a_part_of_a_scalar_has_a_place(text: str, part: tuple[int, int], expected: str) -> None:
    tree = load(text, name="m")
    assert isinstance(tree, Mapping)
    (entry,) = tree.entries.values()
    assert place(entry.value.span.within(*part)) == expected


def test_lines_are_those_of_an_editor() -> None:
    source = Source("m", "a\r\nb\rc\n\u2028d")
    assert source.lines == ["a", "b", "c", "\u2028d"]
    assert [source.position(at) for at in (0, 3, 5, 7, 9)] == [(1, 1), (2, 1), (3, 1), (4, 1), (4, 3)]
    assert source.position(99)[0] == 4
    assert str(source.span(3, 4)) == "m:2:1"


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: \xc3\xa9\r\n")
    tree = load_file(path)
    assert plain(tree) == {"a": "é"}
    assert tree.span.source.name == str(path)
    assert load_file(str(path), limits=Limits(bytes=8)) is not None


FILES: list[tuple[bytes, int, str]] = [
    (b"a: 1\nb: \xc3\xa9\xff", 100, "not-utf-8 2:5"),
    ("a: é".encode("utf-16"), 100, "not-utf-8 1:1"),
    (b"a: \xc3", 100, "not-utf-8 1:4"),
    (b"a: bc", 4, "document-too-large 1:1"),
    (b"a: bc\xc3\xa9\xc3\xa9\xc3\xa9", 4, "document-too-large 1:1"),
    (b"", 4, "empty-document 1:1"),
]


@pytest.mark.parametrize(("data", "size", "expected"), FILES)
def test_refused_files(tmp_path: Path, data: bytes, size: int, expected: str) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(data)
    with pytest.raises(SpecError) as caught:
        load_file(path, limits=Limits(bytes=size))
    (found,) = caught.value.diagnostics
    assert f"{found.code} {found.label.span.line}:{found.label.span.column}" == expected
    with pytest.raises(FileNotFoundError):
        load_file(tmp_path / "none.yaml")


PIECES = st.sampled_from(
    ["a", "b: ", ": ", "- ", "? ", "\n", "\n  ", "\t", "{", "}", "[", "]", ", ", "&a ", "*a", "!t ", "'", '"', "|\n",
     "#", "$x", "${", "(", ")", "<<: ", "1e5", "---\n", "...\n", "%YAML 1.2\n", "\\", "\r", "\x85", "\u2028",
     "\x07", "é", "😀"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)), st.booleans())
@example('a: "\\UFFFFFFFF"', True)
@example("{a: f(b,\n c)}", False)
@example("{\x85[[}*a: <<: )${\rx[0])(*a", False)
@example('["[\t, <<: x[0]', True)
@example("${\x85&a \x851e5...\n\n? {&a }*ab: \n  ", True)
def test_any_text_is_a_tree_or_a_spec_error(text: str, python: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if python:
            patch.setattr(composer, "_Parser", yaml.SafeLoader)
        try:
            tree = load(text, name="m.yaml", limits=Limits(nodes=500, expanded=500))
        except SpecError as error:
            assert error.diagnostics
            for found in error.diagnostics:
                assert found.label.span.line <= len(found.label.span.source.lines)
            str(error).encode()
        else:
            repr(tree)
            assert tree.span.line >= 1
            plain(tree)


WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\u2028\u2029\ufeff")
).filter(lambda text: resolve(text) == text or yaml.safe_load(text) != text)  # PyYAML leaves `1e5` and `0o7` bare
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(10**9), 10**9), st.floats(allow_nan=False), WORDS
)  # fmt: skip
VALUES = st.recursive(LEAVES, lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner), max_leaves=20)


@settings(max_examples=60, deadline=None)
@given(st.one_of(st.lists(VALUES), st.dictionaries(WORDS, VALUES)), st.sampled_from([None, True, False]))
def test_what_pyyaml_writes_is_read_back(value: Any, flow: bool | None) -> None:
    """PyYAML writes floats and quotes texts so that 1.1 and 1.2 agree, but for the numbers that only 1.2 knows."""
    text = yaml.safe_dump(value, default_flow_style=flow, allow_unicode=True, default_style=None)
    if "${" not in text and "(" not in text:
        assert read(text) == yaml.safe_load(text) == value


def test_a_tree_is_safe_to_print() -> None:
    assert repr(load("{a: [1, b]}", name="m")) == "Mapping({'a': Entry(Sequence([Scalar(1), Scalar('b')]))})"
