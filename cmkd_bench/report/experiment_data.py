"""What the page and the plots are made from: an experiment's folder, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pandas as pd

from cmkd_bench.experiment.archived_run import stored
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.spec import RunSpec, Settings
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.cells import Column, Runs, by_column, by_row, records
from cmkd_bench.report.experiment_tables import make_board
from cmkd_bench.report.predictions import PredictionCache
from cmkd_bench.report.results import Ended, Read, collect, read_ended

PageValues = Mapping[str, Any]


@dataclass(frozen=True)
class ExperimentData:
    """An experiment's results with all that is known of its runs."""

    experiment: Experiment  # its folder
    record: Plan  # its cells
    results: pd.DataFrame  # as `collect` returns them
    board: Leaderboard  # of each dataset's main metric, with statistics
    specs: Mapping[str, RunSpec]  # by run id
    read: Read  # reads the result and the cost of a run once, however often they are asked for

    @cached_property
    def runs(self) -> Runs:
        """The rows of runs.csv by run id; missing values are None."""
        rows = (
            {name: None if value != value else value for name, value in run.items()} for run in records(self.results)
        )
        return {str(run["run_id"]): run for run in rows}

    @cached_property
    def costs(self) -> dict[str, PageValues]:
        """The content of cost.json of each finished run."""
        return {run_id: cost for run_id, (_, cost) in self._ended.items()}

    @cached_property
    def details(self) -> dict[str, PageValues]:
        """The content of result.json of each finished run."""
        return {run_id: result for run_id, (result, _) in self._ended.items()}

    @property
    def _ended(self) -> dict[str, Ended]:
        done = [run_id for run_id, run in self.runs.items() if run["status"] == "done"]
        return {run_id: self.read(stored(self.experiment, run_id)) for run_id in done}

    def history(self, run_id: str) -> list[dict[str, Any]]:
        """Return the record of each epoch; empty for a run that has not ended, or if the record is damaged."""
        return self.experiment.read_history(run_id)

    def hyperparameters(self, run_id: str) -> Settings:
        """Return the hyper-parameters of a run; empty where the method is not defined."""
        return self.specs[run_id].hyperparameters if run_id in self.specs else ()

    @cached_property
    def columns(self) -> dict[Column, dict[str, list[tuple[Cell, str]]]]:
        """The cells behind each row of each direction, with the run that counts for each cell."""
        return {column: by_row(cells) for column, cells in by_column(self.record).items()}


@dataclass(frozen=True)
class StoredRuns:
    """What an experiment has stored, without statistics."""

    experiment: Experiment  # its folder
    record: Plan  # its cells
    results: pd.DataFrame  # as `collect` returns them
    specs: Mapping[str, RunSpec]  # by run id
    predictions: PredictionCache  # of its runs
    read: Read  # reads the result and the cost of a run once

    def cost(self, run_id: str) -> PageValues:
        """Return what a finished run cost."""
        return self.read(stored(self.experiment, run_id))[1]


def read_runs(experiment: Experiment) -> StoredRuns:
    """Read the runs of an experiment, and bring its results.csv and runs.csv up to date."""
    predictions, record = PredictionCache(experiment), read_plan(experiment)
    specs = read_specs(experiment, record)
    read = cache(read_ended)
    return StoredRuns(
        experiment, record, collect(experiment, predictions, specs=specs, read=read), specs, predictions, read
    )


def read_experiment(experiment: Experiment) -> ExperimentData:
    """Read an experiment with its statistics, and bring its results.csv and runs.csv up to date."""
    found = read_runs(experiment)
    board = make_board(found.predictions, found.record, found.results)
    return ExperimentData(experiment, found.record, found.results, board, found.specs, found.read)


def seeds_text(cells: Sequence[Cell]) -> str:
    """List the seeds of cells, as a range where they follow each other."""
    seeds = sorted({cell.seed for cell in cells})
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
