"""A model that is run token by token: a first step over the prompt, then steps that read what is remembered."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from ....blocks.notation.types import Type
from ....compiler.decoding import MIXED, SHARED, token_axis
from ....compiler.graph import Graph
from ....compiler.passes.unmasked import may_leave_out
from ....compiler.presence import present
from ...errors import ArgumentError
from ..model import Model
from ..modules.decoding import Place
from ..packing import PADDING, padding_for
from ..replay import Replays, is_replayed

ROOM = 64
"""Room is made for a multiple of this many tokens, so that texts of about one length are one compiled step."""
_GIVEN, _MADE = "encoder_outputs", "encoder_last_hidden_state"
"""What an encoder gives, as an input and as an output."""
_MASKS = ("attention_mask", "decoder_attention_mask")


class Decoder:
    """One text, or a batch of them, that is being written.

    Attributes:
        ids: the name of the input that takes the tokens.
        length: how many tokens there is room for.
        count: how many there are so far.
        rows: how many texts there are.

    Args:
        model: the model.
        inputs: everything that the first forward takes but the tokens, by name; what lies along the tokens, such as
            positions, as long as the prompt.
        length: the largest number of tokens, prompt included.
        along: the names of the inputs along the tokens that each step is told.

    Raises:
        ArgumentError: the model has no decoder, or asks how long a call's axes are.
        SpecError: its graph cannot be decoded step by step; the diagnostic names the node.
    """

    def __init__(self, model: Model, inputs: Mapping[str, Any], *, length: int, along: Collection[str] = ()) -> None:
        self.model = model
        self.graph = model.graph
        if self.graph.conditions:  # the answer is another from step to step
            asked = next(iter(self.graph.conditions))
            raise ArgumentError(f"`{self.graph.name}` writes no tokens one by one: it asks whether `{asked}`")
        self.length = -(-length // ROOM) * ROOM
        self.count = 0
        root = self.graph.root.inputs
        self.rows = 0
        self.ids = tokens_of(self.graph)
        kind = root[self.ids].type
        assert isinstance(kind, Type)
        (self.tokens,) = kind.dims[1].symbols()
        self.held: dict[str, Any] = {}
        self.inputs = encoded(model, inputs, self.ids)
        along_tokens = [name for name in self.inputs if token_axis(root[name].type, self.tokens) is not None]
        self.wholes = {name for name in along_tokens if getattr(root[name].type, "kind", "") == "bool"}
        self.embedded = self.inputs.get(embeds_of(self.ids))
        for name in along_tokens:
            if name != embeds_of(self.ids) and not self._goes_on(name):
                help_ = "; a mask of what is to be seen is called `attention_mask`" if name in self.wholes else ""
                told = f"`{self.graph.name}` cannot write with `{name}`"
                raise ArgumentError(f"{told}: nothing says what it is at tokens that are new{help_}")
        self.replays = Replays() if is_replayed(model) else None
        later = {*self.inputs, *along, self.ids} - {embeds_of(self.ids)}
        first = later if self.embedded is None else {*later, embeds_of(self.ids)} - {self.ids}
        self._first, self._first_takes = self._step(first, is_first=True)
        self._next, self._next_takes = self._step(later, is_first=False)

    def _goes_on(self, name: str) -> bool:
        """Whether an input along the tokens is true where tokens are written: a mask of what is to be seen."""
        combination = self.graph.combination({*self.inputs, self.ids} & set(self.graph.atoms))
        is_mask = name in _MASKS or may_leave_out(self.graph, name, combination)
        return name in self.wholes and is_mask

    def _step(self, given: Collection[str], *, is_first: bool) -> tuple[Any, dict[str, str]]:
        """The step of a call with these inputs, and those that it takes."""
        combination = self.graph.combination(set(given) & set(self.graph.atoms))
        logits = self.graph.outputs["logits"]
        if not present(logits, combination):
            raise ArgumentError(f"`{self.graph.name}` writes nothing without `{self.ids}`")
        return self.model.step(combination, "logits", self.tokens, is_first=is_first)

    def step(self, tokens: torch.Tensor, **along: torch.Tensor) -> torch.Tensor:
        """The logits after each of some new tokens; the first are the prompt, or stand for it where it is embedded.

        Args:
            tokens: ``[batch, new]``.
            **along: the inputs that lie along the tokens, for the new ones.

        Returns:
            ``[batch, new, vocabulary]``.
        """
        return self.run(tokens, along, is_first=self.count == 0)

    def begin(self, tokens: torch.Tensor, **along: torch.Tensor) -> torch.Tensor:
        """The logits after the last of a prompt's tokens, with arguments as for `step`: ``[batch, vocabulary]``.

        Where a packed model is told what is padding, samples that begin at one place run together, from there on. It
        waits for the mask's device then.
        """
        firsts = self.firsts()
        if firsts is None:
            return self.step(tokens, **along)[:, -1]
        inputs, count = self.inputs, tokens.shape[0]
        order, scores, held = [], [], []
        for first in firsts.unique().tolist():
            rows = (firsts == first).nonzero()[:, 0]
            self.inputs = {name: _rows(value, rows, count) for name, value in inputs.items()}
            self.held, self.count = {}, first
            told = {name: _rows(value, rows, count)[:, first:] for name, value in along.items()}
            scores.append(self.run(tokens[rows, first:], told, is_first=True)[:, -1])
            order.append(rows)
            held.append(self.held)
        back = torch.cat(order).argsort()
        self.inputs, self.rows = inputs, count
        self.held = _changed(lambda *ones: torch.cat(ones).index_select(0, back), *held)
        self.make_room()
        return torch.cat(scores).index_select(0, back)

    def firsts(self) -> torch.Tensor | None:
        """Where each sample begins, ``[batch]``; None where none is padded in front, or padding is read too."""
        if self.model.mask not in self.wholes or self.embedded is not None:
            return None
        firsts = self.inputs[self.model.mask].int().argmax(1)
        return firsts if bool(firsts.any()) else None

    def make_room(self) -> None:
        """Count what will be written among the real tokens."""
        for name in self.wholes:
            mask = self.inputs[name].bool()
            room = mask.new_ones(mask.shape[0], self.length - mask.shape[1])
            self.inputs[name] = torch.cat([mask, room], 1)

    def run(self, tokens: torch.Tensor, along: Mapping[str, torch.Tensor], *, is_first: bool) -> torch.Tensor:
        """The logits after each of some tokens that stand behind the `count` first ones."""
        news = self.embedded.shape[1] if is_first and self.embedded is not None else tokens.shape[1]
        self.rows = tokens.shape[0]
        # Filled where it lies: a number that is copied to a GPU makes the host wait.
        place = Place(torch.full((), self.count, device=tokens.device), news, self.length)
        if is_first:
            self.make_room()
        given = {**self.inputs, self.ids: tokens, **along, ":place": place, ":held": self.held}
        run, takes = (self._first, self._first_takes) if is_first else (self._next, self._next_takes)
        told: dict[str, Any] = {text: given[name] for text, name in takes.items()}
        run = partial(run, held=told.pop("held")) if "held" in told else run
        self.count += news
        before = len(tree_leaves(self.held)) if self.embedded is not None else 0
        scores = run(**told) if self.replays is None or is_first else self.replays(run, told)
        if self.embedded is not None and not is_first and len(tree_leaves(self.held)) > before:
            raise ArgumentError(
                f"`{self.graph.name}` cannot go on after `{embeds_of(self.ids)}`: it counts by the tokens themselves; "
                f"give `{self.ids}`"
            )
        return scores

    def reorder(self, rows: torch.Tensor) -> None:
        """Go on with other rows of the batch, as many as are named: those of the beams that are kept.

        Raises:
            ArgumentError: what is held is not laid by row, as where the model folds the batch.
        """
        stays = self.replays is not None and len(rows) == self.rows

        def chosen(value: torch.Tensor) -> torch.Tensor:
            if value.shape[0] != self.rows:
                return value
            found = value.index_select(0, rows)
            return value.copy_(found) if stays else found

        self.held = _changed(chosen, self.held)
        if self.replays is not None and not stays:
            self.replays.forget()
        self.rows = len(rows)
        for name in self.wholes:
            self.inputs[name] = self.inputs[name].index_select(0, rows)

    def crop(self, count: int) -> None:
        """Take the last tokens back; what is remembered of them is written over."""
        self.count = count


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


def tokens_of(graph: Graph) -> str:
    """The name of the input that takes the tokens that are written.

    Raises:
        ArgumentError: there is none, or nothing that says which token is next.
    """
    inputs = graph.root.inputs
    ids = "decoder_input_ids" if reads_apart(graph) else "input_ids"
    kind = inputs[ids].type if ids in inputs else None
    scores = getattr(graph.outputs.get("logits"), "type", None)
    if [len(one.dims) if isinstance(one, Type) else None for one in (kind, scores)] != [2, 3]:
        raise ArgumentError(
            f"`{graph.name}` with the task `{graph.task or 'base'}` writes no tokens; take a task that gives `logits` "
            "for each of its `input_ids` or `decoder_input_ids`"
        )
    return ids


def vocabulary_of(graph: Graph) -> int:
    """How many tokens a model of `tokens_of` knows."""
    kind = graph.outputs["logits"].type
    assert isinstance(kind, Type)
    return kind.dims[2].evaluate(graph.params)


def embeds_of(ids: str) -> str:
    """The name of the input that takes embeddings in place of those ids."""
    return ids.replace("input_ids", "inputs_embeds")


def reads_apart(graph: Graph) -> bool:
    """Whether what is read and what is written are apart: an encoder and a decoder."""
    inputs = graph.root.inputs
    if "decoder_input_ids" not in inputs:
        return False
    return "input_ids" not in inputs or str(inputs["input_ids"].type) != str(inputs["decoder_input_ids"].type)


def _rows(value: Any, rows: torch.Tensor, count: int) -> Any:
    """What a value says of some rows; one that is for all alike says the same of each."""
    is_by_row = isinstance(value, torch.Tensor) and value.dim() > 0 and value.shape[0] == count
    return value.index_select(0, rows) if is_by_row else value


def _changed(change: Callable[..., torch.Tensor], held: Any, *others: Any) -> Any:
    """All that is held, and others like it, with what is held for rows changed.

    Raises:
        ArgumentError: something is held whose rows are elsewhere, or folded with others.
    """
    if isinstance(held, dict):
        mixed = next((name for name in held if name.endswith(MIXED)), None)
        if mixed is not None:
            told = f"`{mixed.removesuffix(MIXED)}` is not held by rows of tokens, so that one text is written for each"
            raise ArgumentError(f"{told}, by one beam: leave `num_beams` and `num_return_sequences` out")
        return {
            name: value if name.endswith(SHARED) else _changed(change, value, *(one[name] for one in others))
            for name, value in held.items()
        }
    if isinstance(held, list):
        return [_changed(change, *ones) for ones in zip(held, *others, strict=True)]
    return change(held, *others) if held.dim() else held
