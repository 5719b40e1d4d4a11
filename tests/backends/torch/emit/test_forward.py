"""Emitted forwards: what stands beside their lines."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

import archwright as aw

SPEC = """
model: narrowing
params: {bent: [true, false, false]}
inputs: {x: "float[batch, 2, length]"}
parts:
  narrow:
    params: {bent: bool}
    inputs: {x: "float[batch, d, length]"}
    graph:
      conv: {block: conv1d, d_out: 2 * $d, kernel: 2, stride: 2}
      act: {block: activation, kind: relu, when: $bent, else: conv}
graph:
  layers: {repeat: {i: 3}, part: narrow, in: x, ROUND}
outputs: {y: layers}
"""


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        (
            "each: {bent: $bent}",
            [
                "layers = self.layers[0](layers)  # [batch, 4, length//2]",
                "layers = self.layers[1].forward_2(layers)  # [batch, 8, length//4]",
                "layers = self.layers[2].forward_2(layers)  # [batch, 16, length//8]",
            ],
        ),
        ("bent: true", ["layers = layer(layers)"]),
    ],
    ids=["apart", "in a loop"],
)
def test_the_shape_beside_a_round_is_that_of_the_round(tmp_path: Path, options: str, wanted: list[str]) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(SPEC.replace("ROUND", options))
    lines = aw.compile(spec, backend="eager").source.splitlines()
    assert [line.strip() for line in lines if "layers = " in line and "(layers)" in line] == wanted


UNEVEN = """\
model: uneven
inputs: {input_ids: "int[batch, seq]", attention_mask: "bool[batch, seq]?"}
params: {keeps: [true, true, true]}
parts:
  layer:
    params: {keeps: bool}
    inputs: {x: "float[batch, seq, d]", kept: "float[batch, seq, d]?", valid: "bool[batch, seq]?"}
    graph:
      q: {block: linear, in: x, d_out: $d}
      k: {block: linear, in: "first(kept, x)", d_out: $d}
      core: {block: attention, in: {q: q, k: k, v: x, valid: valid}, num_heads: 2, causal: true}
      made: {block: linear, in: x + core, d_out: $d, when: $keeps}
    outputs: {x: x + core, kept: made}
graph:
  tokens: {block: embedding, in: input_ids, num: 30, dim: 8}
  layers: {repeat: {i: len($keeps)}, part: layer, each: {keeps: $keeps}, in: {x: tokens, valid: attention_mask}}
  logits: {block: linear, in: layers, d_out: 30}
outputs: {logits: logits, hidden_states: "layers.x[*]"}
"""


@pytest.mark.parametrize("keeps", [[1, 1, 0], [0, 1, 1], [0, 1, 0], [1, 0, 1], [1, 0, 0, 1], [0, 0, 0]])
def test_rounds_of_which_some_carry_on_what_others_do_not(keeps: list[int], tmp_path: Path) -> None:
    (tmp_path / "uneven.yaml").write_text(UNEVEN)
    told = {"keeps": list(map(bool, keeps)), "backend": "eager"}
    model = aw.compile(str(tmp_path / "uneven.yaml"), **told)
    for parameter in model.parameters():
        parameter.data.normal_(0, 0.6)
    packed = aw.compile(str(tmp_path / "uneven.yaml"), packed=True, **told)
    packed.load_state_dict(model.state_dict())
    ids, mask = torch.randint(0, 30, (2, 5)), torch.ones(2, 5, dtype=torch.bool)  # a batch that could be taken apart

    x, kept = model.net.tokens(ids), None
    states = [x]
    for layer, keeps_on in zip(model.net.layers, keeps, strict=True):
        read = (layer.q(x), layer.k(x if kept is None else kept), x)
        q, k, v = (one.unflatten(2, (2, 4)).transpose(1, 2) for one in read)
        x = x + scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).flatten(2)
        kept = layer.made(x) if keeps_on else None
        states.append(x)
    out = model(input_ids=ids, output_hidden_states=True)
    torch.testing.assert_close(out.hidden_states, tuple(states))

    mask[1, 3:] = False
    torch.testing.assert_close(packed(ids, mask).logits[mask], model(ids, mask).logits[mask])
    written = ids
    for _ in range(3):
        written = torch.cat([written, model(written).logits[:, -1:].argmax(-1)], 1)
    assert model.generate(ids, max_new_tokens=3).equal(written)


SKIPPED = """\
model: skipping
inputs: {x: "float[batch, 4]", y: "float[batch, 4]"}
parts:
  layer:
    inputs: {x: "float[batch, d]", y: "float[batch, d]", z: "float[batch, d]?"}
    graph:
      a: {block: linear, in: x + y, d_out: $d}
      b: {block: linear, in: "first(z, y)", d_out: $d}
    outputs: {seen: a * b, x: a, y: b, z: a - b}
