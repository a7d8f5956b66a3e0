"""Sounds: cut, mixed, resampled and filled as said, and spectrograms equal to a naive Fourier transform."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.signal

from cmkd_bench.data.fixtures.encoding import truncate, write_video, write_wav
from cmkd_bench.data.media.clips import AudioClip, BadClip
from cmkd_bench.data.media.decoding.audio import waveform
from cmkd_bench.data.media.decoding.spectrogram import log_spectrogram
from cmkd_bench.errors import UserError

BLACK = np.zeros((30, 48, 64, 3), np.uint8)


def tone(pitch: float, seconds: float, rate: int, loud: float = 0.5) -> np.ndarray:
    return loud * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize(
    ("name", "rate"), [("a.wav", 44100), ("a.wav", 8000), ("a.wav", 22050), ("a.mp4", 44100), ("a.flv", 44100)]
)
def test_a_tone_of_1000_hz_lies_in_its_bin(tmp_path: Path, settings: Any, name: str, rate: int) -> None:
    if name == "a.wav":
        write_wav(tmp_path / name, tone(1000, 3.0, rate), rate)
    else:
        write_video(tmp_path / name, BLACK, 10, tone(1000, 3.0, rate), rate)
    decoded = AudioClip(name, 1.0).decode(tmp_path, settings())
    # 8000 samples in windows of 256 every 128: 1 + (8000 - 256) // 128 columns; 1000 Hz / (8000 Hz / 256) is bin 32
    assert (decoded.shape, decoded.dtype) == ((1, 129, 61), np.float32)
    assert (decoded[0].argmax(axis=0) == 32).all()
    # a sine of amplitude 0.5 under a Hann window of sum 128 has the magnitude 0.5 * 128 / 2
    assert np.abs(decoded[0, 32] - np.log(32.0**2)).max() < 0.15  # MP3 loses half a decibel


def naive(sound: np.ndarray, window: np.ndarray, hop: int, power: float) -> np.ndarray:
    """|sum_n w[n] x[n] exp(-2 pi i k n / N)|^power, written out."""
    length = len(window)
    numbers = np.arange(length)
    kernel = np.exp(-2j * np.pi * np.outer(np.arange(length // 2 + 1), numbers) / length)
    columns = [
        np.abs(kernel @ (window * sound[at : at + length])) ** power for at in range(0, len(sound) - length + 1, hop)
    ]
    return np.stack(columns, axis=1)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_the_linear_spectrogram_is_the_naive_one(settings: Any, power: float) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 3000).astype(np.float32)
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    chosen = settings(n_fft=64, hop=24, power=power, log_offset=1e-3)
    expected = np.log(naive(sound, hann, 24, power) + 1e-3)
    assert np.abs(log_spectrogram(sound, chosen)[0] - expected).max() < 1e-4
    centred = np.pad(sound, 32, mode="reflect")
    expected = np.log(naive(centred, hann, 24, power) + 1e-3)
    assert np.abs(log_spectrogram(sound, settings(**{**vars(chosen), "centre": True}))[0] - expected).max() < 1e-4


def test_the_tukey_spectrogram_is_scipys_up_to_its_scale(settings: Any) -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 8000).astype(np.float32)
    window = scipy.signal.get_window(("tukey", 0.25), 256)
    _, _, theirs = scipy.signal.spectrogram(sound, 8000, nperseg=256, noverlap=128, detrend=False)
    ours = np.exp(log_spectrogram(sound, settings(window="tukey", log_offset=1e-12))[0].astype(np.float64))
    theirs = theirs * 8000 * (window**2).sum()
    theirs[1:-1] /= 2  # SciPy folds the negative frequencies into all but the first and the last
    assert np.allclose(ours, theirs, rtol=1e-3, atol=1e-5)


def test_mel_bands_rise_with_the_pitch(settings: Any) -> None:
    chosen = settings(mels=20)
    peaks = [
        int(log_spectrogram(tone(pitch, 1.0, 8000).astype(np.float32), chosen)[0].mean(axis=1).argmax())
        for pitch in (200, 700, 1500, 3000)
    ]
    # mel(f) = 2595 log10(1 + f / 700): 20 triangles between 0 and 4000 Hz = 2146 mel have centres at 102.2 (k + 1)
    mels = 2595 * np.log10(1 + np.array([200, 700, 1500, 3000]) / 700)
    assert np.abs(np.array(peaks) - (mels / (2146 / 21) - 1)).max() <= 1


def test_types_and_norm_of_the_clip(settings: Any) -> None:
    sound = tone(1000, 1.0, 8000).astype(np.float32)
    plain, half = (log_spectrogram(sound, settings(spectrogram_type=kind)) for kind in ("float32", "float16"))
    assert half.dtype == np.float16
    assert np.abs(plain - half).max() < 0.01
    normed = log_spectrogram(sound, settings(clip_norm=True))
    assert abs(normed.mean()) < 1e-4
    assert abs(normed.std() - 1) < 1e-4


def test_shorter_sounds_are_repeated_or_followed_by_zeros(tmp_path: Path, settings: Any) -> None:
    sound = tone(500, 0.3, 8000)
    write_wav(tmp_path / "a.wav", sound, 8000)
    tiled, zero = (waveform(tmp_path / "a.wav", 0.0, None, settings(fill=fill)) for fill in ("tile", "zero"))
    assert tiled.shape == zero.shape == (8000,)
    assert np.abs(tiled[:2400] - sound).max() < 1e-4
    assert np.array_equal(tiled[2400:4800], tiled[:2400])
    assert np.array_equal(tiled[7200:], tiled[:800])
    assert np.array_equal(zero[:2400], tiled[:2400])
    assert not zero[2400:].any()


def test_longer_sounds_are_cut_at_the_end_and_clips_at_both(tmp_path: Path, settings: Any) -> None:
    ramp = np.linspace(0, 0.9, 24000)
    write_wav(tmp_path / "a.wav", ramp, 8000)
    whole = waveform(tmp_path / "a.wav", 0.0, None, settings())
    assert np.abs(whole - ramp[:8000]).max() < 1e-4
    piece = waveform(tmp_path / "a.wav", 1.5, 1.75, settings())
    assert np.abs(piece[:2000] - ramp[12000:14000]).max() < 1e-4
    assert not piece[2000:].any()


@pytest.mark.parametrize("name", ["a.mp4", "a.flv"])
def test_a_clip_of_a_video_has_the_sound_of_its_time(tmp_path: Path, settings: Any, name: str) -> None:
    sound = np.concatenate([tone(400, 1.0, 44100), tone(900, 1.0, 44100), tone(2000, 1.0, 44100)])
    write_video(tmp_path / name, BLACK, 10, sound)
    for second, pitch in enumerate((400, 900, 2000)):
        piece = waveform(tmp_path / name, second + 0.1, second + 0.9, settings(seconds=0.8))
        spectrum = np.abs(np.fft.rfft(piece))
        assert abs(int(spectrum.argmax()) / 0.8 - pitch) < 3
        assert (spectrum[np.abs(np.arange(len(spectrum)) / 0.8 - pitch) > 200] < 0.05 * spectrum.max()).all()


def test_stereo_becomes_the_mean_of_its_channels(tmp_path: Path, settings: Any) -> None:
    left, right = tone(500, 1.0, 8000), tone(1500, 1.0, 8000, loud=0.2)
    write_wav(tmp_path / "a.wav", np.stack([left, right], axis=1), 8000)
    assert np.abs(waveform(tmp_path / "a.wav", 0.0, None, settings()) - (left + right) / 2).max() < 1e-4
    write_wav(tmp_path / "b.wav", np.stack([left, -left], axis=1), 8000)
    with pytest.raises(BadClip, match=r"^silent$"):
        waveform(tmp_path / "b.wav", 0.0, None, settings())


def test_resampling_keeps_the_waveform(tmp_path: Path, settings: Any) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 2.0, 44100), 44100)
    resampled = waveform(tmp_path / "a.wav", 0.0, None, settings())
    assert np.abs(resampled - tone(440, 1.0, 8000))[50:].max() < 0.01


def bad(tmp_path: Path, settings: Any, name: str = "a.wav", *times: float) -> str:
    with pytest.raises(BadClip) as caught:
        AudioClip(name, *times).decode(tmp_path, settings(seconds=3.0))
    return str(caught.value)


def test_reasons(tmp_path: Path, settings: Any) -> None:
    assert bad(tmp_path, settings) == "missing"
    write_wav(tmp_path / "a.wav", np.zeros(8000), 8000)
    assert bad(tmp_path, settings) == "silent"
    write_wav(tmp_path / "a.wav", tone(440, 1.0, 8000, loud=0.00005), 8000)
    assert bad(tmp_path, settings) == "silent"
    write_wav(tmp_path / "a.wav", tone(440, 0.009, 8000), 8000)
    assert bad(tmp_path, settings) == "sound shorter than 10 ms"
    write_wav(tmp_path / "a.wav", tone(440, 1.0, 8000), 8000)
    assert bad(tmp_path, settings, "a.wav", 2.0) == "no sound after 2.0 s"
    assert bad(tmp_path, settings, "a.wav", 0.0, 2.5) == "truncated: sound ends at 1.0 s of 2.5 s"
    (tmp_path / "a.wav").write_bytes(bytes(range(256)) * 20)
    assert bad(tmp_path, settings).startswith("cannot be decoded: ")
    write_video(tmp_path / "a.mp4", BLACK, 10)
    assert bad(tmp_path, settings, "a.mp4") == "no audio track"


def test_truncated_files_are_told(tmp_path: Path, settings: Any) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 2.0, 8000), 8000)
    truncate(tmp_path / "a.wav", 0.5)
    assert bad(tmp_path, settings) == "truncated: sound ends at 1.0 s of 2.0 s"
    rng = np.random.default_rng(0)
    write_video(tmp_path / "a.flv", rng.integers(0, 256, BLACK.shape, np.uint8), 10, tone(440, 3.0, 44100))
    truncate(tmp_path / "a.flv", 0.5)
    assert re.fullmatch(r"truncated: sound ends at [012]\.\d s of 3\.\d s", bad(tmp_path, settings, "a.flv"))


def test_a_window_longer_than_the_clip_is_a_mistake_of_the_settings(tmp_path: Path, settings: Any) -> None:
    write_wav(tmp_path / "a.wav", tone(440, 2.0, 8000), 8000)
    with pytest.raises(UserError, match=r"800 samples, fewer than prepare\.n_fft=1024"):
        AudioClip("a.wav").decode(tmp_path, settings(seconds=0.1, n_fft=1024))
