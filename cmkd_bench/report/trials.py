"""What became of the draws: one line each, and which of them was selected."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.trials import Draw, Group, Trials
from cmkd_bench.report.cells import Column

Run = Mapping[str, Any]
TRIAL_COLUMNS = (
    "method",
    "dataset",
    "fold",
    "teacher_modality",
    "student_modality",
    "number",
    "seed",
    "values",
    "validation",
    "test",
    "status",
    "selected",
    "seconds",
    "run_id",
    "error",
)
_NEEDED = ("run_id", "status", "value", "val_value", "seconds", "hyperparameters", "error")
_NOT_DEFINED: Run = {"status": "not defined"}
_PENDING: Run = {"status": "pending"}


@dataclass(frozen=True)
class Trial:
    """A draw with what its run has come to.

    Attributes:
        draw: its number and values.
        status: of the run, or `not defined`.
        validation: score that it may be selected by, in percent; None where it is not done.
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
        """Whether nothing more will come of it by itself."""
        return self.status in ("done", "failed", "blocked", "not defined")

    @property
    def text(self) -> str:
        """Its values as they are given to `run`."""
        return values_text(self.draw.values)


@dataclass(frozen=True)
class Outcome:
    """The draws of one group, and the one that its tuned cells have the values of.

    Attributes:
        trials: as they were planned.
        drawn: by number.
        selected: None where no cell is tuned yet.
    """

    trials: Trials
    drawn: tuple[Trial, ...]
    selected: Trial | None

    @property
    def column(self) -> Column:
        """The direction that they are of."""
        return Column(self.trials.dataset, self.trials.teacher_modality, self.trials.student_modality)

    @property
    def lost(self) -> int:
        """How many draws ended without a score."""
        return sum(one.is_over and one.validation is None for one in self.drawn)


def outcomes_of(record: Plan, results: pd.DataFrame) -> list[Outcome]:
    """What became of all draws of an experiment; nothing of methods that are not defined.

    Args:
        record: the experiment's cells and draws.
        results: as `collect` returns them.
    """
    if not record.trials:
        return []
    needed = [name for name in _NEEDED if name in results]
    runs = {str(run["run_id"]): {str(k): v for k, v in run.items()} for run in results[needed].to_dict("records")}
    tuned = {cell.group: cell.run_id for cell in record.cells.values() if cell.tuned and cell.run_id}
    return [_outcome(one, runs, tuned) for one in record.trials.values() if one.draws]


def values_text(values: Mapping[str, object]) -> str:
    """Hyper-parameters in one line."""
    return " ".join(f"{name}={value}" for name, value in values.items())


def trials_csv(outcomes: list[Outcome]) -> str:
    """One line per draw, with unrounded numbers."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(TRIAL_COLUMNS)
    for outcome in outcomes:
        writer.writerows(_lines(outcome))
    return file.getvalue()


def _lines(outcome: Outcome) -> Iterator[list[object]]:
    for one in outcome.drawn:
        scores = [one.validation, one.test, one.status, int(one is outcome.selected), one.seconds]
        place = [*outcome.trials.group, one.draw.number, outcome.trials.seed, one.text]
        yield [*place, *scores, one.draw.run_id, one.error]


def _outcome(trials: Trials, runs: Mapping[str, Run], tuned: Mapping[Group, str]) -> Outcome:
    drawn = tuple(_trial(draw, runs) for draw in trials.draws)
    # Found by its values, because the cells are what was run, whatever has become of the draws since.
    wanted = runs.get(tuned.get(trials.group, ""), {}).get("hyperparameters")
    same = (one for one in drawn if wanted is not None and _run(one.draw, runs).get("hyperparameters") == wanted)
    return Outcome(trials, drawn, next(same, None))


def _trial(draw: Draw, runs: Mapping[str, Run]) -> Trial:
    run = _run(draw, runs)
    error = run.get("error")
    return Trial(
        draw=draw,
        status=str(run["status"]),
        validation=_number(run.get("val_value")),
        test=_number(run.get("value")),
        seconds=_number(run.get("seconds")),
        error=error if isinstance(error, str) else "",
    )


def _run(draw: Draw, runs: Mapping[str, Run]) -> Run:
    return runs.get(draw.run_id, _PENDING) if draw.run_id else _NOT_DEFINED


def _number(value: object) -> float | None:
    """A number of results.csv; an empty field is read as one that is no number."""
    return float(value) if isinstance(value, int | float) and value == value else None
