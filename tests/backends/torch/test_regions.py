"""Rounds that are compiled as one region, in training: what may be one, and how many variants it has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch._inductor.utils import fresh_cache

import archwright as aw

SPEC = """\
model: rounds
sizes: {tiny: {}}
inputs: {x: "float[batch, 6, length]"}
parts:
  step:
    inputs: {x: "float[batch, d, length]"}
    params: {p: 0.0, kind: batch_norm}
    graph:
      norm: {block: {choose: $kind, batch_norm: batch_norm, channel_norm: channel_norm}, in: x}
      conv: {block: conv1d, d_out: $d, kernel: 1}
      path: {block: drop_path, p: $p}
    outputs: {x: x + path}
  doubled:
    inputs: {x: "float[batch, d, length]"}
    graph: {view: {block: rearrange, in: "x[:, 1:]", pattern: b d l -> b l d}}
    outputs: {x: view}
graph:
  steps: {repeat: {i: 12}, part: step, in: {x: x}, OPTIONS}
  views: {part: doubled, each: {x: "steps.x[*]"}}
outputs: {y: steps, views: views}
"""

PRE_NORM = """\
model: pre_norm
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]"}
    graph:
      norm: {block: layer_norm, in: x}
      map: {block: linear, d_out: $d}
    outputs: {x: x + map}
graph:
  steps: {repeat: {i: 3}, part: step, in: {x: x}}
  norm: {block: layer_norm, in: steps}
outputs: {y: norm}
"""


NESTED = """\
model: nested
sizes: {tiny: {}}
inputs: {x: "float[batch, 8]"}
parts:
  step:
    inputs: {x: "float[batch, d]"}
    graph: {norm: {block: layer_norm, in: x}}
    outputs: {x: x + norm}
  stage:
    inputs: {x: "float[batch, d]"}
    graph: {steps: {repeat: {i: 2}, part: step, in: {x: x}}}
    outputs: {x: 2 * steps}
graph:
  stages: {repeat: {i: 2}, part: stage, in: {x: x}}
outputs: {y: stages}
"""

CUT = """\
model: cut
sizes: {tiny: {}}
inputs: {x: "float[batch, length, 4]"}
graph:
  map: {block: linear, d_out: 4}
  whole: {block: pad_to_multiple, multiple: 3, axes: [1]}
  turned: {block: rearrange, pattern: b (t c) d -> b (c t) d, c: 3}
  cut: {expr: "turned[:, :$length]"}
