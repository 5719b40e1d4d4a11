"""Text as it is written, token by token; and the text of what a CTC model hears."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import Wav2Vec2CTCTokenizer

from archwright.backends.errors import ArgumentError, CheckpointError
from archwright.backends.features.text import Pieces, spoken, tokenizer_of

TEXTS = [
    "The quick brown fox, jumps over the lazy dog.",
    "naïve café — 東京は雨です。",
    "🙂🙃 👩‍👩‍👧 done",
    "  two  spaces\nand lines\n",
    "don't",
]


def byte_level() -> Tokenizer:
    """As GPT-2's, but nearly all tokens are single bytes."""
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=270, initial_alphabet=alphabet, special_tokens=["</s>"], show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    return made


def pieces_of_sentences() -> Tokenizer:
    """As T5's and Llama's, with bytes for what is unknown."""
    vocab = [("<unk>", 0.0), ("</s>", 0.0), *((f"<0x{byte:02X}>", -9.0) for byte in range(256))]
    vocab += [(f"▁{word}", -3.0) for word in ["The", "quick", "brown", "fox", "two", "and"]]
    made = Tokenizer(models.Unigram(vocab, unk_id=0, byte_fallback=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(["</s>"])
    return made


def word_pieces() -> Tokenizer:
    """As BERT's."""
    made = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece()
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=["[UNK]", "</s>"], show_progress=False)
    made.train_from_iterator(TEXTS, trainer)
    return made


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [byte_level, pieces_of_sentences, word_pieces])
def test_pieces_are_whole_and_make_the_text(make: Any, text: str) -> None:
    tokenizer = make()
    ids = tokenizer.encode(text).ids
    shown: list[str] = []
    pieces = Pieces(tokenizer, shown.append)
    for one in [*ids, tokenizer.token_to_id("</s>")]:
        pieces.add([one])
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in shown)
    pieces.add([], is_last=True)
    assert "".join(shown) == pieces.text == tokenizer.decode(ids)


def test_what_goes_on_after_a_prompt_is_shown_alone() -> None:
    tokenizer = byte_level()
    ids = tokenizer.encode("The quick brown fox").ids
    pieces = Pieces(tokenizer, lambda piece: None)
    pieces.begin(tokenizer.encode("The quick").ids)
    pieces.add(ids[len(pieces.ids) :], is_last=True)
    assert pieces.text == " brown fox"


def test_half_a_character_at_the_end_is_told_at_last() -> None:
    tokenizer = byte_level()
    pieces = Pieces(tokenizer, lambda piece: None)
    pieces.add(tokenizer.encode("a雨").ids[:-1])
    assert pieces.text == ""
    pieces.add([], is_last=True)
    assert pieces.text == "a\N{REPLACEMENT CHARACTER}"


def test_special_tokens_may_be_kept() -> None:
    tokenizer = byte_level()
    pieces = Pieces(tokenizer, lambda piece: None, keep_special=True)
    pieces.add([*tokenizer.encode("The").ids, tokenizer.token_to_id("</s>")])
    assert pieces.text == "The</s>"


def test_a_folders_tokenizer_neither_pads_nor_cuts(tmp_path: Path) -> None:
    made = byte_level()
    made.enable_padding(length=40)
    made.enable_truncation(2)
    made.save(str(tmp_path / "tokenizer.json"))
    assert len(tokenizer_of(tmp_path).encode("東京は").ids) == 8


def test_folders_without_a_tokenizer_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CheckpointError, match=r"has no tokenizer\.json; .*save_pretrained"):
        tokenizer_of(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(CheckpointError, match="cannot be read"):
        tokenizer_of(tmp_path)
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(ArgumentError, match=r"pip install \"archwright\[generate\]\""):
        tokenizer_of(tmp_path)


@pytest.mark.parametrize("upper", [False, True])
def test_a_folder_of_pieces_alone_gives_text(upper: bool, tmp_path: Path) -> None:
    vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "▁hello", "▁wor", "ld", ",", "<lang:de>"]
    (tmp_path / "vocab.json").write_text(json.dumps({piece: number for number, piece in enumerate(vocabulary)}))
    settings = {"tokenizer_class": "Speech2TextTokenizer", "do_upper_case": upper}
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    shown: list[str] = []
    pieces = Pieces(tokenizer_of(tmp_path), shown.append)
    for one in [8, 4, 7, 5, 6, 4, 2]:
        pieces.add([one])
    text = "hello, world hello"
    assert pieces.text == (text.upper() if upper else text)
    assert len([piece for piece in shown if piece]) == 5


@pytest.mark.parametrize("options", [{}, {"do_lower_case": True}, {"word_delimiter_token": "_", "pad_token": "[PAD]"}])
def test_what_is_heard_is_the_references(options: dict[str, Any], tmp_path: Path) -> None:
    letters = ["<pad>", "<s>", "</s>", "<unk>", "|", "A", "B", "C", "_", "[PAD]"]
    (tmp_path / "vocab.json").write_text(json.dumps({letter: number for number, letter in enumerate(letters)}))
    reference = Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json"), **options)
    reference.save_pretrained(tmp_path)
    for ids in ([5, 5, 0, 5, 6, 4, 4, 0, 4, 7, 7], [9, 9, 5, 9, 5, 8, 8, 7], [0, 0], []):
        assert spoken([*ids, 2, 1], tmp_path) == reference.decode(ids)  # which would spell `</s>` out


def test_letters_have_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"has no vocab\.json"):
        spoken([1], tmp_path)
    (tmp_path / "vocab.json").write_text('{"eng": {"a": 0}}')
    with pytest.raises(CheckpointError, match="a number for each letter"):
        spoken([1], tmp_path)
