"""Rewrites for inference: the numbers hold for every spec that ships, and each does what it says."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn.utils import parametrizations, prune

import archwright as aw
from archwright.backends.errors import ArgumentError
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch.modules import prepacked
from archwright.backends.torch.modules.inference import (
    Derived,
    FoldedNorm,
    Held,
    Joined,
    PrepackedLinear,
    SettledConv,
)
from archwright.compiler.passes.rewrites import Rewrite, bodies, rewrites


PLACES = """\
archwright: 1
model: places
inputs: {x: "float[batch, 4, height, width]", rows: "int[batch]?", columns: "int[batch]?", few: "float[]?"}
graph:
  table: {block: parameter, shape: [1, 9, 4]}
  seen: {expr: x, when: has(few)}
  stretched: {block: stretch_positions, in: {table: table, like: LIKE, rows: rows, columns: columns}}
  tokens: {block: rearrange, in: x, pattern: b c h w -> b (h w) c}
  placed: {expr: tokens + stretched, else: tokens}
outputs: {placed: placed}
"""


def made(name: str, *, inference: bool = True, backend: str = "eager", **options: Any) -> Any:
    """A model with weights that a seed decides; statistics and biases are not those of a fresh one."""
    torch.manual_seed(0)
    model = aw.compile(name, size="tiny", backend=backend, inference=inference, **options)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for key, value in model.net.state_dict().items():
            if value.is_floating_point() and ("running" in key or key.endswith("bias")):
                value.add_(torch.rand(value.shape, generator=generator) / 4)
    model.settle()
    return model


def called(model: Any, **more: Any) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    with torch.no_grad():
        outputs = model(**{**example_inputs(model.graph), **more})
    return {key: value for key, value in outputs.items() if isinstance(value, torch.Tensor)}


def assert_same(found: dict[str, torch.Tensor], wanted: dict[str, torch.Tensor]) -> None:
    assert list(found) == list(wanted)
    for key, value in wanted.items():
        scale = value.abs().max().item() if value.is_floating_point() else 0
        torch.testing.assert_close(
            found[key], value, rtol=0, atol=1e-5 * scale, msg=lambda text, key=key: f"{key}: {text}"
        )


@pytest.mark.parametrize("name", ["bert", "t5", "beit", "deberta"])
def test_under_autocast(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)
    plain, lean = made(name, inference=False), made(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        wanted, found = called(plain), called(lean)
    assert [value.dtype for value in found.values()] == [value.dtype for value in wanted.values()]
    for key, value in wanted.items():
        torch.testing.assert_close(found[key], value, rtol=0, atol=0.02 * value.abs().max().item())
    assert_same(called(lean), called(plain))  # what was held then is not what holds now


def test_what_is_held_is_held_for_a_type_of_autocast(tmp_path: Path) -> None:
    file = tmp_path / "small.yaml"
    file.write_text(
        """
model: small
inputs: {x: "float[batch, 4]"}
graph:
  table: {block: parameter, shape: [5, 4]}
  keys: {block: linear, d_out: 4}
