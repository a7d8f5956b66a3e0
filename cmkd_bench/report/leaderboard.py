"""The leaderboard as data: mean and standard deviation over seeds, gain over the student alone, and what is missing."""

from __future__ import annotations

import statistics
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from cmkd_bench.plan import Cell
from cmkd_bench.record import Record

TEACHER = "teacher"
Runs = dict[str, dict[str, Any]]
Values = dict[tuple[int, int], float]
METRICS = {"miou": "mean IoU"}
ROLES = ("teacher", "baseline", "control", "method")


@dataclass(frozen=True)
class Entry:
    """One number of the table.

    Attributes:
        values: by seed, in percent, the mean over folds.
        mean: over seeds; None where nothing is done.
        deviation: standard deviation over seeds (n-1); None for fewer than two.
        gain: mean over seeds of the difference to the student alone under the same seed; None where that is missing.
        problem: why numbers are missing, e.g. `2 failed: non-finite loss`.
        is_best: whether no other method has a larger mean.
    """

    values: dict[int, float]
    mean: float | None
    deviation: float | None
    gain: float | None
    problem: str
    is_best: bool = False


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


@dataclass(frozen=True)
class Leaderboard:
    """Entries by (row, column).

    Attributes:
        rows: by name, the role.
        columns: the directions of the datasets.
        entries: by row and column.
        seeds: all that were asked for.
        marks: by dataset, what stands behind its name: folds, metric, how it departs from a fair comparison.
        notes: what stands below.
    """

    rows: dict[str, str]
    columns: tuple[Column, ...]
    entries: dict[tuple[str, Column], Entry]
    seeds: tuple[int, ...]
    marks: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)


def leaderboard(record: Record, results: pd.DataFrame) -> Leaderboard:
    """Put the results of an experiment's cells into a table; the same input gives the same table."""
    cells = list(record.cells.values())
    runs: Runs = {str(run["run_id"]): _named(run) for run in results.to_dict("records")}
    columns = tuple(dict.fromkeys(_column(cell) for cell in cells))
    methods = dict.fromkeys((cell.method, cell.role) for cell in cells)
    rows = {TEACHER: TEACHER} | dict(sorted(methods, key=lambda row: ROLES.index(row[1])))
    seeds = tuple(sorted({cell.seed for cell in cells}))
    entries: dict[tuple[str, Column], Entry] = {}
    notes: dict[str, None] = {}
    for column in columns:
        here = [cell for cell in cells if _column(cell) == column]
        teachers = list({(c.fold, c.seed): (c, c.teacher_id) for c in here}.values())
        alone = _values([(c, c.run_id) for c in here if c.method == record.baseline], runs)
        for row in rows:
            chosen = teachers if row == TEACHER else [(c, c.run_id) for c in here if c.method == row]
            entry = _entry(chosen, runs, {} if row in (TEACHER, record.baseline) else alone, {c.fold for c in here})
            entries[row, column] = entry
            notes |= dict.fromkeys(_notes(row, column, chosen, runs, len(seeds)))
        _mark_best(entries, column, [row for row, role in rows.items() if role != TEACHER])
    for dataset, remarks in record.remarks.items():
        notes |= dict.fromkeys(f"{dataset}: {remark}" for remark in remarks)
    metrics = {str(run.get("dataset")): run.get("metric") for run in runs.values() if run["status"] == "done"}
    marks = {
        name: _marks({c.fold for c in cells if c.dataset == name}, conditions, metrics.get(name))
        for name, conditions in record.conditions.items()
    }
    return Leaderboard(rows, columns, entries, seeds, marks, list(notes))


