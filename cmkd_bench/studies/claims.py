"""Claims about recorded sweeps: one number per draw, its interval, and the answer after a correction for all claims."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import ttest_1samp

from cmkd_bench.experiment.csv_text import read_rows
from cmkd_bench.statistics.multiple import holm
from cmkd_bench.studies.intervals import Interval, mean_interval, slopes
from cmkd_bench.studies.page_tables import verdict
from cmkd_bench.studies.reproduction_table import DRAW

AT = "at "
DISTANCE, TEACHER = "distance", "teacher"


@dataclass(frozen=True)
class Record:
    """A recorded table of a sweep."""

    knob: str  # its name
    values: tuple[str, ...]  # of the knob
    curves: dict[str, np.ndarray]  # by row or quantity, (values, draws)


@dataclass(frozen=True)
class SweepClaim:
    """A claim about the difference between two rows of recorded sweeps."""

    says: str  # the claim in words
    of: str  # `RECORD: ROW`, or `RECORD, RECORD: ROW` for the points of both
    less: str  # the row that is subtracted, in the same records or as `RECORD: ROW`
    # `slope`, `slope over size` (of the knob), `slope over distance` (measured), `slope over distance and teacher` (at
    # equal accuracy of the teacher), `mean` over the values, or `at VALUE`
    number: str
    expected: str  # `+` or `-`


@dataclass(frozen=True)
class ClaimAnswer:
    """What the records say about a claim."""

    interval: Interval  # of the mean over draws
    p: float  # corrected for all claims
    says: str  # `yes`, `no`, or `cannot be told`


def read_record(file: Path) -> Record:
    """Read a table of a sweep with all draws, `gains.csv` or `measured.csv`."""
    found: dict[str, dict[str, list[float]]] = {}
    lines = read_rows(io.StringIO(file.read_text(encoding="utf-8")))
    for line in lines:
        value, row = list(line.values())[:2]
        found.setdefault(row, {})[value] = [float(number) for name, number in line.items() if name.startswith(DRAW)]
    curves = {row: np.array(list(by_value.values())) for row, by_value in found.items()}
    return Record(next(iter(lines[0])), tuple(next(iter(found.values()))), curves)


def answer(claims: Sequence[SweepClaim], folder: Path) -> list[ClaimAnswer]:
    """Judge claims by two-sided t tests over draws, corrected by Holm's method for all of them.

    Args:
        folder: contains `RECORD.csv` and `RECORD-measured.csv`.
    """
    numbers = [_by_draw(claim, folder) for claim in claims]
    corrected = holm(np.array([ttest_1samp(draws, 0).pvalue for draws in numbers]))
    return [
        ClaimAnswer(mean_interval(draws), float(p), verdict(float(draws.mean()), float(p), claim.expected))
        for claim, draws, p in zip(claims, numbers, corrected, strict=True)
    ]


def _by_draw(claim: SweepClaim, folder: Path) -> np.ndarray:
    """Return the claim's number in each draw, (draws,)."""
    names, row = _split(claim.of)
    records = [read_record(folder / f"{name}.csv") for name in names]
    difference = np.concatenate([record.curves[row] for record in records])
    less_names, less_row = _split(claim.less) if ": " in claim.less else (names, claim.less)
    difference = difference - np.concatenate([_curve(folder, name, less_row) for name in less_names])
    if claim.number == "mean":
        return np.asarray(difference.mean(0))
    if claim.number.startswith(AT):
        return np.asarray(difference[records[0].values.index(claim.number.removeprefix(AT))])
    if DISTANCE in claim.number:
        distance = np.concatenate([_curve(folder, f"{name}-measured", DISTANCE) for name in names])
        teacher = np.concatenate([record.curves[TEACHER] for record in records])
        return _coefficients(difference, [distance, teacher] if TEACHER in claim.number else [distance])
    values = np.concatenate([np.array(record.values, dtype=np.float64) for record in records])
    return slopes(np.abs(values) if "size" in claim.number else values, difference)


def _coefficients(difference: np.ndarray, regressors: Sequence[np.ndarray]) -> np.ndarray:
    """Return the least-squares coefficient of the first regressor in each draw, (draws,); all are (points, draws)."""
    ones = np.ones(len(difference))
    columns = [np.stack([ones, *of_draw], axis=1) for of_draw in np.stack(regressors).transpose(2, 0, 1)]
    return np.array([np.linalg.lstsq(x, y)[0][1] for x, y in zip(columns, difference.T, strict=True)])


def _split(of: str) -> tuple[list[str], str]:
    names, _, row = of.partition(": ")
    return names.split(", "), row


def _curve(folder: Path, name: str, row: str) -> np.ndarray:
    return read_record(folder / f"{name}.csv").curves[row]
