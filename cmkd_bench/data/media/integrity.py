"""Check the files of a prepared set when they are opened: whole where that is fast, by a sample of rows where not."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_object
from cmkd_bench.experiment.sealed import DIGEST, read_sealed

DIGEST_BYTES = 16
CHECKED_BYTES = 2**25  # per array, which takes about 0.03 s; `prepare --check` reads everything


def repair_of(name: str) -> str:
    """Return how to repair a damaged set of a dataset."""
    return f"Prepare it again, with the same settings: cmkd-bench prepare {name} --force"


def digest(row: np.ndarray) -> np.ndarray:
    """Return (16,) uint8: blake2b of an array's bytes."""
    content = hashlib.blake2b(row.tobytes(), digest_size=DIGEST_BYTES).digest()
    return np.frombuffer(content, np.uint8)


def file_hash(path: Path) -> str:
    """Return the sha256 of a small file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def column_hash(digests: np.ndarray, shape: Mapping[str, Any]) -> str:
    """Return the sha256 of a column's type, shape and row digests."""
    head = json.dumps([shape["dtype"], [len(digests), *shape["shape"]]])
    return hashlib.sha256(head.encode() + digests.tobytes()).hexdigest()


def read_manifest(path: Path, name: str) -> dict[str, Any]:
    """Return the manifest of a set.

    Raises:
        Damaged: if it cannot be read or was changed.
    """
    values = read_object(path, repair_of(name))
    if DIGEST in values:  # one that an earlier version wrote has none
        values = read_sealed(path, repair=repair_of(name))
    if missing := [key for key in ("columns", "fixture", "index", "samples") if key not in values]:
        raise Damaged(path, f"is not a manifest: {', '.join(missing)} missing", repair_of(name))
    return values


def check_hash(path: Path, expected: str, name: str) -> None:
    """Compare a small file with its hash in the manifest.

    Raises:
        Damaged: if it differs.
    """
    if not path.is_file():
        raise Damaged(path, "is missing", repair_of(name))
    if file_hash(path) != expected:
        raise Damaged(path, "was changed: its content does not match the manifest", repair_of(name))


def load_array(path: Path, name: str, *, mapped: bool = False) -> np.ndarray:
    """Load an array of a set.

    Raises:
        Damaged: if it is missing or is not a whole array.
    """
    try:
        array: np.ndarray = np.load(path, mmap_mode="r" if mapped else None, allow_pickle=False)
    except FileNotFoundError:
        raise Damaged(path, "is missing", repair_of(name)) from None
    except (ValueError, EOFError, TypeError, SyntaxError) as error:
        raise Damaged(path, "is not a whole array", repair_of(name)) from error
    return array


def check_rows(path: Path, array: np.ndarray, digests: np.ndarray, shape: Mapping[str, Any], name: str) -> None:
    """Compare an array with its shape in the manifest, and its rows, or evenly spaced ones of many, with their digests.

    Raises:
        Damaged: if something differs.
    """
    expected = (len(digests), *shape["shape"])
    if array.shape != expected or array.dtype != np.dtype(shape["dtype"]):
        reason = f"holds {array.dtype} of shape {array.shape} instead of {shape['dtype']} of shape {expected}"
        raise Damaged(path, reason, repair_of(name))
    rows = np.flatnonzero(digests.any(axis=1))
    most = max(1, CHECKED_BYTES // max(1, array[:1].nbytes))
    for row in (
        rows[np.unique(np.linspace(0, len(rows) - 1, min(most, len(rows)), dtype=np.int64))] if len(rows) else ()
    ):
        if not np.array_equal(digest(array[row]), digests[row]):
            raise Damaged(path, f"was changed: row {row} does not match its digest", repair_of(name))
