"""Packed models: what they say of real tokens is what padded ones say, and so are their gradients."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.request import sentence_lengths
from archwright.backends.torch.modules import packing
from archwright.compiler.passes.packable import find_mask

LENGTH = 11
FEW = [("bert", None), ("bloom", "causal_lm"), ("t5", "conditional_generation"), ("deberta", None)]


@cache
def _masks() -> dict[str, tuple[str, bool]]:
    """Of every spec that runs packed: the mask of its base, and whether embeddings may stand for numbers there."""
    found: dict[str, tuple[str, bool]] = {}
    for name in aw.list_models():
        graph = aw.check(name, size="tiny")
        with suppress(aw.SpecError):
            found[name] = find_mask(graph), "inputs_embeds" in graph.root.inputs
    return found


def _packable() -> list[tuple[str, str | None]]:
    """The base of every spec that runs packed, and a few tasks."""
    tasks: list[tuple[str, str | None]]
    tasks = [("bert", "masked_lm"), ("bert", "question_answering"), ("bert", "multiple_choice"), ("t5", "encoder_only"),
             ("bart", "conditional_generation"), ("gptj", "causal_lm"), ("esm", "masked_lm")]  # fmt: skip
    return [*((name, None) for name in _masks()), *tasks]


def made(name: str, task: str | None, *, packed: bool, **options: Any) -> Any:
    """A model with weights that a seed decides, large enough that every part of it tells in the numbers."""
    model = aw.compile(name, task=task, size="tiny", packed=packed, **{"backend": "eager", **options})
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for value in model.parameters():
            value.copy_(torch.randn(value.shape, generator=generator) * 0.3 + 0.1)
    model.settle()
    return model


def of_one(spec: Path) -> tuple[Any, Any]:
    """A model of a spec, and one of the same weights that is packed."""
    torch.manual_seed(0)
    padded, packed = (aw.compile(spec, backend="eager", packed=one) for one in (False, True))
    packed.load_state_dict(padded.state_dict())
    return padded, packed


def padded_inputs(model: Any, mask: str, style: str) -> tuple[dict[str, Any], torch.Tensor]:
    """Inputs of samples with different lengths, and which of their tokens are real."""
    symbols = model.graph.root.inputs[mask].type.dims[1].expanded().symbols()
    dims = {"batch": 3, **{symbol.name: LENGTH for symbol in symbols}}
    inputs = example_inputs(model.graph, dims=dims, extra=(mask,))
    real = inputs[mask].flatten(0, -2)
    for row in range(1, len(real)):
        hidden = {"right": slice(LENGTH - 2 * row, None), "left": slice(0, row), "holes": slice(2, 2 + row)}[style]
        real[row, hidden] = 0
    return inputs, real.bool()


def tensors(outputs: Mapping[str, Any]) -> Iterator[tuple[str, torch.Tensor]]:
    for key, value in outputs.items():
        if isinstance(value, Mapping):
            yield from tensors(value)
        else:
            for one in value if isinstance(value, (tuple, list)) else [value]:
                yield key, one


def assert_same(found: Any, wanted: Any, real: torch.Tensor) -> None:
    """Compare outputs at real tokens: along every axis that is as long as the samples."""
    pairs = list(zip(tensors(found), tensors(wanted), strict=True))
    assert pairs
    for (key, one), (other_key, other) in pairs:
        assert (key, one.shape) == (other_key, other.shape)
        counts = torch.ones((), dtype=torch.bool)
        for axis in [axis for axis, extent in enumerate(one.shape) if extent == LENGTH and axis]:
            counts = counts & real.view([len(real), *[1] * (axis - 1), LENGTH, *[1] * (one.dim() - axis - 1)])
        scale = (other.abs() * counts).max().item()
        torch.testing.assert_close(
            one * counts, other * counts, rtol=0, atol=1e-5 * scale, msg=lambda t, k=key: f"{k}: {t}"
        )


@pytest.mark.parametrize(("name", "task"), _packable())
def test_real_tokens_have_the_numbers_of_a_padded_batch(name: str, task: str | None) -> None:
    plain, packed = (made(name, task, packed=one) for one in (False, True))
    lean = made(name, task, packed=True, inference=True)
    compared = 0
    for style in ("right", "left", "holes"):
        inputs, real = padded_inputs(plain, packed.mask, style)
        with torch.no_grad():
            try:
                found = packed(**inputs)
            except ArgumentError:  # a token that is read by its number is none here
                continue
            torch.manual_seed(0)
            assert_same(found, plain(**inputs), real)
            assert_same(lean(**inputs), plain(**inputs), real)
        compared += 1
    assert compared or task == "multiple_choice"


@pytest.mark.parametrize("name", [name for name, one in _masks().items() if one == ("attention_mask", True)])
def test_embeddings_in_place_of_numbers(name: str) -> None:
    plain, packed = (made(name, None, packed=one) for one in (False, True))
    names = {"inputs_embeds", "decoder_input_ids"} & plain.graph.root.inputs.keys()
    inputs, real = padded_inputs(plain, packed.mask, "right")
    given = example_inputs(plain.graph, dims={"batch": 3, "seq": LENGTH, "source": LENGTH}, extra=tuple(names))
    inputs |= {name: given[name] for name in names}
    inputs.pop("input_ids")
    with torch.no_grad():
        assert_same(packed(**inputs), plain(**inputs), real)


@pytest.mark.parametrize(("name", "task"), FEW)
def test_states_and_probabilities(name: str, task: str | None) -> None:
    plain, packed = (made(name, task, packed=one) for one in (False, True))
    inputs, real = padded_inputs(plain, packed.mask, "right")
    flags = {flag: True for flag in ("output_hidden_states", "output_attentions") if flag in plain.graph.flags}
    with torch.no_grad():
        assert_same(packed(**inputs, **flags), plain(**inputs, **flags), real)


@pytest.mark.parametrize(("name", "task"), [("bert", None), ("gptj", "causal_lm"), ("esm", "masked_lm")])
def test_one_call_for_samples_of_many_lengths(name: str, task: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[int] = []

    def by_sample(q: Any, k: Any, v: Any, ends: Any, same: Any, most: int, longest: int, **options: Any) -> Any:
        """What the kernel for CUDA computes (`torch.nn.attention.varlen`)."""
        assert ends.dtype == torch.int32 and ends is same and most == longest == LENGTH
        calls.append(len(q))
        how = {"is_causal": options["window_size"] == (-1, 0), "scale": options["scale"]}
        samples = zip(*(x.transpose(0, 1).tensor_split(ends[1:-1].long(), 1) for x in (q, k, v)), strict=True)
        return torch.cat([F.scaled_dot_product_attention(*own, **how) for own in samples], 1).transpose(0, 1)

    model = made(name, task, packed=True)
    inputs, real = padded_inputs(model, find_mask(model.graph), "holes")
    with torch.no_grad():
        wanted = model(**inputs)
        monkeypatch.setattr("torch.nn.attention.varlen.varlen_attn", by_sample)
        monkeypatch.setattr(packing, "is_ragged", lambda x, num_heads: True)
        found = model(**inputs)
    assert calls and set(calls) == {int(real.sum())}
    for (key, one), (_, other) in zip(tensors(found), tensors(wanted), strict=True):
        torch.testing.assert_close(one, other, msg=key)


def test_what_runs_packed() -> None:
    text = made("bert", None, packed=True).source
    assert "input_ids_packed = padding.pack(input_ids)" in text
    assert "core = packed_attention(" in text
    assert "core = attention(" not in text
    assert (
        "scores = self.scores(x)"
        in made("gpt2", "causal_lm", packed=True).source.partition("forward_packed(self, x):")[2]
    )
    assert "q, k, v = self.q_k_v(x)" in made("bert", None, packed=True, inference=True).source


def test_fewer_tokens_are_computed() -> None:
    model = made("bert", None, packed=True)
    inputs, real = padded_inputs(model, "attention_mask", "right")
    shapes: list[torch.Size] = []
    model.net.encoder[0].ffn.up.register_forward_hook(lambda module, given, out: shapes.append(out.shape))
    model(**inputs)
    assert [shape[:2] for shape in shapes] == [(1, int(real.sum()))]


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize(
    ("name", "task", "part"),
    [("gpt2", "causal_lm", "decoder"), ("gptj", "causal_lm", "decoder"), ("bloom", "causal_lm", "decoder"),
     ("opt", "causal_lm", "decoder"), ("t5", "conditional_generation", "encoder"),
     ("bart", "conditional_generation", "encoder")],
)  # fmt: skip
def test_prompts_are_read_without_their_padding(name: str, task: str, part: str, inference: bool) -> None:
    plain, packed = (made(name, task, packed=one, inference=inference) for one in (False, True))
    real = torch.ones(5, LENGTH, dtype=torch.long)
    for row, hidden in enumerate((0, 3, 7, 3, LENGTH - 1)):
        real[row, slice(0, hidden) if part == "decoder" else slice(LENGTH - hidden, None)] = 0
    ids = torch.randint(5, 60, real.shape, generator=torch.Generator().manual_seed(0)) * real
    counts: list[int] = []
    layer = getattr(packed.net, part)[0].ffn.up
    hook = layer.register_forward_hook(lambda module, given, out: counts.append(out.shape[:-1].numel()))
    for beams in ({}, {"num_beams": 3}, {"num_beams": 2, "num_return_sequences": 2, "do_sample": True, "seed": 3}):
        asked = {"attention_mask": real, "max_new_tokens": 4, "pad_token_id": 0, **beams}
        assert torch.equal(packed.generate(ids, **asked), plain.generate(ids, **asked))
    hook.remove()
    # Of a decoder's layers each later step runs one token of a row.
    assert sum(counts[:4] if part == "decoder" else counts[:1]) == int(real.sum())


def test_samples_without_any_token() -> None:
    model = made("bart", None, packed=True)
    ids = torch.ones(2, 5, dtype=torch.long)
    for mask in (torch.tensor([[1] * 5, [0] * 5]), torch.zeros(2, 5, dtype=torch.long)):
        outputs = model(input_ids=ids, decoder_input_ids=ids, attention_mask=mask)
        assert all(value.isfinite().all() for _, value in tensors(outputs))
        assert not outputs.encoder_last_hidden_state[1].any()


@pytest.mark.parametrize(("name", "task", "rates"), [
    ("bert", "masked_lm", ("dropout", "attention_dropout")), ("t5", "conditional_generation", ("dropout",)),
    ("gpt2", "causal_lm", ("dropout", "attention_dropout", "embedding_dropout")),
    ("deberta", "masked_lm", ("dropout", "attention_dropout")),
])  # fmt: skip
def test_gradients(name: str, task: str, rates: tuple[str, ...]) -> None:
    losses, gradients = [], []
    for packed in (False, True):
        model = made(name, task, packed=packed, **dict.fromkeys(rates, 0.0)).train()
        inputs, real = padded_inputs(model, "attention_mask", "right")
        labels = torch.arange(3 * LENGTH).view(3, LENGTH).where(real, -100)
        inputs = {key: value for key, value in inputs.items() if not key.startswith("decoder")}
        loss = model(**inputs, labels=labels).loss
        loss.backward()
        losses.append(loss.item())
        gradients.append({key: value.grad for key, value in model.named_parameters()})
    assert losses[0] == pytest.approx(losses[1], rel=1e-6)
    scale = max(value.abs().max().item() for value in gradients[0].values() if value is not None)
    for key, value in gradients[0].items():
        assert (value is None) == (gradients[1][key] is None)
        if value is not None:
            torch.testing.assert_close(gradients[1][key], value, rtol=1e-4, atol=1e-6 * scale)


def test_a_call_that_reads_padding_is_refused() -> None:
    model = made("bert", None, packed=True)
    inputs, _ = padded_inputs(model, "attention_mask", "left")
    with pytest.raises(ArgumentError, match="`first_token_pooler` expected token 0 to be real"):
        model(**inputs)
    with pytest.raises(ArgumentError, match="2 axes, found"):
        model(**{**inputs, "attention_mask": torch.ones(3, LENGTH, LENGTH)})
    writer = made("gpt2", "causal_lm", packed=True)
    inputs, real = padded_inputs(writer, "attention_mask", "right")
    labels = inputs["input_ids"].where(real, -100)
    writer(**inputs, labels=labels)
    with pytest.raises(ArgumentError, match="`labels` to be -100 at padding"):
        writer(**inputs, labels=inputs["input_ids"])
    inputs, real = padded_inputs(writer, "attention_mask", "left")
    labels = inputs["input_ids"].where(real, -100)
    with pytest.raises(ArgumentError, match="`labels` to be -100 at padding and right behind it"):
        writer(**inputs, labels=labels)  # the last token of padding predicts the first real one
    labels[:, 1:].masked_fill_(~real[:, :-1], -100)
    writer(**inputs, labels=labels)


@pytest.mark.parametrize(
    ("name", "node"), [("xlnet", "kv"), ("clip", "pooled"), ("vit", "vit"), ("visual_bert", "both")]
)
def test_a_graph_that_reads_padding_is_refused(name: str, node: str) -> None:
    with pytest.raises(aw.SpecError) as caught:
        aw.compile(name, size="tiny", backend="eager", packed=True)
    assert [(one.code, one.message.split("`")[1]) for one in caught.value.diagnostics] == [("unpackable", node)]


EDGE = """\
model: edge
inputs: {x: "float[batch, seq, 8]", mask: "bool[batch, seq]?"}
graph:
  attended: {part: self_attention, in: {x: x, valid: mask}, num_heads: 2}
  norm: {block: layer_norm, in: "attended + attended[:, :1]"}
