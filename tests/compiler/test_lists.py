"""Lists in edges, what reads nothing but a list, and flags that a parameter sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw

SPEC = """\
archwright: 1
model: lists
params: {num: 3, wordy: true}
flags: {wordy_call: $wordy}
inputs:
  x: "float[batch, d]"
  rows: {type: "float[$num, batch, d]", optional: true}
  more: {type: "float[batch, d]", optional: true}
graph:
  each_row: {expr: unstack(rows)}
  double: {part: doubled, each: {x: each_row}}
  joined: {block: concat, in: {parts: [more]}, axis: 0}
outputs:
  last: x + 0
  pairs: {from: "pair(each_row, double)", when: true}
  joined: {from: joined, when: true}
  words: {from: x + 1, when: $wordy_call}
parts:
  doubled:
    inputs: {x: "float[batch, d]"}
    graph: {twice: {expr: 2 * x}}
    outputs: {x: twice}
"""


@pytest.fixture
def spec(tmp_path: Path) -> str:
    path = tmp_path / "lists.yaml"
    path.write_text(SPEC)
    return str(path)


def run(spec: str, **options: Any) -> Any:
    x = torch.ones(2, 4)
    return aw.compile(spec, backend="eager", **options)(x=x, rows=[x, 2 * x, 3 * x])


def test_a_list_that_is_given_is_stacked_and_taken_apart(spec: str) -> None:
    pairs = run(spec).pairs
    assert [[float(value.mean()) for value in pair] for pair in pairs] == [[1, 2], [2, 4], [3, 6]]


def test_what_reads_an_empty_list_is_absent(spec: str) -> None:
    assert run(spec).joined is None


def test_a_parameter_sets_a_flag_that_a_call_may_set_otherwise(spec: str) -> None:
    assert run(spec).words is not None
    assert run(spec, wordy=False).words is None
    model = aw.compile(spec, backend="eager")
    assert model(x=torch.ones(2, 4), wordy_call=False).words is None


@pytest.mark.parametrize("own", ["{}", "{wordy_call: false}"])
@pytest.mark.parametrize("wordy", [True, False])
def test_a_parameter_sets_a_flag_of_what_is_mounted_where_the_spec_has_none_of_the_name(
    spec: str, own: str, wordy: bool
) -> None:
    node = "worded: {expr: x + 1, when: $wordy_call, else: x}\n  joined: {block"
    Path(spec).write_text(SPEC.replace("joined: {block", node).replace("{from: x + 1, when: $wordy_call}", "worded"))
    path = Path(spec).with_name("mounting.yaml")
    path.write_text(f"""\
model: mounting
flags: {own}
inputs: {{x: "float[batch, d]"}}
mounts: {{lists: {{spec: lists, params: {{wordy: {str(wordy).lower()}}}}}}}
graph:
  lists: {{mount: lists, in: {{x: x}}}}
outputs: {{words: lists.words}}
""")
    words = aw.compile(path, backend="eager")(x=torch.zeros(2, 4)).words
    assert bool(words.all()) is (wordy and own == "{}")


def test_an_axis_of_unknown_extent_stays_whole(spec: str) -> None:
    Path(spec).write_text(SPEC.replace("unstack(rows)", "unstack(x)"))
    with pytest.raises(aw.SpecError, match="takes the first axis apart"):
        aw.check(spec)


def test_lists_go_backwards(tmp_path: Path) -> None:
    path = tmp_path / "back.yaml"
    path.write_text(SPEC.replace("last: x + 0", 'last: x + 0\n  back: {from: "double[::-1]", when: true}'))
    assert [float(one.mean()) for one in run(str(path)).back] == [6, 4, 2]


def test_what_a_call_leaves_out_is_noted(tmp_path: Path) -> None:
    """A part's parameter that may be null is not the caller's of that name: a note says where it was perhaps meant."""
    path, part = tmp_path / "limited.yaml", '  doubled:\n    params: {limit: int?}\n    inputs: {x: "float[batch, d]"}'
    text = SPEC.replace('  doubled:\n    inputs: {x: "float[batch, d]"}', part).replace("num: 3", "num: 3, limit: 8")
    for call, notes in (("", ["missing-parameter"]), (", pass: [limit]", []), (", limit: null", [])):
        path.write_text(text.replace("each: {x: each_row}}", f"each: {{x: each_row}}{call}}}"))
        assert [note.code for note in aw.check(str(path)).notes] == notes


WRAPPED = """\
model: wrapped
params: {d_model: 8, dropout: 0.1}
inputs: {x: "float[batch, $d_model]"}
parts:
  outer: {inputs: {x: "float[batch, d]"}, graph: {inner: {part: feed_forward, d_ff: 4, activation: relu}}}
