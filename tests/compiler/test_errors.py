"""Mistakes in specs: each of `errors.md` gives exactly the findings that stand there; stages, files, calls."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import archwright as aw
from archwright.compiler.building import bodies

TEXT = Path(__file__).with_name("errors.md").read_text(encoding="utf-8")
HEAD = re.search(r"```yaml head\n(.*?)```", TEXT, re.DOTALL)
CASE = re.compile(r"^### ([^\n]+)\n\n((?:- `[^\n]+`\n)+)\n```yaml( whole)?\n(.*?)```$", re.MULTILINE | re.DOTALL)
CASES = CASE.findall(TEXT)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, where ``spec.yaml`` is written."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def findings(text: str, **asked: Any) -> list[str]:
    """``code line:column`` of each finding, and the file where it is another."""
    Path("spec.yaml").write_text(text)
    try:
        aw.check("spec.yaml", **asked)
    except aw.SpecError as error:
        return [_place(found) for found in error.diagnostics]
    return []


def _place(found: Any) -> str:
    span = found.label.span
    where = f"{found.code} {span.line}:{span.column}"
    return where if span.source.name == "spec.yaml" else f"{where} in {span.source.name}"


@pytest.mark.parametrize(("expected", "whole", "text"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_a_mistake_is_found_where_it_is_made(expected: str, whole: str, text: str) -> None:
    assert HEAD is not None
    assert findings(text if whole else text + HEAD[1]) == re.findall(r"`(.+)`", expected)


def test_every_case_is_read() -> None:
    assert len(CASES) == TEXT.count("\n### ") >= 40
    assert len({case[0] for case in CASES}) == len(CASES)


STAGED = """\
model: staged
params: {d_model: 16, num_heads: 3}
inputs: {x: "float[batch, seq, $d_model]"}
graph:
\tup: {block: linear, in: x, d_out: 8, in: x}
  core: {blok: attention, in: {q: x, k: x, v: x}, num_heads: $num_heads}
  sum: {expr: x + up}
  spare: {block: layer_norm, in: upp}
  idle: {block: layer_norm, in: x}
outputs: {y: core, z: sum, w: spare}
checkpoint: {weights: {up: up}}
"""
MENDED = [
    (("\t", "  "), ["duplicate-key 5:40"]),
    ((", in: x}\n  core", "}\n  core"), ["bad-node 6:10"]),
    (("blok", "block"), ["indivisible 2:34", "shape-mismatch 7:19", "unknown-name 8:34"]),
    (("num_heads: 3", "num_heads: 4"), ["shape-mismatch 7:19", "unknown-name 8:34"]),
    (("d_out: 8", "d_out: 16"), ["unknown-name 8:34"]),
    (("in: upp", "in: up"), ["unmapped-weight 8:3"]),
    (("{up: up}", "{up: up, spare: norm}"), ["unused-node 9:3"]),
    (("  idle: {block: layer_norm, in: x}\n", ""), []),
]


def test_a_stage_reports_all_it_finds_and_stops_the_next() -> None:
    text = STAGED
    assert findings(text) == ["tab 5:1"]
    for (old, new), expected in MENDED:
        assert text.count(old) == 1
        text = text.replace(old, new)
        assert findings(text) == expected


CALL = """\
model: called
params: {d_model: 16, wide: true, rate: 0.5, problem_type: {type: text?}}
inputs: {x: "float[batch, $d_model]"}
graph: {norm: {block: layer_norm, in: x}}
outputs: {y: norm}
sizes: {base: {}}
tasks:
  regression: {graph: {head: {block: linear, in: norm, d_out: 1}}, outputs: {logits: head}}
  labelled: {part: classifier, in: {x: norm}, num_labels: 2}
