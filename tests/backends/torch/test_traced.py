"""A `torch.compile` around a model: one graph, whatever the call gives, and what is left out of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch._dynamo.exc import Unsupported

import archwright as aw
from archwright.backends.torch.example import example_inputs


@pytest.fixture(autouse=True)
def _anew() -> None:
    torch.compiler.reset()


def _whole(model: torch.nn.Module) -> Callable[..., Any]:
    return torch.compile(model, fullgraph=True, backend="eager")


@pytest.mark.parametrize(
    ("name", "task", "extra", "options"),
    [
        ("bert", "masked_lm", ("attention_mask", "labels"), {}),
        ("detr", "object_detection", ("labels",), {}),  # a list of mappings
        ("swin", "image_classification", (), {"inference": True}),
        ("clip", None, (), {}),  # outputs in outputs
        ("gpt2", "causal_lm", (), {"backend": "inductor"}),
    ],
)
def test_a_call_is_one_graph(name: str, task: str | None, extra: tuple[str, ...], options: dict[str, Any]) -> None:
    model = aw.compile(name, **{"task": task, "size": "tiny", "backend": "eager", **options}).eval()
    run, inputs = _whole(model), example_inputs(model.graph, extra=extra)
    with torch.no_grad():
        found, again, expected = run(**inputs), run(**inputs), model(**inputs)
    assert type(found) is type(expected)
    torch.testing.assert_close(dict(found), dict(expected))
    torch.testing.assert_close(dict(again), dict(expected))
    assert found.known == expected.known


def test_each_kind_of_call_has_its_graph() -> None:
    model = aw.compile("bert", size="tiny", backend="eager").eval()
    run, ids = _whole(model), torch.arange(6).view(2, 3)
    for told in ({}, {"output_hidden_states": True}, {"attention_mask": torch.ones_like(ids)}, {"return_dict": True}):
        found, expected = run(ids, **told), model(ids, **told)
        assert (found.hidden_states is None) == ("output_hidden_states" not in told)
        torch.testing.assert_close(dict(found), dict(expected))


def test_gradients_go_through() -> None:
    model = aw.compile("gpt2", task="causal_lm", size="tiny", backend="eager").eval()
    ids = torch.arange(8).view(2, 4)
    model(input_ids=ids, labels=ids).loss.backward()
    expected = {name: weight.grad for name, weight in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    _whole(model)(input_ids=ids, labels=ids).loss.backward()
    torch.testing.assert_close({name: weight.grad for name, weight in model.named_parameters()}, expected)


def test_a_wrong_name_is_said() -> None:
    with pytest.raises(Exception, match="takes no input `ids`"):
        _whole(aw.compile("bert", size="tiny", backend="eager"))(ids=torch.ones(1, 2, dtype=torch.long))


@pytest.mark.parametrize("options", [{"backend": "inductor"}, {"packed": True}])
def test_what_cannot_be_one_graph_is_called_apart(options: dict[str, Any]) -> None:
    model = aw.compile("bert", **{"size": "tiny", "backend": "eager", **options})
    model.compiled = lambda method, **told: method
    ids = torch.ones(1, 2, dtype=torch.long)
    with pytest.raises(Unsupported, match='make it `backend="eager"`'):
        _whole(model)(input_ids=ids, attention_mask=ids)
    found = torch.compile(model, backend="eager")(input_ids=ids, attention_mask=ids)
    torch.testing.assert_close(dict(found), dict(model(input_ids=ids, attention_mask=ids)))
