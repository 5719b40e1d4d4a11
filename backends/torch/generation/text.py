"""Text from a checkpoint: its files say how text, speech and pictures are read, its model writes, text comes out."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from ...errors import ArgumentError
from ...features.folder import file_inputs
from ...features.text import Pieces, spoken, tokenizer_of
from ..model import Model
from ..run import moved
from .decoder import reads_apart

if TYPE_CHECKING:
    from tokenizers import Tokenizer


@dataclass(frozen=True, slots=True)
class Written:
    """What was written.

    Attributes:
        texts: the new texts, without the prompt.
        ids: the ids that `Model.generate` returned, a list for each text.
        tokens: how many steps were made; 0 where the model hears all at once.
        seconds: how long it took.
        is_shown: whether the text was shown as it was written.
    """

    texts: list[str]
    ids: list[list[int]]
    tokens: int
    seconds: float
    is_shown: bool

    def to_json(self) -> dict[str, Any]:
        """The texts and ids as plain data."""
        rows = [{"text": text, "ids": ids} for text, ids in zip(self.texts, self.ids, strict=True)]
        return {"sequences": rows, "tokens": self.tokens, "seconds": self.seconds}


@dataclass(frozen=True, slots=True)
class Writing:
    """What is asked of a checkpoint's model.

    Attributes:
        folder: the checkpoint.
        model: its model.
        prompt: a text.
        audio: a WAV file.
        image: a PNG file.
        options: those of `Model.generate`; ``forced_bos_token`` is the token itself in place of its number.
        keep_special: also give out tokens such as ``</s>``.
    """

    folder: Path
    model: Model
    prompt: str | None = None
    audio: str | Path | None = None
    image: str | Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    keep_special: bool = False

    @property
    def hears_at_once(self) -> bool:
        """Whether it says a letter for each frame of a recording, instead of writing (CTC)."""
        return self.model.graph.task == "ctc"

    def check(self) -> None:
        """Refuse what the model cannot read.

        Raises:
            ArgumentError: a prompt or file is missing or too much.
        """
        name, inputs = self.model.graph.name, self.model.graph.root.inputs
        for names, given, option in (
            ({"input_features", "input_values"}, self.audio, "audio"),
            ({"pixel_values"}, self.image, "image"),
        ):
            if names & set(inputs) and given is None:
                raise ArgumentError(f"`{name}` reads a file; give it with --{option}")
        if self.hears_at_once and (self.prompt is not None or self.options):
            first = "prompt" if self.prompt is not None else next(iter(self.options)).replace("_", "-")
            raise ArgumentError(f"`{name}` says what it hears, a letter for each frame; leave --{first} out")
        if reads_apart(self.model.graph) and "input_ids" in inputs and self.prompt is None:
            raise ArgumentError(f"`{name}` reads a text before it writes; give it with --prompt")

    def write(self, show: Callable[[str], None] | None = None) -> Written:
        """Write text.

        Args:
            show: is given the text in pieces as it is written, where there is one text and one beam.

        Raises:
            ArgumentError: a file or option is wrong, or the model writes no tokens.
            CheckpointError: the folder lacks the tokenizer or what says how files are read.
            SpecError: the model cannot write step by step.
        """
        takes = self.model.graph.root.inputs
        inputs = moved(self.model, file_inputs(self.folder, takes, audio=self.audio, image=self.image))
        start = time.perf_counter()
        if self.hears_at_once:
            with torch.inference_mode():
                ids = self.model(**inputs).logits[0].argmax(-1).tolist()
            return Written([spoken(ids, self.folder)], [ids], 0, time.perf_counter() - start, False)
        pieces = Pieces(tokenizer_of(self.folder), show or (lambda piece: None), keep_special=self.keep_special)
        read, begun = self._tokens(pieces.tokenizer, has_file=bool(inputs))
        inputs |= moved(self.model, {name: torch.tensor([ids]) for name, ids in (read | begun).items()})
        options = dict(self.options)
        if "forced_bos_token" in options:
            options["forced_bos_token_id"] = self._number(pieces.tokenizer, options.pop("forced_bos_token"))
        stream = {"streamer": _Stream(pieces)} if show is not None and self._is_single(options) else {}
        rows = self.model.generate(**inputs, **options, **stream).tolist()
        before = next(iter(begun.values()), [])
        texts = [_new_text(pieces, row, before) for row in rows]
        tokens = max(len(row) for row in rows) - (len(before) if rows[0][: len(before)] == before else 0)
        return Written(texts, rows, tokens, time.perf_counter() - start, bool(stream))

    def _tokens(self, tokenizer: Tokenizer, *, has_file: bool) -> tuple[dict[str, list[int]], dict[str, list[int]]]:
        """The prompt's tokens under their input's name: those that are read, and those that the text begins with."""
        if self.prompt is None:
            return {}, {}
        is_beginning = has_file or not reads_apart(self.model.graph)
        name = "decoder_input_ids" if has_file and reads_apart(self.model.graph) else "input_ids"
        ids = tokenizer.encode(self.prompt, add_special_tokens=name == "input_ids").ids
        if not ids:
            raise ArgumentError("the prompt is empty: it has no tokens")
        return ({}, {name: ids}) if is_beginning else ({name: ids}, {})

    def _number(self, tokenizer: Tokenizer, token: str) -> int:
        found = tokenizer.token_to_id(token)
        if found is None:
            raise ArgumentError(f"`{self.folder}` has no token {token!r}")
        return found

    def _is_single(self, options: Mapping[str, Any]) -> bool:
        """Whether one text is written with one beam, as the call or else the checkpoint says."""
        origin = self.model.origin
        said = origin.generation or origin.config if origin is not None else {}
        return all((options.get(name) or said.get(name) or 1) == 1 for name in ("num_beams", "num_return_sequences"))


class _Stream:
    """Gives what `Model.generate` writes to `Pieces`; what it puts first is the prompt."""

    def __init__(self, pieces: Pieces) -> None:
        self.pieces = pieces
        self.has_begun = False

    def put(self, tokens: Tensor) -> None:
        ids = tokens.flatten().tolist()
        self.pieces.add(ids) if self.has_begun else self.pieces.begin(ids)
        self.has_begun = True

    def end(self) -> None:
        self.pieces.add([], is_last=True)


def _new_text(pieces: Pieces, row: list[int], start: list[int]) -> str:
    """The text of a row after the prompt, if it begins with it."""
    if not start or row[: len(start)] != start:
        return pieces.decode(row)
    return pieces.decode(row)[len(pieces.decode(start)) :]
