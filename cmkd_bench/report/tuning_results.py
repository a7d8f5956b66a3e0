"""The results of tuning: the run of each draw, and the draw that was selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.trials import Draw, Group, Trials
from cmkd_bench.report.cells import Column, records

Run = Mapping[str, Any]
TRIAL_COLUMNS = (
    "method", "dataset", "fold", "teacher_modality", "student_modality", "number", "seed", "values", "validation",
    "test", "status", "selected", "seconds", "run_id", "error",
)  # fmt: skip
_NEEDED = ("run_id", "status", "value", "val_value", "seconds", "hyperparameters", "error")
_NOT_DEFINED: Run = {"status": "not defined"}
_PENDING: Run = {"status": "pending"}


@dataclass(frozen=True)
class TrialResult:
    """A draw with the result of its run.

    Attributes:
        draw: its number and values.
        status: of the run, or `not defined`.
        validation: score that it may be selected by, in percent; None where the run is not done.
        test: score of the epoch that validation selected, in percent; likewise.
        seconds: of training; likewise.
        error: why it failed; empty where it did not.
    """

    draw: Draw
    status: str
    validation: float | None
    test: float | None
    seconds: float | None
    error: str

    @property
    def is_over(self) -> bool:
        """Whether its state is final unless somebody acts."""
        return self.status in ("done", "failed", "blocked", "not defined")

    @property
    def text(self) -> str:
        """Its values as they are given to `run`."""
        return " ".join(f"{name}={value}" for name, value in self.draw.values.items())


@dataclass(frozen=True)
class StudyResult:
    """The draws of one group, and the one whose values its tuned cells have.

    Attributes:
        trials: as they were planned.
        drawn: by number.
        selected: None where no cell is tuned yet.
    """

    trials: Trials
    drawn: tuple[TrialResult, ...]
    selected: TrialResult | None

    @property
    def column(self) -> Column:
        """The direction that was tuned."""
        return Column(self.trials.dataset, self.trials.teacher_modality, self.trials.student_modality)

    @property
    def lost(self) -> int:
        """The number of draws that ended without a score."""
        return sum(one.is_over and one.validation is None for one in self.drawn)


def study_results(record: Plan, results: pd.DataFrame) -> list[StudyResult]:
    """Return the results of all draws of an experiment, except for methods that are not defined.

    Args:
        record: the experiment's cells and draws.
        results: as `collect` returns them.
    """
    if not record.trials:
        return []
    needed = [name for name in _NEEDED if name in results]
    runs: dict[str, Run] = {str(run["run_id"]): run for run in records(results[needed])}
    tuned = {cell.group: cell.run_id for cell in record.cells.values() if cell.tuned and cell.run_id}
    return [_study(one, runs, tuned) for one in record.trials.values() if one.draws]


def trial_rows(studies: list[StudyResult]) -> list[list[object]]:
    """List one row of TRIAL_COLUMNS per draw, with unrounded numbers."""
    return [
        [*study.trials.group, one.draw.number, study.trials.seed, one.text, one.validation, one.test, one.status,
         int(one is study.selected), one.seconds, one.draw.run_id, one.error]
        for study in studies
        for one in study.drawn
    ]  # fmt: skip


def _study(trials: Trials, runs: Mapping[str, Run], tuned: Mapping[Group, str]) -> StudyResult:
    found = [runs.get(draw.run_id, _PENDING) if draw.run_id else _NOT_DEFINED for draw in trials.draws]
    drawn = tuple(_trial(draw, run) for draw, run in zip(trials.draws, found, strict=True))
    # The selected draw is found by its values, because the cells are what was run, whatever the draws' state is now.
    wanted = runs.get(tuned.get(trials.group, ""), {}).get("hyperparameters")
    same = (one for one, run in zip(drawn, found, strict=True) if wanted and run.get("hyperparameters") == wanted)
    return StudyResult(trials, drawn, next(same, None))


def _trial(draw: Draw, run: Run) -> TrialResult:
    validation, test, seconds = (_number(run.get(name)) for name in ("val_value", "value", "seconds"))
    error = run.get("error")
    return TrialResult(draw, str(run["status"]), validation, test, seconds, error if isinstance(error, str) else "")


def _number(value: object) -> float | None:
    """Return a number of results.csv; an empty field, which is read as NaN, is None."""
    return float(value) if isinstance(value, int | float) and value == value else None
