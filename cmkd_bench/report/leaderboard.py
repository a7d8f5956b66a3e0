"""The leaderboard as data: what stands in each cell, what is best there, and what can be told apart."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.report.cells import Column, Runs, by_column, runs_of
from cmkd_bench.report.comparisons import Comparisons
from cmkd_bench.report.entries import CellRuns, Entry, finished, make_entry, state_of
from cmkd_bench.report.metrics import QUANTITIES, Quantity
from cmkd_bench.report.ranking import Ranking, rank
from cmkd_bench.report.tuning import Tuning, tuning_of
from cmkd_bench.statistics.paired import FEWEST_SEEDS

__all__ = ["TEACHER", "Column", "Entry", "Leaderboard", "leaderboard"]

TEACHER = "teacher"
ROLES = ("teacher", "baseline", "control", "method")
NO_COMPARISONS = Comparisons({}, 0)


@dataclass(frozen=True)
class Leaderboard:
    """Entries by (row, column).

    Attributes:
        rows: by name, the role.
        columns: the directions of the datasets.
        entries: by row and column.
        seeds: all that were asked for.
        marks: by dataset, what stands behind its name: folds, metric, how it deviates from a fair comparison.
        notes: what stands below.
        baseline: the row that is the student alone.
        quantity: what the numbers are, where it is the same in all columns.
        comparisons: of all pairs of rows.
        ranking: over all columns; None where there is none.
        tuning: the selected values and their cost; None where nothing was drawn.
    """

    rows: dict[str, str]
    columns: tuple[Column, ...]
    entries: dict[tuple[str, Column], Entry]
    seeds: tuple[int, ...]
    marks: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)
    baseline: str = "none"
    quantity: Quantity = QUANTITIES["accuracy"]
    comparisons: Comparisons = NO_COMPARISONS
    ranking: Ranking | None = None
    tuning: Tuning | None = None

    @property
    def claims(self) -> bool:
        """Whether there were seeds enough for significance to be claimed anywhere."""
        return self.comparisons.gains > 0


def leaderboard(
    record: Plan, results: pd.DataFrame, comparisons: Comparisons = NO_COMPARISONS, metric: str | None = None
) -> Leaderboard:
    """Put the results of an experiment's cells into a table; the same input gives the same table.

    Args:
        record: the experiment's cells.
        results: as `collect` returns them.
        comparisons: of the same metric.
        metric: a name of QUANTITIES; each dataset's main metric where None is given.
    """
    grouped, runs = by_column(record), runs_of(results, metric)
    cells = [cell for column in grouped.values() for cell in column]
    rows = {TEACHER: TEACHER} | _rows(record.cells.values())
    seeds = tuple(sorted({cell.seed for cell in cells}))
    quantity = QUANTITIES[metric or "accuracy"]
    entries: dict[tuple[str, Column], Entry] = {}
    notes: dict[str, None] = {}
    for column, here in grouped.items():
        by_row: dict[str, list[tuple[Cell, str]]] = {row: [] for row in rows}
        for cell in here:
            by_row[cell.row].append((cell, cell.run_id))
        by_row[TEACHER] = list({(c.fold, c.seed): (c, c.teacher_id) for c in here}.values())
        alone = finished(by_row.get(record.baseline, ()), runs)
        for row, chosen in by_row.items():
            gained = {} if row in (TEACHER, record.baseline) else alone
            comparison = comparisons.pairs.get((column, row, record.baseline))
            entries[row, column] = make_entry(chosen, runs, gained, {c.fold for c in here}, comparison)
            notes |= dict.fromkeys(_notes(row, column, chosen, runs, len(seeds)))
    columns = _measured(grouped, entries, metric)
    competitors = [row for row, role in rows.items() if role != TEACHER]
    for column in columns:
        _mark_best(entries, column, competitors, quantity.better, comparisons)
    notes |= dict.fromkeys(f"{name}: {text}" for name, texts in record.notes.items() for text in texts)
    notes |= dict.fromkeys(comparisons.refused)
    shown = {column.dataset for column in columns}
    metrics = {str(run.get("dataset")): run.get("metric") for run in runs.values() if run["status"] == "done"}
    return Leaderboard(
        rows=rows,
        columns=columns,
        entries=entries,
        seeds=seeds,
        marks={
            name: _marks({c.fold for c in cells if c.dataset == name}, conditions, metric or metrics.get(name), metric)
            for name, conditions in record.conditions.items()
            if name in shown
        },
        notes=list(notes),
        baseline=record.baseline,
        quantity=quantity,
        comparisons=comparisons,
        ranking=rank(entries, competitors, columns, quantity.better, claim=len(seeds) >= FEWEST_SEEDS),
        tuning=tuning_of(record, results),
    )


def _rows(cells: Collection[Cell]) -> dict[str, str]:
    """Roles by row: baseline, controls, methods, each in the order of the plan, a method's tuned row below it."""
    order = {method: place for place, method in enumerate(dict.fromkeys(cell.method for cell in cells))}
    rows = dict.fromkeys((ROLES.index(cell.role), order[cell.method], cell.tuned, cell.row) for cell in cells)
    return {name: ROLES[role] for role, _, _, name in sorted(rows)}