outputs: {y: exp(cut) * cut}
"""


@pytest.mark.parametrize(
    ("options", "is_region"), [("kind: channel_norm, p: 0.02 * $i", True), ("kind: batch_norm", False)]
)
def test_rounds_train_when_compiled(
    options: str, is_region: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = torch.compile

    def captured(function: Any, **more: Any) -> Any:
        return compiled(function, **{**more, "backend": "aot_eager"})

    monkeypatch.setattr(torch, "compile", captured)
    torch.compiler.reset()
    path = tmp_path / "rounds.yaml"
    path.write_text(SPEC.replace("OPTIONS", options))
    model = aw.compile(str(path), backend="inductor").train()
    found = model(x=torch.randn(3, 6, 5))
    assert len(found["views"]) == 13
    found["y"].sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())
    assert ("@nested_compile_region" in model.source) == is_region


@pytest.mark.parametrize("inference", [False, True])
def test_rounds_whose_weights_are_one_tensor_of_the_file(
    inference: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **more: compiled(function, **{**more, "backend": "eager"}))
    torch.compiler.reset()
    aw.compile("gpt2", size="tiny", backend="eager").save_pretrained(str(tmp_path))
    ids = torch.arange(5)[None]
    with torch.no_grad():
        found = aw.from_pretrained(tmp_path, inference=inference)(input_ids=ids)
        expected = aw.from_pretrained(tmp_path, backend="eager")(input_ids=ids)
    torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state)


def test_rounds_take_other_lengths_than_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **more: compiled(function, **{**more, "backend": "eager"}))
    torch.compiler.reset()
    model = aw.compile("gpt2", size="tiny", backend="inductor")
    assert "@nested_compile_region" in model.source
    eager = aw.compile("gpt2", size="tiny", backend="eager")
    eager.load_state_dict(model.state_dict())
    for length in (5, 7, 9):
        ids = torch.arange(length)[None]
        with torch.no_grad():
            found, expected = model(input_ids=ids), eager(input_ids=ids)
        torch.testing.assert_close(found.last_hidden_state, expected.last_hidden_state)


@pytest.mark.filterwarnings("ignore:The .grad attribute of a Tensor")  # dynamo looks at all that it traces
@pytest.mark.parametrize("by_hand", [False, True])
def test_inductor_writes_nothing_over_what_a_region_keeps_for_its_gradients(tmp_path: Path, by_hand: bool) -> None:
    model, eager = _both(PRE_NORM, tmp_path)
    assert "@nested_compile_region" in model.source
    # A shape that is fixed, and one with free extents, whose backward pass is compiled later.
    for length in (3,) if by_hand else (3, 4):
        x, weights = torch.randn(2, 2, length, 8)
        if by_hand:
            model(x=x)
        _assert_same_gradients(torch.compile(model) if by_hand else model, eager, {"x": x}, weights)


def test_a_model_that_is_compiled_by_hand_has_no_regions(tmp_path: Path) -> None:
    path = tmp_path / "pre_norm.yaml"
    path.write_text(PRE_NORM)
    assert "nested_compile_region" not in aw.compile(str(path), backend="eager").source


def test_regions_among_convolutions_have_gradients() -> None:
    torch.compiler.reset()
    how: Any = {"task": "image_classification", "size": "tiny", "num_stages": 2, "depths": [2, 1], "sr_ratios": [1, 1]}
    how |= {"hidden_sizes": [8, 12], "patch_sizes": [3, 3], "strides": [4, 2], "mlp_ratios": [2, 2]}
    model, eager = (aw.compile("segformer", backend=backend, **how) for backend in ("inductor", "eager"))
    eager.load_state_dict(model.state_dict())
    inputs = {"pixel_values": torch.randn(2, 3, 32, 32), "labels": torch.tensor([0, 1])}
    _assert_same_gradients(model, eager, inputs)


def test_of_rounds_within_rounds_the_innermost_are_regions(tmp_path: Path) -> None:
    path = tmp_path / "nested.yaml"
    path.write_text(NESTED)
    _, step, *others = aw.compile(str(path), backend="inductor").source.split("\nclass ")
    assert step.startswith("Step") and "@nested_compile_region" in step
    assert others and not any("@nested_compile_region" in one for one in others)


def test_gradients_of_a_view_are_compiled_once_for_all_lengths(tmp_path: Path) -> None:
    torch.compiler.reset()
    path = tmp_path / "cut.yaml"
    path.write_text(CUT)
    model = aw.compile(str(path), backend="inductor", dynamic=True)
    eager = aw.compile(str(path), backend="eager")
    eager.load_state_dict(model.state_dict())
    graphs = torch._dynamo.utils.counters["stats"]
    before = graphs["unique_graphs"]
    for length in (7, 8):
        _assert_same_gradients(model, eager, {"x": torch.randn(2, length, 4)})
    assert graphs["unique_graphs"] == before + 1


def _assert_same_gradients(model: Any, eager: Any, inputs: dict[str, Any], weights: Any = 1) -> None:
    for one in (model, eager):
        one.zero_grad()
        (next(iter(one(**inputs).values())) * weights).sum().backward()
    for found, expected in zip(model.parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(found.grad, expected.grad)


def _both(text: str, tmp_path: Path) -> list[Any]:
    """A spec compiled, with nothing compiled before, and as it is written; both have the same weights."""
    torch.compiler.reset()
    path = tmp_path / "own.yaml"
    path.write_text(text)
    model, eager = (aw.compile(str(path), backend=backend).eval() for backend in ("inductor", "eager"))
    eager.load_state_dict(model.state_dict())
    return [model, eager]


GIVEN_TWICE = """\
model: given_twice
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]", z: "float[batch, seq, 8]?"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]", y: "float[batch, seq, d]"}
    graph: {map: {block: linear, in: x, d_out: $d}}
    outputs: {x: x + map + 3 * y}
graph:
  steps: {repeat: {i: 3}, part: step, in: READS}
outputs: {y: steps}
"""


@pytest.mark.parametrize("reads", ["{x: x, y: x}", "{x: x, y: z}"])
def test_a_round_that_is_given_one_tensor_twice_is_no_pattern_for_the_next(reads: str, tmp_path: Path) -> None:
    model, eager = _both(GIVEN_TWICE.replace("READS", reads), tmp_path)
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        torch.testing.assert_close(model(x=x, z=x)["y"], eager(x=x, z=x)["y"])
    assert "@nested_compile_region" in model.source


ENTANGLED = """\
model: entangled
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]", y: "float[batch, source, d]"}
    graph:
      map: {block: linear, in: x, d_out: $d}
      next: {expr: "x + map + mean(y, 1)[:, None]"}
      turned: {block: rearrange, in: next, pattern: b s d -> b d s}
      dropped: {block: dropout, in: y, p: 0.1}
      own: {block: parameter, shape: [3]}
    outputs: {x: next, GIVES}
