"""What a text begins with: the tokens of the prompt, the inputs beside them, and what goes on along the tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ....blocks.notation.expressions import parse
from ....blocks.notation.values import evaluate
from ....compiler.graph import Graph
from ....compiler.reading.schema import Generate
from ...errors import ArgumentError
from ..model import Model
from .decoder import Decoder, embeds_of, reads_apart, tokens_of
from .options import Options


@dataclass
class Prompt:
    """The beginning of a text.

    Attributes:
        ids: the tokens, ``[batch, length]``.
        inputs: what the first forward takes beside them.
        along: the inputs that lie along the tokens, for the prompt, ``[batch, length]``.
        next: what they are for the first new token, ``[batch, 1]``.
        unnamed: how many tokens stand before the ids whose embeddings alone are given.
    """

    ids: Tensor
    inputs: dict[str, Any]
    along: dict[str, Tensor] = field(default_factory=dict)
    next: dict[str, Tensor] = field(default_factory=dict)
    unnamed: int = 0

    def spread(self, rows: Tensor) -> None:
        """Go on with several rows for each input."""
        self.ids = self.ids.index_select(0, rows)
        self.next = {name: value.index_select(0, rows) for name, value in self.next.items()}

    def after(self, done: int, news: int = 1) -> dict[str, Tensor]:
        """What lies along some new tokens, `done` of which have been before."""
        steps = torch.arange(done, done + news, device=self.ids.device)
        return {
            name: value + steps if name.endswith("position_ids") else value.expand(-1, news)
            for name, value in self.next.items()
        }


def facts_of(graph: Graph) -> Generate:
    """What the spec says of writing with its task."""
    task = graph.spec.tasks.get(graph.task) if graph.task else None
    return (task and task.generate) or graph.spec.generate or Generate()


def read_first(graph: Graph) -> str:
    """The input that a model is given to read, in whatever order a spec that extends another has them."""
    inputs = list(graph.root.inputs)
    return next((name for name in inputs if not name.startswith(("decoder_", "encoder_outputs"))), inputs[0])


def is_told(graph: Graph) -> bool:
    """Whether a text begins with its language and task."""
    return reads_apart(graph) and _beginning(graph) == "told"


def _beginning(graph: Graph) -> str:
    return str(evaluate(parse(facts_of(graph).prompt), graph.param))


def prompt_for(model: Model, given: Mapping[str, Any], options: Options) -> Prompt:
    """The prompt that a call's inputs make.

    Raises:
        ArgumentError: what has to be there is not.
    """
    graph = model.graph
    ids_name, facts = tokens_of(graph), facts_of(graph)
    inputs = {
        name: model.value(value, name)
        for name, value in given.items()
        if value is not None and name not in (*facts.ignores, "labels")
    }
    main, unnamed = read_first(graph), 0
    embedded = inputs.get(embeds_of(ids_name))
    if embedded is not None and (facts.blank is not None or reads_apart(graph)):
        raise ArgumentError(f"`generate` takes no `{embeds_of(ids_name)}` here; give `{ids_name}`")
    if reads_apart(graph):
        source = inputs.get(main, inputs.get("encoder_outputs", inputs.get("inputs_embeds")))
        if source is None:
            raise ArgumentError(f"`generate` needs `{main}`, which is read before anything is written")
        ids = _started(model, inputs, source, options)
    else:
        if ids_name not in inputs:
            like = next((value for value in given.values() if isinstance(value, Tensor)), None)
            inputs[ids_name] = _begun(model, options, ids_name, 1 if like is None else len(like), embedded)
        source = ids = inputs[ids_name]
        if embedded is not None:
            unnamed = embedded.shape[1] - ids.shape[1]
            if unnamed and ids.shape[1]:
                raise ArgumentError(
                    f"`inputs_embeds` stand for {embedded.shape[1]} tokens, `{ids_name}` are {ids.shape[1]}; "
                    "give as many, or one of them"
                )
    if not unnamed + ids.shape[1]:
        raise ArgumentError("the prompt is empty: it has no tokens")
    inputs.pop(ids_name, None)
    if "attention_mask" in graph.root.inputs and "attention_mask" not in (*inputs, *facts.ignores):
        mask = _padding(source, options)
        if mask is not None and "encoder_outputs" not in inputs:
            inputs["attention_mask"] = mask
    prompt = Prompt(ids, inputs, unnamed=unnamed)
    _along(prompt, graph)
    return prompt


def _begun(model: Model, options: Options, ids_name: str, rows: int, embedded: Tensor | None) -> Tensor:
    """The ids where none are given: the token that begins a text, or none where the prompt is embedded."""
    if embedded is not None:
        return torch.empty(rows, 0, dtype=torch.long, device=embedded.device)
    if options.bos_token_id is None:
        raise ArgumentError(f"`generate` needs `{ids_name}`, or a `bos_token_id` to begin with")
    return torch.full((rows, 1), options.bos_token_id, device=model.device)


def _padding(ids: Tensor, options: Options) -> Tensor | None:
    """The mask of ids that hold padding; None where nothing says what is padding."""
    if ids.is_floating_point() or ids.dim() != 2 or options.pad is None or options.pad in options.ends:
        return None
    kept = ids != options.pad
    return None if bool(kept.all()) else kept


def _along(prompt: Prompt, graph: Graph) -> None:
    """Positions count what is not padding; types go on as the last one."""
    apart, inputs = reads_apart(graph), prompt.inputs
    mask_name, positions_name = (f"{'decoder_' if apart else ''}{one}" for one in ("attention_mask", "position_ids"))
    mask = inputs.get(mask_name)
    takes_positions = positions_name in graph.root.inputs and positions_name not in facts_of(graph).ignores
    rows, length = prompt.ids.shape[0], prompt.unnamed + prompt.ids.shape[1]
    if mask is not None and apart and mask.shape[1] == length - 1:  # a start token was put before
        mask = inputs[mask_name] = torch.cat([mask.new_ones(len(mask), 1), mask], 1)
    if mask is not None and mask.shape != (rows, length):
        raise ArgumentError(f"`{mask_name}` expected [{rows}, {length}], as the prompt is, found {[*mask.shape]}")
    if mask is None and not apart and takes_positions and graph.root.defaults.get(positions_name, "range") != "range":
        # Hugging Face's `generate` counts from 0, also where the model itself begins elsewhere (RoBERTa).
        mask = torch.ones(rows, length, dtype=torch.bool, device=prompt.ids.device)
    if positions_name in inputs:
        prompt.along[positions_name] = inputs.pop(positions_name)
        prompt.next[positions_name] = prompt.along[positions_name][:, -1:] + 1
    elif mask is not None and takes_positions:
        counted = mask.long().cumsum(1)
        prompt.along[positions_name] = (counted - 1).masked_fill(mask == 0, 1)
        prompt.next[positions_name] = counted[:, -1:]
    if "token_type_ids" in inputs and not apart:
        prompt.along["token_type_ids"] = inputs.pop("token_type_ids")
        prompt.next["token_type_ids"] = prompt.along["token_type_ids"][:, -1:]


def _started(model: Model, inputs: dict[str, Any], source: Tensor, options: Options) -> Tensor:
    """The decoder's first tokens: the start token, and what a call or the checkpoint adds."""
    start = options.bos_token_id if options.decoder_start_token_id is None else options.decoder_start_token_id
    kind = _beginning(model.graph)
    ids = inputs.pop("decoder_input_ids", None)
    if ids is None and "input_ids" not in model.graph.root.inputs:
        ids = inputs.pop("input_ids", None)
    if ids is not None and len(ids) != len(source):
        raise ArgumentError(f"`decoder_input_ids` expected {len(source)} texts, one for each input, found {len(ids)}")
    if ids is not None and kind != "started":
        return ids
    if start is None:
        raise ArgumentError("`generate` needs a `decoder_start_token_id`, which neither the call nor the config says")
    first = torch.tensor(start, device=source.device).reshape(-1, 1)
    if len(first) not in (1, len(source)):
        raise ArgumentError(f"`decoder_start_token_id` expected one token, or {len(source)}, found {len(first)}")
    first = first.expand(len(source), 1)
    if ids is not None:
        return ids if bool((ids[:, :1] == first).any()) else torch.cat([first, ids], 1)
    return _told(model, inputs, first, options) if kind == "told" else first


