"""`archwright generate`: the reference's texts from the same folders, streamed or whole, from text, speech and pictures."""

from __future__ import annotations

import importlib
import json
import math
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers as hf
from click.testing import CliRunner, Result
from PIL import Image
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from archwright.backends.features.audio import read_wav
from archwright.cli import main

BOS, EOS, PAD = 0, 1, 2
SMALL = {"vocab_size": 280, "bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": PAD}
HALVES = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
          "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "d_model": 16, "decoder_start_token_id": EOS}  # fmt: skip


def save(model: Any, folder: Path) -> Any:
    """A folder with a random model and a tokenizer of bytes."""
    torch.manual_seed(3)
    for one in model.parameters():
        torch.nn.init.normal_(one, std=0.3)
    model.eval().save_pretrained(folder)
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=280, special_tokens=["<s>", "</s>", "<pad>"], show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
    )  # fmt: skip
    made.train_from_iterator(["once upon a time there was a fox", "naïve café 東京"], trainer)
    made.save(str(folder / "tokenizer.json"))
    return model


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("gpt2")
    return save(
        hf.GPT2LMHeadModel(hf.GPT2Config(n_embd=16, n_layer=2, n_head=2, n_positions=64, **SMALL)), folder
    ), folder


@pytest.fixture(scope="module")
def bart(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("bart")
    config = hf.BartConfig(**SMALL, **HALVES, max_position_embeddings=64, forced_eos_token_id=None)
    return save(hf.BartForConditionalGeneration(config), folder), folder


@pytest.fixture(scope="module")
def whisper(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    folder = tmp_path_factory.mktemp("whisper")
    config = hf.WhisperConfig(**SMALL, **HALVES, num_mel_bins=8, max_source_positions=50, max_target_positions=40,
                              suppress_tokens=None, begin_suppress_tokens=None)  # fmt: skip
    model = save(hf.WhisperForConditionalGeneration(config), folder)
    hf.WhisperFeatureExtractor(feature_size=8, chunk_length=1).save_pretrained(folder)
    sound(folder / "tune.wav")
    return model, folder


def sound(path: Path, rate: int = 16000) -> None:
    samples = [int(9000 * math.sin(0.05 * k + 1e-5 * k * k)) for k in range(9000)]
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        file.writeframes(b"".join(one.to_bytes(2, "little", signed=True) for one in samples))


def call(*args: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["generate", *map(str, args)], input=stdin)


def text(*args: str | Path) -> str:
    result = call(*args)
    assert result.exit_code == 0, result.output
    return result.stdout


def data(*args: str | Path) -> Any:
    return json.loads(text(*args, "--json"))


def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def test_a_text_goes_on_as_the_references_does(gpt2: tuple[Any, Path]) -> None:
    model, folder = gpt2
    words = tokenizer(folder)
    ids = torch.tensor([words.encode("once upon").ids])
    row = model.generate(ids, max_new_tokens=20, do_sample=False)[0].tolist()
    expected = words.decode(row)[len("once upon") :]
    assert text(folder, "--prompt", "once upon", "--max-new-tokens", "20") == f"{expected}\n"
    found = data(folder, "--prompt", "once upon", "--max-new-tokens", "20")
    assert found["sequences"] == [{"text": expected, "ids": row}]
    assert (found["model"], found["task"], found["prompt"]) == ("gpt2", "causal_lm", "once upon")
    assert found["tokens"] == len(row) - ids.shape[1] and found["seconds"] > 0


def test_a_spec_of_ones_own(gpt2: tuple[Any, Path], tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("model: own\nextends: gpt2\n", encoding="utf-8")
    found = data(gpt2[1], "--prompt", "once upon", "--spec", tmp_path / "own.yaml")
    assert found["model"] == "own"
    assert found["sequences"] == data(gpt2[1], "--prompt", "once upon")["sequences"]


def test_what_is_streamed_comes_in_pieces(gpt2: tuple[Any, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr("archwright.backends.commands.generate._show", shown.append)
    _, folder = gpt2
    whole = data(folder, "--prompt", "a", "--max-new-tokens", "20")["sequences"][0]["text"]
    text(folder, "--prompt", "a", "--max-new-tokens", "20")
    assert len([piece for piece in shown if piece]) > 2 and "".join(shown) == whole


def test_no_model_steers_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    generate = importlib.import_module("archwright.backends.commands.generate")
    for is_terminal, shown in ((True, "a[2Jb\n\tcé"), (False, "a\x1b[2Jb\n\tc\x9bé")):
        monkeypatch.setattr("sys.stdout.isatty", lambda answer=is_terminal: answer)
        generate._show("a\x1b[2Jb\n\tc\x9bé")
        assert capsys.readouterr().out == shown


def test_draws_go_by_the_seed(gpt2: tuple[Any, Path]) -> None:
    _, folder = gpt2
    options = ("--prompt", "once", "--max-new-tokens", "9", "--do-sample", "--top-k", "9", "--top-p", "0.9",
               "--temperature", "0.8", "--seed")  # fmt: skip
    first, again, other = (text(folder, *options, seed) for seed in ("1", "1", "2"))
    assert first == again != other


def test_several_texts_come_one_a_line(bart: tuple[Any, Path]) -> None:
    model, folder = bart
    words = tokenizer(folder)
    ids = torch.tensor([words.encode("once upon a time").ids])
    rows = model.generate(ids, max_new_tokens=7, num_beams=3, num_return_sequences=2, do_sample=False).tolist()
    options = (
        "--prompt",
        "once upon a time",
        "--max-new-tokens",
        "7",
        "--num-beams",
        "3",
        "--num-return-sequences",
        "2",
    )
    expected = [words.decode(row) for row in rows]
    assert [one["text"] for one in data(folder, *options)["sequences"]] == expected
    assert text(folder, *options) == "".join(f"{one}\n" for one in expected)


def test_a_text_that_is_read_comes_from_stdin_too(bart: tuple[Any, Path]) -> None:
    model, folder = bart
    words = tokenizer(folder)
    row = model.generate(torch.tensor([words.encode("a fox").ids]), max_new_tokens=7, do_sample=False)[0].tolist()
    result = call(folder, "--prompt", "-", "--max-new-tokens", "7", "--keep-special-tokens", stdin="a fox\n")
    assert result.stdout.startswith(words.decode(row[1:], skip_special_tokens=False))


def test_what_is_heard(whisper: tuple[Any, Path]) -> None:
    model, folder = whisper
    samples = read_wav(folder / "tune.wav", rate=16000)
    features = hf.WhisperFeatureExtractor.from_pretrained(folder)(
        samples.numpy(), sampling_rate=16000, return_tensors="pt"
    ).input_features
    row = model.generate(features, max_new_tokens=9, do_sample=False)[0].tolist()
    found = data(folder, "--audio", folder / "tune.wav", "--max-new-tokens", "9")
    assert found["sequences"][0]["text"] == tokenizer(folder).decode(row)
    streamed = text(folder, "--audio", folder / "tune.wav", "--max-new-tokens", "9")
    assert streamed == found["sequences"][0]["text"] + "\n"


def test_what_is_heard_letter_by_letter(tmp_path: Path) -> None:
    config = hf.Wav2Vec2Config(
        vocab_size=9, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        conv_dim=(8, 8), conv_kernel=(10, 4), conv_stride=(20, 16), num_conv_pos_embeddings=4,
        num_conv_pos_embedding_groups=2, num_feat_extract_layers=2,
    )  # fmt: skip
    model = save(hf.Wav2Vec2ForCTC(config), tmp_path)
    extractor = hf.Wav2Vec2FeatureExtractor()
    extractor.save_pretrained(tmp_path)
    (tmp_path / "vocab.json").write_text(json.dumps({one: at for at, one in enumerate(["<pad>", "|", *"ABCDEFG"])}))
    sound(tmp_path / "tune.wav")
    values = extractor(read_wav(tmp_path / "tune.wav", rate=16000).numpy(), sampling_rate=16000, return_tensors="pt")
    ids = model(values.input_values).logits[0].argmax(-1).tolist()
    found = data(tmp_path, "--audio", tmp_path / "tune.wav")
    assert found["sequences"][0]["ids"] == ids
    assert found["sequences"][0]["text"] == hf.Wav2Vec2CTCTokenizer(str(tmp_path / "vocab.json")).decode(ids)
    refused = call(tmp_path, "--audio", tmp_path / "tune.wav", "--num-beams", "2")
    assert refused.exit_code == 2 and "leave --num-beams out" in refused.stderr


def test_what_is_seen(tmp_path: Path) -> None:
    encoder = hf.ViTConfig(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
                           image_size=16, patch_size=8)  # fmt: skip
    decoder = hf.TrOCRConfig(**SMALL, d_model=16, decoder_layers=1, decoder_attention_heads=2, decoder_ffn_dim=16,
                             cross_attention_hidden_size=16)  # fmt: skip
    config = hf.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = EOS, PAD, EOS
    model = save(hf.VisionEncoderDecoderModel(config=config), tmp_path)
    processor = hf.ViTImageProcessor(size={"height": 16, "width": 16})
    processor.save_pretrained(tmp_path)
    picture = Image.effect_noise((20, 24), 60).convert("RGB")
    picture.save(tmp_path / "x.png")
    pixels = processor(picture, return_tensors="pt").pixel_values
    row = model.generate(pixels, max_new_tokens=8, do_sample=False)[0].tolist()
    found = data(tmp_path, "--image", tmp_path / "x.png", "--max-new-tokens", "8")
    assert found["sequences"] == [{"text": tokenizer(tmp_path).decode(row), "ids": row}]


@pytest.mark.parametrize(
    ("spoil", "args", "code", "message"),
    [
        ("tokenizer.json", ["--prompt", "a"], 1, "has no tokenizer.json"),
        (None, ["--prompt", ""], 2, "the prompt is empty"),
        (None, ["--prompt", "a", "--task", "base"], 2, "writes no tokens"),
        (None, ["--prompt", "a", "--num-beams", "0"], 2, "--num-beams"),
        (None, ["--prompt", "a", "--device", "nowhere"], 2, "is no device"),
        (None, ["--audio", "{}/config.json", "--prompt", "a"], 2, "reads no recordings"),
        (None, ["--image", "{}/config.json", "--prompt", "a"], 2, "reads no pictures"),
    ],
)
def test_mistakes(
    spoil: str | None, args: list[str], code: int, message: str, gpt2: tuple[Any, Path], tmp_path: Path
) -> None:
    for path in gpt2[1].iterdir():
        if path.name != spoil:
            (tmp_path / path.name).symlink_to(path)
    told = [one.format(tmp_path) for one in args]
    result = call(tmp_path, *told)
    assert result.exit_code == code and message in result.stderr, result.output
    assert result.stdout == ""
    if "--num-beams" not in args:
        found = call(tmp_path, *told, "--json")
        assert found.exit_code == code and message in json.loads(found.stdout)["message"]


def test_what_has_to_be_read_is_asked_for(bart: tuple[Any, Path], whisper: tuple[Any, Path], tmp_path: Path) -> None:
    asked: list[tuple[Callable[[], Result], str]] = [
        (lambda: call(bart[1]), "give it with --prompt"),
        (lambda: call(whisper[1]), "give it with --audio"),
    ]
    for run, message in asked:
        result = run()
        assert result.exit_code == 2 and message in result.stderr
    sound(tmp_path / "fast.wav", rate=44100)
    result = call(whisper[1], "--audio", tmp_path / "fast.wav")
    assert result.exit_code == 2 and "the model reads 16000" in result.stderr


def test_there_is_no_such_folder(tmp_path: Path) -> None:
    assert call(tmp_path / "none", "--prompt", "a").exit_code == 2
    result = call(tmp_path, "--prompt", "a")
    assert result.exit_code == 1 and "config.json" in result.stderr


def test_the_language_is_told(whisper: tuple[Any, Path], tmp_path: Path) -> None:
    _, folder = whisper
    for path in folder.iterdir():
        if path.name != "generation_config.json":
            (tmp_path / path.name).symlink_to(path)
    said = {"is_multilingual": True, "lang_to_id": {"<|en|>": 100, "<|de|>": 101}, "no_timestamps_token_id": 104,
            "task_to_id": {"transcribe": 102, "translate": 103}, "decoder_start_token_id": EOS, "eos_token_id": EOS,
            "pad_token_id": PAD, "max_length": 30}  # fmt: skip
    hf.GenerationConfig(**said).save_pretrained(tmp_path)
    reference = hf.WhisperForConditionalGeneration.from_pretrained(tmp_path)
    samples = read_wav(folder / "tune.wav", rate=16000).numpy()
    features = hf.WhisperFeatureExtractor.from_pretrained(folder)(samples, sampling_rate=16000, return_tensors="pt")
    words = tokenizer(folder)
    for options, wanted in (
        (["--language", "de"], {"language": "de"}),
        (["--language", "en", "--translate"], {"language": "en", "task": "translate"}),
    ):
        row = reference.generate(features.input_features, max_new_tokens=6, **wanted)[0].tolist()
        found = text(tmp_path, "--audio", folder / "tune.wav", "--max-new-tokens", "6", *options)
        assert found.rstrip("\n") == words.decode(row).rstrip("\n")
    refused = call(tmp_path, "--audio", folder / "tune.wav", "--language", "fr")
    assert refused.exit_code == 2 and "expected one of de, en" in refused.stderr


def test_the_first_token_may_be_named(bart: tuple[Any, Path]) -> None:
    model, folder = bart
    ids = torch.tensor([tokenizer(folder).encode("a fox").ids])
    first = tokenizer(folder).token_to_id("f")
    row = model.generate(ids, max_new_tokens=5, do_sample=False, forced_bos_token_id=first)[0].tolist()
    found = data(folder, "--prompt", "a fox", "--max-new-tokens", "5", "--forced-bos-token", "f", "--num-beams", "1")
    assert found["sequences"][0]["ids"] == row and row[1] == first
    refused = call(folder, "--prompt", "a fox", "--forced-bos-token", "de_DE")
    assert refused.exit_code == 2 and "has no token 'de_DE'" in refused.stderr


def test_half_precision(whisper: tuple[Any, Path]) -> None:
    _, folder = whisper
    assert data(folder, "--audio", folder / "tune.wav", "--dtype", "bfloat16", "--max-new-tokens", "4")["tokens"] > 0