graph:
  map: {block: linear, in: x, d_out: 8}
  steps: {repeat: {i: 3}, part: step, in: {x: map, y: READS}}
outputs: {y: OUT}
"""


_GIVEN = ["y: y", "z: x", "z: next", "z: 'y[:, 0]'", "z: 'next[:, 0]'", "z: turned", "y: dropped", "z: own", "z: x + 1"]


@pytest.mark.parametrize(
    ("gives", "reads"), [*((one, "map * 2") for one in _GIVEN), ("z: x + 1", "'map[:, :2]'"), ("z: x + 1", "map")]
)
def test_a_round_that_gives_what_it_reads_is_no_region(gives: str, reads: str, tmp_path: Path) -> None:
    out = "steps.z" if gives.startswith("z") else "steps"
    text = ENTANGLED.replace("GIVES", gives).replace("READS", reads).replace("OUT", f"[steps.x, {out}]")
    model, eager = _both(text, tmp_path)
    x = torch.randn(2, 3, 8)
    with torch.no_grad():
        torch.testing.assert_close(model(x=x)["y"], eager(x=x)["y"])
    assert ("@nested_compile_region" in model.source) == (gives == "z: x + 1" and reads != "'map[:, :2]'")


PARTS = """\
model: parts
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]", z: "float[batch, seq, 3]?"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]", y: "float[batch, seq, one]"}
    graph: {map: {block: linear, in: x, d_out: $d}}
    outputs: {x: x + map * y}
  stack:
    inputs: {a: "float[batch, seq, d]", b: "float[batch, seq, one]"}
    graph: {steps: {repeat: {i: 3}, part: step, in: {x: a, y: b}}}
graph:
  up: {block: linear, in: x, d_out: 11}
  turned: {block: rearrange, in: "READS", pattern: b s k -> k b s 1}
  steps: NODE
outputs: {y: steps}
"""


@pytest.mark.parametrize(
    ("reads", "node"),
    [
        ("up[..., 8:]", "{repeat: {i: 3}, part: step, in: {x: 'up[..., :8]'}, each: {y: unstack(turned)}}"),
        ("up[..., 8:]", "{part: stack, in: {a: 'up[..., :8]', b: 'turned[0]'}}"),
        ("z", "{repeat: {i: 3}, part: step, in: {x: x}, each: {y: unstack(turned)}}"),
    ],
)
def test_a_round_is_given_parts_of_one_tensor(reads: str, node: str, tmp_path: Path) -> None:
    model, eager = _both(PARTS.replace("READS", reads).replace("NODE", node), tmp_path)
    both = torch.randn(2, 3, 11)
    inputs = {"x": both[..., :8], "z": both[..., 8:]}  # as a call may give them too
    with torch.no_grad():
        torch.testing.assert_close(model(**inputs)["y"], eager(**inputs)["y"])
    _assert_same_gradients(model, eager, inputs)
    assert ("@nested_compile_region" in model.source) == (reads == "z")


OFFSET = """\
model: offset
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]"}
    graph: {wide: {block: linear, in: x, d_out: 24}}
    outputs: {x: "wide[:, :, 8:16]"}
  joined:
    inputs: {x: "float[batch, seq, d]", skip: "float[batch, seq, d]"}
    graph:
      both: {block: concat, in: {parts: [x, skip]}, axis: 2}
      map: {block: linear, d_out: 8}
    outputs: {x: map}
graph:
  first: {block: linear, in: x, d_out: 8}
  steps: {repeat: {i: 3}, part: step, in: {x: first}}
  read: {expr: steps * 2 + first}
  joins: {repeat: {i: 3}, part: joined, in: {x: read, skip: first}}
outputs: {y: joins}
"""


@pytest.mark.filterwarnings("ignore:invoke_subgraph traced multiple backward graphs")  # as gradients lie otherwise
def test_a_part_of_a_tensor_that_a_region_gives_is_read_where_it_lies(tmp_path: Path) -> None:
    model, eager = _both(OFFSET, tmp_path)
    x = torch.randn(2, 3, 8)
    with fresh_cache():  # which has nothing that was compiled otherwise
        with torch.no_grad():
            torch.testing.assert_close(model(x=x)["y"], eager(x=x)["y"])
        _assert_same_gradients(model, eager, {"x": x})
    assert "@nested_compile_region" in model.source


FOLDED = """\
model: folded
params: {num_labels: 3}
sizes: {tiny: {}}
inputs: {pixel_values: "float[batch, 2, seq, 8]"}
parts:
  step:
    inputs: {x: "float[rows, seq, d]"}
    graph: {map: {block: linear, in: x, d_out: $d}}
    outputs: {x: x + map}
