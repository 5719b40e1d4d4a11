"""Any file at all: broken ones give diagnostics and nothing else, valid ones run with the shapes that were inferred."""

from __future__ import annotations

import re
from pathlib import Path

import torch
from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

import archwright as aw

SPECS = Path(aw.__file__).parent / "specs"
TOKEN = re.compile(r"\$?[A-Za-z_][\w.]*|\d+(?:\.\d+)?|\n *|[^\w\s]| +")
NUMBERS = ["0", "-1", "3", "1000000", "2.5", "1e400", "true", "null", "''", "$i"]
SHORT = """\
model: short
params:
  {d_model: 16, num_layers: 2, num_heads: 4, d_ff: 32, activation: gelu, wide: false, kind: layer, limit: {type: int?}}
let:
  head_dim: $d_model // $num_heads
  inner: "table($kind, {layer: 8, rms: 12}) if $wide else $d_model"
sizes: {tiny: {d_model: 8, num_layers: 1}, base: {}}
inputs:
  input_ids: {type: "int[batch, seq]", optional: true}
  attention_mask: {type: "bool[batch, length]", optional: true}
  position_ids: {type: "int[1 | batch, seq]", default: range}
  inputs_embeds: {type: "float[batch, seq, $d_model]", default: tokens}
parts:
  layer:
    params: {num_heads: int, d_ff: int, activation: text, bias: true}
    let: {half: $d // 2}
    inputs: {x: "float[batch, seq, d]", valid: {type: "bool[batch, seq]", optional: true}}
    graph:
      norm1: {block: {choose: $bias, true: layer_norm, false: rms_norm}, in: x}
      attention: {part: self_attention, in: {x: norm1, valid: valid}}
      narrow: {block: linear, in: attention, d_out: $half}
      wide: {block: linear, d_out: $d, when: $bias, else: attention}
      x1: {expr: x + attention * 0.5 + wide}
      ffn: {part: feed_forward, in: x1}
    outputs: {x: ffn, probs: attention.probs}
graph:
  tokens: {block: embedding, in: input_ids, num: 100, dim: $d_model}
  positions: {block: embedding, in: position_ids, num: 64, dim: $d_model}
  summed: {expr: inputs_embeds + positions}
  encoder: {repeat: {i: $num_layers}, part: layer, in: {x: summed, valid: attention_mask}, bias: $i % 2 == 0}
  last: {expr: "encoder.x[*][-1][:, 0]"}
  norm: {block: layer_norm, in: last, eps: 1e-6}
  masked: {expr: "where(attention_mask[:, :, None], encoder, 0.0)", when: has(attention_mask), else: encoder}
outputs:
  last_hidden_state: masked
  norm: norm
  hidden_states: {from: "encoder.x[*]", when: $output_hidden_states}
tasks:
  masked_lm:
    graph: {logits: {block: linear, in: masked, d_out: 100, tie: {weight: tokens.weight}}}
    outputs: {logits: logits}
  sequence_classification: {part: classifier, in: {x: norm}, num_labels: 2, problem_type: single}
checkpoint:
  architectures: {ShortModel: base, ShortForMaskedLM: masked_lm}
  config: {d_model: hidden_size}
  prefix: short
  weights:
    {tokens: embeddings, <positions|norm>: <pos|ln>, encoder.<i>: layer.<i>, masked_lm.logits: head,
     sequence_classification: cls}
"""
TEXTS = {"short": SHORT, **{name: (SPECS / f"{name}.yaml").read_text() for name in aw.list_models()}}


def mutated(text: str, data: st.DataObject) -> str:
    """The text with a token, a line or a number changed, a few times over."""
    for _ in range(data.draw(st.sampled_from([1, 1, 1, 2, 4]))):
        tokens = TOKEN.findall(text) or ["a"]
        at, other = (data.draw(st.integers(0, len(tokens) - 1)) for _ in range(2))
        match data.draw(st.sampled_from(["delete", "double", "copy", "swap", "number", "word", "cut", "drop"])):
            case "delete":
                del tokens[at]
            case "double":
                tokens.insert(at, tokens[at])
            case "copy":
                tokens[at] = tokens[other]
            case "swap":
                tokens[at], tokens[other] = tokens[other], tokens[at]
            case "number":
                numbers = [number for number, token in enumerate(tokens) if token[0].isdigit()] or [at]
                tokens[numbers[other % len(numbers)]] = data.draw(st.sampled_from(NUMBERS))
            case "word":
                words = [number for number, token in enumerate(tokens) if token.lstrip("$").isidentifier()] or [at]
                tokens[words[at % len(words)]] = tokens[words[other % len(words)]]
            case "cut":
                tokens = tokens[: max(at, 1)]
            case "drop":
                lines = "".join(tokens).split("\n")
                del lines[at % len(lines)]
                tokens = ["\n".join(lines)]
        text = "".join(tokens)
    return text


def checked(text: str, folder: Path) -> None:
    """Check a text; a graph or diagnostics, each with a place in a line of the file it names, and nothing else."""
    path = folder / "spec.yaml"
    path.write_text(text, newline="")
    try:
        graph = aw.check(path)
    except aw.SpecError as error:
        assert error.diagnostics
        assert str(error).endswith(error.summary())
        for found in error.diagnostics:
            assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", found.code)
            assert found.message and not found.message.endswith(".")
            assert 1 <= found.label.span.line <= len(found.label.span.source.lines)
    else:
        assert graph.text()


