"""What the page is made from: an experiment's folder, read once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import pandas as pd

from cmkd_bench.experiment.files import read_json
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.spec import RunSpec, Settings
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.cells import Column, Runs, by_column, records
from cmkd_bench.report.collect import Read, collect
from cmkd_bench.report.leaderboard import TEACHER, Leaderboard
from cmkd_bench.report.outcomes import Outcomes
from cmkd_bench.report.write import make_board

Files = Mapping[str, Any]


@dataclass(frozen=True)
class Source:
    """An experiment.

    Attributes:
        experiment: where it lies.
        record: its cells.
        results: as `collect` returns them.
        board: of each dataset's main metric, with statistics.
        specs: by run id.
        read: reads a JSON file of a run once, however often it is asked for.
    """

    experiment: Experiment
    record: Plan
    results: pd.DataFrame
    board: Leaderboard
    specs: Mapping[str, RunSpec]
    read: Read

    @cached_property
    def runs(self) -> Runs:
        """The rows of results.csv by run id; missing values are None."""
        rows = records(self.results)
        return {
            str(run["run_id"]): {name: None if value != value else value for name, value in run.items()} for run in rows
        }

    @cached_property
    def costs(self) -> dict[str, Files]:
        """What stands in cost.json, by the id of each finished run."""
        return {run_id: self.read(self.experiment.run(run_id).cost) for run_id in self.done}

    @cached_property
    def details(self) -> dict[str, Files]:
        """What stands in result.json, likewise."""
        return {run_id: self.read(self.experiment.run(run_id).result) for run_id in self.done}

    @cached_property
    def done(self) -> list[str]:
        """The finished runs."""
        return [run_id for run_id, run in self.runs.items() if run["status"] == "done"]

    @cached_property
    def columns(self) -> dict[Column, list[Cell]]:
        """The cells of each direction."""
        return by_column(self.record)

    def history(self, run_id: str) -> list[dict[str, Any]]:
        """What was recorded of each epoch; nothing for a run that has not ended."""
        path = self.experiment.run(run_id).history
        return list(read_json(path)) if path.exists() else []

    def hyperparameters(self, run_id: str) -> Settings:
        """Those of a run; nothing of one that cannot be."""
        return self.specs[run_id].hyperparameters if run_id in self.specs else ()

    def behind(self, row: str, column: Column) -> list[tuple[Cell, str]]:
        """The cells of an entry of the table, each with the run that counts for it."""
        cells = self.columns[column]
        if row == TEACHER:
            return list({(cell.fold, cell.seed): (cell, cell.teacher_id) for cell in cells}.values())
        return [(cell, cell.run_id) for cell in self._by_row[column].get(row, ())]

    @cached_property
    def _by_row(self) -> dict[Column, dict[str, list[Cell]]]:
        found: dict[Column, dict[str, list[Cell]]] = {}
        for column, cells in self.columns.items():
            rows = found.setdefault(column, {})
            for cell in cells:
                rows.setdefault(cell.row, []).append(cell)
        return found


def read_source(experiment: Experiment) -> Source:
    """Read an experiment, and bring its results.csv up to date."""
    outcomes, record = Outcomes(experiment), read_plan(experiment)
    specs = read_specs(record)
    read = cache(read_json)
    results = collect(experiment, outcomes, specs=specs, read=read)
    return Source(experiment, record, results, make_board(outcomes, record, results), specs, read)


def seeds_of(cells: Sequence[Cell]) -> str:
    """The seeds of cells as text: a span where they follow each other."""
    seeds = sorted({cell.seed for cell in cells})
    if len(seeds) > 2 and seeds == list(range(seeds[0], seeds[-1] + 1)):
        return f"{seeds[0]} to {seeds[-1]}"
    return ", ".join(map(str, seeds))
