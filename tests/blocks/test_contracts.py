"""A block's contract and its module or function say the same: names, options, defaults, weights."""

from __future__ import annotations

import inspect
from importlib import import_module
from typing import Any

import pytest
import torch

from archwright.backends.torch.emit.source import home_of
from archwright.blocks.base import Block, all_blocks, block, snake_case
from archwright.blocks.notation.dims import Dim

CONTRACTS = [pytest.param(contract, id=name) for name, contract in sorted(all_blocks().items())]


def _torch_side(contract: type[Block]) -> Any:
    """The class or function that implements a contract; None where the emitter writes the weight itself."""
    if list(contract.weights) == [""] and contract.weights[""].init != "given":
        return None
    name = contract.__name__ if contract.weights and "" not in contract.weights else contract.name()
    return getattr(import_module(home_of(contract, name)), name)


@pytest.mark.parametrize("contract", CONTRACTS)
def test_says_what_it_is(contract: type[Block]) -> None:
    assert contract.__doc__
    assert contract.name() == snake_case(contract.__name__)
    assert contract.ports() is not None


@pytest.mark.parametrize("contract", CONTRACTS)
def test_options_are_the_arguments(contract: type[Block]) -> None:
    side = _torch_side(contract)
    if side is None:
        return
    parameters = inspect.signature(side).parameters
    owned = inspect.isclass(side)
    options = (
        {name for name, one in parameters.items() if one.kind is one.KEYWORD_ONLY}
        - set(contract.ports())
        - {"training"}
        - ({"place"} if contract.counts else set())
    )
    assert options == set(contract.model_fields)
    for name, field in contract.model_fields.items():
        default = parameters[name].default
        assert field.is_required() == (default is inspect.Parameter.empty), name
        if not field.is_required():
            assert field.default == default, name
    if owned:
        told = tuple(name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD)
        assert told == contract.dims_of_weights()
        ports = [name for name in inspect.signature(side.forward).parameters if name != "self"]
        assert len(ports) >= sum(not port.optional for port in contract.ports().values())
    else:
        assert set(contract.ports()) <= set(parameters)


@pytest.mark.parametrize(
    "contract", [one for one in CONTRACTS if one.values[0].weights and "" not in one.values[0].weights]
)
def test_weights_are_the_modules(contract: type[Block]) -> None:
    sizes = {name: 4 * (at + 1) for at, name in enumerate(contract.dims_of_weights())}
    required = {name: _value(field) for name, field in contract.model_fields.items() if field.is_required()}
    without = [{name: False} for name, field in contract.model_fields.items() if field.default is True]
    for options in (required, *({**required, **one} for one in without)):
        instance = contract(**options)
        bindings = instance.bindings()
        bindings.dims.update({name: Dim.of(size) for name, size in sizes.items()})
        promised = {leaf: tuple(int(dim) for dim in dims) for leaf, dims in instance.weight_shapes(bindings).items()}
        module = _torch_side(contract)(*sizes.values(), **options)
        assert {leaf: tuple(value.shape) for leaf, value in module.state_dict().items()} == promised


def _value(field: Any) -> Any:
    return 2 if field.annotation in (int, Any) else "gelu" if field.annotation is str else 2


def test_an_unknown_name_is_no_block() -> None:
    assert "nothing_like_this" not in all_blocks()


def test_a_name_taken_twice_names_both_places() -> None:
    impostor = type("Linear", (Block,), {"__module__": "elsewhere", "__doc__": "Another."})
    with pytest.raises(ValueError, match="registered twice"):
        block(impostor)


def test_torch_is_at_hand_for_the_modules_alone() -> None:
    assert torch.__version__
