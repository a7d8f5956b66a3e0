"""What a sample consists of on disk, and how each kind is decoded into an array of a fixed shape."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmkd_bench.data.preparation import Preparation


class BadClip(Exception):
    """A clip that cannot be used; the text is the reason that skipped.csv shows."""


@dataclass(frozen=True)
class Clip(ABC):
    """A piece of one file.

    A dataset may define kinds of its own beside the ones below, for files that no other dataset has.

    Attributes:
        path: of the file, relative to the dataset's root, with `/`.
    """

    path: str

    @abstractmethod
    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """The clip as an array; the same file and settings give the same bytes.

        Raises:
            BadClip: if the file is missing, empty, broken, silent, or a git-lfs pointer.
        """


@dataclass(frozen=True)
class VideoClip(Clip):
    """The frames of a video between two times.

    Attributes:
        start: in seconds.
        end: in seconds; None is the end of the file.
    """

    start: float = 0.0
    end: float | None = None

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(frames, 3, height, width) uint8, RGB."""
        raise NotImplementedError


@dataclass(frozen=True)
class AudioClip(Clip):
    """The sound of an audio or video file between two times.

    Attributes:
        start: in seconds.
        end: in seconds; None is the end of the file.
    """

    start: float = 0.0
    end: float | None = None

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(1, frequencies, columns) float16 or float32, the logarithm of the spectrogram."""
        raise NotImplementedError


@dataclass(frozen=True)
class ImageClip(Clip):
    """An image file of any mode."""

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(3, height, width) uint8, RGB; the whole image, whatever its aspect ratio."""
        raise NotImplementedError


@dataclass(frozen=True)
class ArrayClip(Clip):
    """One row of a .npy file.

    Attributes:
        row: its number.
        shape: what the row is reshaped to.
    """

    row: int
    shape: tuple[int, ...]

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(*shape) float32."""
        raise NotImplementedError


def resize_depth(depth: np.ndarray, preparation: Preparation) -> np.ndarray:
    """Depth for storing, without mixing known and unknown pixels.

    Args:
        depth: (H, W) in metres, 0 where unknown.

    Returns:
        (1, height, width) int16 in millimetres, nearest neighbour, 0 where unknown; at most 32.767 m.
    """
    raise NotImplementedError


def resize_labels(labels: np.ndarray, preparation: Preparation) -> np.ndarray:
    """A label map for storing: (H, W) of 0 to C-1, 255 is ignored -> (height, width) uint8, nearest neighbour."""
    raise NotImplementedError


def resize_rgb(image: np.ndarray, preparation: Preparation) -> np.ndarray:
    """(H, W, 3) uint8 -> (3, height, width) uint8, antialiased."""
    raise NotImplementedError