graph:
  flat: {block: rearrange, in: pixel_values, pattern: b p s d -> (b p) s d}
  steps: {repeat: {i: 3}, part: step, in: {x: flat}}
  back: {block: rearrange, pattern: (b p) s d -> b p s d, p: 2}
outputs: {last_hidden_state: back}
tasks:
  sequence_classification: {part: classifier, in: "mean(back, 1, 2)"}
"""


def test_a_region_whose_rows_are_twice_the_batch_is_called_beside_labels(tmp_path: Path) -> None:
    torch.compiler.reset()
    path = tmp_path / "folded.yaml"
    path.write_text(FOLDED)
    how: Any = {"task": "sequence_classification", "size": "tiny"}
    model, eager = (aw.compile(str(path), backend=backend, **how) for backend in ("inductor", "eager"))
    eager.load_state_dict(model.state_dict())
    for rows in (2, 3, 4):  # the second call has free extents
        inputs = {"pixel_values": torch.randn(rows, 2, 3 + rows, 8), "labels": torch.arange(rows) % 3}
        with torch.no_grad(), fresh_cache():
            torch.testing.assert_close(model(**inputs).loss, eager(**inputs).loss)


COUNTED = """\
model: counted
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]", marked: "bool[batch, seq]"}
parts:
  step:
    inputs: {x: "float[batch, seq, d]", marked: "bool[batch, seq]"}
    graph:
      map: {block: linear, in: x, d_out: $d}
      few: {block: compact, in: {x: map, marked: marked}, axis: 1}
    outputs: {x: x + map, few: few}
graph:
  steps: {repeat: {i: 3}, part: step, in: {x: x, marked: marked}}
outputs: {y: steps, attentions: steps.few}
"""


def test_what_rounds_give_may_be_as_long_as_numbers_say(tmp_path: Path) -> None:
    compiled, eager = _both(COUNTED, tmp_path)
    for length in (7, 9):
        inputs = {"x": torch.randn(3, length, 8), "marked": torch.rand(3, length) > 0.5}
        _assert_same_gradients(compiled, eager, {**inputs, "output_attentions": True})


MASKED = """\
model: masked
params: {num_heads: 2, d_ff: 12, activation: gelu}
inputs: {x: "float[batch, seq, 8]", mask: "bool[batch, seq]?"}
graph: {layers: {repeat: {i: 3}, part: post_norm_layer, in: {x: x, valid: mask}}}
outputs: {y: layers}
"""


def test_what_another_program_notes_of_extents_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "masked.yaml"
    path.write_text(MASKED)
    first, second, plain = (aw.compile(path, backend=one).eval() for one in ("inductor", "inductor", "eager"))
    plain.load_state_dict(second.state_dict())
    with fresh_cache(), torch.no_grad():
        for batch, length in ((2, 4), (3, 6)):  # the second is compiled for all, and what it gives says so
            x = first(x=torch.randn(batch, length, 8), mask=torch.ones(batch, length, dtype=torch.bool)).y
        mask = torch.arange(6) < torch.tensor([[6], [4], [3]])
        torch.testing.assert_close(second(x=x, mask=mask).y, plain(x=x, mask=mask).y)


WEIGHTLESS = """\
model: weightless
sizes: {tiny: {}}
inputs: {x: "float[batch, 4]"}
parts:
  doubled: {inputs: {x: "float[batch, d]"}, graph: {twice: {expr: x * 2}}}
  step:
    inputs: {x: "float[batch, d]", y: {type: "float[batch, d]", default: ones}}
    graph:
      act: {block: activation, in: y, kind: relu}
      twice: {part: doubled, in: act}
    outputs: {x: twice}
graph:
  steps: {repeat: {i: 3}, part: step, in: {x: x}}
outputs: {y: steps}
"""


@pytest.mark.parametrize("inference", [False, True])
def test_what_only_calls_or_holds_and_has_no_weights_is_no_region(tmp_path: Path, inference: bool) -> None:
    path = tmp_path / "weightless.yaml"
    path.write_text(WEIGHTLESS)
    with fresh_cache():
        model = aw.compile(path, inference=inference)
        assert "nested_compile_region" not in model.source
        torch.testing.assert_close(model(x=torch.randn(3, 4)).y, torch.full((3, 4), 2.0))
