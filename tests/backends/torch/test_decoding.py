"""Steps that read what is remembered give what one forward over all tokens gives, in every model that writes tokens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.generation.decoder import Decoder
from archwright.backends.torch.modules import prepacked

TEXT = ("gpt2", "gptj", "opt", "bloom", "trocr", "imagegpt")
TASKS = {"imagegpt": "causal_image_modeling"}
PAIRS = ("bart", "mbart", "pegasus", "t5", "transformer", "whisper", "speech_to_text")
PROMPT, LENGTH = 5, 9


def model_of(name: str, task: str, backend: str = "eager") -> Any:
    """A model of random weights, large enough that every part of it tells in the numbers."""
    torch.manual_seed(0)
    model = aw.compile(name, task=task, size="tiny", backend=backend)
    for parameter in model.parameters():
        parameter.data.normal_(0.1, 0.3)
    return model


def difference(model: Any, ids: torch.Tensor, inputs: dict[str, torch.Tensor], mask: str | None = None) -> float:
    """How far the steps' logits are from those of a forward, relative to the largest."""
    is_pair = "decoder_input_ids" in model.graph.root.inputs
    with torch.no_grad():
        expected = model(**inputs, **{"decoder_input_ids" if is_pair else "input_ids": ids}).logits
        first = {name: value[:, :PROMPT] if name == mask else value for name, value in inputs.items()}
        decoder = Decoder(model, first, length=LENGTH + 2)
        steps = [decoder.step(ids[:, :PROMPT])]
        steps += [decoder.step(ids[:, at : at + 1]) for at in range(PROMPT, LENGTH - 2)]
        decoder.step(ids[:, :2])  # two that are taken back
        decoder.crop(LENGTH - 2)
        steps.append(decoder.step(ids[:, LENGTH - 2 :]))
    real = slice(None) if mask is None else slice(int((inputs[mask] == 0).sum(1).max()), None)
    found, expected = torch.cat(steps, 1)[:, real], expected[:, real]
    return float((found - expected).abs().max() / expected.abs().max())


def tokens(model: Any, rows: int) -> torch.Tensor:
    return torch.randint(4, model.graph.params["vocab_size"] - 1, (rows, LENGTH))


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("padded", [False, True], ids=["whole", "padded"])
def test_a_decoder(name: str, padded: bool) -> None:
    model = model_of(name, TASKS.get(name, "causal_lm"))
    mask = torch.ones(2, LENGTH, dtype=torch.long)
    mask[1, :3] = 0
    inputs = {"attention_mask": mask} if padded else {}
    assert difference(model, tokens(model, 2), inputs, "attention_mask" if padded else None) < 1e-5


@pytest.mark.parametrize("name", PAIRS)
def test_an_encoder_and_decoder(name: str) -> None:
    model = model_of(name, "conditional_generation")
    inputs = {key: value for key, value in example_inputs(model.graph).items() if not key.startswith("decoder")}
    rows = next(iter(inputs.values())).shape[0]
    assert difference(model, tokens(model, rows), inputs) < 1e-5


def test_beams_go_on_with_other_rows() -> None:
    model = model_of("gpt2", "causal_lm")
    ids = tokens(model, 3)
    order = torch.tensor([2, 0, 0])
    with torch.no_grad():
        decoder = Decoder(model, {}, length=LENGTH)
        decoder.step(ids[:, :-1])
        decoder.reorder(order)
        found = decoder.step(ids[:, -1:])
        expected = model(input_ids=torch.cat([ids[order, :-1], ids[:, -1:]], 1)).logits[:, -1:]
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)


def test_a_step_is_compiled_once_for_all_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **options: real(run, **{**options, "backend": "eager"}))
    model = model_of("gpt2", "causal_lm", backend="inductor")
    with torch._dynamo.config.patch(error_on_recompile=True):
        for _ in range(2):
            assert difference_of_steps(model) < 1e-5


@pytest.mark.parametrize("name", [*TEXT, *PAIRS])
def test_steps_for_inference_are_compiled_whole(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.compiler.reset()
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **options: real(run, **{**options, "backend": "eager"}))
    task = "conditional_generation" if name in PAIRS else TASKS.get(name, "causal_lm")
    written = []
    for backend in ("eager", "inductor"):
        torch.manual_seed(0)
        model = aw.compile(name, task=task, size="tiny", backend=backend, inference=True)
        for parameter in model.parameters():
            parameter.data.normal_(0.1, 0.3)
        model.settle()
        given = {
            key: value
            for key, value in example_inputs(model.graph).items()
            if not key.startswith(("decoder", "labels"))
        }
        if name in PAIRS:
            given["decoder_start_token_id"] = 2
        written.append(model.generate(**given, max_new_tokens=4, eos_token_id=-1, pad_token_id=0))
    assert torch.equal(*written)