@settings(max_examples=250, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_broken_spec_gives_diagnostics(data: st.DataObject, tmp_path: Path) -> None:
    checked(mutated(SHORT, data), tmp_path)


@settings(max_examples=15, deadline=20_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), name=st.sampled_from(sorted(TEXTS)))
def test_a_broken_copy_of_a_shipped_spec_gives_diagnostics(data: st.DataObject, name: str, tmp_path: Path) -> None:
    checked(mutated(TEXTS[name], data), tmp_path)


@settings(max_examples=100, deadline=5000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet=st.sampled_from("modelgraphin:{}[],$<>|*&!? \n-#'\"0123.x"), max_size=200))
def test_no_text_gives_more_than_diagnostics(text: str, tmp_path: Path) -> None:
    checked(text, tmp_path)
    checked("model: m\ngraph:\n  a: {block: linear, in: " + text, tmp_path)


class Writer:
    """Writes a spec node by node, and remembers the width of every value."""

    def __init__(self, data: st.DataObject) -> None:
        self.data = data
        self.params = {f"p{number}": data.draw(st.integers(1, 7)) for number in range(3)}
        self.widths: dict[str, int] = {"x": self.params["p0"]}
        self.lines: list[str] = []

    def one(self, values: list[str]) -> str:
        return self.data.draw(st.sampled_from(values))

    def width(self) -> tuple[str, int]:
        """An option and its value: a number, a parameter, or arithmetic over two."""
        one, two = (self.one(list(self.params)) for _ in range(2))
        number = self.data.draw(st.integers(1, 6))
        left, right = self.params[one], self.params[two]
        texts = {
            str(number): number,
            f"${one}": left,
            f"${one} + ${two}": left + right,
            f"{number} * ${one}": number * left,
            f"max(${one} // {number}; 1)": max(left // number, 1),
            f"(${one} if ${one} > ${two} else {number})": left if left > right else number,
        }
        text = self.one(list(texts))
        return (f'"{text}"'.replace(";", ",") if ";" in text else text), texts[text]

    def node(self, number: int) -> None:
        name, source = f"n{number}", self.one(list(self.widths))
        width = self.widths[source]
        alike = [other for other, one in self.widths.items() if one == width]
        kinds = ["linear", "layer_norm", "rms_norm", "activation", "sum", "scaled", "mean", "part", "stack", "slice"]
        match self.one(kinds):
            case "linear":
                text, width = self.width()
                line = f"{{block: linear, in: {source}, d_out: {text}, bias: {self.one(['true', 'false'])}}}"
            case "layer_norm" | "rms_norm" as norm:
                line = f"{{block: {norm}, in: {source} + {self.one(alike)}}}"
            case "activation":
                line = f"{{block: activation, in: {source}, kind: {self.one(['gelu', 'relu', 'silu'])}}}"
            case "sum":
                line = f"{{expr: {source} + {self.one(alike)} - {self.one(alike)}}}"
            case "scaled":
                line = f"{{expr: -{source} * {self.one(['0.5', '$p1', '2'])} / 3}}"
            case "mean":
                line = f'{{expr: "mean({source}, 1)[:, None] + {self.one(alike)}"}}'
            case "part":
                line = f"{{part: residual, in: {source}, inner: {self.width()[0]}}}"
            case "stack":
                rounds = self.data.draw(st.integers(1, 3))
                line = f"{{part: residual, in: {source}, repeat: {{i: {rounds}}}, inner: $i + 2}}"
            case _:
                stop = self.data.draw(st.integers(1, width))
                line, width = f'{{expr: "{source}[:, :, :{stop}]"}}', stop
        self.widths[name] = width
        self.lines.append(f"  {name}: {line}")

    def text(self) -> str:
        """The spec, every value of it an output."""
        params = ", ".join(f"{name}: {value}" for name, value in self.params.items())
        outputs = ", ".join(f"{name}: {name}" for name in self.widths if name != "x")
        return "\n".join([
            "model: random", f"params: {{{params}}}", 'inputs: {x: "float[batch, seq, $p0]"}', "parts:", "  residual:",
            "    params: {inner: int}", '    inputs: {x: "float[batch, seq, d]"}', "    graph:",
            "      up: {block: linear, in: x, d_out: $inner}", "      down: {block: linear, d_out: $d}",
            "    outputs: {x: x + down}", "graph:", *self.lines, f"outputs: {{{outputs}}}",
        ])  # fmt: skip


@settings(max_examples=40, deadline=10_000, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_valid_graph_runs_with_the_shapes_that_were_inferred(data: st.DataObject, tmp_path: Path) -> None:
    writer = Writer(data)
    for number in range(data.draw(st.integers(1, 8))):
        writer.node(number)
    path = tmp_path / "spec.yaml"
    path.write_text(writer.text())
    note(writer.text())
    model = aw.compile(path, backend="eager")
    with torch.no_grad():
        found = model(x=torch.randn(2, 3, writer.params["p0"]))
    assert list(found) == [name for name in writer.widths if name != "x"]
    for name, value in found.items():
        inferred = model.graph.outputs[name].type
        assert tuple(dim.expanded().evaluate({"batch": 2, "seq": 3}) for dim in inferred.dims) == tuple(value.shape)
        assert value.shape[-1] == writer.widths[name]


def test_the_text_that_is_broken_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(SHORT)
    assert aw.check(path).notes, "extents that only a call can compare"
