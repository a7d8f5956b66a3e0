"""The results of tuning: the run of each trial, and the trial that was selected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.trials import Group, Study, Trial
from cmkd_bench.report.cells import Column, records

Run = Mapping[str, Any]
TRIAL_COLUMNS = (
    "method", "dataset", "fold", "labels", "teacher_modality", "student_modality", "number", "seed", "values",
    "validation", "test", "status", "selected", "seconds", "run_id", "error",
)  # fmt: skip
_NEEDED = ("run_id", "status", "value", "val_value", "seconds", "hyperparameters", "error")
_NOT_DEFINED: Run = {"status": "not defined"}
_PENDING: Run = {"status": "pending"}


@dataclass(frozen=True)
class TrialResult:
    """A trial with the result of its run."""

    trial: Trial  # its number and values
    status: str  # of the run, or `not defined`
    validation: float | None  # score that it may be selected by, in percent; None where the run is not done
    test: float | None  # score of the epoch that validation selected, in percent; likewise
    seconds: float | None  # of training; likewise
    error: str  # why it failed; empty where it did not

    @property
    def is_over(self) -> bool:
        """Whether its state is final unless somebody acts."""
        return self.status in ("done", "failed", "blocked", "not defined")

    @property
    def text(self) -> str:
        """Its values as they are given to `run`."""
        return " ".join(f"{name}={value}" for name, value in self.trial.values.items())


@dataclass(frozen=True)
class StudyResult:
    """The trials of one group, and the one whose values its tuned cells have."""

    study: Study
    trials: tuple[TrialResult, ...]  # by number
    selected: TrialResult | None  # None where no cell is tuned yet

    @property
    def column(self) -> Column:
        """The direction that was tuned."""
        return Column(self.study.dataset, self.study.teacher_modality, self.study.student_modality, self.study.labels)

    @property
    def lost(self) -> int:
        """The number of trials that ended without a score."""
        return sum(one.is_over and one.validation is None for one in self.trials)


def study_results(record: Plan, results: pd.DataFrame) -> list[StudyResult]:
    """Return the results of all trials of an experiment, except for methods that are not defined."""
    if not record.studies:
        return []
    needed = [name for name in _NEEDED if name in results]
    runs: dict[str, Run] = {str(run["run_id"]): run for run in records(results[needed])}
    tuned = {cell.group: cell.run_id for cell in record.cells.values() if cell.tuned and cell.run_id}
    return [_study(one, runs, tuned) for one in record.studies.values() if one.trials]


def trial_rows(studies: list[StudyResult]) -> list[list[object]]:
    """List one row of TRIAL_COLUMNS per trial, with unrounded numbers; `method` names the row of a variant."""
    return [
        [*result.study.group, one.trial.number, result.study.seed, one.text, one.validation, one.test, one.status,
         int(one is result.selected), one.seconds, one.trial.run_id, one.error]
        for result in studies
        for one in result.trials
    ]  # fmt: skip


def _study(study: Study, runs: Mapping[str, Run], tuned: Mapping[Group, str]) -> StudyResult:
    found = [runs.get(trial.run_id, _PENDING) if trial.run_id else _NOT_DEFINED for trial in study.trials]
    trials = tuple(_trial(trial, run) for trial, run in zip(study.trials, found, strict=True))
    # The selected trial is found by its values, because the cells are what was run, whatever the trials' state is now.
    wanted = runs.get(tuned.get(study.group, ""), {}).get("hyperparameters")
    same = (one for one, run in zip(trials, found, strict=True) if wanted and run.get("hyperparameters") == wanted)
    return StudyResult(study, trials, next(same, None))


def _trial(trial: Trial, run: Run) -> TrialResult:
    validation, test, seconds = (_number(run.get(name)) for name in ("val_value", "value", "seconds"))
    error = run.get("error")
    return TrialResult(trial, str(run["status"]), validation, test, seconds, error if isinstance(error, str) else "")


def _number(value: object) -> float | None:
    """Return a number of runs.csv; an empty field, which is read as NaN, is None."""
    return float(value) if isinstance(value, int | float) and value == value else None
