"""The leaderboard as data: the number of each cell, the best of each column, and which differences are significant."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.report.cells import TEACHER, Column, Runs, by_column, by_row, column_of, runs_of
from cmkd_bench.report.code_origins import code_line
from cmkd_bench.report.comparisons import Comparisons
from cmkd_bench.report.label_marks import supervision_marks
from cmkd_bench.report.mixed_devices import mixed_devices
from cmkd_bench.report.quantities import QUANTITIES, Quantity
from cmkd_bench.report.rank_agreement import RankAgreement, rank_agreements
from cmkd_bench.report.ranking import Ranking, rank
from cmkd_bench.report.scores import CellRuns, MeanScore, finished, mean_score, state_of
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.report.tuning_table import tuning_of
from cmkd_bench.statistics.paired import FEWEST_SEEDS

__all__ = ["TEACHER", "Column", "Leaderboard", "MeanScore", "leaderboard"]

ROLES = ("teacher", "baseline", "control", "method")
NO_COMPARISONS = Comparisons({}, {})
UNRANKED = "there is no average rank, because it would mix columns with different numbers of labels."


@dataclass(frozen=True)
class Leaderboard:
    """Numbers by row and column."""

    rows: dict[str, str]  # by name, the role
    columns: tuple[Column, ...]  # the directions of the datasets
    scores: dict[tuple[str, Column], MeanScore]  # by row and column
    seeds: tuple[int, ...]  # all that were requested
    # by block, what qualifies its numbers: folds, metric, deviations from a fair comparison
    marks: dict[str, list[str]]
    notes: list[str] = field(default_factory=list)  # shown below the table
    baseline: str = "none"  # the row of the student alone
    quantity: Quantity = QUANTITIES["accuracy"]  # what the numbers are, where all columns agree
    comparisons: Comparisons = NO_COMPARISONS  # of all pairs of rows
    ranking: Ranking | None = None  # over all columns; None where there is none, as with different numbers of labels
    agreements: tuple[RankAgreement, ...] = ()  # of the ranks with the fewest and the most labels, by direction
    tuning: TextTable | None = None  # the selected values and their cost; None where nothing was drawn
    code: str = ""  # where the code of the runs came from, in one line; empty where it is not recorded

    @property
    def claims(self) -> bool:
        """Whether there were enough seeds to claim significance anywhere."""
        return self.comparisons.gains > 0


def leaderboard(
    record: Plan, results: pd.DataFrame, comparisons: Comparisons = NO_COMPARISONS, metric: str | None = None
) -> Leaderboard:
    """Tabulate the results of an experiment's cells; the same input gives the same table.

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
    scores: dict[tuple[str, Column], MeanScore] = {}
    notes: dict[str, None] = {}
    for column, here in grouped.items():
        found = by_row(here)
        alone = finished(found.get(record.baseline, ()), runs)
        for row in rows:
            chosen = found.get(row, [])
            gained = {} if row in (TEACHER, record.baseline) else alone
            comparison = comparisons.pairs.get((column, row, record.baseline))
            scores[row, column] = mean_score(chosen, runs, gained, {c.fold for c in here}, comparison)
            notes |= dict.fromkeys(_notes(row, column, chosen, runs, len(seeds)))
    columns = _measured(grouped, scores, metric)
    competitors = [row for row, role in rows.items() if role != TEACHER]
    for column in columns:
        _mark_best(scores, column, competitors, quantity.better, comparisons)
    notes |= dict.fromkeys(f"{name}: {text}" for name, texts in record.notes.items() for text in texts)
    notes |= dict.fromkeys([*mixed_devices(cells, runs), *comparisons.refused])
    ranking = None
    if len({column.labels for column in columns}) == 1:
        ranking = rank(scores, competitors, columns, quantity.better, claim=len(seeds) >= FEWEST_SEEDS)
    elif columns:
        notes[UNRANKED] = None
    metrics = {str(run.get("dataset")): run.get("metric") for run in runs.values() if run["status"] == "done"}
    return Leaderboard(
        rows=rows,
        columns=columns,
        scores=scores,
        seeds=seeds,
        marks={
            column.block: [
                *supervision_marks([cell for cell in cells if column_of(cell).block == column.block], conditions, runs),
                *_marks({c.fold for c in cells if c.dataset == name}, conditions, metric or metrics.get(name), metric),
            ]
            for name, conditions in record.conditions.items()
            for column in columns
            if column.dataset == name
        },
        notes=list(notes),
        baseline=record.baseline,
        quantity=quantity,
        comparisons=comparisons,
        ranking=ranking,
        agreements=tuple(
            rank_agreements(scores, [row for row, role in rows.items() if role == "method"], columns, quantity.better)
        ),
        tuning=tuning_of(record, results),
        code=code_line(results),
    )


def _rows(cells: Collection[Cell]) -> dict[str, str]:
    """Return the role of each row, ordered by role and, as in the registry, by name; variants of a method follow it.

    A method's tuned row is below its row with defaults.
    """
    place = {name: index for index, name in enumerate(dict.fromkeys(cell.name for cell in cells))}
    rows = {(ROLES.index(cell.role), cell.method, place[cell.name], cell.tuned, cell.row) for cell in cells}
    return {name: ROLES[role] for role, *_, name in sorted(rows)}


def _measured(
    columns: Iterable[Column], scores: Mapping[tuple[str, Column], MeanScore], metric: str | None
) -> tuple[Column, ...]:
    """Return the columns whose students have the metric; all where none was requested."""
    measured = {column for (row, column), score in scores.items() if row != TEACHER and score.mean is not None}
    return tuple(column for column in columns if metric is None or column in measured)


def _marks(folds: set[int], conditions: Mapping[str, Any], metric: str | None, asked: str | None) -> list[str]:
    """Return what qualifies the numbers of a dataset."""
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
    where = f"{row}, {column.block}, {column.direction}"
    for cell, run_id in cells:
        if cell.impossible and run_id == cell.run_id:
            yield f"{where}: not defined: {cell.impossible}"
        elif isinstance(error := runs.get(run_id, {}).get("error"), str):
            yield f"{where}, seed {cell.seed}: {state_of(cell, run_id, runs)}: {error}"
    asked = len({cell.seed for cell, _ in cells})
    if cells and asked != seeds:
        yield f"{row}, {column.block}: {asked} of {seeds} seeds were requested."


def _mark_best(
    scores: dict[tuple[str, Column], MeanScore],
    column: Column,
    rows: Sequence[str],
    better: int,
    comparisons: Comparisons,
) -> None:
    """Mark the best, the second best, and those not significantly worse, among rows with no missing numbers."""
    ranked = {
        row: better * score.mean
        for row in rows
        if (score := scores[row, column]).mean is not None and not score.problem
    }
    if better == 0 or not ranked:
        return
    best, *others = sorted(set(ranked.values()), reverse=True)
    contenders = comparisons.contenders(column, list(ranked), better)
    for row, value in ranked.items():
        scores[row, column] = replace(
            scores[row, column],
            is_best=value == best,
            is_second=bool(others) and value == others[0],
            is_close=value != best and row in contenders,
        )
