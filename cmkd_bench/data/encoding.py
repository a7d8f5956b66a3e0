"""Writing media files, for fixtures: what decoding is tested on is encoded here by the same libraries' other half."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import av
import h5py
import numpy as np
import scipy.io
import soundfile
from PIL import Image

_CODECS = {".mp4": ("libx264", "aac"), ".flv": ("flv1", "libmp3lame")}


def write_video(path: Path, frames: np.ndarray, fps: int, sound: np.ndarray | None = None, rate: int = 44100) -> None:
    """Write an mp4 (H.264 and AAC) or a flv (Sorenson H.263 and MP3), by the file's suffix.

    Args:
        path: its folder is made.
        frames: (T, H, W, 3) uint8, H and W even.
        fps: frames per second.
        sound: (samples,) float between -1 and 1, or None for a file without an audio track.
        rate: samples per second.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    video_codec, audio_codec = _CODECS[path.suffix]
    with av.open(str(path), "w") as container:
        video = container.add_stream(video_codec, rate=fps)
        video.height, video.width = frames.shape[1:3]
        video.pix_fmt = "yuv420p"
        video.thread_count = 1  # so that the same frames give the same bytes
        audio = None if sound is None else container.add_stream(audio_codec, rate=rate, layout="mono")
        for frame in frames:
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(frame), "rgb24")))
        container.mux(video.encode(None))
        if audio is not None and sound is not None:
            samples = np.ascontiguousarray(sound[None], np.float32)
            block = av.AudioFrame.from_ndarray(samples, "fltp", "mono")
            block.sample_rate = rate
            container.mux(audio.encode(block))
            container.mux(audio.encode(None))


def write_wav(path: Path, sound: np.ndarray, rate: int) -> None:
    """Write 16-bit PCM: (samples,) for mono or (samples, channels)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, sound, rate, subtype="PCM_16")


def write_image(path: Path, image: np.ndarray) -> None:
    """Write a jpg or png: (H, W, 3) uint8, (H, W) uint8, or (H, W) uint16 as a 16-bit png."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(image).save(path)


def write_mat(path: Path, variables: Mapping[str, object]) -> None:
    """Write a MATLAB file of version 5; the same variables give the same bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(str(path), variables)
    with path.open("r+b") as file:
        file.write(b"MATLAB 5.0 MAT-file".ljust(116))  # over SciPy's header text, which holds the time


def write_mat73(path: Path, variables: Mapping[str, np.ndarray]) -> None:
    """Write a MATLAB file of version 7.3: HDF5 behind a header, cells as references.

    Args:
        path: its folder is made.
        variables: as HDF5 has them, with MATLAB's axes reversed; a name with `/` is a field of a struct. An array of
            objects is a cell array of strings or arrays.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w", userblock_size=512) as file:
        for name, value in variables.items():
            if value.dtype != object:
                file.create_dataset(name, data=value)
                continue
            cells = file.create_dataset(name, value.shape, dtype=h5py.ref_dtype)
            for number, (index, cell) in enumerate(np.ndenumerate(value)):
                data = np.frombuffer(cell.encode("utf-16-le"), "<u2")[:, None] if isinstance(cell, str) else cell
                cells[index] = file.create_dataset(f"#refs#/{name.replace('/', '.')}.{number}", data=data).ref
    with path.open("r+b") as raw:
        raw.write(b"MATLAB 7.3 MAT-file".ljust(116) + bytes(8) + b"\x00\x02IM")


def write_lfs_pointer(path: Path) -> None:
    """Write what a clone without git-lfs leaves in place of a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    digest = "4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{digest}\nsize 12345\n", encoding="ascii")


def truncate(path: Path, share: float = 0.4) -> None:
    """Cut a file off, as a broken download does."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
