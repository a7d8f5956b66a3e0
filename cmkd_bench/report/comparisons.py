"""Every pair of rows in every column, compared on the same seeds, the same folds and the same test samples."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pandas as pd

from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.report.cells import Column, Runs, by_column, is_done, runs_of
from cmkd_bench.report.predictions import PredictionScores, SavedPredictions
from cmkd_bench.statistics.metrics import METRICS, Array
from cmkd_bench.statistics.multiple import best_set, holm
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL, interval_at, paired_differences
from cmkd_bench.statistics.proportions import mcnemar, only_one_right
from cmkd_bench.statistics.resampling import RESAMPLES, resampled, resampling_counts

NUMBERS = ("low", "high", "p", "error", "of_seeds")  # of Comparison, for enough seeds
Unit = tuple[int, int]  # seed and fold
Units = dict[Unit, Cell]
Family = tuple[str, str]  # the table, i.e. the dataset with the number of labels, and the role of its rows
Shared = tuple[tuple[int, ...], tuple[int, ...]]  # the folds and the seeds that two rows have in common


@dataclass(frozen=True)
class Comparison:
    """One row of a column against another."""

    column: Column  # the direction
    row: str  # whose value counts as positive
    other: str  # whose value counts as negative
    difference: float  # of the means over the common seeds
    seeds: tuple[int, ...]  # common to both
    folds: tuple[int, ...]  # common to both
    samples: int  # total size of the test parts of these folds
    # of the row and of the other, in the order of seeds and folds; the same hypothesis has the same runs
    runs: tuple[tuple[str, ...], tuple[str, ...]]
    low: float | None = None  # lower end of the 95 % interval; None for fewer than 3 seeds, like all that follow
    high: float | None = None  # its upper end
    p: float | None = None  # under the hypothesis of no difference
    error: float | None = None  # standard error of the difference
    of_seeds: float | None = None  # share of the variance that is due to the seeds
    family: str = ""  # of a gain: the role of its row, `method` or `control`; empty for other pairs
    p_gain: float | None = None  # of a gain: corrected for its family in the table of its dataset, by Holm
    # of a gain: the interval at 0.05 / the size of its family (Bonferroni); 95 % of tables have no true gain outside
    simultaneous: tuple[float, float] | None = None
    p_pair: float | None = None  # corrected for all pairs of the column
    # by seed, the exact p-value on the test samples; for accuracy only
    mcnemar: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Comparisons:
    """All comparisons of a table."""

    pairs: Mapping[tuple[Column, str, str], Comparison]  # by column, row and other row, each pair once
    # by family of gains, the number of different ones that were tested; their p-values are corrected together
    families: Mapping[Family, int]
    refused: tuple[str, ...] = ()  # pairs without common test samples, with the reason

    @property
    def gains(self) -> int:
        """The number of different gains that were tested, over all families."""
        return sum(self.families.values())

    def find(self, column: Column, row: str, other: str) -> Comparison | None:
        """Return the comparison of two rows, in whichever order it was made."""
        return self.pairs.get((column, row, other)) or self.pairs.get((column, other, row))

    def contenders(self, column: Column, rows: Sequence[str], better: int) -> set[str]:
        """Return the rows among which the best is, up to an error of LEVEL; empty where nothing is claimed.

        Args:
            column: the direction.
            rows: that compete.
            better: 1 if higher is better, -1 if lower is.
        """
        p, difference = np.full((2, len(rows), len(rows)), np.nan)
        for (i, row), (j, other) in itertools.permutations(enumerate(rows), 2):
            found = self.find(column, row, other)
            if found is not None and found.p is not None and found.runs[0] != found.runs[1]:
                p[i, j] = found.p
                difference[i, j] = found.difference * (better if found.row == row else -better)
        # Rows of the same runs, such as the defaults where tuning selects them, are one contender.
        same = [min(j for j in range(len(rows)) if self._are_one(column, rows[i], rows[j])) for i in range(len(rows))]
        distinct = sorted(set(same))
        may_be = best_set(p[np.ix_(distinct, distinct)], difference[np.ix_(distinct, distinct)], LEVEL)
        best = {place for place, may in zip(distinct, may_be, strict=True) if may and not np.isnan(p[place]).all()}
        return {row for row, place in zip(rows, same, strict=True) if place in best}

    def _are_one(self, column: Column, row: str, other: str) -> bool:
        found = self.find(column, row, other)
        return row == other or (found is not None and found.runs[0] == found.runs[1])


def compare(
    record: Plan, results: pd.DataFrame, predictions: SavedPredictions, metric: str | None = None
) -> Comparisons:
    """Compare all pairs of rows but the teacher; the same input gives the same numbers.

    Args:
        record: the experiment's cells.
        results: as `collect` returns them.
        predictions: of its runs.
        metric: a name of METRICS; each dataset's main metric where None is given.
    """
    runs = runs_of(results, metric)
    done = predictions.find(run_id for run_id, run in runs.items() if is_done(run))
    found: list[Comparison] = []
    refused: list[str] = []
    for column, cells in by_column(record).items():
        one = _Column(column, cells, runs, done, predictions, record.baseline)
        found += one.compare()
        refused += one.refused
    roles = {cell.row: cell.role for cell in record.cells.values()}
    return _corrected(found, record.baseline, roles, refused)


class _Column:
    """The comparisons of one column."""

    def __init__(
        self,
        column: Column,
        cells: Sequence[Cell],
        runs: Runs,
        done: Mapping[str, PredictionScores],
        predictions: SavedPredictions,
        baseline: str,
    ) -> None:
        self.column, self.runs, self.done, self.predictions = column, runs, done, predictions
        self.units: dict[str, Units] = {cell.row: {} for cell in cells}
        self.folds: dict[str, set[int]] = {cell.row: set() for cell in cells}
        for cell in cells:
            self.folds[cell.row].add(cell.fold)
            if cell.run_id in done:
                self.units[cell.row][cell.seed, cell.fold] = cell
        # The baseline comes last, so that its comparisons are gains and not losses.
        self.rows = sorted(self.units, key=lambda row: row == baseline)
        self.refused: list[str] = []

    def compare(self) -> Iterator[Comparison]:
        """Compare all pairs that share seeds, those that share the same ones together."""
        groups: dict[Shared, list[tuple[str, str]]] = {}
        for row, other in itertools.combinations(self.rows, 2):
            shared = self._shared(row, other)
            if shared[1] and self._may_be_paired(row, other, shared):
                groups.setdefault(shared, []).append((row, other))
        draws = self._draws() if any(len(seeds) >= FEWEST_SEEDS for _, seeds in groups) else {}
        for shared, pairs in groups.items():
            yield from self._group(shared, pairs, draws)

    def _shared(self, row: str, other: str) -> Shared:
        """Return the folds requested for both, and the seeds with all of these folds done in both."""
        folds = tuple(sorted(self.folds[row] & self.folds[other]))
        first, second = self.units[row], self.units[other]
        seeds = sorted({seed for seed, _ in first} & {seed for seed, _ in second})
        complete = (s for s in seeds if all((s, f) in first and (s, f) in second for f in folds))
        return folds, tuple(complete) if folds else ()

    def _may_be_paired(self, row: str, other: str, shared: Shared) -> bool:
        """Whether the runs have the same test samples; the same teacher means the same split of the same data."""
        for unit in itertools.product(shared[1], shared[0]):
            first, second = self.units[row][unit], self.units[other][unit]
            manifests = {self.runs[c.run_id].get("manifest") for c in (first, second) if self._reads_both(c)}
            same_samples = self.done[first.run_id].samples == self.done[second.run_id].samples
            if first.teacher_id != second.teacher_id or not same_samples or len(manifests) > 1:
                where = f"{self.column.block}, {self.column.direction}, seed {unit[0]}"
                self.refused.append(
                    f"{row} and {other} are not compared: {where}: they ran on different data. Rerun both."
                )
                return False
        return True

    def _reads_both(self, cell: Cell) -> bool:
        """Whether a run read both modalities, so that its manifest is of both."""
        run = self.runs[cell.run_id]
        return isinstance(run.get("teacher"), str) and run.get("teacher_modality") != run.get("student_modality")

    def _draws(self) -> dict[str, Array]:
        """Return by run the metric under each draw of test samples; all runs of a fold see the same draws."""
        draws: dict[str, Array] = {}
        by_samples: dict[tuple[int, str], dict[str, None]] = {}
        for units in self.units.values():
            for (_, fold), cell in units.items():
                by_samples.setdefault((fold, self.done[cell.run_id].samples), {})[cell.run_id] = None
        for (fold, _), run_ids in by_samples.items():
            contributions = [self.predictions.contributions(run_id, self.metric) for run_id in run_ids]
            counts = _counts(len(contributions[0]), fold)
            draws.update(zip(run_ids, resampled(contributions, METRICS[self.metric].value, counts).T, strict=True))
        return draws

    @property
    def metric(self) -> str:
        """The name of the compared metric."""
        return str(next(self.runs[cell.run_id]["metric"] for units in self.units.values() for cell in units.values()))

    def _group(
        self, shared: Shared, pairs: Sequence[tuple[str, str]], draws: Mapping[str, Array]
    ) -> Iterator[Comparison]:
        """Compare pairs with the same folds and seeds at once."""
        folds, seeds = shared
        rows = list(dict.fromkeys(itertools.chain.from_iterable(pairs)))
        ids = {row: [[self.units[row][seed, fold].run_id for fold in folds] for seed in seeds] for row in rows}
        values = np.array([[[self.runs[i]["value"] for i in one] for one in ids[row]] for row in rows]).mean(2).T
        same_right = self._mcnemar(ids, rows, len(seeds)) if self.metric == "accuracy" else None
        found = None
        if len(seeds) >= FEWEST_SEEDS:
            by_row = [[np.mean([draws[i] for i in one], 0) for one in ids[row]] for row in rows]
            found = paired_differences(values, np.array(by_row).transpose(2, 1, 0))
        samples = sum(len(self.done[i].contributions) for i in ids[rows[0]][0])
        place = {row: i for i, row in enumerate(rows)}
        for row, other in pairs:
            a, b = place[row], place[other]
            numbers: dict[str, Any] = {}
            if found is not None:
                numbers = {name: float(getattr(found, name)[a, b]) for name in NUMBERS}
            yield Comparison(
                column=self.column,
                row=row,
                other=other,
                difference=float(values[:, a].mean() - values[:, b].mean()),
                seeds=seeds,
                folds=folds,
                samples=samples,
                runs=(tuple(itertools.chain(*ids[row])), tuple(itertools.chain(*ids[other]))),
                mcnemar={} if same_right is None else dict(zip(seeds, same_right[:, a, b].tolist(), strict=True)),
                **numbers,
            )

    def _mcnemar(self, ids: Mapping[str, list[list[str]]], rows: Sequence[str], seeds: int) -> Array:
        """(seeds, k, k): p-values on the samples of all folds together, as these are different samples."""
        counts = np.array([self._only_one_right([ids[row][s] for row in rows]) for s in range(seeds)])
        return mcnemar(counts, counts.transpose(0, 2, 1))

    def _only_one_right(self, ids: Sequence[Sequence[str]]) -> Array:
        correct = [np.concatenate([self.predictions.contributions(i, "accuracy")[:, 0] for i in one]) for one in ids]
        return only_one_right(np.array(correct).T)


@lru_cache(maxsize=8)
def _counts(samples: int, fold: int) -> Array:
    """Draw from a test part; each fold has its own."""
    return resampling_counts(samples, RESAMPLES, [samples, fold])


def _corrected(
    found: Iterable[Comparison], baseline: str, roles: Mapping[str, str], refused: Iterable[str]
) -> Comparisons:
    """Apply Holm's correction over each family of gains, and over the pairs of each column.

    A reader chooses among the methods of one table: all its directions, defaults and tuned. Controls are a family of
    their own: they answer another question, and their number should not hide a method's gain, nor the reverse.
    """
    tested = [one for one in found if one.p is not None]
    by_family: dict[Family, list[Comparison]] = {}
    for one in tested:
        if one.other == baseline:
            by_family.setdefault((one.column.block, roles[one.row]), []).append(one)
    gains = {family: holm_by_runs(same) for family, same in by_family.items()}
    pairs = {column: holm_by_runs(same) for column, same in itertools.groupby(tested, key=lambda one: one.column)}
    corrected = {}
    for one in found:
        family = (one.column.block, roles[one.row] if one.other == baseline else "")
        corrected[one.column, one.row, one.other] = replace(
            one,
            p_pair=pairs[one.column].get(one.runs) if one.column in pairs else None,
            family=family[1],
            p_gain=gains.get(family, {}).get(one.runs),
            simultaneous=_simultaneous(one, len(gains.get(family, ()))),
        )
    sizes = {family: len(p) for family, p in gains.items() if p}
    return Comparisons(corrected, sizes, tuple(refused))


def _simultaneous(one: Comparison, family: int) -> tuple[float, float] | None:
    """Return the interval of a gain that is corrected for the size of its family; None where nothing was tested."""
    if not family or one.error is None or one.of_seeds is None or one.runs[0] == one.runs[1]:
        return None
    return interval_at(one.difference, one.error, one.of_seeds, len(one.seeds), LEVEL / family)


def holm_by_runs(tested: Iterable[Comparison]) -> dict[object, float]:
    """Correct p-values, by runs: a hypothesis that appears in several columns, because its runs do, counts once."""
    p = {one.runs: one.p for one in tested if one.runs[0] != one.runs[1]}
    return dict(zip(p, holm(np.array(list(p.values()), dtype=np.float64)).tolist(), strict=True))


def is_distinct(p: float | None) -> bool:
    """Whether a corrected p-value is significant."""
    return p is not None and p < LEVEL