outputs: {y: norm}
"""


def test_an_edge_that_reads_padding_is_shown_at_the_node_that_reads_it(tmp_path: Path) -> None:
    spec = tmp_path / "edge.yaml"
    spec.write_text(EDGE, encoding="utf-8")
    with pytest.raises(aw.SpecError, match="`slice` cannot run on the real tokens alone") as caught:
        aw.compile(spec, backend="eager", packed=True)
    assert [one.label.span.line for one in caught.value.diagnostics] == [5]
    named = EDGE.replace("norm:", 'seen: {expr: "attended + attended[:, :1]"}\n  norm:').replace(
        '"attended + attended[:, :1]"}\noutputs', "seen}\noutputs"
    )
    spec.write_text(named, encoding="utf-8")
    with pytest.raises(aw.SpecError, match="`slice` cannot run") as caught:
        aw.compile(spec, backend="eager", packed=True)
    assert [one.label.span.line for one in caught.value.diagnostics] == [5]


def test_a_flag_that_reads_padding_is_refused() -> None:
    model = made("longformer", None, packed=True)
    inputs, _ = padded_inputs(model, "attention_mask", "right")
    model(**inputs)
    with pytest.raises(aw.SpecError, match="unpackable"):
        model(**inputs, output_attentions=True)


def test_generation_is_as_ever() -> None:
    plain, packed = (made("bart", "conditional_generation", packed=one) for one in (False, True))
    inputs, _ = padded_inputs(plain, "attention_mask", "right")
    told = {name: inputs[name] for name in ("input_ids", "attention_mask")}
    assert torch.equal(plain.generate(**told, max_new_tokens=4), packed.generate(**told, max_new_tokens=4))


@pytest.mark.parametrize(("name", "inference"), [("bert", False), ("bert", True), ("t5", True)])
def test_one_compiled_text_serves_all_lengths(name: str, inference: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    real_compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **options: real_compile(run, **{**options, "backend": "eager"}))
    torch.compiler.reset()
    plain = made(name, None, packed=False)
    model = made(name, None, packed=True, backend="inductor", inference=inference)
    with torch.no_grad(), torch._dynamo.config.patch(error_on_recompile=True):
        for style in ("right", "holes"):
            inputs, real = padded_inputs(plain, "attention_mask", style)
            assert_same(model(**inputs), plain(**inputs), real)


def test_compiled_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    model = made("bert", "masked_lm", packed=True, backend="inductor", inference=False)
    assert "@nested_compile_region" in model.source
    real_compile = torch.compile
    monkeypatch.setattr(torch, "compile", lambda run, **how: real_compile(run, **{**how, "backend": "aot_eager"}))
    plain = made("bert", "masked_lm", packed=False)
    inputs, real = padded_inputs(plain, "attention_mask", "holes")
    labels = torch.arange(3 * LENGTH).view(3, LENGTH).where(real, -100)
    for one in (plain, model):
        one(**inputs, labels=labels).loss.backward()
    wanted = {key: value.grad for key, value in plain.named_parameters()}
    scale = max(value.abs().max().item() for value in wanted.values() if value is not None)
    for key, value in model.named_parameters():
        torch.testing.assert_close(value.grad, wanted[key], rtol=1e-4, atol=1e-6 * scale)


def test_compiled_code_is_not_kept() -> None:
    model = made("bert", None, packed=True, backend="inductor")
    inputs, _ = padded_inputs(model, "attention_mask", "right")
    with pytest.raises(ArgumentError, match="code is not kept"):
        model.keep_compiled(**inputs)


def test_lengths_of_sentences() -> None:
    lengths = sentence_lengths(1000, 128)
    assert torch.equal(lengths, sentence_lengths(1000, 128))
    assert 0.3 < lengths.double().mean() / 128 < 0.36
    assert (int(lengths.min()), int(lengths.max())) >= (1, 128)
    assert lengths.max() == 128


HEADS = """\
model: heads
inputs: {input_ids: "int[batch, seq]", attention_mask: "bool[batch, seq]?"}
graph:
  tokens: {block: embedding, in: input_ids, num: 30, dim: 8}
  heads: {block: rearrange, in: tokens, pattern: b s (n h) -> b s n h, n: 2}
  norm: {block: rms_norm}
  best: {block: top_k, k: 3}
  both: {block: concat, in: {parts: [heads, best]}, axis: 3}
  flat: {block: rearrange, in: both, pattern: b s n h -> b s (n h)}
  narrow: {block: linear, d_out: 8}
  attention: {part: self_attention, in: {x: narrow, valid: attention_mask}, num_heads: 2}