outputs: {y: x @ transpose(keys)}
"""
    )
    plain, lean = (aw.compile(file, backend="eager", inference=how) for how in (False, True))
    lean.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4)
    for dtype in (torch.bfloat16, torch.float16):
        with torch.autocast("cpu", dtype):
            assert torch.equal(lean(x=x).y, plain(x=x).y)


@pytest.mark.parametrize("least", [0, prepacked.LEAST])
@pytest.mark.parametrize("name", aw.list_models())
def test_numbers_hold(name: str, least: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", least)
    plain, lean = made(name, inference=False), made(name)
    wanted = called(plain)
    assert_same(called(lean), wanted)
    assert_same(called(lean), wanted)  # by what the first call holds


def test_projections_of_one_value_are_one_product() -> None:
    model = made("bart")
    assert "q, k, v = self.q_k_v(x)" in model.source
    assert "k, v = self.k_v(kv)" in model.source
    joined = [module for module in model.net.modules() if isinstance(module, Joined)]
    for module in joined:
        first, start = module.sources[0].weight, module.weight
        assert first.data_ptr() == start.data_ptr()  # the weights are slices: nothing is there twice


@pytest.mark.parametrize("name", ["t5", "swin", "resnet", "wav2vec2"])
def test_settling_follows_weights_that_changed_in_place(name: str) -> None:
    plain, lean = made(name, inference=False), made(name)
    called(lean)  # holds what it may
    with torch.no_grad():
        for model in (plain, lean):
            for weight in model.net.parameters():
                weight.mul_(1.5)
    lean.settle()
    assert_same(called(lean), called(plain))


@pytest.mark.parametrize("backend", ["eager", "inductor"])
def test_weights_are_put_in_the_order_of_the_kernels(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)
    model = made("bert", backend=backend)
    linears = [module for module in model.net.modules() if isinstance(module, PrepackedLinear)]
    assert {one.packed is None for one in linears} == {True, False}
    assert all(one.is_joined for one in linears if one.packed is None)  # q, k and v lie in one
    wanted = called(made("bert", inference=False))
    assert_same(called(model), wanted)
    assert_same(called(copy.deepcopy(model)), wanted)
    assert_same(called(model.double()), called(made("bert", inference=False).double()))
    assert all(one.packed is None for one in linears)  # oneDNN multiplies no float64
    assert_same(called(model.float()), wanted)
    model.load_state_dict({key: 0 * value for key, value in model.state_dict().items()})
    assert not called(model)["pooler_output"].any()


@torch.no_grad()
def test_a_compiled_product_of_one_row_is_written_as_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)
    torch.manual_seed(0)
    one, two = PrepackedLinear(33, d_out=7), PrepackedLinear(33, d_out=5, bias=False)
    joined = Joined(one, two)
    joined.renew()
    single = PrepackedLinear(33, d_out=9)
    single.renew()
    seen: list[str] = []

    def spy(graph: torch.fx.GraphModule, values: Any) -> Any:
        seen.extend(str(node.target) for node in graph.graph.nodes)
        return graph

    for backend in (spy, "inductor"):
        run = torch.compile(lambda x: (single(x), *joined(x)), fullgraph=True, backend=backend)
        for rows in (1, 3):
            seen.clear()
            x = torch.randn(rows, 1, 33)
            for found, linear in zip(run(x), (single, one, two), strict=True):
                torch.testing.assert_close(found, torch.nn.functional.linear(x, linear.weight, linear.bias))
            if backend is spy:
                assert seen
                assert any("linear" in name for name in seen) == (rows > 1)


def test_a_gradient_of_an_input_passes_by_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)
    states = torch.randn(2, 5, 32)
    found = []
    for inference in (True, False):
        leaf = states.clone().requires_grad_()
        made("bert", inference=inference)(inputs_embeds=leaf).last_hidden_state.sin().sum().backward()
        found.append(leaf.grad)
    torch.testing.assert_close(found[0], found[1])


def test_a_tangent_of_an_input_passes_by_the_operator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)
    one, two = PrepackedLinear(33, d_out=7), PrepackedLinear(33, d_out=5)
    joined = Joined(one, two)
    for module in (joined, single := PrepackedLinear(33, d_out=9)):
        module.renew()
        assert module.packed is not None
    x, along = torch.randn(3, 33), torch.randn(3, 33)
    found: Any = torch.func.jvp(lambda x: (single(x), *joined(x)), (x,), (along,))
    for tangent, linear in zip(found[1], (single, one, two), strict=True):
        torch.testing.assert_close(tangent, along @ linear.weight.T)


def found_in(spec: str | Path) -> list[Rewrite]:
    graph = aw.check(spec)
    return [one for _, body in bodies(graph) for one in rewrites(graph, body)]


def test_rewrites_are_found_in_the_graph() -> None:
    assert {one.kind for one in found_in("detr")} == {"folded"}  # q, k and v read different values there
    assert any(one.kind == "settled" for one in found_in("hubert"))


def test_a_projection_that_is_read_alone_is_computed_alone() -> None:
    assert {tuple(node.name for node in one.nodes) for one in found_in("bert")} == {("q", "k", "v")}


SHOWN = """\
model: shown
inputs: {x: "float[batch, 4, length]"}
graph:
  conv: {block: conv1d, in: x, d_out: 6, kernel: 3}
  norm: {block: batch_norm}
  conv2: {block: conv1d, d_out: 5, kernel: 1}
  norm2: {block: batch_norm}
