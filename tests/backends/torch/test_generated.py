"""A model as a module: copies, pickles, hooks, what is freed, shards."""

from __future__ import annotations

import copy
import gc
import io
import linecache
import pickle
import sys
import time
import weakref
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from torch import nn
from torch._C._distributed_c10d import HashStore
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.utils._pytree import tree_map

import archwright as aw
from archwright.backends.torch.emit import classes

IDS = torch.randint(5, 90, (2, 6), generator=torch.Generator().manual_seed(0))


def _gpt2(**options: Any) -> Any:
    return aw.compile("gpt2", task="causal_lm", size="tiny", **{"backend": "eager", **options})


def test_a_copy_writes_forwards_of_its_own() -> None:
    model = _gpt2()
    other = copy.deepcopy(model)
    assert list(model(IDS, output_attentions=True)) == ["logits", "attentions"]
    assert list(other(IDS, output_hidden_states=True)) == ["logits", "hidden_states"]
    assert "attentions" not in other.source


@pytest.mark.parametrize("options", [{}, {"inference": True}, {"packed": True}])
def test_a_pickle_outlives_its_model(options: dict[str, Any]) -> None:
    model, file = _gpt2(**options), io.BytesIO()
    expected = model(IDS, output_attentions=True)
    torch.save(model, file)
    del model
    gc.collect()
    file.seek(0)
    again = torch.load(file, weights_only=False)
    assert torch.equal(again(IDS, output_attentions=True).attentions[0], expected.attentions[0])
    torch.testing.assert_close(again(IDS, output_hidden_states=True).logits, expected.logits)


def test_a_pickle_of_a_part_has_its_class() -> None:
    layer = _gpt2().net.decoder[0]
    x = torch.randn(1, 3, 32)
    gc.collect()
    assert torch.equal(pickle.loads(pickle.dumps(layer))(x, valid=None), layer(x, valid=None))


def test_a_part_that_outlives_its_model_compiles() -> None:
    model = _gpt2()
    given = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
    expected, kept = model(**given).logits, [model.net, copy.deepcopy(model.net)]
    del model
    gc.collect()
    for net in kept:
        assert torch.equal(torch.compile(net, backend="aot_eager")(**given)["logits"], expected)


def test_a_shallow_copy_leaves_its_model_whole() -> None:
    model = _gpt2()
    other = copy.copy(model)
    assert torch.equal(other(IDS).logits, model(IDS).logits)
    del other
    gc.collect()
    assert torch.equal(torch.compile(model, backend="aot_eager")(IDS).logits, model(IDS).logits)
    assert all(name in sys.modules for name in model.generated.modules)


@pytest.mark.parametrize("name", ["variant", "inputs", "args", "method"])
def test_inputs_have_any_name(name: str, tmp_path: Path) -> None:
    (tmp_path / "named.yaml").write_text(
        f"model: named\ninputs: {{{name}: 'float[batch, 4]'}}\n"
        f"graph: {{up: {{block: linear, in: {name}, d_out: 3}}}}\noutputs: {{y: up}}\n"
    )
    model, x = aw.compile(tmp_path / "named.yaml", backend="eager"), torch.randn(2, 4)
    assert torch.equal(model(**{name: x}).y, model.net.up(x))


def test_a_copy_of_a_part_takes_part_in_later_forwards() -> None:
    model = _gpt2()
    model.net.decoder.append(copy.deepcopy(model.net.decoder[0]))
    assert len(model(IDS, output_hidden_states=True).hidden_states) == 4


def test_nothing_stays_of_a_model() -> None:
    model = _gpt2()
    model(IDS)
    model.generate(IDS, max_new_tokens=2)
    weight, kind = weakref.ref(model.net.tokens.weight), weakref.ref(type(model.net))
    names = model.generated.modules
    assert len(names) > 1 and all(name in sys.modules and f"<{name}>" in linecache.cache for name in names)
    gc.disable()
    try:
        del model
        assert weight() is None
    finally:
        gc.enable()
    gc.collect()
    assert kind() is None
    assert not any(name in sys.modules or f"<{name}>" in linecache.cache for name in names)


def test_hooks_see_every_forward() -> None:
    model, seen = _gpt2(), Counter[str]()
    for name, module in model.named_modules():
        module.register_forward_hook(lambda *_, name=name: seen.update([name]))
    lists = {name for name, module in model.named_modules() if isinstance(module, nn.ModuleList)}
    for told in ({}, {"attention_mask": torch.ones_like(IDS)}, {"output_attentions": True}):
        seen.clear()
        model(IDS, **told)
        assert set(seen) == {name for name, _ in model.named_modules()} - lists and set(seen.values()) == {1}
    seen.clear()
    model.generate(IDS, max_new_tokens=3)
    assert seen["net"] == seen["net.decoder.0"] == seen["net.decoder.1.attention.q"] == 3


