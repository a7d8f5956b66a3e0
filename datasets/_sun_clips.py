"""The files of SUN RGB-D that no other dataset has: rotated depth maps, and label maps in one HDF5 file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.clips import BadClip, Clip, media_file, resize_depth, resize_labels
from cmkd_bench.data.media.matlab import open_hdf5

FARTHEST = 8.0
CLASSES_37 = (
    *("wall", "floor", "cabinet", "bed", "chair", "sofa", "table", "door", "window", "bookshelf"),
    *("picture", "counter", "blinds", "desk", "shelves", "curtain", "dresser", "pillow", "mirror", "floor mat"),
    *("clothes", "ceiling", "books", "refrigerator", "television", "paper", "towel", "shower curtain", "box"),
    *("whiteboard", "person", "night stand", "toilet", "sink", "lamp", "bathtub", "bag"),
)


@dataclass(frozen=True)
class RotatedDepth(Clip):
    """A 16-bit PNG of millimeters, rotated to the left by three bits."""

    def metres(self, root: Path) -> np.ndarray:
        """(H, W) float32, 0 where unknown.

        Raises:
            BadClip: if the file is missing, broken, or not of 16 bits, or if no pixel has a depth.
        """
        from PIL import Image

        try:
            with Image.open(media_file(root, self.path)) as image:
                mode, stored = image.mode, np.asarray(image)
        except (OSError, SyntaxError) as error:  # Pillow raises SyntaxError for a broken PNG
            raise BadClip(f"not a readable image: {error}") from error
        if not mode.startswith("I"):
            raise BadClip(f"expected 16 bits per pixel, got image mode {mode}")
        stored = stored.astype(np.uint16)
        if not stored.any():
            raise BadClip("no pixel has a depth")
        metres = (stored >> 3 | stored << 13).astype(np.float32) / 1000
        return np.minimum(metres, np.float32(FARTHEST))

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(1, height, width) int16 in millimetres."""
        return resize_depth(self.metres(root), preparation)


@dataclass(frozen=True)
class LabelMap(Clip):
    """A label map of SUNRGBD2Dseg.mat."""

    row: int  # its row in the file

    def classes(self, root: Path) -> np.ndarray:
        """Read the classes, (H, W) uint8 from 0 to 36; 255 is ignored.

        Raises:
            BadClip: if the file or row is broken, in portrait format, has an unknown label, or has no labeled pixel.
        """
        file = open_hdf5(root / self.path)
        try:
            references = file["SUNRGBD2Dseg"]["seglabel"]
            reference = references[self.row, 0] if references.shape[1] == 1 else references[0, self.row]
            labels = np.asarray(file[reference]).T
        except (OSError, KeyError, IndexError, TypeError, ValueError) as error:
            raise BadClip(f"cannot read row {self.row} of 'seglabel': {error}") from error
        if labels.ndim != 2 or labels.shape[0] >= labels.shape[1]:
            raise BadClip(f"expected a label map (height, width) in landscape format, got shape {labels.shape}")
        if labels.max() > len(CLASSES_37):
            raise BadClip(f"label {labels.max()} exceeds the maximum, {len(CLASSES_37)}")
        if not labels.any():
            raise BadClip("no pixel is labeled")
        return labels.astype(np.uint8) - np.uint8(1)  # 0 (unlabeled) becomes 255

    def decode(self, root: Path, preparation: Preparation) -> np.ndarray:
        """(height, width) uint8."""
        return resize_labels(self.classes(root), preparation)