outputs: {last_hidden_state: attention}
"""


def test_rows_that_are_split_and_joined_run_packed(tmp_path: Path) -> None:
    (tmp_path / "heads.yaml").write_text(HEADS)
    padded, packed = of_one(tmp_path / "heads.yaml")
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, :4] = mask[2, 6:] = False
    inputs = {"input_ids": torch.randint(0, 30, (3, LENGTH)), "attention_mask": mask}
    assert_same(packed(**inputs), padded(**inputs), mask)
    along = HEADS.replace("k: 3}", "k: 3, axis: 1}").replace("best]", "norm]")
    (tmp_path / "heads.yaml").write_text(along.replace("state: attention}", "state: attention, best: best}"))
    with pytest.raises(aw.SpecError, match="`best` cannot run on the real tokens alone"):
        aw.compile(tmp_path / "heads.yaml", backend="eager", packed=True)


HANDED = """\
model: handed
inputs: {input_ids: "int[batch, seq]", given: "float[batch, seq, 8]", attention_mask: "bool[batch, seq]?"}
parts:
  expert:
    inputs: {x: "float[batch, seq, d]"}
    graph: {up: {block: linear, in: x, d_out: $d}}
    outputs: {y: up}
  experts:
    inputs: {x: "float[batch, seq, d]"}
    graph:
      experts: {repeat: {e: 3}, part: expert, in: x}
      shares: {expr: "softmax(x[..., :3], -1)"}
      mixed: {expr: "sum(stack(experts.y, -1) * shares[:, :, None], -1)"}
      flat: {block: rearrange, in: shares, pattern: b s e -> (b s) e}
    outputs: {x: mixed, flat: flat}
  layer:
    inputs: {x: "float[batch, seq, d]", beside: "float[batch, seq, d]", valid: "bool[batch, seq]?"}
    graph:
      attended: {part: self_attention, in: {x: x + beside, valid: valid}, num_heads: 2}
      mixed: {part: experts}
    outputs: {x: mixed, flat: mixed.flat}
