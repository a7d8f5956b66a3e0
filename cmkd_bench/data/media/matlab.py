"""Read MATLAB files: small ones of version 5 are loaded, large ones of version 7.3 are HDF5 and read row by row."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.data.media.clips import BadClip
from cmkd_bench.errors import UserError


def find_file(folder: Path, name: str, origin: str) -> Path:
    """Return the file with that name in the folder or, nearest first, below it.

    Args:
        folder: folder to search.
        name: name of the file.
        origin: where the file is published, for the message.

    Raises:
        UserError: if there is none.
    """
    found = sorted(folder.rglob(name), key=lambda path: (len(path.parts), path))
    if not found:
        raise UserError(f"no '{name}' in {folder} or below it. {origin}")
    return found[0]


def load_mat(path: Path, *names: str) -> dict[str, Any]:
    """Return variables of a version 5 file; dimensions of length 1 are dropped, structs have attributes.

    Raises:
        UserError: if it is not such a file, or lacks a variable.
    """
    import scipy.io

    try:
        content = scipy.io.loadmat(str(path), squeeze_me=True, struct_as_record=False)
    except NotImplementedError:
        raise UserError(
            f"{path} is a MATLAB file of version 7.3, but the published one is of version 5. "
            "Download it again, or save it in MATLAB with the option '-v7'."
        ) from None
    except Exception as error:  # SciPy raises whatever a broken file leads it to
        raise UserError(f"{path} is not a readable MATLAB file: {error}. Download it again.") from error
    if missing := [name for name in names if name not in content]:
        held = ", ".join(name for name in content if not name.startswith("__")) or "nothing"
        raise UserError(f"{path} has no variable '{missing[0]}', only: {held}. Download it again.")
    return {name: content[name] for name in names}


def open_hdf5(path: Path) -> Any:
    """Return an HDF5 file for reading, kept open.

    Raises:
        BadClip: if it is missing or not an HDF5 file.
    """
    if not path.is_file():
        raise BadClip("missing")
    try:
        return _opened(str(path), os.getpid())
    except OSError as error:
        raise BadClip(f"not a readable HDF5 file: {error}") from error


@lru_cache(maxsize=4)
def _opened(path: str, process: int) -> Any:
    """Return one handle per file and process, because a handle must not be used in a forked process."""
    import h5py

    return h5py.File(path, "r")


def text_cells(file: Any, key: str) -> list[str]:
    """Return a cell array of strings, stored as references to arrays of UTF-16 code units.

    Raises:
        UserError: if the key is missing, or an entry is not printable text.
    """
    if key not in file:
        raise UserError(f"{file.filename} has no '{key}', only: {', '.join(sorted(file))}. Download it again.")
    texts = []
    for row, reference in enumerate(np.ravel(file[key][()])):
        try:
            text = np.ravel(file[reference][()]).astype("<u2", casting="same_kind").tobytes().decode("utf-16-le")
        except (TypeError, ValueError, KeyError, AttributeError):
            text = ""
        if not text or not text.isprintable():
            raise UserError(f"{file.filename}: entry {row} of '{key}' is not text, as it is in the published file.")
        texts.append(text)
    return texts
