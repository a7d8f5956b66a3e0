"""Read images of any mode as RGB, and resize arrays of pixels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.decoding.refusals import BadClip

MILLIMETRES = 1000
_DEEP = ("I", "I;16", "I;16B", "I;16L", "I;16N")


def read_rgb(path: Path) -> np.ndarray:
    """Return an image file as (H, W, 3) uint8: upright, transparency over white, 16 bits scaled to 8, first frame.

    Raises:
        BadClip: if it cannot be decoded completely.
    """
    from PIL import Image

    try:
        with Image.open(path) as file:
            image, turn = _to_rgb(file), _turn(file)
            return np.asarray(image if turn is None else image.transpose(turn))
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        reason = "unknown image format" if isinstance(error, Image.UnidentifiedImageError) else str(error)
        raise BadClip(f"cannot be decoded: {reason}") from error


def resize_antialiased(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (H, W, 3) uint8 -> (3, height, width) uint8 with a triangle filter as wide as an output pixel."""
    from PIL import Image

    resized = Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR)
    return np.ascontiguousarray(np.asarray(resized).transpose(2, 0, 1))


def resize_nearest(array: np.ndarray, height: int, width: int) -> np.ndarray:
    """Resize (H, W) -> (height, width) to the input pixel that contains the center of the output pixel."""
    rows = ((np.arange(height) + 0.5) * array.shape[0] / height).astype(int)
    columns = ((np.arange(width) + 0.5) * array.shape[1] / width).astype(int)
    resized: np.ndarray = array[np.ix_(rows, columns)]
    return resized


def depth_in_millimetres(depth: np.ndarray) -> np.ndarray:
    """Convert meters to int16 millimeters; values that are not positive numbers are unknown, which is 0."""
    known = np.where(np.isfinite(depth) & (depth > 0), depth, 0)
    millimetres: np.ndarray = np.rint(known * MILLIMETRES).clip(0, np.iinfo(np.int16).max).astype(np.int16)
    return millimetres


def _turn(image: Any) -> Any:
    """Return how an image must be turned or mirrored to be upright, or None.

    `ImageOps.exif_transpose` also rewrites all other EXIF values, and fails if one of them is broken.
    """
    from PIL import ExifTags, Image

    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except Exception:  # Pillow raises whatever a broken value leads it to; the pixels are good
        return None
    turns = ("FLIP_LEFT_RIGHT", "ROTATE_180", "FLIP_TOP_BOTTOM", "TRANSPOSE", "ROTATE_270", "TRANSVERSE", "ROTATE_90")
    return Image.Transpose[turns[orientation - 2]] if orientation in range(2, 9) else None


def _to_rgb(image: Any) -> Any:
    from PIL import Image

    if image.mode in _DEEP:
        return Image.fromarray((np.asarray(image, np.float64) / 257).round().clip(0, 255).astype(np.uint8)).convert(
            "RGB"
        )
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        opaque = image.convert("RGBA")
        white = Image.new("RGBA", opaque.size, "white")
        return Image.alpha_composite(white, opaque).convert("RGB")
    return image.convert("RGB")
