"""Text to tokens and back, with the tokenizer that a checkpoint's folder holds. Needs the `tokenizers` library."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ArgumentError, CheckpointError
from ..torch.checkpoint.folder import read_json

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def tokenizer_of(folder: str | Path) -> Tokenizer:
    """The tokenizer of a checkpoint, which neither pads nor cuts.

    A folder with a ``vocab.json`` of pieces alone (Speech2Text's) gives one that turns tokens into text, not back.

    Raises:
        ArgumentError: the library is missing.
        CheckpointError: the folder has no ``tokenizer.json``, or it cannot be read.
    """
    path = Path(folder) / "tokenizer.json"
    said = _json(Path(folder) / "tokenizer_config.json") or {}
    has_pieces = not path.is_file() and said.get("tokenizer_class") == "Speech2TextTokenizer"
    if not path.is_file() and not has_pieces:
        raise CheckpointError(
            f"{folder} has no tokenizer.json; `transformers.AutoTokenizer.from_pretrained(folder)` makes one of older "
            "files, and its `save_pretrained(folder)` writes it"
        )
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise ArgumentError('text needs the tokenizers library: pip install "archwright[generate]"') from None
    try:
        made = _of_pieces(Path(folder), said) if has_pieces else Tokenizer.from_file(str(path))
    except Exception as error:  # the library raises no narrower class
        raise CheckpointError(f"{path} cannot be read: {error}") from None
    made.no_padding()
    made.no_truncation()
    return made


def _of_pieces(folder: Path, said: Mapping[str, Any]) -> Tokenizer:
    from tokenizers import Tokenizer, decoders, models

    vocabulary = read_json(folder / "vocab.json")
    special = [one for one in vocabulary if one in _SILENT.values() or one.startswith("<lang:")]
    upper = [decoders.Replace(one, one.upper()) for one in _LETTERS] if said.get("do_upper_case") else []
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    made.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), *upper, decoders.Strip(" ", 1, 0)])
    made.add_special_tokens(special)
    return made


class Pieces:
    """Text as it is written: each token adds what is whole by then, so that no half of a character is shown.

    Attributes:
        ids: the tokens so far.
        text: what has been given out so far.

    Args:
        tokenizer: the tokenizer.
        show: is given each new piece of text.
        keep_special: also give out tokens such as ``</s>``.
    """

    def __init__(self, tokenizer: Tokenizer, show: Callable[[str], None], *, keep_special: bool = False) -> None:
        self.tokenizer = tokenizer
        self.show = show
        self.keep_special = keep_special
        self.ids: list[int] = []
        self.text = ""
        self.near = self.told = 0

    def decode(self, ids: Sequence[int]) -> str:
        """The text of tokens."""
        return self.tokenizer.decode(list(ids), skip_special_tokens=not self.keep_special)

    def begin(self, ids: Sequence[int]) -> None:
        """Go on after tokens whose text is not given out."""
        self.ids = list(ids)
        self.told = len(self.ids)

    def add(self, ids: Sequence[int], *, is_last: bool = False) -> None:
        """Give out what new tokens make whole; the half of a character waits for the rest, if any comes."""
        self.ids += ids
        # A piece is read with the one before it, on which the space between them may depend.
        after = self.decode(self.ids[self.near :])
        if is_last or not after.endswith("\N{REPLACEMENT CHARACTER}"):
            piece = after[len(self.decode(self.ids[self.near : self.told])) :]
            self.near, self.told = self.told, len(self.ids)
            self.text += piece
            self.show(piece)


def spoken(ids: Sequence[int], folder: str | Path) -> str:
    """The text of a CTC model's likeliest tokens, one a frame: repeats are one, blanks are none (Graves et al. 2006).

    Args:
        ids: the tokens, ``[frames]``.
        folder: the checkpoint, which holds the letters in ``vocab.json``.

    Raises:
        CheckpointError: the folder has no letters.
    """
    letters = _json(Path(folder) / "vocab.json")
    if letters is None or not all(isinstance(one, int) for one in letters.values()):
        raise CheckpointError(f"{folder} has no vocab.json with a number for each letter")
    said = _json(Path(folder) / "tokenizer_config.json") or {}
    names = {number: letter for letter, number in letters.items()}
    silent = {_content(said.get(f"{kind}_token", usual)) for kind, usual in _SILENT.items()}
    gap = _content(said.get("word_delimiter_token", "|"))
    heard = [names.get(one, "") for one, _ in groupby(ids)]
    text = "".join(" " if one == gap else one for one in heard if one not in silent)
    return text.strip().lower() if said.get("do_lower_case") else text.strip()


_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_SILENT = {"pad": "<pad>", "bos": "<s>", "eos": "</s>", "unk": "<unk>"}


def _content(token: object) -> object:
    return token.get("content") if isinstance(token, dict) else token


def _json(path: Path) -> dict[str, Any] | None:
    return read_json(path) if path.is_file() else None