graph:
  layers: {repeat: {i: 3}, layer_drop: 1.0, part: layer, in: {x: x, y: y}}
outputs: {x: layers.x, y: layers.y, z: layers.z, hidden_states: layers.seen}
"""


@pytest.mark.parametrize("shown", [False, True])
def test_a_round_that_is_skipped_leaves_all_that_is_carried(shown: bool, tmp_path: Path) -> None:
    (tmp_path / "skipping.yaml").write_text(SKIPPED)
    model = aw.compile(str(tmp_path / "skipping.yaml"), backend="eager").train()
    x, y = torch.randn(2, 4), torch.randn(2, 4)
    out = model(x=x, y=y, output_hidden_states=shown)
    first = model.net.layers[0]
    assert out.x.equal(x) and out.y.equal(y)
    torch.testing.assert_close(out.z, first.a(x + y) - first.b(y))  # there is none before the first
    assert not model.eval()(x=x, y=y).y.equal(y)


STANDS_IN = """
model: standing_in
inputs:
  x: {type: "float[batch, 4]", optional: true}
  y: {type: "float[batch, 4]", optional: true}
  number: {type: "int[]", optional: true}
  labels: {type: "list[batch] of {boxes: float[objects, 4]}", optional: true}
  zero: {type: "float[4]", default: zeros}
parts:
  moved: {inputs: {x: "float[batch, d]", by: {type: "float[batch, d]", default: ones}}, outputs: {x: x + by, by: by}}
  alone: {inputs: {x: "float[batch, d]?", z: {type: "float[batch, d]", default: ones}}, outputs: {x: z}}
  added:
    inputs: {many: {type: "float[d]", many: true}, z: {type: "float[d]", default: ones}}
    graph: {sum: {expr: "sum(stack(many), 0) + z"}}
graph:
  moved: {part: moved, in: x}
  alone: {part: alone, in: {x: y}}
  added: {part: added, in: {many: [zero]}}
  counted: {expr: number + 1}
outputs:
  moved: {from: moved, optional: true}
  by: {from: moved.by, optional: true}
  alone: {from: x * alone, optional: true}
  added: added
  counted: {from: counted, optional: true}
  boxes: {from: labels.boxes, optional: true}
"""


@pytest.mark.parametrize(
    ("inputs", "wanted"),
    [
        ({}, {}),
        (
            {"x": torch.ones(3, 4)},
            {"moved": torch.full((3, 4), 2.0), "by": torch.ones(3, 4), "alone": torch.ones(3, 4)},
        ),
        ({"number": 1, "y": torch.zeros(3, 4)}, {"counted": 2}),
        ({"labels": [{"boxes": torch.ones(2, 4)}]}, {"boxes": torch.ones(1, 2, 4)}),
    ],
    ids=["nothing", "one", "a number", "records"],
)
def test_what_stands_in_is_made_whatever_is_given(
    tmp_path: Path, inputs: dict[str, object], wanted: dict[str, object]
) -> None:
    spec = tmp_path / "spec.yaml"
    spec.write_text(STANDS_IN)
    given = dict(aw.compile(spec, backend="eager")(**inputs))
    torch.testing.assert_close(given, {**wanted, "added": torch.ones(4)}, check_dtype=False)


FILLED = """
model: filled
inputs:
  x: "float[batch, seq, 4]"
  scale: {type: "float[batch, seq, 4]", default: 2}
  shown: {type: "bool[batch, seq]", default: true}
  other: {type: "float[batch, heads]", default: 0.5}
graph:
  map: {block: layer_norm, in: scale}
  sums: {expr: "cumsum(scale, 1) + where(shown[:, 0:1, None], x, 0)"}
outputs: {map: map, sums: sums, scale: scale, other: "x[:, 0] * other"}
"""


def test_a_number_stands_in_for_every_element(tmp_path: Path) -> None:
    path = tmp_path / "spec.yaml"
    path.write_text(FILLED)
    x = torch.randn(2, 3, 4)
    out = aw.compile(path, backend="eager")(x=x)
    scale = torch.full_like(x, 2)
    torch.testing.assert_close(out.scale, scale)
    torch.testing.assert_close(out.sums, scale.cumsum(1) + x)
    torch.testing.assert_close(out.map, torch.zeros_like(x))
    torch.testing.assert_close(out.other, x[:, 0] * 0.5)  # nothing says how many heads there are
