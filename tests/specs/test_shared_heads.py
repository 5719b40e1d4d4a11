"""Layers whose keys several heads of queries share, against the same layers in which each head has a copy."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

import archwright as aw
from archwright.backends.torch.modules.attention import attention

SPEC = """
model: shared
params: {d_model: 16, num_heads: 4, num_kv_heads: int?, d_ff: 24, activation: silu, num_layers: 2, window: 3}
inputs: {x: "float[batch, seq, $d_model]", mask: {type: "bool[batch, seq]", optional: true}}
graph:
  positions: {block: token_positions, in: x}
  angles: {block: rotary_angles, dim: 4}
  offset: {block: relative_position, in: {q: x, k: x}}
  layers:
    repeat: {i: $num_layers}
    part: PART
    in: {x: x, valid: mask, allow: offset > -$window, angles: "angles[null]"}
    pass: [num_kv_heads]
    causal: true
outputs: {x: layers, attentions: layers.probs}
"""


@pytest.mark.parametrize("part", ["pre_norm_layer", "post_norm_layer", "parallel_layer"])
@pytest.mark.parametrize("inference", [False, True])
def test_shared_heads_are_copies(part: str, inference: bool, tmp_path: Path) -> None:
    path = tmp_path / "shared.yaml"
    path.write_text(SPEC.replace("PART", part))
    torch.manual_seed(0)
    shared, copied = (
        aw.compile(path, backend="eager", inference=inference, num_kv_heads=heads).eval() for heads in (2, None)
    )
    state = {name: torch.randn_like(value) * 0.3 for name, value in shared.state_dict().items()}
    assert state["net.layers.0.attention.k.weight"].shape == (8, 16)
    shared.load_state_dict(state)
    for name, value in state.items():
        if ".attention.k." in name or ".attention.v." in name:
            state[name] = value.unflatten(0, (2, 4)).repeat_interleave(2, 0).flatten(0, 1)
    copied.load_state_dict(state)
    x, mask = torch.randn(2, 7, 16), torch.ones(2, 7, dtype=torch.bool)
    mask[0, 5:] = False
    with torch.no_grad():
        found, expected = (one(x=x, mask=mask, output_attentions=True) for one in (shared, copied))
    torch.testing.assert_close(found.x, expected.x, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(found.attentions, expected.attentions, rtol=1e-5, atol=1e-5)
    assert found.attentions[0][1, 0, 5].count_nonzero() == 3, "a query sees as many keys as the window has"


@pytest.mark.parametrize("empty_rows", ["zero", "mean"])
def test_shared_heads_learn_as_copies_do(empty_rows: str) -> None:
    torch.manual_seed(0)
    q, k, v = (torch.randn(2, 5, width, requires_grad=True) for width in (16, 8, 8))
    valid = torch.tensor([[False, False, True, True, True], [True] * 5])
    how = {"num_heads": 4, "causal": True, "valid": valid, "empty_rows": empty_rows}
    shared = attention(q, k, v, num_kv_heads=2, **how)
    copies = [one.unflatten(-1, (2, 4)).repeat_interleave(2, 2).flatten(2) for one in (k, v)]
    copied = attention(q, *copies, **how)
    torch.testing.assert_close(shared, copied)
    weight = torch.randn_like(shared)
    found, expected = (torch.autograd.grad((one * weight).sum(), (q, k, v)) for one in (shared, copied))
    torch.testing.assert_close(found, expected)


def test_a_layer_may_do_without_the_angles(tmp_path: Path) -> None:
    path, x = tmp_path / "still.yaml", torch.randn(2, 7, 16)
    turned = SPEC.replace("PART", "pre_norm_layer")
    still = turned.replace(', angles: "angles[null]"', "")
    first = turned.replace("    causal: true\n", '    causal: true\n    rotary: "halves if $i == 0 else none"\n')
    found = []
    for text in (turned, still, first.replace("$i == 0", "$i == 2"), first):
        path.write_text(text)
        torch.manual_seed(0)
        found.append(aw.compile(path, backend="eager").eval()(x=x).x)
    assert torch.equal(found[1], found[2])
    assert not torch.allclose(found[0], found[1]) and not torch.allclose(found[0], found[3])
    assert not torch.allclose(found[1], found[3])