@pytest.mark.parametrize("inference", [False, True])
def test_steps_of_weights_that_lie_in_one_tensor_of_a_file(
    inference: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.compiler.reset()
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **options: real(run, **{**options, "backend": "eager"}))
    torch.manual_seed(0)
    plain = aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager", d_model=128)
    plain.save_pretrained(str(tmp_path))
    given = {"input_ids": torch.randint(4, 90, (1, 5)), "max_new_tokens": 4, "eos_token_id": -1}
    model = aw.from_pretrained(tmp_path, inference=inference)
    assert torch.equal(model.generate(**given), plain.generate(**given))
    if inference:  # what is compiled for one row reads them row by row
        assert all(weight.is_contiguous() for weight in model.parameters() if weight.numel() >= prepacked.LEAST)


def difference_of_steps(model: Any) -> float:
    """As `difference`, one token a step."""
    ids = tokens(model, 2)
    with torch.no_grad():
        decoder = Decoder(model, {}, length=LENGTH)
        decoder.step(ids[:, :PROMPT])
        found = [decoder.step(ids[:, at : at + 1]) for at in range(PROMPT, LENGTH)][-1]
        model.backend, backend = "eager", model.backend
        model._methods.clear()
        expected = model(input_ids=ids).logits[:, -1:]
        model.backend = backend
    return float((found - expected).abs().max() / expected.abs().max())


BEST = """\
model: routed
inputs: {input_ids: "int[batch, seq]"}
graph:
  tokens: {block: embedding, in: input_ids, num: 30, dim: 6}
  attention: {part: self_attention, in: tokens, num_heads: 2, causal: true}
  best: {block: top_k, in: attention, k: 2, axis: AXIS}
  head: {part: lm_head, in: best, vocab_size: 30}
outputs: {logits: head.logits}
"""


def test_the_best_of_each_token_are_found_step_by_step(tmp_path: Path) -> None:
    torch.manual_seed(0)
    (tmp_path / "own.yaml").write_text(BEST.replace("AXIS", "-1"), encoding="utf-8")
    model = aw.compile(tmp_path / "own.yaml", backend="eager")
    assert difference(model, torch.randint(0, 30, (2, LENGTH)), {}) < 1e-5
    (tmp_path / "along.yaml").write_text(BEST.replace("AXIS", "1"), encoding="utf-8")
    with pytest.raises(aw.SpecError, match="undecodable"):
        Decoder(aw.compile(tmp_path / "along.yaml", backend="eager"), {}, length=8)


@pytest.mark.parametrize("kind", ["relative_key", "relative_key_query"])
def test_a_table_of_distances_need_not_reach_over_the_room(kind: str) -> None:
    options = {"is_decoder": True, "position_embedding_type": kind, "max_positions": LENGTH}
    torch.manual_seed(0)
    model = aw.compile("bert", task="causal_lm", size="tiny", backend="eager", **options)
    for parameter in model.parameters():
        parameter.data.normal_(0.1, 0.3)
    assert difference(model, tokens(model, 2), {}) < 1e-5


HOST = """\
model: host
mounts: {text: {spec: gpt2, task: causal_lm, size: tiny}}
inputs: {input_ids: "int[batch, seq]", attention_mask: "bool[batch, seq]?"}
graph:
  tokens: {block: embedding, in: input_ids, num: 30, dim: $text.d_model}
  text: {mount: text, in: {inputs_embeds: 2 * tokens, attention_mask: attention_mask}}
outputs: {logits: text.logits}
"""


def test_a_mounted_decoder_may_be_given_embeddings(tmp_path: Path) -> None:
    torch.manual_seed(0)
    (tmp_path / "host.yaml").write_text(HOST, encoding="utf-8")
    model = aw.compile(tmp_path / "host.yaml", backend="eager")
    assert model.graph.notes == []
    assert difference(model, torch.randint(0, 30, (2, LENGTH)), {}) < 1e-5


