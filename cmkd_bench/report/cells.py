"""The cells of an experiment by the columns of its table, and the runs behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Cell, Plan

COLUMNS = ("run_id", "status", "dataset", "teacher", "manifest", "metric", "value", "error")
Runs = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Column:
    """A direction of a dataset."""

    dataset: str
    teacher_modality: str
    student_modality: str

    @property
    def direction(self) -> str:
        """As it is printed."""
        return f"{self.teacher_modality} → {self.student_modality}"


def by_column(record: Plan) -> dict[Column, list[Cell]]:
    """The cells of each column, in the order of the plan."""
    columns: dict[Column, list[Cell]] = {}
    for cell in record.cells.values():
        column = Column(cell.dataset, cell.teacher_modality, cell.student_modality)
        columns.setdefault(column, []).append(cell)
    return columns


def runs_of(results: pd.DataFrame, metric: str | None = None) -> Runs:
    """What tables need of the rows of results.csv, by run id.

    Args:
        results: as `collect` returns them.
        metric: what stands as a run's `value`; each dataset's main metric where None is given.
    """
    needed = [name for name in (*COLUMNS, metric) if name in results]
    runs = {str(run["run_id"]): run for run in records(results[needed])}
    if metric is not None:
        for run in runs.values():
            run["value"] = run.get("value" if run.get("metric") == metric else metric)
            run["metric"] = metric
    return runs


def is_done(run: Mapping[str, Any] | None) -> bool:
    """Whether a run has ended and has a value."""
    return run is not None and run["status"] == "done" and run["value"] is not None and run["value"] == run["value"]


def records(results: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """The rows by column; of ten thousand, pandas' own takes ten times as long."""
    names = list(map(str, results.columns))
    for values in zip(*(results[name].tolist() for name in results.columns), strict=True):
        yield dict(zip(names, values, strict=True))
