"""From a WAV file to what speech models read: log-mel spectrograms, normalised waveforms, Kaldi's filter banks."""

from __future__ import annotations

import math
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..errors import ArgumentError


def read_wav(path: str | Path, *, rate: int) -> Tensor:
    """The samples of a WAV file, channels averaged, from -1 to 1: ``[samples]``.

    Args:
        rate: the samples a second that the model reads.

    Raises:
        ArgumentError: the file is no WAV file of whole numbers, or has another rate.
        OSError: it cannot be read.
    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, found = file.getnchannels(), file.getsampwidth(), file.getframerate()
            data = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise ArgumentError(f"{path} is no WAV file that can be read (16-bit PCM is): {error}") from None
    if found != rate:
        raise ArgumentError(
            f"{path} has {found} samples a second, the model reads {rate}: convert it first, "
            f"for example with `ffmpeg -i {Path(path).name} -ar {rate} -ac 1 converted.wav`"
        )
    if not data:
        raise ArgumentError(f"{path} holds no samples")
    return _samples(data, width).view(-1, channels).mean(1)


def _samples(data: bytes, width: int) -> Tensor:
    """Little-endian samples of `width` bytes as numbers from -1 to 1; single bytes have no sign."""
    raw = torch.frombuffer(bytearray(data), dtype=torch.uint8).view(-1, width).double()
    value = sum((raw[:, place] * 256**place for place in range(width)), torch.zeros(()))
    half = 256**width / 2
    return (value / half - 1 if width == 1 else (value + half) % (2 * half) / half - 1).float()


def log_mel(samples: Tensor, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """Whisper's log-mel spectrogram (arXiv:2212.04356, section 2.2), padded to the length it was trained on.

    Args:
        samples: ``[samples]``.
        settings: those of a folder's ``preprocessor_config.json``.

    Returns:
        ``input_features`` ``[1, bins, frames]``.

    Raises:
        ArgumentError: the recording is longer than that.
    """
    rate, size = int(settings.get("sampling_rate", 16000)), int(settings.get("n_fft", 400))
    length = int(settings.get("chunk_length", 30)) * rate
    if len(samples) > length:
        raise ArgumentError(
            f"the recording is {len(samples) / rate:.1f} seconds long, the model hears {length / rate:g}: cut it "
            f"first, for example with `ffmpeg -i talk.wav -f segment -segment_time {length // rate} part%03d.wav`"
        )
    heard = samples.double()
    if settings.get("do_normalize"):
        heard = (heard - heard.mean()) / (heard.var(correction=0) + 1e-7).sqrt()
    whole = torch.nn.functional.pad(heard, (0, length - len(samples)))
    window = torch.hann_window(size, dtype=torch.float64)
    spectrum = torch.stft(whole, size, int(settings.get("hop_length", 160)), window=window, return_complex=True)
    bank = _bank(SLANEY, bins=int(settings.get("feature_size", 80)), rate=rate, size=size, low=0.0, high=8000.0)
    log = (bank.T @ spectrum[:, :-1].abs().square()).clamp(min=1e-10).log10()
    return {"input_features": ((log.clamp(min=float(log.max()) - 8) + 4) / 4).float()[None]}


def waveform(samples: Tensor, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """Wav2Vec2's input (arXiv:2006.11477): the samples, to mean 0 and variance 1 where the folder says so.

    Returns:
        ``input_values`` ``[1, samples]``, and ``attention_mask`` where the model was trained with one.
    """
    values = samples.float()
    if settings.get("do_normalize", True):
        values = (values - values.mean()) / (values.var(correction=0) + 1e-7).sqrt()
    found = {"input_values": values[None]}
    if settings.get("return_attention_mask"):
        found["attention_mask"] = torch.ones(1, len(values), dtype=torch.bool)
    return found


def filter_bank(samples: Tensor, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """Kaldi's log-mel filter banks, normalised over the recording: Speech2Text's input (arXiv:2010.05171).

    Returns:
        ``input_features`` ``[1, frames, bins]`` and ``attention_mask`` ``[1, frames]``.

    Raises:
        ArgumentError: the recording is shorter than a frame.
    """
    rate, width, size = int(settings.get("sampling_rate", 16000)), 400, 512
    if len(samples) < width:
        raise ArgumentError(f"expected at least {width} samples, found {len(samples)}")
    frames = (samples.double() * 2**15).unfold(0, width, 160)
    frames = frames - frames.mean(1, keepdim=True)
    before = torch.cat([frames[:, :1], frames[:, :-1]], 1)
    frames = (frames - 0.97 * before) * torch.hann_window(width, periodic=False, dtype=torch.float64) ** 0.85
    power = torch.fft.rfft(frames, size).abs().square()
    bins = int(settings.get("num_mel_bins", settings.get("feature_size", 80)))
    bank = _bank(KALDI, bins=bins, rate=rate, size=size, low=20.0, high=rate / 2)
    features = (power @ bank).clamp(min=1.192092955078125e-07).log()
    if settings.get("do_ceptral_normalize", True):
        if settings.get("normalize_means", True):
            features = features - features.mean(0)
        if settings.get("normalize_vars", True):
            features = features / features.std(0, correction=0)
    return {"input_features": features.float()[None], "attention_mask": torch.ones(1, len(features), dtype=torch.bool)}


@dataclass(frozen=True, slots=True)
class Scale:
    """A scale of pitch.

    Attributes:
        from_hertz: mels of hertz.
        to_hertz: hertz of mels; None where the triangles are straight in mels, and all have the height 1.
    """

    from_hertz: Callable[[Tensor], Tensor]
    to_hertz: Callable[[Tensor], Tensor] | None


def _slaney_mels(hertz: Tensor) -> Tensor:
    return torch.where(hertz < 1000, hertz * 3 / 200, 15 + (hertz.clamp(min=1) / 1000).log() * 27 / math.log(6.4))


def _slaney_hertz(mels: Tensor) -> Tensor:
    return torch.where(mels < 15, mels * 200 / 3, 1000 * ((mels - 15) * math.log(6.4) / 27).exp())


SLANEY = Scale(_slaney_mels, _slaney_hertz)
KALDI = Scale(lambda hertz: 1127 * (1 + hertz / 700).log(), None)


def _bank(scale: Scale, *, bins: int, rate: int, size: int, low: float, high: float) -> Tensor:
    """Triangles with their corners evenly spaced in mels: ``[frequencies, bins]``."""
    first, last = scale.from_hertz(torch.tensor([low, high], dtype=torch.float64)).tolist()
    corners = torch.linspace(first, last, bins + 2, dtype=torch.float64)
    places = torch.linspace(0, rate / 2, size // 2 + 1, dtype=torch.float64)
    if scale.to_hertz is None:
        places = scale.from_hertz(places)
    else:
        corners = scale.to_hertz(corners)
    gaps = corners.diff()
    away = corners - places[:, None]
    triangles = torch.minimum(-away[:, :-2] / gaps[:-1], away[:, 2:] / gaps[1:]).clamp(min=0)
    return triangles if scale.to_hertz is None else triangles * 2 / (corners[2:] - corners[:-2])


EXTRACTORS = {"Whisper": log_mel, "Wav2Vec2": waveform, "Speech2Text": filter_bank}
"""By the first word of ``feature_extractor_type``."""


def audio_inputs(path: str | Path, settings: Mapping[str, Any]) -> dict[str, Tensor]:
    """The inputs that a WAV file is for a model.

    Args:
        path: the file.
        settings: those of the checkpoint's ``preprocessor_config.json``.

    Raises:
        ArgumentError: the settings are not of audio, or the file does not fit them.
        OSError: the file cannot be read.
    """
    name = str(settings.get("feature_extractor_type", ""))
    extract = EXTRACTORS.get(name.removesuffix("FeatureExtractor"))
    if extract is None:
        known = ", ".join(f"{one}FeatureExtractor" for one in EXTRACTORS)
        raise ArgumentError(f"expected a `feature_extractor_type` among {known}, found {name!r}")
    return extract(read_wav(path, rate=int(settings.get("sampling_rate", 16000))), settings)
