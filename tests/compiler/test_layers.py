"""What specs have in common: frames, changes of one entry, rows that build on others, and what is written short."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.compiler.reading import document
from archwright.compiler.reading.document import library
from archwright.compiler.reading.layers import interleaved
from archwright.compiler.reading.schema import Input
from archwright.compiler.weights.weight_rules import rules_of

FRAME = """\
frame: text
params: {vocab_size: 50, d_model: 8, num_labels: 3, norm_eps: 1e-6, dropout: 0.1}
inputs:
  input_ids: "int[batch, seq]"
  position_ids: {type: "int[1 | batch, seq]", default: range}
  index: {type: "int[seq]", optional: true}
outputs: {last_hidden_state: norm, hidden_states: [tokens, norm], cross_attentions: tokens}
tasks:
  token_classification: {part: token_classifier, in: last_hidden_state, pass: [dropout]}
  multiple_choice: {fold: choices, part: choice_classifier, in: "last_hidden_state[:, 0]"}
checkpoint:
  config: {d_model: hidden_size, num_layers: num_hidden_layers}
  weights: {token_classification.logits: classifier, multiple_choice.score: classifier}
"""
ONE = """\
model: one
extends: text
sizes:
  tiny: {d_model: 4}
  base: {published: 0.6k}
  large: {size: base, d_model: 16, published: 1k}
  largest: {size: large, vocab_size: 60}
graph:
  tokens: {block: embedding, in: input_ids, num: $vocab_size, dim: $d_model}
  norm: {block: layer_norm, eps: $norm_eps}
checkpoint: {class: One, architectures: {OneReader: token_classification}, weights: {tokens: emb, norm: ln}}
"""
TWO = """\
model: two
extends: one
inputs: {extra: {type: "int[seq]", optional: true}, index: {default: range}}
graph: {norm: {affine: false}}
tasks:
  multiple_choice: {extends: multiple_choice, dropout: 0.5}
  tagging:
    inputs: {position_ids: {default: zeros}}
    graph: {norm: {eps: 0.5}, head: {block: linear, in: last_hidden_state, d_out: 3}}
    outputs: {logits: head, hidden_states: {from: [norm], when: true}}
