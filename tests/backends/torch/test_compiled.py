"""What is compiled of a call."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw


def test_what_is_left_of_a_sequence_goes_through_attention_and_products(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "pruned.yaml"
    file.write_text(
        "model: pruned\ninputs: {x: 'float[batch, seq, 8]', marked: 'bool[batch, seq]'}\ngraph:\n"
        "  kept: {block: compact, in: {x: x, marked: marked}, axis: 1}\n"
        "  layers: {repeat: {i: 2}, part: pre_norm_layer, in: {x: kept.x, valid: kept.filled}, num_heads: 2, d_ff: 5,\n"
        "           activation: relu}\n"
        "  alike: {expr: layers @ transpose(x)}\noutputs: {y: alike}\n",
        encoding="utf-8",
    )
    eager, model = aw.compile(file, backend="eager"), aw.compile(file)
    model.load_state_dict(eager.state_dict())
    for extents in [(2, 6), (3, 6), (3, 5)]:
        x, marked = torch.randn(*extents, 8), torch.rand(extents) < 0.4
        marked[:, 2] = True
        with torch.no_grad():
            torch.testing.assert_close(model(x=x, marked=marked).y, eager(x=x, marked=marked).y)
    for one in (eager, model):
        one(x=x, marked=marked).y.square().sum().backward()
    for (name, weight), other in zip(model.named_parameters(), eager.parameters(), strict=True):
        torch.testing.assert_close(weight.grad, other.grad, rtol=1e-4, atol=1e-4, msg=name)
    assert "Graph break" not in capfd.readouterr().err
