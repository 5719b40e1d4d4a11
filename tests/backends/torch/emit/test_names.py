"""Names of a spec that emitted source uses for something else: the numbers are those of the same graph by other names."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.export import export
from torch import nn

import archwright as aw

_SPEC = """
model: {model}
params: {{{param}: 8}}
inputs:
  {input}: "float[{rows}, {tokens}, ${param}]"
  mask: "bool[{rows}, {tokens}]?"
  places: {{type: "int[1 | {rows}, {tokens}]", default: range}}
parts:
  {part}:
    params: {{{width}: {{type: int}}}}
    inputs: {{{port}: "float[batch, seq, d]"}}
    graph:
      {inner}: {{block: linear, in: {port}, d_out: ${width}}}
      act: {{block: activation, in: {inner}, kind: tanh}}
      norm: {{block: layer_norm, in: act}}
      both: {{block: concat, in: {{parts: [norm, {port}]}}, axis: -1}}
      back: {{block: linear, in: both, d_out: $d}}
      {edge}: {{expr: "back + {port} + {inner}[:, :, :1] * mean({port}, -1)[..., null]"}}
    outputs: {{{port}: {edge}, {output}: act}}
graph:
  table: {{block: embedding, in: places, num: 16, dim: ${param}}}
  {sum}: {{expr: "{input} + table"}}
  {layers}: {{repeat: {{i: 2}}, part: {part}, in: {{{port}: {sum}}}, {width}: 6}}
  {node}: {{block: dropout, in: {layers}, p: 0.0}}
  read: {{block: attention, in: {{q: {node}, k: {node}, v: {node}, valid: mask}}, num_heads: 2}}
  turned: {{block: rearrange, in: read, pattern: b (s q) d -> b s (q d), q: 1}}
outputs: {{read: turned, first: "turned + table", all: "{layers}.{output}[*]", sums: "{layers}.{port}[*]"}}
"""
_PLAIN = {
    "model": "named", "param": "width", "input": "x", "rows": "batch", "tokens": "seq", "part": "layer_of", "inner": "up",
    "width": "d_up", "port": "h", "edge": "made", "output": "o", "sum": "placed", "layers": "stack", "node": "dropped",
}  # fmt: skip


def _made(folder: Path, names: dict[str, str]) -> aw.Model:
    file = folder / "named.yaml"
    file.write_text(_SPEC.format(**{**_PLAIN, **names}), encoding="utf-8")
    torch.manual_seed(0)
    model = aw.compile(file, backend="eager")
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter)
    return model


def _numbers(model: aw.Model, name: str) -> list[torch.Tensor]:
    x = torch.randn(2, 5, 8, generator=torch.Generator().manual_seed(1))
    mask = torch.arange(5) < torch.tensor([[3], [5]])
    plain, masked = model(**{name: x}), model(**{name: x, "mask": mask})
    return [plain["read"], plain["first"], *plain["all"], *plain["sums"], masked["read"]]


@pytest.mark.parametrize(
    "names",
    [
        *({"input": name} for name in ("lambda", "input", "torch", "layer", "padding", "seq", "attention", "held")),
        *({"tokens": name} for name in ("dropout", "x", "stack", "place")),
        *({"part": name} for name in ("linear", "layer_norm", "none", "f", "tensor", "joined")),
        *({"node": name} for name in ("dropout", "seq", "stack_all_o", "placed_", "kept")),
        {"param": "f"},
        {"param": "layer_of", "part": "layer_of"},
        {"model": "linear"},
        {"port": "concat", "inner": "activation"},
        {"layers": "a", "output": "b", "node": "a_b", "sum": "a_all_b"},
        {"input": "batch", "rows": "seq", "tokens": "batch"},
        {"inner": "h_", "edge": "h__", "port": "h"},
        {"width": "LayerNorm", "input": "layer", "node": "layer_"},
    ],
)
def test_a_name_changes_no_number(names: dict[str, str], tmp_path: Path) -> None:
    expected = _numbers(_made(tmp_path, {}), "x")
    for found, wanted in zip(_numbers(_made(tmp_path, names), names.get("input", "x")), expected, strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_inputs_by_names_of_python_are_given_by_them(backend: str, tmp_path: Path) -> None:
    model = _made(tmp_path, {"input": "input", "tokens": "sum"})
    inputs = example_inputs(model.graph)
    again = aw.compile(tmp_path / "named.yaml", backend=backend)
    again.load_state_dict(model.state_dict())
    assert torch.allclose(again(**inputs).read, model(**inputs).read, atol=1e-5)
    assert torch.allclose(again(inputs["input"]).read, model(**inputs).read, atol=1e-5)
    assert torch.allclose(torch.compile(model, backend="eager")(**inputs).read, model(**inputs).read, atol=1e-5)
    report = export(model, tmp_path / "named.pt2", inputs, dynamic=True)
    assert report.inputs["input_"].startswith("float32[")


def test_a_node_or_parameter_hides_nothing_of_a_module(tmp_path: Path) -> None:
    home = "torch.nn"  # a pretended device, which another test of the process may have set up, adds methods as well
    own = [name for name, one in vars(nn.Module).items() if getattr(one, "__module__", home).startswith(home)]
    for name in [*(one for one in own if not one.startswith("__")), "_parameters", "_modules", "_generated"]:
        for names in ({"inner": name}, {"width": name}):
            model = _made(tmp_path, names)
            assert len(model.to("cpu").train().requires_grad_(False).state_dict()) == 13


def test_an_extent_that_no_given_input_has_is_told(tmp_path: Path) -> None:
    file = tmp_path / "counted.yaml"
    file.write_text(
        "model: counted\ninputs: {x: 'float[batch, 4]', mask: 'bool[batch, seq]?',\n"
        "         places: {type: 'int[1 | batch, seq]', default: range}}\n"
        "graph: {table: {block: embedding, in: places, num: 8, dim: 4}, y: {expr: 'x[:, null] + table'}}\n"
        "outputs: {y: y}\n",
        encoding="utf-8",
    )
    model, x = aw.compile(file, backend="eager"), torch.zeros(2, 4)
    assert model(x=x, mask=torch.ones(2, 3)).y.shape == (2, 3, 4)
    with pytest.raises(aw.ArgumentError, match="nothing says how long `seq` is; give `mask` or `places`"):
        model(x=x)
