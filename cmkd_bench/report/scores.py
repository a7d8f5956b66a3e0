"""A number of the table: mean and standard deviation over seeds, gain over the student alone, and what is missing."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cmkd_bench.experiment.plan import Cell
from cmkd_bench.report.cells import Runs, is_done
from cmkd_bench.report.comparisons import Comparison, is_distinct

RunScores = dict[tuple[int, int], float]  # by seed and fold
CellRuns = Sequence[tuple[Cell, str]]


@dataclass(frozen=True)
class MeanScore:
    """A number of the table."""

    values: dict[int, float]  # by seed, the mean over folds
    mean: float | None  # over seeds; None where no seed is complete
    deviation: float | None  # standard deviation over seeds (n-1); None for fewer than two
    # mean over seeds of the difference to the student alone under the same seed; None where that is missing
    gain: float | None
    problem: str  # why numbers are missing, e.g. `2 failed`.
    is_best: bool = False  # whether no other row is better; the teacher and rows with missing numbers do not compete
    is_second: bool = False  # whether only the best is better
    # whether it is not significantly worse than the best; False where no significance is claimed
    is_close: bool = False
    comparison: Comparison | None = None  # with the student alone; None where there is none

    @property
    def direction(self) -> int:
        """1 or -1 if it is significantly above or below the student alone, else 0."""
        if self.comparison is None or not is_distinct(self.comparison.p_gain):
            return 0
        return 1 if self.comparison.difference > 0 else -1


def mean_score(
    cells: CellRuns, runs: Runs, alone: RunScores, folds: set[int], comparison: Comparison | None
) -> MeanScore:
    """Compute the number of a row and column.

    Args:
        cells: each with the run that counts for it.
        runs: rows of runs.csv by id.
        alone: the values of the student alone; empty where no gain is shown.
        folds: of the whole column.
        comparison: with the student alone.
    """
    values = finished(cells, runs)
    own = {cell.fold for cell, _ in cells}
    by_seed = _by_seed(values, own)
    gains = _by_seed({place: value - alone[place] for place, value in values.items() if place in alone}, own)
    numbers = list(by_seed.values())
    problems = [_problem(cells, runs), f"{len(own)} of {len(folds)} folds" if cells and own != folds else ""]
    return MeanScore(
        values=by_seed,
        mean=statistics.fmean(numbers) if numbers else None,
        deviation=statistics.stdev(numbers) if len(numbers) > 1 else None,
        gain=statistics.fmean(gains.values()) if gains else None,
        problem=", ".join(filter(None, problems)),
        comparison=comparison,
    )


def finished(cells: Iterable[tuple[Cell, str]], runs: Runs) -> RunScores:
    """Return the finished runs' values by seed and fold."""
    return {(cell.seed, cell.fold): runs[run_id]["value"] for cell, run_id in cells if is_done(runs.get(run_id))}


def state_of(cell: Cell, run_id: str, runs: Runs) -> str:
    """Return the state of the run behind a cell."""
    if cell.impossible and run_id == cell.run_id:
        return "not defined"
    run = runs.get(run_id)
    if run is None:
        return "pending"
    return str(run["status"]) if run["status"] != "done" or is_done(run) else "not measured"


def _by_seed(values: Mapping[tuple[int, int], float], folds: set[int]) -> dict[int, float]:
    """Average over folds; a seed with a missing fold is left out, as its mean would be of other data."""
    seeds = sorted({seed for seed, _ in values})
    complete = [seed for seed in seeds if all((seed, fold) in values for fold in folds)]
    return {seed: statistics.fmean(values[seed, fold] for fold in folds) for seed in complete}


def _problem(cells: CellRuns, runs: Runs) -> str:
    if not cells:
        return "not run"
    states = [state_of(cell, run_id, runs) for cell, run_id in cells]
    counts = {state: states.count(state) for state in dict.fromkeys(states) if state != "done"}
    return ", ".join(state if count == len(cells) else f"{count} {state}" for state, count in counts.items())