def _marks(folds: set[int], conditions: Mapping[str, Any], metric: str | None) -> list[str]:
    """What a number of a dataset must not be read without."""
    marks = ["FIXTURE, not the dataset"] if conditions["fixture"] else []
    if conditions["protocol"] != "fair":
        marks.append(f"protocol {conditions['protocol']}")
    if (part := conditions["train.select_on"]) != "validation":
        marks.append("last epoch" if part == "last" else f"selected on {part}")
    if metric not in (None, "accuracy"):
        marks.append(METRICS.get(str(metric), str(metric)))
    if (total := conditions["folds"]) > 1:
        one = f"fold {min(folds)} of {total}"
        marks.append(one if len(folds) == 1 else f"mean over {len(folds)} of {total} folds")
    return marks


def _named(run: Mapping[Hashable, Any]) -> dict[str, Any]:
    return {str(name): value for name, value in run.items()}


def _column(cell: Cell) -> Column:
    return Column(cell.dataset, cell.teacher_modality, cell.student_modality)


def _values(cells: Iterable[tuple[Cell, str]], runs: Runs) -> Values:
    """The finished runs' values by seed and fold."""
    done = ((cell, runs[run_id]) for cell, run_id in cells if runs.get(run_id, {}).get("status") == "done")
    return {(cell.seed, cell.fold): run["value"] for cell, run in done}


def _by_seed(values: Values, folds: set[int]) -> dict[int, float]:
    """The mean over folds; a seed with a missing fold is left out, as its mean would be of other data."""
    seeds = sorted({seed for seed, _ in values})
    complete = [seed for seed in seeds if all((seed, fold) in values for fold in folds)]
    return {seed: statistics.fmean(values[seed, fold] for fold in folds) for seed in complete}


def _entry(cells: Sequence[tuple[Cell, str]], runs: Runs, alone: Values, folds: set[int]) -> Entry:
    values = _values(cells, runs)
    own = {cell.fold for cell, _ in cells}
    by_seed = _by_seed(values, own)
    gains = _by_seed({place: value - alone[place] for place, value in values.items() if place in alone}, own)
    numbers = list(by_seed.values())
    problems = [_problem(cells, runs), f"{len(own)} of {len(folds)} folds" if cells and own != folds else ""]
    return Entry(
        values=by_seed,
        mean=statistics.fmean(numbers) if numbers else None,
        deviation=statistics.stdev(numbers) if len(numbers) > 1 else None,
        gain=statistics.fmean(gains.values()) if gains else None,
        problem=", ".join(filter(None, problems)),
    )


def _problem(cells: Sequence[tuple[Cell, str]], runs: Runs) -> str:
    if not cells:
        return "not run"
    states = [_state(cell, run_id, runs) for cell, run_id in cells]
    counts = {state: states.count(state) for state in dict.fromkeys(states) if state != "done"}
    return ", ".join(state if count == len(cells) else f"{count} {state}" for state, count in counts.items())


def _state(cell: Cell, run_id: str, runs: Runs) -> str:
    if cell.impossible and run_id == cell.run_id:
        return "not defined"
    return str(runs[run_id]["status"]) if run_id in runs else "pending"


def _notes(row: str, column: Column, cells: Sequence[tuple[Cell, str]], runs: Runs, seeds: int) -> Iterable[str]:
    where = f"{row}, {column.dataset}, {column.direction}"
    for cell, run_id in cells:
        if cell.impossible and run_id == cell.run_id:
            yield f"{where}: not defined: {cell.impossible}"
        elif isinstance(error := runs.get(run_id, {}).get("error"), str):
            yield f"{where}, seed {cell.seed}: {runs[run_id]['status']}: {error}"
    asked = len({cell.seed for cell, _ in cells})
    if cells and asked != seeds:
        yield f"{row}, {column.dataset}: {asked} of {seeds} seeds were asked for."


def _mark_best(entries: dict[tuple[str, Column], Entry], column: Column, rows: Sequence[str]) -> None:
    means = {row: entry.mean for row in rows if (entry := entries[row, column]).mean is not None and not entry.problem}
    best = max((mean for mean in means.values() if mean is not None), default=None)
    for row, mean in means.items():
        if mean == best:
            entries[row, column] = replace(entries[row, column], is_best=True)
