"""The clips of a sample on disk, and how each kind is decoded into an array of a fixed shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.decoding import image as pixels
from cmkd_bench.data.media.decoding.arrays import read_row
from cmkd_bench.data.media.decoding.audio import waveform
from cmkd_bench.data.media.decoding.refusals import BadClip, media_file
from cmkd_bench.data.media.decoding.spectrogram import log_spectrogram
from cmkd_bench.data.media.decoding.video import frames_at_middles

__all__ = [
    "ArrayClip",
    "AudioClip",
    "BadClip",
    "Clip",
    "ImageClip",
    "VideoClip",
    "media_file",
    "resize_depth",
    "resize_labels",
    "resize_rgb",
]


@dataclass(frozen=True)
class Clip(ABC):
    """A part of one file.

    A dataset may define its own kinds besides those below, for files that no other dataset has.
    """

    path: str  # path of the file, relative to the dataset's root, with `/`

    @abstractmethod
    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return the clip as an array; the same file and settings give the same bytes.

        Raises:
            BadClip: if the file is missing, empty, broken, silent, or a git-lfs pointer.
        """


@dataclass(frozen=True)
class VideoClip(Clip):
    """The frames of a video between two times."""

    start: float = 0.0  # in seconds
    end: float | None = None  # in seconds; None is the end of the file

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return (frames, 3, height, width) uint8, RGB."""
        frames = frames_at_middles(media_file(root, self.path), self.start, self.end, preparation.frames)
        return np.stack([resize_rgb(frame, preparation) for frame in frames])


@dataclass(frozen=True)
class AudioClip(Clip):
    """The sound of an audio or video file between two times."""

    start: float = 0.0  # in seconds
    end: float | None = None  # in seconds; None is the end of the file

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return (1, frequencies, columns) float16 or float32, the logarithm of the spectrogram."""
        sound = waveform(media_file(root, self.path), self.start, self.end, preparation)
        return log_spectrogram(sound, preparation)


@dataclass(frozen=True)
class ImageClip(Clip):
    """An image file of any mode."""

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return (3, height, width) uint8, RGB; the whole image, whatever its aspect ratio."""
        return resize_rgb(pixels.read_rgb(media_file(root, self.path)), preparation)


@dataclass(frozen=True)
class ArrayClip(Clip):
    """One row of a .npy file."""

    row: int  # its number
    shape: tuple[int, ...]  # what the row is reshaped to

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """Return (*shape) float32."""
        return read_row(media_file(root, self.path), self.row, self.shape)


def resize_depth(depth: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Resize a depth map for storing, without mixing known and unknown pixels.

    Args:
        depth: (H, W) in meters, 0 if unknown.

    Returns:
        (1, height, width) int16 in millimeters, nearest neighbor, 0 if unknown; at most 32.767 m.
    """
    resized = pixels.resize_nearest(depth, preparation.height, preparation.width)
    return pixels.depth_in_millimetres(resized)[None]


def resize_labels(labels: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Resize a label map for storing: (H, W) of 0 to C-1, 255 is ignored -> (height, width) uint8, nearest neighbor."""
    return pixels.resize_nearest(labels, preparation.height, preparation.width).astype(np.uint8)


def resize_rgb(image: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Resize an image with antialiasing: (H, W, 3) uint8 -> (3, height, width) uint8."""
    return pixels.resize_antialiased(image, preparation.height, preparation.width)