MIXED = """\
model: mixed
inputs: {input_ids: "int[batch, seq]", attention_mask: "bool[batch, seq]?", kinds: {type: "int[batch, seq, 3]", default: range}}
graph:
  tokens: {block: embedding, in: input_ids, num: 30, dim: 6}
  attention: {part: self_attention, in: tokens, num_heads: 2, causal: true}
NODES
  head: {part: lm_head, in: y, vocab_size: 30}
outputs: {logits: head.logits}
"""


def mixed(folder: Path, *nodes: str) -> Any:
    """A decoder whose node `y`, the last of `nodes`, is what the head reads."""
    torch.manual_seed(0)
    text = MIXED.replace("NODES", "\n".join(f"  {node}" for node in nodes))
    (folder / "mixed.yaml").write_text(text, encoding="utf-8")
    return aw.compile(folder / "mixed.yaml", backend="eager")


@pytest.mark.parametrize(
    "nodes",
    [
        ["d: {block: rearrange, in: attention, pattern: b s d -> d b s}", 'y: {expr: "transpose(stack(unstack(d))[:, 0])[None]"}'],
        ["y: {expr: transpose(transpose(attention))}"],
        ["y: {expr: sin(attention) * cos(attention) + lgamma(2 + abs(attention))}"],
        ["w: {block: parameter, shape: [6, 6]}", "y: {expr: attention @ w}"],
        ["rows: {block: rearrange, in: attention, pattern: b s d -> (b s) d}", "up: {block: linear, d_out: 6}",
         'y: {block: rearrange, pattern: "(b s) d -> b s d", s: $seq}'],
        ['y: {expr: "cumsum(attention, 1)"}'],
        ["y: {block: concat, in: {parts: [attention, tokens]}, axis: 2}"],
        ['y: {expr: "attention + cumsum(attention, 1) - 2 * cumsum(tokens, 1)"}'],
        ["offset: {block: relative_position, in: {q: tokens, k: tokens}}",
         'near: {expr: "(offset > -4)[None] and (input_ids > 9)[:, None]"}',
         'y: {block: attention, in: {q: attention, k: attention, v: attention, allow: "near[:, None]"}, num_heads: 2, causal: true}'],
        ['alike: {expr: "(input_ids[:, :, None] % 3 == input_ids[:, None] % 3)[:, None]"}',
         "y: {block: attention, in: {q: attention, k: attention, v: attention, allow: alike}, num_heads: 2, causal: true}"],
        ['seen: {expr: "(input_ids > 4)[:, None, None]"}',
         "y: {block: attention, in: {q: attention, k: attention, v: attention, allow: seen}, num_heads: 2, causal: true}"],
        ["offset: {block: relative_position, in: {q: tokens, k: tokens}}", "table: {block: parameter, shape: [19, 3]}",
         'index: {expr: "min(max(offset + 9, 0), 18)"}',
         "far: {block: dot_term, in: {x: attention, table: table, index: index}, side: key, num_heads: 2}",
         "y: {block: attention, in: {q: attention, k: attention, v: attention, terms: [far]}, num_heads: 2, causal: true}"],
        ["far: {block: linear, in: tokens, d_out: 2}", 'parts: {expr: "far[:, None, None]"}',
         'y: {block: attention, in: {q: attention, k: attention, v: attention, terms: ["parts[..., 0]", "parts[..., 1]"]}, num_heads: 2, causal: true}'],
        ["odd: {expr: input_ids % 2, when: has(attention_mask), else: few}", "few: {expr: input_ids // 9}",
         "even: {expr: input_ids % 2, when: not has(attention_mask), else: few}",
         'one: {expr: "odd[:, None] == few[:, :, None]"}', 'two: {expr: "even[:, None] == few[:, :, None]"}',
         'y: {block: attention, in: {q: attention, k: attention, v: attention, allow: "(one or not two)[:, None]"}, num_heads: 2, causal: true}'],
        ['one: {block: token_positions, in: "attention[:, None]"}', 'y: {expr: "attention + one"}'],
        ['y: {expr: "attention + 0.1 * kinds[:, :, 2:]"}'],
        ["table: {block: parameter, shape: [1, 19, 6]}", 'place: {block: linear, in: "table[:, :$seq]", d_out: 6}',
         "y: {expr: attention + place}"],
        ["learned: {block: parameter, shape: [3, 6]}", "rows: {block: expand_batch, in: {x: learned, like: attention}}",
         "seen: {part: self_attention, in: {x: attention, kv: rows}, num_heads: 2}", "y: {expr: attention + seen}"],
    ],
    ids=["unstack", "transpose", "number by number", "matrix", "rows", "cumsum", "concat", "two sums", "keys beside queries", "pairs", "keys",
         "terms of keys", "two terms", "two of one text", "another axis", "counted along another axis", "first rows of a table", "learned rows beside"],
)  # fmt: skip
def test_what_works_token_by_token_is_found_step_by_step(tmp_path: Path, nodes: list[str]) -> None:
    assert difference(mixed(tmp_path, *nodes), torch.randint(0, 30, (2, LENGTH)), {}) < 1e-5


