"""Exported experiments by cell, and differences between any of their rows, also of different directions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from cmkd_bench.experiment.archived_run import stored
from cmkd_bench.experiment.label_budget import in_words
from cmkd_bench.experiment.plan import Cell
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.cells import TEACHER, Column, by_column, by_row
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.statistics.metrics import METRICS, Array
from cmkd_bench.statistics.paired import paired_differences
from cmkd_bench.statistics.resampling import RESAMPLES, resampled, resampling_counts
from cmkd_bench.studies.intervals import Interval
from cmkd_bench.studies.reproduction_table import show

BASELINE = "none"
UNDEFINED, NOT_RUN = "not defined", "-"
Unit = tuple[int, int]  # seed and fold


@dataclass(frozen=True)
class RecordedRun:
    """A finished run, with what comparisons need of its test predictions."""

    value: float  # test accuracy in percent
    validation: float  # that of the selected epoch on the validation part
    samples: str  # digest of the test samples
    contributions: Array  # whether each of them was recognized, (M, 1)


Row = dict[Unit, RecordedRun]


class RecordedRuns:
    """The runs of an exported experiment; all tables are made from them without writing into its folder.

    Args:
        folder: contains `experiment.zip`.
    """

    def __init__(self, folder: Path) -> None:
        self._experiment = Experiment(folder.parent, folder.name)
        self._predictions = PredictionCache(self._experiment)
        self._rows: dict[tuple[str, str, str, str], list[tuple[Cell, str]]] = {}
        for column, cells in by_column(read_plan(self._experiment)).items():
            for row, found in by_row(cells).items():
                self._rows[place(column), column.teacher_modality, column.student_modality, row] = found

    def row(self, where: str, teacher: str, student: str, row: str) -> Row:
        """Return the runs of a row by seed and fold; empty where it is not defined or was not run."""
        found = self._rows.get((where, teacher, student, row), [])
        return {(cell.seed, cell.fold): self._run(run_id) for cell, run_id in found if run_id}

    def reason(self, where: str, teacher: str, student: str, row: str) -> str:
        """Return why a row is not defined; empty where it is, or was not requested."""
        found = self._rows.get((where, teacher, student, row), [])
        return next((cell.impossible for cell, _ in found if row != TEACHER and cell.impossible), "")

    def gain(self, where: str, teacher: str, student: str, row: str) -> Interval | None:
        """Return a row's gain over the student alone; None where it is not defined or was not run."""
        found = self.row(where, teacher, student, row)
        return compare([found], [self.row(where, teacher, student, BASELINE)])[0] if found else None

    def gain_text(self, where: str, teacher: str, student: str, row: str) -> str:
        """Return the gain with its interval, or why there is none."""
        if (gain := self.gain(where, teacher, student, row)) is not None:
            return show(gain, "+")
        return UNDEFINED if self.reason(where, teacher, student, row) else NOT_RUN

    def _run(self, run_id: str) -> RecordedRun:
        result, scores = stored(self._experiment, run_id).read_result(), self._predictions.find([run_id])[run_id]
        return RecordedRun(result["value"], result["val_value"], scores.samples, scores.contributions)


def place(column: Column) -> str:
    """Return the dataset and its labels as pages write them, e.g. `mfeat, 5 % of labels`."""
    return f"{column.dataset}, {in_words(column.labels)}"


def compare(rows: Sequence[Row], others: Sequence[Row]) -> tuple[Interval, float]:
    """Return the mean over some rows minus that over others, with its 95 % interval, and the p-value of no difference.

    Differences are paired by seed and fold. If all have the same test samples, intervals and p-values are for new seeds
    and new samples, as in the leaderboard. If each seed has samples of its own, the seeds' variance contains theirs.
    """
    units = sorted(set.intersection(*({*row} for row in (*rows, *others))))
    sides = [[[row[unit] for row in side] for unit in units] for side in (rows, others)]
    values = np.array([[np.mean([run.value for run in of_unit]) for of_unit in side] for side in sides]).T
    shared = {run.samples for side in sides for of_unit in side for run in of_unit}
    draws = _draws(sides, units[0][1]) if len(shared) == 1 else np.stack([values, values])
    found = paired_differences(values, draws)
    low, high, p = (float(of_all[0, 1]) for of_all in (found.low, found.high, found.p))
    return Interval(float(found.difference[0, 1]), low, high), p


def _draws(sides: Sequence[Sequence[Sequence[RecordedRun]]], fold: int) -> Array:
    """Return the mean accuracy of each side under each draw of test samples, (resamples, seeds, 2)."""
    samples = len(sides[0][0][0].contributions)
    counts = _counts(samples, fold)
    by_unit = [
        [resampled([run.contributions for run in unit], METRICS["accuracy"].value, counts) for unit in side]
        for side in sides
    ]
    return np.array([[of_unit.mean(1) for of_unit in side] for side in by_unit]).transpose(2, 1, 0)


@lru_cache(maxsize=8)
def _counts(samples: int, fold: int) -> Array:
    """Draw from a test part, as the leaderboard does."""
    return resampling_counts(samples, RESAMPLES, [samples, fold])