def test_what_cannot_be_compiled_is_told_with_the_way_out() -> None:
    seen: list[int] = []
    compiled, plain = _gpt2(backend="inductor"), _gpt2()
    for model in (compiled, plain):
        model.net.decoder[1].register_forward_hook(torch.compiler.disable(lambda *_: seen.append(1)))
    with pytest.raises(RuntimeError) as caught:
        compiled(IDS)
    assert any('`backend="eager"` runs without torch.compile' in note for note in caught.value.__notes__)
    plain(IDS)
    assert seen


def test_what_a_hook_or_a_forward_in_its_place_gives_counts() -> None:
    model = _gpt2()
    plain = model.generate(IDS, max_new_tokens=3)
    expected = model(IDS, output_hidden_states=True).hidden_states[1] + 1
    handle = model.net.decoder[0].register_forward_hook(lambda module, given, made: made + 1)
    assert torch.equal(model(IDS, output_hidden_states=True).hidden_states[1], expected)
    assert not torch.equal(model(IDS).logits, plain)
    handle.remove()
    layer = model.net.decoder[0]
    inner = layer.forward
    layer.forward = lambda *args, **inputs: inner(*args, **inputs) + 1
    assert torch.equal(model(IDS, output_hidden_states=True).hidden_states[1], expected)


def test_threads_write_forwards_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    wrapped = classes.wrapped
    monkeypatch.setattr(classes, "wrapped", lambda line: (time.sleep(1e-5), wrapped(line))[1])  # others take turns
    told = [{"output_attentions": True}, {"output_hidden_states": True}, {"attention_mask": torch.ones_like(IDS)}]
    model = _gpt2()
    with ThreadPoolExecutor(3) as threads:
        found = list(threads.map(lambda one: list(model(IDS, **one)), told))
    assert found == [["logits", "attentions"], ["logits", "hidden_states"], ["logits"]]


@pytest.mark.parametrize("root", ["model", "net"])
def test_layers_are_sharded(root: str) -> None:
    model = _gpt2()
    expected = model(IDS, labels=IDS).loss
    expected.backward()
    written = model.generate(IDS, max_new_tokens=3)
    grads = {name: weight.grad for name, weight in model.named_parameters()}
    model.zero_grad()
    dist.init_process_group("gloo", store=HashStore(), rank=0, world_size=1)
    try:
        mesh = init_device_mesh("cpu", (1,))
        for part in (*model.net.decoder, {"model": model, "net": model.net}[root]):
            fully_shard(part, mesh=mesh)
        loss = model(IDS, labels=IDS).loss
        loss.backward()
        found = {name: weight.grad.full_tensor() for name, weight in model.named_parameters()}
        if root == "net":  # steps of `generate` are calls of it
            assert torch.equal(model.generate(IDS, max_new_tokens=3), written)
    finally:
        dist.destroy_process_group()
    torch.testing.assert_close((loss, found), (expected, grads))


def test_the_trainer_of_hugging_face_takes_it(tmp_path: Path) -> None:
    pytest.importorskip("accelerate")
    from transformers import Trainer, TrainingArguments

    rows: Any = [{"input_ids": ids, "labels": ids} for ids in IDS]
    told: dict[str, Any] = {"max_steps": 2, "remove_unused_columns": False, "label_names": ["labels"]}
    told |= {"save_safetensors": False, "use_cpu": True, "report_to": [], "disable_tqdm": True}
    trainer = Trainer(_gpt2(), TrainingArguments(str(tmp_path), **told), train_dataset=rows, eval_dataset=rows)
    assert trainer.train().global_step == 2
    assert trainer.evaluate()["eval_loss"] > 0


def test_an_output_is_a_tree_and_stays_one() -> None:
    model = _gpt2()
    out = model(IDS, output_hidden_states=True)
    doubled = tree_map(lambda one: 2 * one, out)
    assert torch.equal(doubled.logits, 2 * out.logits) and torch.equal(
        doubled.hidden_states[2], 2 * out["hidden_states"][2]
    )
    for other in (doubled, copy.copy(out), pickle.loads(pickle.dumps(out))):
        assert list(other) == ["logits", "hidden_states"] and other.loss is None
    out.logits = doubled.logits
    assert out["logits"] is out.logits
    with pytest.raises(KeyError, match="no output `0` in this call; it has logits, hidden_states, read by name"):
        out[0]


def test_a_model_is_exported_as_it_is() -> None:
    model = _gpt2()
    program = torch.export.export(model, (IDS,), strict=False)
    torch.testing.assert_close(program.module()(IDS).logits, model(IDS).logits)
    file = io.BytesIO()
    torch.export.save(program, file)
    file.seek(0)
    assert torch.export.load(file).module()(IDS).loss is None
