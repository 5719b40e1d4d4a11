"""Models whose nodes are there or not as a call's extents are: every call has the numbers of its own answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from torch import Tensor
from torch.nn.functional import gelu

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.export import export
from archwright.cli import main
from tests.compiler.test_extent_conditions import SPEC, spec


def _layer(layer: Any, x: Tensor, side: Tensor | None) -> Tensor:
    made, n = torch.nn.functional.linear(x, layer.p.weight, layer.p.bias), x.shape[1]
    made = made * 2 if n < 4 else made
    return made + side if side is not None and n % 2 else made


def _expected(net: Any, x: Tensor, side: Tensor | None) -> dict[str, Tensor]:
    y = x
    for layer in net.layers:
        y = _layer(layer, y, side)
    rest = y[:, 1:]
    for layer in net.rest:
        rest = _layer(layer, rest, None)
    found = {"y": y, "rest": rest}
    if x.shape[1] >= 4 and side is None:
        found["long"] = gelu(x)
    return found | ({"x": x} if x.shape[0] == x.shape[1] else {})


@pytest.mark.parametrize("how", ["eager", "inductor", "around"])
def test_each_call_has_its_answers(tmp_path: Path, how: str) -> None:
    model = aw.compile(spec(tmp_path), backend="inductor" if how == "inductor" else "eager").train()
    run = torch.compile(model, backend="eager") if how == "around" else model
    weights = list(model.parameters())
    for length in (2, 3, 4, 5, 2, 6):
        x = torch.randn(2, length, 4)
        for side in (None, torch.randn(2, length, 4)):
            found, expected = run(x=x, side=side), _expected(model.net, x, side)
            assert {name for name, value in found.items() if value is not None} == expected.keys()
            torch.testing.assert_close({name: found[name] for name in expected}, expected)
            grads = [torch.autograd.grad(one["rest"].sum() + one["y"].sum(), weights) for one in (found, expected)]
            torch.testing.assert_close(*grads)


def test_a_broadcast_input_says_nothing_of_an_extent(tmp_path: Path) -> None:
    text = SPEC.replace('x: "float[batch, seq, $d_model]"', 'x: "float[1 | batch, seq, $d_model]"')
    model = aw.compile(spec(tmp_path, text), backend="eager", inference=True)
    side = torch.randn(3, 3, 4)
    assert model(x=torch.randn(1, 3, 4), side=side).get("x") is not None  # three samples, of three tokens


def test_what_would_have_one_answer_is_refused(tmp_path: Path) -> None:
    model, x = aw.compile(spec(tmp_path), backend="eager"), torch.randn(2, 5, 4)
    with pytest.raises(ArgumentError, match="without `dynamic`"):
        export(model, tmp_path / "one.pt2", {"x": x}, dynamic=True)
    assert export(model, tmp_path / "one.pt2", {"x": x}).difference == 0
    result = CliRunner().invoke(main, ["emit", spec(tmp_path)])
    assert result.exit_code == 2
    assert "asks whether `seq > 3`" in result.output


def test_no_token_is_written_one_by_one(tmp_path: Path) -> None:
    text = """\
archwright: 1
model: writes
inputs: {input_ids: "int[batch, seq]"}
graph:
  tokens: {block: embedding, in: input_ids, num: 9, dim: 4}
  shifted: {expr: tokens + 1, when: $seq > 4, else: tokens}
  mixed: {part: self_attention, in: shifted, num_heads: 2, causal: true}
  logits: {block: linear, in: mixed, d_out: 9}
outputs: {logits: logits}
"""
    model = aw.compile(spec(tmp_path, text), backend="eager")
    with pytest.raises(ArgumentError, match="writes no tokens one by one: it asks whether `seq > 4`"):
        model.generate(torch.tensor([[1, 2]]), max_new_tokens=3)