outputs: {maps: conv, x: norm2}
"""


def test_a_convolution_that_a_call_returns_is_not_folded(tmp_path: Path) -> None:
    (tmp_path / "shown.yaml").write_text(SHOWN, encoding="utf-8")
    torch.manual_seed(0)
    plain = aw.compile(tmp_path / "shown.yaml", backend="eager").eval()
    for value in plain.state_dict().values():
        value.copy_(torch.rand(value.shape) + 0.5)
    lean = aw.compile(tmp_path / "shown.yaml", backend="eager", inference=True)
    lean.load_state_dict(plain.state_dict())
    x = torch.randn(2, 4, 9)
    assert_same(called(lean, x=x), called(plain, x=x))
    assert [one.name for one in found_in(tmp_path / "shown.yaml")] == ["conv2_norm2"]


@pytest.mark.parametrize(("name", "kind"), [("resnet", FoldedNorm), ("detr", FoldedNorm), ("wav2vec2", SettledConv)])
def test_kernels_are_made_once(name: str, kind: type[Derived]) -> None:
    model = made(name)
    assert any(isinstance(module, kind) for module in model.net.modules())
    assert "weight_norm" not in model.source.lower() or kind is SettledConv


def test_what_hangs_on_shapes_is_held_for_the_last_ones() -> None:
    plain, lean = made("t5", inference=False), made("t5")
    for length in (8, 5, 8):
        ids = torch.arange(length)[None] % 7
        assert_same(called(lean, input_ids=ids), called(plain, input_ids=ids))
    calls = []
    lean.net.encoder_bias.register_forward_hook(lambda *_: calls.append(1))
    called(lean, input_ids=ids)
    assert not calls


@pytest.mark.parametrize("like", ["x", "seen"])
def test_what_some_calls_alone_hold_has_its_place(like: str, tmp_path: Path) -> None:
    (tmp_path / "places.yaml").write_text(PLACES.replace("LIKE", like))
    plain, lean = (
        aw.compile(tmp_path / "places.yaml", backend="eager", inference=inference) for inference in (False, True)
    )
    lean.load_state_dict(plain.state_dict())
    x, rows = torch.arange(240.0).view(2, 4, 5, 6), torch.tensor([5, 3])
    for given in ({}, {"few": torch.ones(())}, {"rows": rows, "columns": rows}, {}):
        assert_same(called(lean, x=x, **given), called(plain, x=x, **given))
    assert "Held()" in lean.source


def test_inference_follows_the_weights() -> None:
    for name in ("bert", "resnet", "swin", "wav2vec2"):
        other, lean = made(name, inference=False), made(name)
        called(lean)
        with torch.no_grad():
            for value in other.parameters():
                value.mul_(1.5)
        lean.load_state_dict(other.state_dict())
        assert_same(called(lean), called(other))
        inputs = {key: one.double() for key, one in example_inputs(lean.graph).items() if one.is_floating_point()}
        assert_same(called(lean.double(), **inputs), called(other.double(), **inputs))


def test_inference_saves_the_same_bytes(tmp_path: Path) -> None:
    for name in ("bert", "resnet", "wav2vec2", "albert", "t5"):
        for inference in (False, True):
            made(name, inference=inference).save_pretrained(tmp_path / f"{name}{inference}")
        plain, lean = (sorted((tmp_path / f"{name}{one}").iterdir()) for one in (False, True))
        assert [path.name for path in plain] == [path.name for path in lean]
        assert all(a.read_bytes() == b.read_bytes() for a, b in zip(plain, lean, strict=True))
        loaded = aw.from_pretrained(tmp_path / f"{name}True", backend="eager", inference=True)
        assert_same(called(loaded), called(made(name)))


def test_a_mask_that_hides_nothing_is_left_out() -> None:
    for name, given in (("bert", ("attention_mask",)), ("t5", ("attention_mask", "decoder_attention_mask"))):
        plain, lean = made(name, inference=False), made(name)
        inputs = example_inputs(lean.graph, extra=given)
        for number in (1, 0):
            for mask in given:
                inputs[mask][0, -2:] = number
            assert_same(called(lean, **inputs), called(plain, **inputs))
            bits = sum(1 << lean.graph.atoms.index(mask) for mask in given)
            assert [key & bits for key in lean._methods] == ([0] if number else [0, bits])


@pytest.mark.parametrize("change", ["hook", "part", "pruned", "parametrized"])
def test_what_no_call_would_see_is_refused(change: str) -> None:
    model, ids = made("gpt2", task="causal_lm"), torch.arange(4)[None]
    model.generate(ids, max_new_tokens=2)
    attention = model.net.decoder[1].attention
    match change:
        case "hook":
            attention.v.register_forward_hook(lambda module, given, made: made + 1)
        case "part":  # as adapters are put in
            attention.v = torch.nn.Sequential(attention.v)
        case "pruned":
            prune.random_unstructured(attention.v, "weight", 0.5)
        case _:
            parametrizations.weight_norm(attention.v)
    for call in (lambda: model(ids), lambda: model.generate(ids, max_new_tokens=2)):
        with pytest.raises(ArgumentError, match=r"`net.decoder.1.attention` has hooks.*make it without"):
            call()


def test_hooks_where_nothing_is_made_of_weights_are_called() -> None:
    model, seen = made("gpt2", task="causal_lm"), []
    model.net.decoder[1].attention.o.register_forward_hook(lambda *_: seen.append(1))
    model(torch.arange(4)[None])
    assert seen


def test_inference_does_not_train() -> None:
    model = made("bert")
    with pytest.raises(ArgumentError, match="inference=True"):
        model.train()
    assert not model.eval().training
    assert not any(parameter.requires_grad for parameter in model.parameters())


@pytest.mark.parametrize(
    ("name", "dynamic", "holds"),
    [("bert", None, False), ("swin", None, True), ("beit", False, True), ("t5", None, False)],
)
def test_inference_compiles_whole_and_once(
    name: str, dynamic: bool | None, holds: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = torch.compile
    monkeypatch.setattr(torch, "compile", lambda function, **options: real(function, **{**options, "backend": "eager"}))
    torch.compiler.reset()
    wanted = called(made(name, inference=False))
    lean = made(name, backend="inductor", dynamic=dynamic)
    with torch._dynamo.config.patch(error_on_recompile=True):
        assert_same(called(lean), wanted)
        assert_same(called(lean), wanted)
    assert any(module.kept for module in lean.net.modules() if isinstance(module, Held)) is holds


SPEC = """\
model: two_types
sizes: {tiny: {}}
inputs: {x: "float[batch, seq, 8]"}
graph:
  one: {block: linear, in: x, d_out: 8}
  other: {block: linear, in: x, d_out: 8, stays_float32: true}
outputs: {one: one, other: other}
"""


def test_weights_of_another_type_are_not_joined(tmp_path: Path) -> None:
    path = tmp_path / "two_types.yaml"
    path.write_text(SPEC)
    plain, lean = (made(str(path), inference=inference, dtype="float16") for inference in (False, True))
    assert {weight.dtype for weight in lean.parameters()} == {torch.float16, torch.float32}
    x = torch.randn(2, 3, 8).half()
    wanted, found = plain(x=x), lean(x=x)
    assert wanted["other"].dtype == torch.float32
    for name, value in wanted.items():
        torch.testing.assert_close(found[name], value)


def test_models_of_other_sizes_compile_one_after_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepacked, "LEAST", 0)
    sizes: tuple[dict[str, Any], ...] = ({"num_layers": 2, "d_model": 32}, {"num_layers": 3, "d_model": 64})
    for size in sizes:
        plain, lean = made("bert", inference=False, **size), made("bert", backend="inductor", **size)
        assert_same(called(lean), called(plain))
