"""Recorded calls, on a tape that repeats operations where they were recorded, as a CUDA graph does with kernels."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import archwright as aw
from archwright.backends.torch.example import example_inputs
from archwright.backends.torch import replay
from archwright.backends.torch.generation import decoder

from tests.backends.torch import test_packing as packing

TASKS = {"imagegpt": "causal_image_modeling", "gpt2": "causal_lm", "gptj": "causal_lm", "bloom": "causal_lm"}
SYSTEMS = ["gpt2", "gptj", "bloom", "imagegpt", "bart", "t5", "whisper"]


class Tape(TorchDispatchMode):
    """What a step did: operations, what they read and where their results lie; Python is not run again."""

    made = 0

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[tuple[Any, ...]] = []
        Tape.made += 1

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        self.steps.append((func, args, kwargs or {}, result))
        return result

    def replay(self) -> None:
        for func, args, kwargs, result in self.steps:
            read = {storage(one) for one in tree_leaves((args, kwargs)) if isinstance(one, torch.Tensor)}
            again = func(*args, **kwargs)
            for old, new in zip(tree_leaves(result), tree_leaves(again), strict=True):
                if isinstance(old, torch.Tensor) and storage(old) not in read:
                    old.copy_(new)


def storage(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage().data_ptr()


class Stream:
    device_index = 0

    def __init__(self, device: torch.device) -> None:
        self.device = device

    def wait_stream(self, other: Stream) -> None:
        pass


@pytest.fixture
def taped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are recorded on a tape, on a CPU."""
    monkeypatch.setattr(Tape, "made", 0)
    for module in (decoder, replay):
        monkeypatch.setattr(module, "is_replayed", lambda model: True)
    for name, stand_in in {
        "CUDAGraph": Tape, "graph": lambda tape, *how: tape, "Stream": Stream, "current_stream": Stream,
        "stream": nullcontext, "graph_pool_handle": object,
    }.items():  # fmt: skip
        monkeypatch.setattr(torch.cuda, name, stand_in)


def model_of(name: str) -> Any:
    torch.manual_seed(0)
    model = aw.compile(name, task=TASKS.get(name, "conditional_generation"), size="tiny", backend="eager")
    for parameter in model.parameters():
        parameter.data.normal_(0.1, 0.3)
    return model


def given_to(model: Any) -> dict[str, Any]:
    given = example_inputs(model.graph)
    return {name: value for name, value in given.items() if not name.startswith(("decoder", "labels"))}


OPTIONS: dict[str, dict[str, Any]] = {
    "greedy": {},
    "beams": {"num_beams": 3, "num_return_sequences": 2},
    "drawn": {"do_sample": True, "seed": 3},
}


@pytest.mark.parametrize("how", OPTIONS)
@pytest.mark.parametrize("name", SYSTEMS)
def test_recorded_steps_write_the_same(name: str, how: str, request: pytest.FixtureRequest) -> None:
    model = model_of(name)
    given = {**given_to(model), **OPTIONS[how], "max_new_tokens": 9, "eos_token_id": -1, "pad_token_id": 0}
    if name not in TASKS:
        given["decoder_start_token_id"] = 2
    expected = model.generate(**given)
    request.getfixturevalue("taped")
    assert torch.equal(model.generate(**given), expected)
    assert Tape.made == 1, "recorded once, however many steps"


def test_padded_prompts_and_guesses(request: pytest.FixtureRequest) -> None:
    model = model_of("gpt2")
    ids = torch.randint(4, 90, (1, 6)).repeat(1, 2)
    mask = torch.ones_like(ids)
    mask[:, :2] = 0
    calls: list[dict[str, Any]] = [
        {"input_ids": ids.repeat(2, 1), "attention_mask": torch.cat([mask, torch.ones_like(mask)])},
        {"input_ids": ids, "prompt_lookup_num_tokens": 3},
    ]
    options = {"max_new_tokens": 9, "eos_token_id": -1, "pad_token_id": 0}
    expected = [model.generate(**call, **options) for call in calls]
    request.getfixturevalue("taped")
    for call, wanted in zip(calls, expected, strict=True):
        assert torch.equal(model.generate(**call, **options), wanted)
    assert Tape.made > 1, "a form of its own for each number of tokens"


