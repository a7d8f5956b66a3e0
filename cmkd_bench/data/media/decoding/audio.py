"""Decode the sound of a file into a mono waveform with a fixed rate and length."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.decoding.refusals import BadClip, tolerance
from cmkd_bench.data.media.decoding.video import decoded, first_track, open_container, origin

SILENT = 1e-4  # peak of full scale: -80 dB, below the noise of any recording
SHORTEST = 0.01  # seconds
MARGIN = 0.1  # seconds beyond the end, so that the filter of the resampling does not see the cut
_UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # placeholders for the size by programs that write to a pipe


def waveform(path: Path, start: float, end: float | None, preparation: Preparation) -> np.ndarray:
    """Decode a sound, mix it to mono by the mean, resample it, and cut or fill it up.

    Args:
        path: path of the file; .wav is read with libsndfile, everything else with FFmpeg.
        start: in seconds after the beginning of the file.
        end: in seconds; None is the end of the audio track.
        preparation: settings: rate, length and filling.

    Returns:
        (seconds * sample_rate,) float32.

    Raises:
        BadClip: if there is no audio track, or it is broken, silent, truncated, or shorter than 10 ms.
    """
    stop = start + preparation.seconds + MARGIN
    stop = stop if end is None else min(end, stop)
    reader = _read_wav if path.suffix.lower() == ".wav" else _read_container
    sound, rate, expected = reader(path, start, stop)
    found = start + len(sound) / rate
    expected = stop if end is not None else min(stop, expected)
    if found + tolerance(expected - start) < expected and len(sound):
        raise BadClip(f"truncated: sound ends at {found:.1f} s of {expected if end is None else end:.1f} s")
    if len(sound) < SHORTEST * rate:
        raise BadClip(f"no sound after {start:.1f} s" if start else f"sound shorter than {SHORTEST * 1000:.0f} ms")
    if not np.isfinite(sound).all():
        raise BadClip("the sound has values that are not finite")
    samples = round(preparation.seconds * preparation.sample_rate)
    resampled = _resample(sound, rate, preparation.sample_rate)[:samples]
    if np.abs(resampled).max() < SILENT:
        raise BadClip("silent")
    return fill_up(resampled, samples, preparation.fill)


def fill_up(sound: np.ndarray, samples: int, fill: str) -> np.ndarray:
    """Repeat a shorter sound (`tile`) or append zeros (`zero`) to the given number of samples."""
    if len(sound) >= samples:
        return sound[:samples]
    if fill == "tile":
        return np.resize(sound, samples)
    return np.pad(sound, (0, samples - len(sound)))


def _resample(sound: np.ndarray, rate: int, wanted: int) -> np.ndarray:
    if rate == wanted:
        return sound
    import torch
    from torchaudio.functional import resample

    resampled: np.ndarray = resample(torch.from_numpy(sound), rate, wanted).numpy()
    return resampled


def _read_wav(path: Path, start: float, stop: float) -> tuple[np.ndarray, int, float]:
    """Return mono samples of [start, stop), their rate, and the duration in seconds according to the file."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate, frames = file.samplerate, file.frames
            file.seek(min(frames, round(start * rate)))
            sound = file.read(max(0, round((stop - start) * rate)), dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise BadClip(f"cannot be decoded: {error.error_string}") from error
    return sound.mean(axis=1), rate, frames / rate / _share_that_is_there(path)


def _share_that_is_there(path: Path) -> float:
    """Return the present share of a RIFF file; libsndfile reads what it finds and does not report missing data."""
    with path.open("rb") as file:
        head = file.read(8)
    if len(head) < 8 or head[:4] != b"RIFF":
        return 1.0
    (size,) = struct.unpack("<I", head[4:])
    return 1.0 if size in _UNKNOWN_SIZES else min(1.0, path.stat().st_size / (size + 8))


def _read_container(path: Path, start: float, stop: float) -> tuple[np.ndarray, int, float]:
    """Do the same for any container that FFmpeg reads, without seeking, which a codec's state would not survive."""
    import av

    with open_container(path) as container:
        stream = first_track(container, "audio")
        rate = int(stream.rate)
        expected = _stated_length(container, stream)
        begin = origin(container)
        planar = av.AudioResampler(format="fltp")
        sound = np.zeros(max(0, round(stop * rate)), np.float32)
        position = 0
        for frame in decoded(container, stream):
            if frame.time is not None:
                position = _place(position, (frame.time - begin) * rate, rate)
            if position >= len(sound):
                break
            for part in planar.resample(frame):
                position = _write(sound, position, part.to_ndarray().mean(axis=0))
    return sound[min(len(sound), round(start * rate)) : max(0, position)], rate, expected


def _stated_length(container: Any, stream: Any) -> float:
    """Return the length of an audio track in seconds according to the file, or 0 if the file does not state it.

    For files without a header, such as raw AAC, FFmpeg divides the size by the bit rate of the first frames. Nothing
    can be missing from a file whose length agrees with its size, so such a length is of no use, estimated or not.
    """
    import av

    length = float(stream.duration * stream.time_base if stream.duration else (container.duration or 0) / av.time_base)
    from_size = 8 * container.size / stream.codec_context.bit_rate if stream.codec_context.bit_rate else 0.0
    return 0.0 if abs(from_size - length) < 0.01 * length else length


def _place(position: int, wanted: float, rate: int) -> int:
    """Return the position of a block: after the last one, unless its time, rounded to ms, indicates a gap."""
    gap = wanted - position
    return round(wanted) if position == 0 or gap > MARGIN * rate else position


def _write(sound: np.ndarray, position: int, block: np.ndarray) -> int:
    """Write a block at its position, as far as it fits; samples before 0 are the codec's lead-in."""
    block = block[max(0, -position) :]
    position = max(0, position)
    room = sound[position : position + len(block)]
    room[:] = block[: len(room)]
    return position + len(room)
