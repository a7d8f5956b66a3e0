"""What pictures are drawn from: an experiment's results by method and direction, as plain numbers."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pandas as pd

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.experiment_tables import make_board
from cmkd_bench.report.leaderboard import TEACHER, Column, Leaderboard, MeanScore, leaderboard
from cmkd_bench.report.plots.style import Look, looks_of
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.results import collect
from cmkd_bench.report.tuning_results import study_results

History = list[dict[str, Any]]
ORDER = (TEACHER, "baseline", "method", "control")


@dataclass(frozen=True)
class Result:
    """One method in one direction.

    Attributes:
        method: its name.
        role: `baseline`, `control` or `method`.
        column: the direction.
        values: by seed, in percent, the mean over folds.
        mean: over seeds; None where nothing is done.
        deviation: standard deviation over seeds; None for fewer than two.
        gains: by seed, the difference to the student alone, in percentage points.
        gain: their mean; None where it is missing.
        interval: of the gain, with 95 % confidence, over seeds and test samples; None for fewer than three seeds.
        problem: why numbers are missing; empty where none are.
    """

    method: str
    role: str
    column: Column
    values: Mapping[int, float]
    mean: float | None
    deviation: float | None
    gains: Mapping[int, float]
    gain: float | None
    interval: tuple[float, float] | None
    problem: str

    @property
    def reach(self) -> tuple[list[float], list[float]] | None:
        """How far the interval goes below and above the gain, as matplotlib wants to be told."""
        if self.interval is None or self.gain is None:
            return None
        return [self.gain - self.interval[0]], [self.interval[1] - self.gain]


class Material:
    """An experiment's results for drawing.

    Args:
        name: of the experiment.
        record: its cells.
        results: one row per run, as in results.csv.
        history: by run id, what was recorded of each epoch.
        board: its leaderboard with intervals and ranks; None for one without.
    """

    def __init__(
        self,
        name: str,
        record: Plan,
        results: pd.DataFrame,
        history: Callable[[str], History] = lambda run_id: [],
        board: Leaderboard | None = None,
    ) -> None:
        self.name = name
        self.record = record
        self.baseline = record.baseline
        self.history = history
        self._runs = {str(row["run_id"]): _named(row) for row in results.to_dict("records")}
        self._board = board or leaderboard(record, results)
        order = sorted(self._board.rows.items(), key=lambda row: ORDER.index(row[1]))
        self.roles = {name: role for name, role in order if name != TEACHER}
        self.columns = self._board.columns
        self.seeds = self._board.seeds
        self.ranking = self._board.ranking
        self.trials = study_results(record, results)

    @cached_property
    def looks(self) -> dict[str, Look]:
        """By method."""
        return looks_of(self.roles)

    @cached_property
    def methods(self) -> list[str]:
        """All but the student alone, controls last."""
        return [name for name, role in self.roles.items() if role != "baseline"]

    @cached_property
    def datasets(self) -> dict[str, list[Column]]:
        """The directions of each dataset."""
        found: dict[str, list[Column]] = {}
        for column in self.columns:
            found.setdefault(column.dataset, []).append(column)
        return found

    def title(self, text: str, dataset: str, column: Column | None = None) -> str:
        """A title with all that a number of the dataset must not be read without."""
        where = dataset if column is None else f"{dataset}, {column.direction}"
        marks = "; ".join(self._board.marks.get(dataset, []))
        return f"{text}: {where}" + (f" ({marks})" if marks else "")

    def title_of_all(self, text: str) -> str:
        """A title over all datasets, with what none of their numbers must be read without."""
        first, *others = ([*self._board.marks.get(dataset, [])] for dataset in self.datasets)
        shared = [mark for mark in first if all(mark in marks for marks in others)]
        return text + (f" ({'; '.join(shared)})" if shared else "")

    def metric(self, dataset: str) -> str:
        """What the values are, in words."""
        metrics = (run.get("metric") for run in self._runs.values() if run.get("dataset") == dataset)
        name = next((metric for metric in metrics if isinstance(metric, str)), "accuracy")
        return QUANTITIES[name].title if name in QUANTITIES else name

    def result(self, method: str, column: Column) -> Result:
        """One method in one direction."""
        entry, alone = self._entry(method, column), self._entry(self.baseline, column)
        gains = {seed: value - alone.values[seed] for seed, value in entry.values.items() if seed in alone.values}
        if entry.gain is None:
            gains = {}
        return Result(
            method=method,
            role=self.roles[method],
            column=column,
            values=entry.values,
            mean=entry.mean,
            deviation=entry.deviation,
            gains=gains,
            gain=entry.gain,
            interval=_interval(entry),
            problem=entry.problem,
        )

    def compared(self, column: Column) -> list[Result]:
        """All methods but the student alone, controls last."""
        return [self.result(method, column) for method in self.methods]

    def teacher(self, column: Column) -> MeanScore:
        """The teacher of a direction."""
        return self._entry(TEACHER, column)

    def alone(self, column: Column) -> MeanScore:
        """The student alone."""
        return self._entry(self.baseline, column)

    def runs(self, method: str, column: Column) -> list[tuple[Cell, dict[str, Any]]]:
        """The finished runs of a method in a direction, each with its cell."""
        found = [(cell, self._runs.get(cell.run_id, {})) for cell in self._cells.get((method, column), [])]
        return [(cell, run) for cell, run in found if run.get("status") == "done"]

    def seeds_text(self) -> str:
        """How many seeds there are, for a label."""
        return "1 seed" if len(self.seeds) == 1 else f"{len(self.seeds)} seeds"

    @cached_property
    def _cells(self) -> dict[tuple[str, Column], list[Cell]]:
        found: dict[tuple[str, Column], list[Cell]] = {}
        for cell in self.record.cells.values():
            column = Column(cell.dataset, cell.teacher_modality, cell.student_modality)
            found.setdefault((cell.row, column), []).append(cell)
        return found

    def _entry(self, row: str, column: Column) -> MeanScore:
        return self._board.scores[row, column]


def read_material(experiment: Experiment) -> Material:
    """Read an experiment, and bring its results.csv up to date."""

    @cache
    def history(run_id: str) -> History:
        path = experiment.run(run_id).history
        try:
            return list(read_json(path))
        except (OSError, ValueError) as error:
            raise UserError(f"{path} cannot be read: {error}. Delete its folder and run the grid again.") from error

    outcomes, record = PredictionCache(experiment), read_plan(experiment)
    results = collect(experiment, outcomes)
    return Material(experiment.name, record, results, history, make_board(outcomes, record, results))


def _named(run: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in run.items()}


def _interval(entry: MeanScore) -> tuple[float, float] | None:
    found = entry.comparison
    return None if found is None or found.low is None or found.high is None else (found.low, found.high)