@pytest.mark.parametrize(
    ("nodes", "place"),
    [
        (["t: {block: rearrange, in: attention, pattern: b s d -> b d s}",
          "c: {block: conv1d, d_out: 6, kernel: 3, padding: 1}", "y: {block: rearrange, pattern: b d s -> b s d}"], "7:3"),
        (["y: {block: roll, in: attention, by: [1], axes: [1]}"], "6:3"),
        (["rows: {block: rearrange, in: attention, pattern: b s d -> (b s) d}", 'y: {expr: "attention + mean(rows, 0)"}'],
         "7:3"),
        (["pairs: {block: rearrange, in: attention, pattern: b (n w) d -> b n w d, w: 2}",
          "y: {block: rearrange, pattern: b n w d -> b (n w) d}"], "6:3"),
        (["y: {expr: attention * $seq}"], "6:3"),
        (["w: {block: parameter, shape: [6]}", "y: {expr: attention + w * $seq}"], "7:3"),
        (["table: {block: parameter, shape: [19, 6]}", 'y: {expr: "attention + table[1:1 + $seq]"}'], "7:3"),
        (["offset: {block: relative_position, in: {q: tokens, k: tokens}}",
          'y: {expr: "attention + sum(float(offset), -1)[:, None]"}'], "7:3"),
        (['m: {expr: "input_ids > 3"}',
          "y: {block: global_attention, in: {q: tokens, k: tokens, v: tokens, marked: m}, num_heads: 2}"], "7:3"),
        (["t: {block: rearrange, in: attention, pattern: b s d -> b d s}", "n: {block: group_norm, num_groups: 2}",
          "y: {block: rearrange, pattern: b d s -> b s d}"], "7:3"),
        (['groups: {expr: "input_ids[:1] // 9"}',
          "y: {block: attention, in: {q: tokens, k: tokens, v: tokens, same: groups}, num_heads: 2, fill: -99.0}"], "7:3"),
        (['less: {expr: "transpose(input_ids[:, None] < input_ids[:, :, None])"}',
          'y: {block: attention, in: {q: tokens, k: tokens, v: tokens, allow: "less[:, None]"}, num_heads: 2, causal: true}'], "6:3"),
        (["few: {block: parameter, shape: [1, 9, 6]}", "many: {block: expand_batch, in: {x: few, like: tokens}}",
          "y: {block: attention, in: {q: tokens, k: many, v: many}, num_heads: 2, causal: true}"], "8:3"),
        (['less: {expr: "float(input_ids[:, None] < input_ids[:, :, None])"}', "near: {block: diagonals, in: less, reach: 1}",
          "y: {block: linear, d_out: 6}"], "7:3"),
    ],
    ids=["convolution", "roll", "mean of rows", "windows", "length", "length of no token", "later rows of a table", "keys", "global", "group norm", "groups", "turned",
         "numbered among others", "diagonals"],
)  # fmt: skip
def test_what_mixes_tokens_is_told_where_it_stands(tmp_path: Path, nodes: list[str], place: str) -> None:
    model = mixed(tmp_path, *nodes)
    assert model(input_ids=torch.randint(0, 30, (1, 8))).logits.isfinite().all()
    with pytest.raises(aw.SpecError, match=f"undecodable(?s:.)*mixed.yaml:{place}"):
        Decoder(model, {}, length=8)