"""
CALLS: list[tuple[dict[str, Any], list[str]]] = [
    ({"task": "regresion"}, ["unknown-task 1:1"]),
    ({"size": "bse"}, ["unknown-size 6:1"]),
    ({"d_modle": 3}, ["unknown-parameter 2:1"]),
    ({"d_model": "wide", "wide": "no", "rate": "much"}, ["bad-option 2:19", "bad-option 2:29", "bad-option 2:41"]),
    ({"d_model": 16.0, "wide": 1, "rate": 1, "size": "base", "task": "base"}, []),
    ({"task": "regression", "d_model": -1}, ["bad-option 2:19"]),
    ({"task": "labelled", "problem_type": "sorting"}, ["bad-option 2:60"]),
    ({"task": "labelled", "problem_type": "regression"}, []),
]


@pytest.mark.parametrize(("asked", "expected"), CALLS)
def test_what_a_call_asks_for(asked: dict[str, Any], expected: list[str]) -> None:
    assert findings(CALL, **asked) == expected


def test_a_shipped_spec_with_a_task_that_it_has_not() -> None:
    with pytest.raises(aw.SpecError) as caught:
        aw.check("bert", task="masked_ml")
    (found,) = caught.value.diagnostics
    assert found.code == "unknown-task"
    assert found.help == "did you mean `masked_lm`?"
    assert found.label.span.source.name == "archwright/specs/bert.yaml"


def test_a_field_of_the_checkpoint_among_those_of_the_config() -> None:
    Path("spec.yaml").write_text("model: own\nextends: bert\ncheckpoint: {config: {model_type: own}}\n")
    with pytest.raises(aw.SpecError) as caught:
        aw.check("spec.yaml")
    (found,) = caught.value.diagnostics
    assert (_place(found), found.help) == ("unknown-parameter 3:23", "`model_type` stands beside `config`")


@pytest.mark.parametrize("task", ["graph: {masked: {activation: relu}}", "dropout: 0.3", "in: {x: norm}"])
def test_a_task_that_was_is_changed_by_its_name(task: str, tmp_path: Path) -> None:
    (tmp_path / "spec.yaml").write_text(f"model: small\nextends: bert\ntasks:\n  masked_lm: {{{task}}}\n")
    with pytest.raises(aw.SpecError) as caught:
        aw.check(tmp_path / "spec.yaml")
    assert {one.help for one in caught.value.diagnostics} == {"to change the task that was, write `extends: masked_lm`"}


@pytest.mark.parametrize(
    ("given", "code", "place"),
    [
        (3, "wrong-type", "6:19"),
        (None, "wrong-type", "6:19"),
        ({"num_heds": 3}, "unknown-parameter", "6:20"),
        ({"num_heads": "x"}, "bad-option", "6:33"),
        ({"size": "tinny"}, "unknown-size", "6:28"),
    ],
)
def test_what_a_call_or_a_size_says_of_a_mount(given: Any, code: str, place: str) -> None:
    text = (
        "model: mounting\ninputs: {pixel_values: 'float[batch, 3, height, width]'}\n"
        "mounts: {v: {spec: vit, size: tiny, params: {num_layers: 1}}}\n"
        "graph: {seen: {mount: v, in: {pixel_values: pixel_values}}}\noutputs: {y: seen}\nsizes: {tiny: {}}\n"
    )
    assert findings(text, task="base", v={"d_ff": 8}) == []
    assert findings(text, task="base", v=given) == [f"{code} 3:10"]
    in_row = text.replace("tiny: {}", f"tiny: {{v: {json.dumps(given)}}}")
    assert findings(in_row, task="base", size="tiny") == [f"{code} {place}"]


def test_a_parameter_that_a_mount_has_not_is_sought_among_its_own_though_a_node_has_its_name() -> None:
    text = (
        "model: mounting\nmounts: {v: {spec: vit, size: tiny}}\n"
        'inputs: {pixel_values: "float[batch, 3, height, width]", marked: "bool[batch, height // $v.patch_high]"}\n'
        "graph: {v: {mount: v, in: {pixel_values: pixel_values}}}\noutputs: {y: v, marked: marked}\n"
    )
    Path("spec.yaml").write_text(text)
    with pytest.raises(aw.SpecError) as caught:
        aw.check("spec.yaml")
    assert [one.help for one in caught.value.diagnostics] == ["did you mean `$v.patch_size`?"]


def test_numbers_of_other_libraries_are_numbers() -> None:
    graph = aw.check("bert", task="base", num_layers=np.int64(3), dropout=np.float32(0.5))
    assert (graph.params["num_layers"], graph.params["dropout"]) == (3, 0.5)
    assert aw.check("swin", task="base", depths=[np.int32(1)] * 4).params["depths"] == [1] * 4


def test_what_a_repeated_part_leaves_open_is_no_input() -> None:
    task = "tasks: {deep: {graph: {layers: {REPEATpart: post_norm_layer, in: {x: norm}, num_heads: 2, d_ff: 8, activation: relu}}, outputs: {z: layers}}}\n"
    found = {}
    for repeat in ("", "repeat: {i: 2}, "):
        text = CALL.partition("tasks:")[0] + task.replace("REPEAT", repeat)
        Path("spec.yaml").write_text(text.replace("float[batch, $d_model]", "float[batch, seq, $d_model]"))
        found[repeat] = list(aw.check("spec.yaml", task="deep").root.inputs)
    assert found[""][:2] == ["x", "valid"] and found["repeat: {i: 2}, "] == ["x"]
    assert list(aw.check("vit_mae", task="pre_training").root.inputs) == ["pixel_values", "noise"]


PART = 'part: wide\nparams: {d_ff: int}\ninputs: {x: "float[batch, d]"}\ngraph: {up: {block: linear, in: x, d_out: $d_f}}\n'
USER = 'model: user\ninputs: {x: "float[batch, 8]"}\ngraph: {a: {part: wide, in: x, d_ff: 3}, b: {part: wide, in: a, d_ff: 4}}\n'


def test_a_mistake_in_a_part_names_the_file_and_the_call_once(folder: Path) -> None:
    (folder / "parts").mkdir()
    (folder / "parts" / "wide.yaml").write_text(PART + "outputs: {x: up}\n")
    Path("spec.yaml").write_text(USER + "outputs: {y: b}\n")
    with pytest.raises(aw.SpecError) as caught:
        aw.check("spec.yaml")
    (found,) = caught.value.diagnostics
    assert _place(found) == "unknown-parameter 4:43 in parts/wide.yaml"
    assert [(str(other.span), other.text) for other in found.others] == [("spec.yaml:3:9", "called from here")]


def test_a_part_that_cannot_be_read_is_reported_once(folder: Path) -> None:
    (folder / "wide.yaml").write_text("part: wide\ninput: {}\n")
    assert findings(USER + "outputs: {y: b}\n") == ["unknown-key 2:1 in wide.yaml"]


@pytest.mark.parametrize(
    ("kind", "text"),
    [("part", "graph: {a: {part: other, in: x}}"), ("frame", "extends: other"),
     ("map", "graph: {a: {block: layer_norm, in: x}}\ncheckpoint: {weights: {a: {file: a, map: other}}}")],
)  # fmt: skip
def test_what_a_file_names_calls_itself_so(kind: str, text: str) -> None:
    rest = {"part": 'inputs: {x: "float[batch, d]"}\noutputs: {x: x + 1}', "map": "weights: {weight: w, bias: b}"}
    spec = f'model: user\n{text}\ninputs: {{x: "float[batch, 8]"}}\noutputs: {{y: {"x" if kind == "frame" else "a"}}}\n'
    for name, expected in (("another", [f"bad-name 1:{len(kind) + 3} in other.yaml"]), ("other", [])):
        Path("other.yaml").write_text(f"{kind}: {name}\n{rest.get(kind, '')}\n")
        assert findings(spec) == expected


def test_what_is_extended_is_wrong_in_its_own_file(folder: Path) -> None:
    (folder / "base.yaml").write_text(CALL.replace("block: layer_norm", "block: layernorm"))
    assert findings("model: own\nextends: base\ngraph: {norm: {block: layer_norm, in: y}}\n") == ["unknown-name 3:39"]
    assert findings("model: own\nextends: base\ngraph: {more: {block: layer_norm, in: y}}\n") == [
        "unknown-block 4:23 in base.yaml", "unknown-name 3:39",
    ]  # fmt: skip


def test_a_file_is_read_again_when_it_has_changed(folder: Path) -> None:
    wrong = CALL.replace("layer_norm", "layernorms")
    assert findings(wrong) == ["unknown-block 4:23"]
    assert findings(CALL) == []
    (folder / "base.yaml").write_text(wrong)
    assert findings("model: own\nextends: base\n") == ["unknown-block 4:23 in base.yaml"]
    (folder / "base.yaml").write_text(CALL)
    assert findings("model: own\nextends: base\n") == []


def test_a_file_is_named_as_it_was_given(folder: Path) -> None:
    (folder / "deep").mkdir()
    path = folder / "deep" / "spec.yaml"
    path.write_text(CALL.replace("layer_norm", "layernorms"))
    for given, shown in ((path, "deep/spec.yaml"), (path.relative_to(folder), "deep/spec.yaml")):
        with pytest.raises(aw.SpecError, match=f"--> {shown}:4:23"):
            aw.check(given)


@pytest.mark.parametrize(
    ("name", "message"),
    [("none.yaml", "there is no file none.yaml"), ("bert.yaml", "there is no file bert.yaml; `bert` without a suffix ships"), ("brt", "there is no spec called `brt`; did you mean `bert`"),
     ("../spec", "there is no spec called `../spec`; there are "), ("", "there is no spec called ``; there are ")],
)  # fmt: skip
def test_a_spec_that_is_not_there(name: str, message: str) -> None:
    with pytest.raises(FileNotFoundError, match=re.escape(message)):
        aw.check(name)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("p: 0.1, when: $seq > 3", ""),
        ("p: 0.1, when: not $seq", ""),
        ("p: 0.1, when: $seq", ""),
        ("p: 0.1 if $seq > 3 else 0.2", "bad-expression 4:52"),
        ('p: "0.1 * range($n, 5)[-1]"', ""),
        ('p: "0.1 * len(range($n, 100003))"', "bad-expression 4:56"),
        ('p: "0.1 * range($n / 2)[0]"', "bad-expression 4:52"),
    ],
)
def test_numbers_that_an_option_or_a_condition_has_not(written: str, expected: str) -> None:
    text = 'model: m\nparams: {n: 2}\ninputs: {x: "float[batch, seq, 8]"}\n'
    text += f"graph: {{dropped: {{block: dropout, in: x, {written}, else: x}}}}\noutputs: {{y: dropped}}\n"
    assert findings(text) == ([expected] if expected else [])


SETTLED = """\
model: settled
params: {num_labels: 3}
mounts: {vision: {spec: vit, size: tiny, params: {num_layers: 1}}}
sizes:
  small: {vision: {d_model: 16}}
  deep: {vision: {num_layers: 2}}