graph: {made: {part: outer}}
outputs: {y: made}
"""


def test_what_does_not_reach_through_a_part_is_noted(tmp_path: Path) -> None:
    """An inherited parameter has its default behind a part without one of its name: a note says so."""
    path = tmp_path / "wrapped.yaml"
    for said, lines in (("", [5]), ("params: {dropout: float}, ", [])):
        path.write_text(WRAPPED.replace("outer: {", f"outer: {{{said}"))
        assert [note.label.span.line for note in aw.check(str(path)).notes] == lines


def test_a_default_that_hides_what_nothing_else_reads_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "wrapped.yaml"
    text = WRAPPED.replace("outer: {", "outer: {params: {dropout: 0.0}, ")
    for spec, lines in (
        (text, [6]),
        (text.replace("{part: outer}", "{part: outer, pass: [dropout]}"), []),
        (text.replace("{part: outer}", "{part: outer, dropout: 0.0}"), []),
        (text.replace("{y: made}", "{y: made * $dropout}"), []),
    ):
        path.write_text(spec)
        assert [note.label.span.line for note in aw.check(str(path)).notes] == lines


def test_an_output_of_a_part_may_be_a_list(spec: str) -> None:
    text = SPEC.replace("outputs: {x: twice}", "outputs: {x: twice, both: [x, twice]}")
    text = text.replace("  words:", "  both: {from: stack(once.both), when: true}\n  words:")
    Path(spec).write_text(text.replace("  joined: {block", "  once: {part: doubled, in: x}\n  joined: {block", 1))
    assert run(spec).both.tolist() == [[[1.0] * 4] * 2, [[2.0] * 4] * 2]
    Path(spec).write_text(text.replace("[x, twice]", "[x, twic]"))
    with pytest.raises(aw.SpecError, match="nothing is called `twic` here"):
        run(spec)


MOUNTED = """\
model: mounted
params: {width: 6}
inputs: {x: "float[batch, 3]"}
parts:
  small: {params: {width: 4}, inputs: {x: "float[batch, d]"}, graph: {out: {block: linear, d_out: $width}}}
graph: {made: {part: small}, wide: {block: linear, d_out: $width}}
outputs: {y: wide}
"""


OUTER = """\
model: outer
mounts: {one: {spec: mounted}}
inputs: {x: "float[batch, 3]"}
graph: {called: {mount: one, in: {x: x}}}
outputs: {y: called.y}
"""


def test_what_a_mounted_spec_reads_itself_is_not_noted(tmp_path: Path) -> None:
    """A default that hides a parameter is noted of the spec that has both, by what that spec reads."""
    inner, outer = tmp_path / "mounted.yaml", tmp_path / "outer.yaml"
    outer.write_text(OUTER)
    for text, count in (
        (MOUNTED, 0),
        (MOUNTED.replace("wide: {block: linear, d_out: $width}", "wide: {expr: made}"), 1),
    ):
        inner.write_text(text)
        assert len(aw.check(str(inner)).notes) == count
        assert aw.check(str(outer)).notes == []