checkpoint: {class: Two, architectures: {TwoForTagging: null}, weights: {tagging.head: head}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with a frame and two specs that stand on it."""
    monkeypatch.chdir(tmp_path)
    Path("frames").mkdir()
    for path, text in {"frames/text.yaml": FRAME, "one.yaml": ONE, "two.yaml": TWO}.items():
        Path(path).write_text(text)
    return tmp_path


def spec(name: str) -> Any:
    """A spec, what it extends merged in."""
    return library().spec(f"{name}.yaml").model


def findings(text: str) -> list[tuple[str, str]]:
    """The code and the place of each finding."""
    Path("spec.yaml").write_text(text)
    with pytest.raises(aw.SpecError) as caught:
        aw.check("spec.yaml")
    return [(found.code, str(found.label.span)) for found in caught.value.diagnostics]


def test_a_spec_stands_on_a_frame() -> None:
    assert list(aw.check("one.yaml", task="token_classification").outputs) == [
        "loss",
        "logits",
        "hidden_states",
        "cross_attentions",
    ]
    aw.check("one.yaml")
    aw.check("two.yaml")
    assert list(spec("one").inputs) == ["input_ids", "position_ids", "index"]


def test_a_new_input_stands_before_the_one_that_follows_it() -> None:
    assert list(spec("two").inputs) == ["input_ids", "position_ids", "extra", "index"]


def test_what_a_spec_writes_stays_in_its_order() -> None:
    assert interleaved(["a", "b", "c"], ["x", "c", "y", "a", "z"]) == ["x", "c", "b", "y", "a", "z"]


def test_a_node_of_a_task_is_removed() -> None:
    Path("three.yaml").write_text(
        "model: three\nextends: two\ntasks: {tagging: {extends: tagging, graph: {norm: null}}}\n"
    )
    assert spec("three").tasks["tagging"].graph.keys() == {"head"}
    assert spec("three").tasks["tagging"].inputs.keys() == {"position_ids"}


def test_what_a_task_changes_of_the_base_adds_no_inputs() -> None:
    Path("spec.yaml").write_text(
        'model: five\nparams: {vocab_size: 5, d_model: 8, num_labels: 3}\ninputs: {x: "float[batch, seq, $d_model]"}\n'
        "graph: {head: {part: lm_head}}\noutputs: {logits: head.logits}\n"
        "tasks: {wide: {graph: {head: {bias: true}}, outputs: {logits: head.logits}}, tagging: {part: token_classifier, in: x}}\n"
    )
    assert "labels" not in aw.check("spec.yaml", task="wide").root.inputs
    assert "labels" in aw.check("spec.yaml", task="tagging").root.inputs


def test_a_frame_is_no_model() -> None:
    with pytest.raises(aw.SpecError, match="a frame is no model of its own"):
        aw.check("frames/text.yaml")
    with pytest.raises(FileNotFoundError):
        aw.check("text_encoder")


def test_a_node_is_changed_key_by_key() -> None:
    two = spec("two").graph["norm"]
    assert (two.block, two.options, two.previous) == ("layer_norm", {"eps": "$norm_eps", "affine": False}, "tokens")
    tagging = spec("two").tasks["tagging"].graph["norm"]
    assert tagging.options == {"eps": 0.5, "affine": False}


@pytest.mark.parametrize(
    ("said", "lacks"),
    [
        ("", ["eps", "causal"]),
        (", causal: false, eps: 1e-3", []),
        (", eps: $near, causal: true", []),
        (", bias: 2", ["eps", "causal"]),  # which it replaces with the same as the default of the part
    ],
)
def test_what_a_node_could_say_again_is_noted(folder: Path, said: str, lacks: list[str]) -> None:
    (folder / "layer.yaml").write_text(
        "params: {eps: 1e-5, causal: false, bias: 2, width: 3}\ninputs: {x: 'float[batch, d]'}\n"
        "graph: {y: {expr: x * $eps if $causal else x + $bias + $width}}\n"
    )
    (folder / "below.yaml").write_text(
        "model: below\nparams: {near: 1e-6, width: 4}\ninputs: {x: 'float[batch, 4]'}\n"
        "graph: {y: {part: layer, in: x, eps: $near, causal: true, bias: 2, width: $width}}\noutputs: {y: y}\n"
    )
    own = f"model: own\nextends: below\ngraph: {{y: {{part: layer, in: x, width: 5{said}}}}}\n"
    (folder / "own.yaml").write_text(own)
    found = [note.message for note in aw.check(folder / "own.yaml").notes]
    assert found == [f"`y` does not say `{one}`, as the node does that it replaces" for one in lacks]


def test_an_input_is_changed_key_by_key() -> None:
    assert spec("two").inputs["index"] == Input(type="int[seq]", optional=True, default="range")
    assert spec("two").tasks["tagging"].inputs["position_ids"] == Input(type="int[1 | batch, seq]", default="zeros")


def test_a_rule_of_a_frame_may_be_of_what_a_spec_has_not() -> None:
    Path("three.yaml").write_text(
        ONE.replace("OneReader: token_classification", "") + "tasks: {token_classification: null}\n"
    )
    assert not any("token" in rule.path and "." in rule.path for rule in rules_of(aw.check("three.yaml")))
    aw.check("three.yaml", task="multiple_choice")


def test_an_extent_of_an_example_may_be_of_an_axis_that_a_spec_has_not() -> None:
    start = "model: base\nparams: {side: 6}\nexample: {height: $side, width: 2 * $side}\n"
    Path("base.yaml").write_text(start + 'inputs: {x: "float[batch, height, width]"}\noutputs: {y: x}\n')
    own = 'model: own\nextends: base\nparams: {side: null}\ninputs: {x: "float[batch, seq, width]"}\n'
    Path("own.yaml").write_text(own + "example: {width: 4}\n")
    assert aw.check("own.yaml").spec.example == {"width": 4}
    Path("own.yaml").write_text(own.replace("params: {side: null}\n", "").replace("width]", "4]"))
    assert aw.check("own.yaml").spec.example == {}
    assert aw.check("base.yaml").spec.example == {"height": "$side", "width": "2 * $side"}
    Path("own.yaml").write_text(own + "example: {width: 4, height: 3}\n")
    with pytest.raises(aw.SpecError, match="no input has an axis `height`"):
        aw.check("own.yaml")


def test_a_rule_for_several_tasks_is_for_those_that_a_spec_has() -> None:
    several = "<token_classification|tagging>.logits: classifier"
    Path("frames/text.yaml").write_text(FRAME.replace("token_classification.logits: classifier", several))
    aw.check("one.yaml", task="token_classification")
    assert "tagging.logits" in {rule.path for rule in rules_of(aw.check("two.yaml"))}
    Path("three.yaml").write_text(
        ONE.replace("OneReader: token_classification", "") + "tasks: {token_classification: null}\n"
    )
    assert not any(".logits" in rule.path for rule in rules_of(aw.check("three.yaml")))


def test_a_task_is_changed_key_by_key() -> None:
    task = spec("two").tasks["multiple_choice"]
    assert (task.part, task.fold, task.options, task.extends) == (
        "choice_classifier",
        "choices",
        {"dropout": 0.5},
        None,
    )


def test_a_fold_takes_what_has_a_batch() -> None:
    assert aw.check("one.yaml", task="multiple_choice").folds == {"input_ids": "choices", "position_ids": "choices"}


def test_rows_build_on_rows() -> None:
    assert spec("one").sizes["largest"] == {"d_model": 16, "vocab_size": 60}
    assert spec("one").published.sizes == {"base": "0.6k", "large": "1k"}
    assert spec("two").sizes == spec("one").sizes
    assert not spec("two").published.sizes
    Path("three.yaml").write_text("model: three\nextends: one\nsizes: {large: {size: large, vocab_size: 70}}\n")
    assert spec("three").sizes["large"] == {"d_model": 16, "vocab_size": 70}
    assert spec("three").sizes["largest"] == {"d_model": 16, "vocab_size": 60}
    graph = aw.check("one.yaml", size="largest")
    assert str(graph.root.params["d_model"].span) == "one.yaml:6:32"


def test_classes_are_named() -> None:
    assert spec("one").architectures == {
        "OneModel": "base", "OneForMultipleChoice": "multiple_choice", "OneReader": "token_classification",
    }  # fmt: skip
    assert spec("two").architectures == {
        "TwoModel": "base", "TwoForTokenClassification": "token_classification", "TwoForMultipleChoice": "multiple_choice",
    }  # fmt: skip
    assert (spec("one").checkpoint.model_type, spec("two").checkpoint.model_type) == ("one", "two")
    assert spec("two").checkpoint.config["d_model"] == "hidden_size"


@pytest.mark.parametrize(
    ("task", "name"),
    [("causal_lm", "ForCausalLM"), ("ctc", "ForCTC"), ("xvector", "ForXVector"), ("pre_training", "ForPreTraining"), ("base", "Model"),
     ("backbone", "Backbone")],
)  # fmt: skip
def test_words_are_spelt_as_hugging_face_does(task: str, name: str) -> None:
    from archwright.compiler.reading.class_names import class_ending

    assert class_ending(task) == name


def test_captures_are_asked_for_by_their_flags() -> None:
    outputs = spec("two").outputs
    assert outputs["hidden_states"] == {"from": ["tokens", "norm"], "when": "$output_hidden_states"}
    assert outputs["cross_attentions"] == {"from": "tokens", "when": "$output_attentions"}
    assert spec("two").tasks["tagging"].outputs["hidden_states"]["when"] is True


PARTS = """\
model: parted
params: {d_model: 8, rate: 0.5, GIVEN}
inputs: {x: "float[batch, $d_model]"}
parts:
  layer:
    params: {double: 2 * $dropout, rate: 0.0}
    inherited: {dropout: 0.1}
    inputs: {x: "float[*, d]"}
    graph: {a: {block: dropout, in: x, p: $dropout}, b: {block: dropout, p: $double}, c: {block: dropout, p: $rate}}
    outputs: {x: c}
graph: {y: {part: layer, in: x, CALL}}
outputs: {y: y}
"""


@pytest.mark.parametrize(
    ("given", "call", "expected"),
    [
        ("other: 1", "", [0.1, 0.2, 0.0]),
        ("dropout: 0.3", "", [0.3, 0.6, 0.0]),
        ("dropout: 0.3", "dropout: 0.0", [0.0, 0.0, 0.0]),
        ("dropout: 0.3", "pass: [rate]", [0.3, 0.6, 0.5]),
    ],
)
def test_parameters_of_a_call(given: str, call: str, expected: list[float]) -> None:
    Path("parted.yaml").write_text(PARTS.replace("GIVEN", given).replace("CALL", call))
    params = aw.check("parted.yaml").root.nodes["y"].rounds[0].params
    assert [params[name].value for name in ("dropout", "double", "rate")] == expected


def test_several_are_extended_from_left_to_right() -> None:
    Path("frames/more.yaml").write_text(
        "frame: more\nextends: text\nparams: {norm_eps: 0.5}\nsizes: {tiny: {d_model: 6}}\n"
    )
    Path("spec.yaml").write_text(ONE.replace("extends: text", "extends: [text, more]"))
    assert spec("spec").params["norm_eps"].default == 0.5
    assert spec("spec").sizes["tiny"] == {"d_model": 4}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extends: one\nsizes: {a: {size: bas}}", [("unknown-size", "spec.yaml:3:19")]),
        ("extends: one\nsizes: {a: {size: b}, b: {size: a}}", [("cycle", "spec.yaml:3:33")]),
        ("extends: one\nsizes: {a: {published: many}}", [("wrong-type", "spec.yaml:3:24")]),
        ("extends: txt", [("unknown-spec", "spec.yaml:2:10")]),
        ("extends: [one, spec]", [("deep-extends", "spec.yaml:2:16")]),
        ("extends: one\ngraph: {nrom: {eps: 1.0}}", [("bad-node", "spec.yaml:3:9")]),
        ("extends: one\ngraph: {norm: {eps: much}}", [("bad-option", "spec.yaml:3:21")]),
        ("extends: one\ngraph: {tokens: {num: $vocab}}", [("unknown-parameter", "spec.yaml:3:23")]),
        ("extends: one\ngraph: {norm: null}", [("unknown-name", "frames/text.yaml:7:30")]),
        ("extends: one\ntasks: {token_classification: {extends: token_classification, pass: [dropout, dropout]}}",
         [("duplicate-key", "spec.yaml:3:79")]),
        ("extends: one\ntasks: {token_classification: {extends: token_classification, pass: [droput]}}",
         [("unknown-option", "spec.yaml:3:70")]),
        ("extends: one\ncheckpoint: {architectures: {SpecReader: reading}}", [("unknown-task", "spec.yaml:3:42")]),
        ("extends: one\nparts: {p: {params: {a: 1}, inherited: {a: 2}}}", [("duplicate-key", "spec.yaml:3:22")]),
        ("extends: one\npass: [a]", [("unknown-key", "spec.yaml:3:1")]),
    ],
)  # fmt: skip
def test_a_mistake_is_found_where_it_is_made(text: str, expected: list[tuple[str, str]]) -> None:
    assert findings(f"model: spec\n{text}\n") == expected


def test_no_chain_is_endless() -> None:
    for number in range(9):
        Path(f"m{number}.yaml").write_text(f"model: m{number}\nextends: {f'm{number + 1}' if number < 8 else 'one'}\n")
    assert findings("model: spec\nextends: m0\n") == [("deep-extends", "m7.yaml:2:10")]
    aw.check("m2.yaml")


def test_no_row_is_endless() -> None:
    ((code, _),) = findings(f"model: spec\nextends: [{', '.join(['one'] * 70)}]\n")
    assert code == "deep-extends"


def test_what_a_spec_extends_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    Path("two.yaml").write_text("frame: two\n")
    text = "model: spec\nextends: [one, two]\n"  # `one` extends a frame
    monkeypatch.setattr(document, "MAX_READ", 2)
    assert findings(text) == [("deep-extends", "spec.yaml:2:16")]
    monkeypatch.setattr(document, "MAX_READ", 3)
    assert spec("spec").params["d_model"].default == 8


@pytest.mark.parametrize("name", aw.list_models())
def test_what_ships_may_be_extended_by_what_is_extended(name: str) -> None:
    Path("mine.yaml").write_text(f"model: mine\nextends: {name}\n")
    Path("spec.yaml").write_text("model: spec\nextends: mine\n")
    aw.check("spec.yaml")


def test_a_part_without_outputs_gives_its_last_node() -> None:
    Path("halved.yaml").write_text('inputs: {x: "float[*, d]"}\ngraph: {up: {expr: x * 2}, out: {expr: up / 4}}\n')
    graph = "graph: {a: {part: halved}, b: {part: own}}"
    own = "parts: {own: {inputs: {x: any}, graph: {other: {expr: x + 1}, last: {expr: x - 1}}}}"
    Path("spec.yaml").write_text(f"model: m\ninputs: {{x: 'float[2]'}}\n{graph}\noutputs: {{y: b.x}}\n{own}\n")
    model = aw.compile("spec.yaml")  # one without weights, too
    assert model(x=torch.tensor([2.0, 4.0])).y.tolist() == [0.0, 1.0]


def test_a_type_that_ends_in_a_question_mark_may_be_left_out() -> None:
    assert Input.model_validate("int[seq]?") == Input(type="int[seq]", optional=True)
    base = "model: base\ninputs: {x: 'int[2]', y: 'int[2]?'}\ngraph: {sum: {expr: x + y, else: x}}\noutputs: {z: sum}\n"
    Path("base.yaml").write_text(base)
    Path("other.yaml").write_text("model: other\nextends: base\ninputs: {y: {default: ones}}\n")
    assert aw.compile("base.yaml", backend="eager")(x=torch.tensor([1, 2])).z.tolist() == [1, 2]
    assert aw.compile("other.yaml", backend="eager")(x=torch.tensor([1, 2])).z.tolist() == [2, 3]


def test_a_row_names_a_parameter_that_is_removed() -> None:
    text = "model: three\nextends: one\nparams: {d_model: null}\ninputs: {input_ids: 'int[batch, seq]'}\n"
    text += "graph: {tokens: {dim: 6}}\nsizes: {wide: {size: large, vocab_size: 9}}\n"
    Path("three.yaml").write_text(text)
    assert aw.check("three.yaml", size="wide").params["vocab_size"] == 9
    Path("three.yaml").write_text(text.replace("size: large", "size: large, d_modle: 4"))
    with pytest.raises(aw.SpecError, match="there is no parameter `d_modle`"):
        aw.check("three.yaml", size="wide")


def test_several_are_removed_at_once() -> None:
    Path("three.yaml").write_text("model: three\nextends: one\nsizes: {<tiny|largest>: null}\n")
    assert list(spec("three").sizes) == ["base", "large"]


def test_new_outputs_stand_before_the_one_that_follows_them() -> None:
    Path("three.yaml").write_text(
        "model: three\nextends: one\noutputs: {mean: norm, hidden_states: [norm], last: norm}\n"
    )
    names = ["last_hidden_state", "mean", "hidden_states", "cross_attentions", "last"]
    assert list(spec("three").outputs) == names


def test_a_task_gives_what_its_last_node_gives() -> None:
    graph = "dropped: {block: dropout, in: last_hidden_state, p: 0.5}, head: {part: token_classifier, in: dropped}"
    Path("three.yaml").write_text(
        f"model: three\nextends: one\ntasks: {{tagging: {{graph: {{{graph}}}}}}}\ncheckpoint: {{weights: {{tagging: ''}}}}\n"
    )
    outputs = aw.check("three.yaml", task="tagging").outputs
    assert list(outputs) == ["loss", "logits", "hidden_states", "cross_attentions"]