HELD = """\
model: held
inputs:
  input_ids: "int[batch, source]"
  decoder_input_ids: "int[batch, seq]"
parts:
  reading:
    inputs: {x: "float[batch, seq, d]", memory: "float[batch, source, d]"}
    graph:
      keys: {block: linear, in: memory, d_out: 6}
      y: {block: attention, in: {q: x, k: x, v: x}, num_heads: 2, causal: true}
    outputs: {keys: keys, x: y}
  handing:
    inputs: {a: any, b: any, x: "float[batch, seq, d]"}
    graph:
      y: {block: attention, in: {q: x, k: x, v: x, terms: ["a[:, None, None]"]}, num_heads: 2, causal: true}
      last: {expr: "x[:, :, 0] + b"}
    outputs: {a: b, b: last, y: y}
  summing:
    inputs: {x: "float[batch, seq, d]"}
    graph:
      y: {expr: "cumsum(x, 1) / 4"}
    outputs: {x: y}
graph:
  memory: {block: embedding, in: input_ids, num: 30, dim: 6}
  tokens: {block: embedding, in: decoder_input_ids, num: 30, dim: 6}
  attention: {block: attention, in: {q: tokens, k: tokens, v: tokens}, num_heads: 2, causal: true}
NODES
  head: {part: lm_head, in: y, vocab_size: 30}
outputs: {logits: head.logits}
"""


def held(folder: Path, *nodes: str) -> Any:
    torch.manual_seed(0)
    (folder / "held.yaml").write_text(HELD.replace("NODES", "\n".join(f"  {node}" for node in nodes)), encoding="utf-8")
    model = aw.compile(folder / "held.yaml", backend="eager")
    for parameter in model.parameters():
        parameter.data.normal_(0.1, 0.3)
    return model


@pytest.mark.parametrize(
    "nodes",
    [
        ["y_k: {block: linear, in: memory, d_out: 6}", "q: {block: attention, in: {q: attention, k: y_k, v: y_k}, num_heads: 2}",
         "y: {block: attention, in: {q: q, k: q, v: q}, num_heads: 2, causal: true}"],
        ["read: {part: reading, in: {x: tokens, memory: memory}}",
         "y: {block: attention, in: {q: read.x, k: read.keys, v: read.keys}, num_heads: 2}"],
        ["none: {block: parameter, shape: [1, 1]}", "turns: {repeat: {i: 3}, part: handing, in: {a: none, b: none, x: tokens}}",
         'y: {expr: "attention + turns.y[2]"}'],
        ["y: {repeat: {i: 2}, part: summing, in: attention}"],
        ['sums: {expr: "cumsum(tokens, 1)"}', 'y: {expr: "attention + sum(stack([tokens, sums]), 0)"}'],
    ],
    ids=["a port's name", "a part's name", "handed on from round to round", "sums of sums", "a list with sums"],
)  # fmt: skip
def test_what_is_held_of_parts_rounds_and_lists(tmp_path: Path, nodes: list[str]) -> None:
    ids = torch.randint(0, 30, (2, LENGTH))
    assert difference(held(tmp_path, *nodes), ids, {"input_ids": torch.randint(0, 30, (2, 4))}) < 1e-5


def test_what_is_for_all_rows_stays_where_others_are_taken(tmp_path: Path) -> None:
    places = "places: {block: token_positions, in: memory}"
    table = "table: {block: embedding, in: places, num: 20, dim: 6}"
    terms = 'terms: ["sum(tokens[:, :, None] * table, -1)[:, None]"]'
    read = f"y: {{block: attention, in: {{q: tokens, k: memory, v: memory, {terms}}}, num_heads: 2}}"
    model, rows = held(tmp_path, places, table, read), torch.tensor([1, 0, 0])
    ids, source = torch.randint(0, 30, (3, LENGTH)), torch.randint(0, 30, (3, 3))  # as many places as rows
    with torch.no_grad():
        decoder = Decoder(model, {"input_ids": source}, length=LENGTH)
        decoder.step(ids[:, :-1])
        decoder.reorder(rows)
        found = decoder.step(ids[:, -1:])
        expected = model(input_ids=source[rows], decoder_input_ids=torch.cat([ids[rows, :-1], ids[:, -1:]], 1))
    torch.testing.assert_close(found, expected.logits[:, -1:], rtol=1e-4, atol=1e-4)


def test_rows_that_are_not_in_front_cannot_be_taken_otherwise(tmp_path: Path) -> None:
    heads = ("{block: rearrange, in: tokens, pattern: b s (h d) -> (b h) s d, h: 2}",
             "{block: attention, in: {q: h, k: h, v: h}, num_heads: 1, causal: true}",
             '{block: rearrange, in: seen, pattern: "(b h) s d -> b s (h d)", h: 2}')  # fmt: skip
    model = mixed(tmp_path, *(f"{name}: {node}" for name, node in zip(("h", "seen", "y"), heads, strict=True)))
    ids = torch.randint(0, 30, (2, LENGTH))
    assert difference(model, ids, {}) < 1e-5
    with pytest.raises(ArgumentError, match="`seen_k` is not held by rows of tokens"):
        model.generate(ids, num_beams=2, max_new_tokens=2)


