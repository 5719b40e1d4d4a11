"""What a call of a model returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch.utils import _pytree as pytree


class Output(dict[str, Any]):
    """What a call returns: a mapping whose entries are attributes too; outputs that this call has not read as None.

    None is read by its place: those of Hugging Face's count outputs that are none here, such as `past_key_values`.
    """

    known: frozenset[str] = frozenset()

    def __getattr__(self, name: str) -> Any:
        if name in self or name in self.known:
            return self.get(name)
        raise AttributeError(f"there is no output `{name}`; there are {', '.join(sorted(self.known or self))}")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "known":
            super().__setattr__(name, value)
        else:
            self[name] = value

    def __missing__(self, name: Any) -> Any:
        raise KeyError(f"no output `{name}` in this call; it has {', '.join(self)}, read by name")


def _flatten(output: Output) -> tuple[list[Any], tuple[list[str], frozenset[str]]]:
    return list(output.values()), (list(output), output.known)


def _unflatten(values: Iterable[Any], names: tuple[list[str], frozenset[str]]) -> Output:
    output = Output(zip(names[0], values, strict=True))
    output.known = frozenset(names[1])
    return output


def _flatten_with_keys(output: Output) -> tuple[list[Any], Any]:
    return [(pytree.MappingKey(key), one) for key, one in output.items()], (list(output), output.known)


pytree.register_pytree_node(
    Output,
    _flatten,
    _unflatten,
    serialized_type_name="archwright.Output",
    to_dumpable_context=lambda names: [names[0], sorted(names[1])],
    from_dumpable_context=tuple,
    flatten_with_keys_fn=_flatten_with_keys,
)


def wrap(names: Mapping[str, Any], value: Any) -> Any:
    """What the emitted forward gave, as `Output`s that know their names, nested ones too."""
    if not isinstance(value, dict):
        return value
    output = Output({key: wrap(names[key], inner) for key, inner in value.items()})
    output.known = frozenset(names)
    return output