inputs: {pixel_values: "float[batch, 3, height, width]"}
graph: {encoder: {mount: vision, in: {pixel_values: pixel_values}}}
outputs: {y: encoder.last_hidden_state}
tasks:
  heads: {part: token_classifier, in: y, params: {num_labels: 1}}
"""


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"task": "heads", "num_labels": 2}, ["bad-option 11:63"]),
        ({"task": "heads", "num_labels": 1}, []),
        ({"task": "base", "num_labels": 2}, []),
        ({"task": "base", "vision": {"num_layers": 2}}, ["bad-option 3:63"]),
        ({"task": "base", "vision": {"num_layers": 1, "num_heads": 2}}, []),
        ({"num_labels": 2}, []),
    ],
)
def test_what_is_set_for_good(asked: dict[str, Any], expected: list[str]) -> None:
    text = SETTLED.replace("  deep: {vision: {num_layers: 2}}\n", "  deep: {num_labels: 2}\n")
    assert findings(text, **asked) == expected


def test_a_row_of_sizes_does_not_change_what_a_mount_sets() -> None:
    assert findings(SETTLED) == ["bad-option 6:31"]


@pytest.mark.parametrize(("limit", "expected"), [(2, ["too-large 5:3"]), (3, [])])
def test_calls_of_parts_are_counted(limit: int, expected: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_CALLS", limit)
    text = "model: three\ninputs: {x: 'float[batch, 8]'}\nparts: {p: {params: {n: int}, inputs: {x: 'float[*]'}, %s}}\n"
    text %= "outputs: {x: x * $n}"
    assert findings(text + "graph:\n  a: {repeat: {i: 3}, part: p, in: x, n: $i}\noutputs: {y: a}\n") == expected


def test_so_much_is_wrong_that_it_is_not_all_told() -> None:
    nodes = "".join(f"  n{number}: {{block: layer_norm, in: nothing{number}}}\n" for number in range(1000))
    assert len(findings(f'model: m\ninputs: {{x: "float[b]"}}\ngraph:\n{nodes}outputs: {{y: n0}}\n')) == 200


HELPED = """\
model: helped
params: {d_model: 16, wide: false}
inputs: {x: "float[batch, seq, $d_model]", ids: {type: "int[batch, seq]", default: range}}
parts: {own_layer: {inputs: {x: "float[batch, seq, d]"}, graph: {inner: {block: layer_norm, in: x}}}}
graph:
  tokens: {block: embedding, in: ids, num: 9, dim: $d_model}
  layer: {part: own_layer, in: x + tokens}
  norm: {block: layer_norm}
  pooled: {expr: "mean(norm, 1)"}