graph:
  tokens: {block: embedding, in: input_ids, num: 30, dim: 8}
  near: {block: linear, in: tokens, d_out: 8}
  far: {block: linear, in: tokens, d_out: 8}
  layers: {repeat: {i: 3}, part: layer, in: {x: tokens, beside: near if $i == 1 else far, valid: attention_mask}}
  every: {expr: "stack(layers.x[*], 1)"}
outputs:
  last_hidden_state: layers
  mean: mean(every, 1)
  attentions: layers.flat
"""


@pytest.mark.parametrize("far", ["far", "given"])
def test_lists_run_packed(far: str, tmp_path: Path) -> None:
    (tmp_path / "handed.yaml").write_text(HANDED.replace("else far", f"else {far}"))
    padded, packed = of_one(tmp_path / "handed.yaml")
    mask = torch.ones(3, LENGTH, dtype=torch.bool)
    mask[1, :4] = mask[2, 6:] = False
    inputs = {"input_ids": torch.randint(0, 30, (3, LENGTH)), "attention_mask": mask}
    inputs["given"] = torch.randn(3, LENGTH, 8)
    assert_same(packed(**inputs), padded(**inputs), mask)
    with pytest.raises(aw.SpecError, match="`flat` cannot run on the real tokens alone"):
        packed(**inputs, output_attentions=True)


CARRIED = """\
model: carried
inputs: {input_ids: "int[batch, seq]", attention_mask: "bool[batch, seq]?"}
params: {vocab_size: 30}
parts:
  layer:
    inputs: {x: "float[batch, seq, d]", valid: "bool[batch, seq]?", state: "float[batch, seq, d]?"}
    graph:
      made: {block: linear, in: x, d_out: $d}
      own: {first: [state, made]}
      attended: {part: self_attention, in: {x: x + own, valid: valid}, num_heads: 2, causal: true}
    outputs: {x: attended, state: own}
graph:
  tokens: {block: embedding, in: input_ids, num: $vocab_size, dim: 8}
  layers: {repeat: {i: 3}, part: layer, in: {x: tokens, valid: attention_mask}}
  logits: {block: linear, in: layers, d_out: $vocab_size}
outputs: {logits: logits}
"""


def test_what_the_first_round_has_none_of_is_carried_packed_and_written(tmp_path: Path) -> None:
    (tmp_path / "carried.yaml").write_text(CARRIED)
    padded, packed = of_one(tmp_path / "carried.yaml")
    mask = torch.ones(2, LENGTH, dtype=torch.bool)
    mask[1, 4:] = False
    inputs = {"input_ids": torch.randint(0, 30, (2, LENGTH)), "attention_mask": mask}
    assert_same(packed(**inputs), padded(**inputs), mask)
    ids = inputs["input_ids"]
    written = packed.generate(ids, max_new_tokens=3)
    for _ in range(3):
        ids = torch.cat([ids, padded(input_ids=ids).logits[:, -1:].argmax(-1)], 1)
    assert written.equal(ids)