def test_what_looks_ahead_cannot_be_decoded() -> None:
    model = aw.compile("bert", task="masked_lm", size="tiny", backend="eager")
    with pytest.raises(aw.SpecError, match=r"undecodable(?s:.)*later ones too, as its `causal` is false"):
        Decoder(model, {}, length=8)


def test_what_writes_no_tokens_has_no_decoder() -> None:
    model = aw.compile("vit", size="tiny", backend="eager")
    with pytest.raises(ValueError, match="writes no tokens"):
        Decoder(model, {}, length=8)


ALONG = """\
model: along
extends: gpt2
inputs:
  levels: "int[batch, seq]?"
  marked: "bool[batch, seq]?"
  seen: "bool[batch, seq]?"
graph:
  level: {block: embedding, in: levels, num: 5, dim: $d_model}
  levelled: {expr: dropped + level, else: dropped}
  told: {expr: "where(marked[:, :, None], 0.0, levelled)", else: levelled}
  decoder: {in: {x: told, valid: seen}}
checkpoint: {weights: {level: level}}
"""


def test_what_lies_along_the_tokens_goes_on_or_is_refused(tmp_path: Path) -> None:
    (tmp_path / "along.yaml").write_text(ALONG, encoding="utf-8")
    model = model_of(str(tmp_path / "along.yaml"), "causal_lm")
    ids, seen = tokens(model, 2), torch.ones(2, LENGTH, dtype=torch.long)
    seen[1, :3] = 0
    assert difference(model, ids, {"seen": seen}, "seen") < 1e-5
    for name in ("levels", "marked"):
        with pytest.raises(ArgumentError, match=f"`along` cannot write with `{name}`"):
            model.generate(ids, max_new_tokens=2, **{name: torch.zeros_like(ids)})


FOLDED = """\
model: folded
extends: gpt2
graph:
  pairs: {block: rearrange, in: dropped, pattern: (b n) s d -> n b s d, n: 2}
  joined: {expr: "sum(pairs, 0)"}
  decoder: {in: {x: joined, valid: null, memory: null, memory_valid: null}}
  apart: {block: rearrange, in: norm, pattern: b s (n d) -> (b n) s d, n: 2}
  spread: {block: linear, d_out: $d_model}
outputs: {last_hidden_state: spread}
checkpoint: {weights: {spread: spread}}
"""


def test_a_model_that_folds_the_batch_writes_one_text_for_each_row(tmp_path: Path) -> None:
    (tmp_path / "folded.yaml").write_text(FOLDED, encoding="utf-8")
    model = model_of(str(tmp_path / "folded.yaml"), "causal_lm")
    ids = tokens(model, 4)
    assert difference(model, ids, {}) < 1e-5
    for more in ({"num_beams": 2}, {"do_sample": True, "num_return_sequences": 2}):
        with pytest.raises(ArgumentError, match="is not held by rows of tokens"):
            model.generate(ids, max_new_tokens=2, **more)


BIASED = """\
model: biased
extends: bloom
graph:
  table: {block: parameter, shape: [19, $d_model // $num_heads]}
  offset: {block: relative_position, in: {q: embedding_norm, k: embedding_norm}}
  index: {expr: "min(max(offset + 9, 0), 18)"}
  by_query: {block: dot_term, in: {x: embedding_norm, table: table, index: index}, num_heads: $num_heads}
  by_key: {expr: "float(counted)[:, None, None] * 0.3"}
  decoder: {in: {terms: [by_key, by_query]}}
"""


def test_a_list_hands_on_what_is_said_of_keys_if_all_is_there(tmp_path: Path) -> None:
    (tmp_path / "biased.yaml").write_text(BIASED, encoding="utf-8")
    model = model_of(str(tmp_path / "biased.yaml"), "causal_lm")
    ids, mask = tokens(model, 2), torch.ones(2, LENGTH, dtype=torch.long)
    mask[1, :3] = 0
    assert difference(model, ids, {"attention_mask": mask}, "attention_mask") < 1e-5
    with pytest.raises(aw.SpecError, match="its list `terms` has what is said of keys"):
        model.generate(ids, max_new_tokens=2)