def _measured(
    columns: Iterable[Column], entries: Mapping[tuple[str, Column], Entry], metric: str | None
) -> tuple[Column, ...]:
    """The columns whose students have the metric; all where none was asked for."""
    measured = {column for (row, column), entry in entries.items() if row != TEACHER and entry.mean is not None}
    return tuple(column for column in columns if metric is None or column in measured)


def _marks(folds: set[int], conditions: Mapping[str, Any], metric: str | None, asked: str | None) -> list[str]:
    """What a number of a dataset must not be read without."""
    marks = ["FIXTURE, not the dataset"] if conditions["fixture"] else []
    if conditions["protocol"] != "fair":
        marks.append(f"protocol {conditions['protocol']}")
    if (part := conditions["train.select_on"]) != "validation":
        marks.append("last epoch" if part == "last" else f"selected on {part}")
    if asked is None and metric not in (None, "accuracy"):
        marks.append(QUANTITIES[metric].title if metric in QUANTITIES else str(metric))
    if (total := conditions["folds"]) > 1:
        one = f"fold {min(folds)} of {total}"
        marks.append(one if len(folds) == 1 else f"mean over {len(folds)} of {total} folds")
    return marks


def _notes(row: str, column: Column, cells: CellRuns, runs: Runs, seeds: int) -> Iterable[str]:
    where = f"{row}, {column.dataset}, {column.direction}"
    for cell, run_id in cells:
        if cell.impossible and run_id == cell.run_id:
            yield f"{where}: not defined: {cell.impossible}"
        elif isinstance(error := runs.get(run_id, {}).get("error"), str):
            yield f"{where}, seed {cell.seed}: {state_of(cell, run_id, runs)}: {error}"
    asked = len({cell.seed for cell, _ in cells})
    if cells and asked != seeds:
        yield f"{row}, {column.dataset}: {asked} of {seeds} seeds were asked for."


def _mark_best(
    entries: dict[tuple[str, Column], Entry],
    column: Column,
    rows: Sequence[str],
    better: int,
    comparisons: Comparisons,
) -> None:
    """Mark the best, the second, and all that may be the best as well, of the rows that miss nothing."""
    scores = {
        row: better * entry.mean
        for row in rows
        if (entry := entries[row, column]).mean is not None and not entry.problem
    }
    if better == 0 or not scores:
        return
    best, *others = sorted(set(scores.values()), reverse=True)
    contenders = comparisons.contenders(column, list(scores), better)
    for row, score in scores.items():
        entries[row, column] = replace(
            entries[row, column],
            is_best=score == best,
            is_second=bool(others) and score == others[0],
            is_close=score != best and row in contenders,
        )
