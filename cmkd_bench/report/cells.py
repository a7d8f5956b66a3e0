"""The cells of an experiment by the columns of its table, and the runs behind them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cmkd_bench.experiment.label_budget import ALL, LabelBudget, as_option, block_name, block_stem
from cmkd_bench.experiment.plan import Cell, Plan

TEACHER = "teacher"  # the name of its row
NEEDED = (
    *("run_id", "status", "dataset", "teacher", "manifest", "metric", "value", "error"),
    *("teacher_modality", "student_modality", "train_labels", "selection_labels", "device"),
)
Runs = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Column:
    """A direction of a dataset with a number of labels."""

    dataset: str
    teacher_modality: str
    student_modality: str
    labels: LabelBudget = ALL

    @property
    def names(self) -> tuple[str, str, str, str]:
        """Dataset, labels, teacher's and student's modality."""
        return self.dataset, as_option(self.labels), self.teacher_modality, self.student_modality

    @property
    def block(self) -> str:
        """What a table or plot has in common: the dataset, and the labels where some are hidden."""
        return block_name(self.dataset, self.labels)

    @property
    def stem(self) -> str:
        """The same as a part of a file's name."""
        return block_stem(self.dataset, self.labels)

    @property
    def direction(self) -> str:
        """The modalities as they are printed."""
        return f"{self.teacher_modality} → {self.student_modality}"


def column_of(cell: Cell) -> Column:
    """Return the column of a cell."""
    return Column(cell.dataset, cell.teacher_modality, cell.student_modality, cell.labels)


def by_column(record: Plan) -> dict[Column, list[Cell]]:
    """Group the cells by column, in the order of the plan."""
    columns: dict[Column, list[Cell]] = {}
    for cell in record.cells.values():
        columns.setdefault(column_of(cell), []).append(cell)
    return columns


def by_row(cells: Sequence[Cell]) -> dict[str, list[tuple[Cell, str]]]:
    """Group the cells of a column by row, the teacher's first, each with the run that counts for it."""
    rows = {TEACHER: list({(cell.fold, cell.seed): (cell, cell.teacher_id) for cell in cells}.values())}
    for cell in cells:
        rows.setdefault(cell.row, []).append((cell, cell.run_id))
    return rows


def runs_of(results: pd.DataFrame, metric: str | None = None) -> Runs:
    """Return what tables need of the rows of runs.csv, by run id.

    Args:
        metric: the column to use as each run's `value`; each dataset's main metric where None is given.
    """
    runs = {
        str(run["run_id"]): run for run in records(results[[name for name in (*NEEDED, metric) if name in results]])
    }
    if metric is not None:
        for run in runs.values():
            run["value"] = run.get("value" if run.get("metric") == metric else metric)
            run["metric"] = metric
    return runs


def is_done(run: Mapping[str, Any] | None) -> bool:
    """Whether a run has ended and has a value."""
    return run is not None and run["status"] == "done" and run["value"] is not None and run["value"] == run["value"]


def records(results: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """Yield the rows by column, ten times as fast as `to_dict`."""
    names = list(map(str, results.columns))
    for values in zip(*(results[name].tolist() for name in results.columns), strict=True):
        yield dict(zip(names, values, strict=True))
