"""Read rows of .npy files."""

from __future__ import annotations

import functools
from pathlib import Path

import numpy as np

from cmkd_bench.data.media.decoding.refusals import BadClip


def read_row(path: Path, row: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return one row of an array file as (*shape) float32.

    Raises:
        BadClip: if the file is not an array, or the row is not in it, has another size, or is not finite.
    """
    status = path.stat()
    array = _open(path, status.st_mtime_ns, status.st_size)
    if not 0 <= row < len(array):
        raise BadClip(f"the array has no row {row}, only {len(array)} rows")
    values = np.asarray(array[row], np.float32)
    if values.size != np.prod(shape):
        raise BadClip(f"row {row} has shape {values.shape}, which cannot be reshaped to {shape}")
    if not np.isfinite(values).all():
        raise BadClip(f"row {row} has values that are not finite")
    return values.reshape(shape)


@functools.lru_cache(maxsize=8)
def _open(path: Path, _changed: int, _size: int) -> np.ndarray:
    """Return a file mapped into memory, opened once for all its rows."""
    try:
        array: np.ndarray = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError, EOFError) as error:
        raise BadClip(f"cannot be read as an array: {error}") from error
    if not isinstance(array, np.ndarray) or array.ndim == 0 or array.dtype.kind not in "biuf":
        raise BadClip("not an array of numbers with rows")
    return array