def test_a_step_that_cannot_be_recorded_runs_as_it_is(taped: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """What torch leaves of a failed recording is taken back: its stream, its memory, and the generators' state."""
    streams, ended, made = [], [], []

    @contextmanager
    def refused(graph: Any, pool: Any, stream: Any, mode: str) -> Iterator[None]:
        yield
        made.append(pool)
        if len(made) == 1:
            raise RuntimeError("operation failed due to a previous error during capture")

    def end(device: int, pool: Any) -> None:
        ended.append(pool)
        raise RuntimeError("not currently recording to it")

    monkeypatch.setattr(torch.cuda, "graph", refused)
    monkeypatch.setattr(torch.cuda, "set_stream", streams.append)
    monkeypatch.setattr(torch._C, "_cuda_endAllocateToPool", end, raising=False)
    model = model_of("gpt2")
    ids = torch.randint(4, 90, (1, 5))
    with pytest.warns(UserWarning, match="no CUDA graph was made: operation failed"):
        found = model.generate(input_ids=ids, max_new_tokens=5, eos_token_id=-1)
    assert [stream.device for stream in streams] == [ids.device]
    assert made[0] == ended[0] != made[1] is None
    monkeypatch.setattr(decoder, "is_replayed", lambda model: False)
    assert torch.equal(found, model.generate(input_ids=ids, max_new_tokens=5, eos_token_id=-1))


def test_a_recording_is_on_the_device_of_what_it_is_told(taped: None) -> None:
    replays = replay.Replays()
    told = {"flag": True, "x": torch.ones(2)}
    for _ in range(2):
        replays(lambda x, flag: x + 1, told)
    assert replays.place is not None and replays.place[1].device == torch.device("cpu")
    replays.forget()
    assert replays.place is None, "the next may be elsewhere"


@pytest.mark.parametrize("name", ["bert", "t5", "swin"])
def test_recorded_forwards_give_the_same(name: str, taped: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "compile", lambda run, **options: run)
    torch.manual_seed(0)
    options = {"size": "tiny", "inference": True}
    plain = aw.compile(name, backend="eager", **options)
    model = aw.compile(name, backend="inductor", dynamic=False, **options)
    state = {
        key: torch.randn_like(value) * 0.3 for key, value in plain.state_dict().items() if value.is_floating_point()
    }
    calls = [{name: value[:rows] for name, value in example_inputs(plain.graph).items()} for rows in (2, 1, 2, 2, 1, 2)]
    for call in calls[1::2]:
        for value in call.values():
            value.copy_(value.flip(-1))
    for _ in range(2):
        for one in (plain, model):
            one.load_state_dict(state, strict=False)
        kept = []
        with torch.no_grad():
            for call in calls * 2:
                found, wanted = model(**call), plain(**call)
                kept.append((found, wanted))
        for found, wanted in kept:
            for key, value in wanted.items():
                torch.testing.assert_close(found[key], value)
        state = {key: value.flip(0) for key, value in state.items()}
    assert Tape.made >= 2
    made = Tape.made
    model(**calls[0])
    assert Tape.made == made, "nothing is recorded where gradients may be asked for"


@pytest.mark.parametrize(("name", "task"), [("bert", "masked_lm"), ("gpt2", "causal_lm"), ("t5", None)])
def test_recorded_forwards_of_real_tokens(
    name: str, task: str | None, taped: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One recording serves all calls whose tokens fill as many rows."""
    monkeypatch.setattr(torch, "compile", lambda run, **options: run)
    plain = packing.made(name, task, packed=False)
    model = packing.made(name, task, packed=True, backend="inductor", inference=True, dynamic=False)
    inputs, _ = packing.padded_inputs(plain, model.mask, "right")
    rows, length = inputs[model.mask].shape
    rooms = set()
    for numbers in ([11, 3, 4], [11, 9, 9], [11, 1, 1], [11, 5, 6], [11, 11, 11], [11, 7, 4], [11, 8, 8]):
        inputs["input_ids"] = inputs["input_ids"].flip(1)
        inputs[model.mask] = (torch.arange(length) < torch.tensor(numbers)[:, None]).long()
        with torch.no_grad():
            packing.assert_same(model(**inputs), plain(**inputs), inputs[model.mask].bool())
        rooms.add(-(-sum(numbers) // length))
    assert Tape.made == len(rooms) == rows - 1
