"""Check that the inputs of a dataset are finite: a network turns a NaN into logits that count as some class."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cmkd_bench.dataset import PARTS, PairedData
from cmkd_bench.errors import UserError


def check_finite(dataset: str, data: PairedData) -> None:
    """Check the rows of all parts. Arrays in memory are read; of arrays on disk, the sums stored with them are.

    Raises:
        UserError: with the modality and the first row that is not finite.
    """
    used = np.zeros(len(data.labels), bool)
    used[np.concatenate([data.parts[part] for part in PARTS])] = True
    for modality, array in data.inputs.items():
        sums = data.moments.get(modality) if data.moments is not None else None
        bad = _bad_rows(array, np.float32) if sums is None else _bad_rows(sums, np.float64)
        rows = np.flatnonzero(bad & used)
        if len(rows):
            raise UserError(
                f"dataset '{dataset}': {len(rows)} rows of '{modality}' contain a value that is NaN, infinite or too "
                f"large for float32; the first is row {rows[0]} (sample {data.sample_ids[rows[0]]}). Networks cannot "
                "read such values: correct them, or leave the rows out of all parts."
            )


def _bad_rows(numbers: np.ndarray, kind: type[np.floating]) -> NDArray[np.bool_]:
    """Return (N,) bool: the rows with a value that is not finite as a number of that kind."""
    if numbers.dtype.kind != "f":
        return np.zeros(len(numbers), bool)
    with np.errstate(over="ignore"):
        finite = np.isfinite(numbers.astype(kind, copy=False))
    return np.logical_not(finite.reshape(len(finite), -1).all(axis=1))
