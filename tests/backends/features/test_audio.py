"""What a WAV file becomes, beside the reference's extractors."""

from __future__ import annotations

import math
import wave
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import Speech2TextFeatureExtractor, Wav2Vec2FeatureExtractor, WhisperFeatureExtractor

from archwright.backends.errors import ArgumentError
from archwright.backends.features.audio import audio_inputs, read_wav

EXTRACTORS = {
    "whisper": (WhisperFeatureExtractor, {"chunk_length": 2}),
    "whisper-128": (WhisperFeatureExtractor, {"chunk_length": 2, "feature_size": 128}),
    "whisper-8k": (WhisperFeatureExtractor, {"chunk_length": 2, "n_fft": 256, "hop_length": 64, "feature_size": 40}),
    "wav2vec2": (Wav2Vec2FeatureExtractor, {}),
    "wav2vec2-plain": (Wav2Vec2FeatureExtractor, {"do_normalize": False}),
    "wav2vec2-mask": (Wav2Vec2FeatureExtractor, {"return_attention_mask": True}),
    "speech2text": (Speech2TextFeatureExtractor, {}),
    "speech2text-40": (Speech2TextFeatureExtractor, {"num_mel_bins": 40, "feature_size": 40}),
    "speech2text-means": (Speech2TextFeatureExtractor, {"normalize_vars": False}),
    "speech2text-plain": (Speech2TextFeatureExtractor, {"do_ceptral_normalize": False}),
}


def tune(count: int = 20011) -> torch.Tensor:
    """A chirp in noise, ``[count]``."""
    time = torch.arange(count) / 16000
    noise = torch.randn(count, generator=torch.Generator().manual_seed(0))
    return (0.5 * torch.sin(2 * math.pi * (200 + 900 * time) * time) + 0.02 * noise).clamp(-1, 1)


def write(path: Path, samples: torch.Tensor, *, rate: int = 16000, width: int = 2, channels: int = 1) -> Path:
    half = 256**width // 2
    whole = (samples.double() * (half - 1)).round().long() + (half if width == 1 else 0)
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(b"".join(int(one).to_bytes(width, "little", signed=width > 1) for one in whole))
    return path


@pytest.mark.parametrize("name", EXTRACTORS)
def test_features_are_the_references(name: str, tmp_path: Path) -> None:
    kind, settings = EXTRACTORS[name]
    extractor = kind(**settings)
    path = write(tmp_path / "tune.wav", tune())
    found = audio_inputs(path, extractor.to_dict())
    expected = extractor(read_wav(path, rate=16000).numpy(), sampling_rate=16000, return_tensors="pt")
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        assert found[key].shape == value.shape
        torch.testing.assert_close(found[key].float(), value.float(), rtol=1e-4, atol=1e-4)


def test_silence_is_no_trouble(tmp_path: Path) -> None:
    path = write(tmp_path / "silence.wav", torch.zeros(900))
    extractor = WhisperFeatureExtractor(chunk_length=1)
    expected = extractor(torch.zeros(900).numpy(), sampling_rate=16000, return_tensors="pt").input_features
    torch.testing.assert_close(audio_inputs(path, extractor.to_dict())["input_features"], expected)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_every_width_of_sample_is_read(width: int, tmp_path: Path) -> None:
    samples = torch.tensor([0.0, 0.5, -0.5, 1.0, -1.0, 0.25])
    found = read_wav(write(tmp_path / "x.wav", samples, width=width), rate=16000)
    torch.testing.assert_close(found, samples, rtol=0, atol=2 / 256**width * 1.01 + 1e-7)


def test_channels_are_averaged(tmp_path: Path) -> None:
    samples = torch.tensor([0.5, -0.5, 0.25, 0.75])
    found = read_wav(write(tmp_path / "x.wav", samples, channels=2), rate=16000)
    torch.testing.assert_close(found, torch.tensor([0.0, 0.5]), rtol=0, atol=1e-4)


def test_another_rate_is_refused_by_name_of_the_one_wanted(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", tune(800), rate=44100)
    with pytest.raises(ArgumentError, match=r"44100 samples a second, the model reads 16000: .*-ar 16000"):
        audio_inputs(path, WhisperFeatureExtractor().to_dict())


def test_a_recording_that_is_too_long_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", tune())
    with pytest.raises(ArgumentError, match=r"1\.3 seconds long, the model hears 1: .*-segment_time 1 "):
        audio_inputs(path, WhisperFeatureExtractor(chunk_length=1).to_dict())


def test_what_is_no_sound_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.wav").write_text("no sound")
    with pytest.raises(ArgumentError, match=r"x\.wav is no WAV file"):
        read_wav(tmp_path / "x.wav", rate=16000)
    with pytest.raises(ArgumentError, match="holds no samples"):
        read_wav(write(tmp_path / "y.wav", torch.zeros(0)), rate=16000)
    with pytest.raises(OSError, match="none"):
        read_wav(tmp_path / "none.wav", rate=16000)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({}, "found ''"), ({"feature_extractor_type": "ClapFeatureExtractor"}, "found 'ClapFeatureExtractor'")],
)
def test_other_extractors_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        audio_inputs(tmp_path / "x.wav", settings)


def test_a_recording_shorter_than_a_frame_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", tune(300))
    with pytest.raises(ArgumentError, match="at least 400 samples, found 300"):
        audio_inputs(path, Speech2TextFeatureExtractor().to_dict())
