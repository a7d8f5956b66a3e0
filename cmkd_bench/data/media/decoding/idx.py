"""Read idx files, the form in which MNIST is distributed."""

from __future__ import annotations

import functools
import gzip
import struct
from pathlib import Path

import numpy as np

from cmkd_bench.data.media.decoding.refusals import BadClip

_BYTES = b"\x00\x00\x08"  # the start of a file of unsigned bytes; the number of axes follows


def read_idx(path: Path) -> np.ndarray:
    """Return the array of an idx file of unsigned bytes, packed with gzip or not.

    Raises:
        BadClip: if the file is anything else, or is not complete.
    """
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4)
def _read(path: Path, _changed: int, _size: int) -> np.ndarray:
    try:
        with path.open("rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else path.open("rb") as stream:
            magic = stream.read(4)
            if magic[:3] != _BYTES or not 1 <= magic[3] <= 3:
                raise BadClip("not an idx file of unsigned bytes")
            shape = struct.unpack(f">{magic[3]}I", stream.read(4 * magic[3]))
            size = int(np.prod(shape, dtype=np.float64))
            content = stream.read(size)
    except (OSError, EOFError, struct.error, IndexError) as error:
        raise BadClip(f"cannot be read: {error}") from error
    if len(content) < size:
        raise BadClip(f"truncated: {len(content)} of {size} bytes")
    return np.frombuffer(content, np.uint8).reshape(shape)