outputs: {y: pooled}
tasks: {lm: {part: lm_head, in: norm, vocab_size: 9, tie: {scores: tokens}}}
"""


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "params: {d",
            "extends: ../specs/bert.yaml\nparams: {d",
            "a spec has a name without folder and suffix: write `bert`",
        ),
        (
            "  pooled:",
            "  far: {block: relative_position, in: {q: norm, k: norm}}\n  near: {expr: far < 9, when: $wide}\n  pooled:",
            "`near` reads it, and is there at times only: give it the same `when`",
        ),
        ("part: own_layer", "part: own_layr", "did you mean `own_layer`?"),
        ("part: own_layer", "block: own_layer", "`own_layer` is a part: write `part: own_layer`"),
        ("in: ids, num", "in:ids, num", "write `in: ids`"),
        ("block: layer_norm}\n", "block: embedding, num: 9, dim: 16}\n", "without `in` it reads `layer`"),
        ("mean(norm, 1)", "norm.mean(1)", "write `mean(...)`"),
        ("mean(norm, 1)", "mean(norm, dim=1)", "expected `==`, or an argument by its place, found `=`"),
        ("default: range", "default: arange", "did you mean `range`?"),
        ("in: x + tokens", "in: x", "nothing reads it"),
        ("block: layer_norm}\n", "block: layer_norm, when: $wide}\n", "never true"),
        ("in: x + tokens", "in: x + tokens, pass: [wdie]", "expected no options"),
        ("num: 9, dim: $d_model", "num: 9, dim: $d_model / 1", "`//` divides whole numbers"),
        ("num: 9, dim: $d_model", "num: 9, dim: 16.0", "expected a whole number, found 16.0"),
        ("block: layer_norm}\n", "block: span_mask, p: 0.1, length: 2, axis: 0}\n", "expected 1 or 2, found 0"),
    ],
)
def test_a_mistake_comes_with_what_to_do(old: str, new: str, said: str) -> None:
    assert old in HELPED
    _assert_said(HELPED.replace(old, new), said)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'params: {d: 4, ffn: gated-gelu}\ninputs: {x: "float[b, $d]"}\n'
            "graph: {y: {block: linear, in: x, d_out: 2 if $ffn == gated-gelu else 3}}\noutputs: {y: y}",
            "a text with a hyphen stands in quotes: `'gated-gelu'`",
        ),
        (
            "extends: bert\ncheckpoint: {weights: {pooler: {file: pooler.dense, optional: true}}}",
            "`optional` stands beside `weights`",
        ),
        ('params: {d: integer}\ninputs: {x: "float[b, $d]"}\noutputs: {y: x}', "did you mean `int`?"),
        ("extends: bert\ntasks: {masked_lm: {shift: true}}", "write `extends: masked_lm`"),
        ("extends: bert\ngraph: {encodr: {causal: true}}", "did you mean `encoder`?"),
        (
            'inputs: {x: "float[b, 4, 8]"}\ngraph:\n  places: {block: sinusoid_table, num: 4, dim: 8}\n'
            "  y: {block: linear, in: x + places, d_out: 3}\noutputs: {y: y}\ncheckpoint: {weights: {y: y}}",
            "where files lack this table, which is computed, write `places: {file: places, save: false}`",
        ),
        (
            "extends: bert\ngraph: {norm: {block: rms_norm}}",
            "without `in` it reads `input_ids`, the first input, as no node stands before it in this file",
        ),
        (
            "extends: bert\ngraph: {encoder: {part: pre_norm_layer}}",
            "without `in` it reads `input_ids`, the first input, as no node stands before it in this file",
        ),
    ],
)
def test_a_whole_spec_comes_with_what_to_do(text: str, said: str) -> None:
    _assert_said(f"model: mine\n{text}\n", said)


def _assert_said(text: str, said: str) -> None:
    """A spec has one mistake, whose message says something."""
    Path("spec.yaml").write_text(text)
    with pytest.raises(aw.SpecError, match=re.escape(said)) as caught:
        aw.check("spec.yaml")
    assert len(caught.value.diagnostics) == 1, "one mistake, one finding"


def test_a_task_s_node_that_nothing_reads() -> None:
    """Its weights would never be trained; what another task goes on from, or what is kept, is read."""
    lost = "  tagging: {graph: {head: {block: linear, in: norm, d_out: 2}}}\n"
    idle = (
        "  tagging: {graph: {head: {block: linear, in: norm, d_out: 2}, spare: {block: layer_norm, in: head}}, OUT}\n"
    )
    text = HELPED.replace("tasks: {", "tasks:\n  ").rstrip("}\n") + "}}\n"
    assert findings(text + lost) == ["unused-node 13:21"]
    assert findings(text + idle.replace("OUT", "outputs: {y: head}")) == ["unused-node 13:64"]
    assert not findings(text + lost + "  more: {extends: tagging, outputs: {y: head}}\n")
    assert not findings(text + lost.replace("}}}", "}}, weights: [head]}"))
    assert not findings(text + "  eased: {graph: {norm: {eps: 1e-3}}}\n")


@pytest.mark.parametrize(
    "read",
    [
        '{expr: "mean(over if $wide else norm, 1)"}',
        '{expr: "mean(first(beside, norm), 1)"}\n  beside: {block: layer_norm, in: over}',
    ],
)
def test_what_is_read_under_other_parameters_is_no_mistake(read: str) -> None:
    over = "over: {block: layer_norm, in: norm" + (", when: $wide}" if "beside" in read else "}")
    assert not findings(HELPED.replace('{expr: "mean(norm, 1)"}', read).replace("  pooled:", f"  {over}\n  pooled:"))


def test_an_input_that_nothing_reads_is_noted() -> None:
    text = HELPED.replace('"float[batch, seq, d]"', '"float[batch, seq, d]", seen: "bool[batch]?"')
    Path("spec.yaml").write_text(text.replace("\ninputs: {x:", '\ninputs: {mask: "bool[batch, seq]?", x:'))
    assert [_place(note) for note in aw.check("spec.yaml").notes] == ["unused-input 3:10", "unused-input 4:57"]


def test_an_input_whose_extent_is_read_is_not_noted() -> None:
    text = """\
