"""What an encoder reads before a text is written, without its padding."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..model import Model
from ..packing import PADDING, padding_for

_GIVEN, _MADE = "encoder_outputs", "encoder_last_hidden_state"


def encoded(model: Model, inputs: Mapping[str, Any], ids: str) -> dict[str, Any]:
    """The inputs of a decoder; where a packed model has an encoder, its output in place of what that reads.

    Args:
        model: the model.
        inputs: those of a call.
        ids: the input that takes the tokens that are written.
    """
    graph, mask = model.graph, model.mask
    is_read = _GIVEN in graph.root.inputs and _GIVEN not in inputs and _MADE in graph.outputs
    if mask is None or mask not in inputs or not is_read:
        return dict(inputs)
    combination = graph.combination({*inputs, ids} & set(graph.atoms))
    method, takes = model.part(combination, _MADE)
    padding = padding_for(graph, mask, model.emitter.needs[combination], inputs, is_compiled=False)
    made = method(**{text: padding if name == PADDING else inputs[name] for text, name in takes.items()})
    read = {*takes.values()} - {mask}
    return {_GIVEN: made, **{name: value for name, value in inputs.items() if name not in read}}