def _told(model: Model, inputs: dict[str, Any], first: Tensor, options: Options) -> Tensor:
    """The start token, then the language, the task and what else a checkpoint puts before the text."""
    is_free = options.language is None and options.task is None
    forced = (options.forced_decoder_ids or []) if is_free else []
    rest = [token for at, (place, token) in enumerate(forced, start=1) if place == at]
    spoken, tasks, mute = None, options.task_to_id or {}, options.no_timestamps_token_id
    if options.language is not None:
        spoken = torch.tensor(_languages(options), device=first.device)
    elif options.lang_to_id is not None and (not rest or rest[0] is None):  # which language it is, is heard
        scores = Decoder(model, inputs, length=2).step(first)[:, -1]
        among = torch.tensor(list(options.lang_to_id.values()), device=first.device)
        spoken = among[scores[:, among].argmax(-1)]
    rest = rest if spoken is None else rest[1:]
    if options.task is not None:
        if options.task not in tasks:
            if not tasks:
                raise ArgumentError("the checkpoint has no tokens for tasks; leave `task` out")
            raise ArgumentError(f"`task` expected one of {', '.join(tasks)}, found {options.task!r}")
        rest.append(tasks[options.task])
    elif options.language is not None and "transcribe" in tasks:
        rest.append(tasks["transcribe"])
    if mute is not None and (not rest or rest[-1] != mute):
        rest.append(mute)
    columns = [] if spoken is None else [spoken.reshape(-1, 1).expand(first.shape[0], 1)]
    columns += [torch.full_like(first, token) for token in rest if token is not None]
    return torch.cat([first, *columns], 1)


def _languages(options: Options) -> list[int]:
    """The tokens of the languages that were asked for, by their codes (``en``)."""
    known = options.lang_to_id or {}
    names = [options.language] if isinstance(options.language, str) else options.language or []
    for name in names:
        if name not in known and f"<|{name}|>" not in known:
            if not known:
                raise ArgumentError("the checkpoint has no tokens for languages; leave `language` out")
            codes = ", ".join(code.strip("<|>") for code in known)
            raise ArgumentError(f"`language` expected one of {codes}, found {name!r}")
    return [known.get(name, known.get(f"<|{name}|>", 0)) for name in names]