model: cut
inputs: {x: "float[batch, length]", y: "float[batch, short]"}
parts:
  cut:
    inputs: {x: "float[batch, length]", like: "float[batch, short]", more: "float[batch, length, wide]?"}
    graph: {out: {expr: "x[:, :$short]"}}
graph:
  out: {part: cut, in: {x: x, like: y}}
outputs: {y: out}
"""
    Path("spec.yaml").write_text(text.replace(', more: "float[batch, length, wide]?"', ""))
    assert not aw.check("spec.yaml").notes
    Path("spec.yaml").write_text(text)
    assert [_place(note) for note in aw.check("spec.yaml").notes] == ["unused-input 5:70"]


SUMS = """\
model: sums
params: {rate: {type: float, default: 1 / 4}}
let: {cap: "sqrt(2)", wide: 2 * 8, narrow: "16"}
inputs: {x: "float[batch, 8]"}
graph:
  a: {block: linear, in: x, d_out: $wide}
  b: {block: linear, in: x, d_out: $narrow}
  c: {part: scaled, in: x, by: 10 ** -1}
  d: {expr: x * $wide}
  e: {expr: x * $cap}
parts:
  scaled: {params: {by: float}, inputs: {x: "float[batch, d]"}, graph: {y: {expr: x * $by}}}
outputs: {a: a, b: b, c: c, d: d, e: e}
"""


def test_a_sum_that_is_a_text_is_told_what_to_write() -> None:
    Path("sums.yaml").write_text(SUMS)
    with pytest.raises(aw.SpecError) as caught:
        aw.check("sums.yaml")
    computed = "as only what holds a `$` is computed"
    assert [one.help for one in caught.value.diagnostics] == [
        f"write `0.25`, {computed}",
        f"write `16`, {computed}",
        "write `16`, without quotes",
        f"write `0.1`, {computed}",
        f"write `16`, {computed}",
        None,  # no function of ours
    ]
