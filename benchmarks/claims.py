"""Simulate tables to measure how often one has a false mark, and how often a true gain gets one.

Run from the root of the repository: python -m benchmarks.claims [--repeats 200]

Each table is one dataset: methods, controls and the student alone in some directions, compared by the product's own
`compare` from made-up test answers (benchmarks/coverage.py has the populations). All rows of a direction answer the
same test samples with the same seeds. In the null tables no row differs from the student alone, so every mark is
false. In the others, three methods of each direction gain.

The noise is as measured on mfeat, pixels -> fourier, with 5 % of the labels and 5 seeds: the student alone has 62 %,
and the gains of the methods have a standard deviation over seeds of 1.7 (c2kd) to 4.5 points (cmcd), 3.4 in the median.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from numpy.typing import NDArray
from scipy import stats

from benchmarks.coverage import World
from cmkd_bench.experiment.plan import Cell, Plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.comparisons import compare, is_distinct
from cmkd_bench.report.predictions import PredictionCache, PredictionScores
from cmkd_bench.statistics.paired import LEVEL

ACCURACY = 0.62  # of the student alone
SAMPLES = 600  # in the test part of mfeat
BETTER = 3  # methods per direction that gain, where there is a gain
CONTROLS = 4
ROLES = ("method", "control")
NOISE = World("5 % of the labels", 0.08)  # gains then have a standard deviation of 3.4 points over seeds
TABLES = ((6, 1), (6, 3), (8, 8))  # methods, directions
GAINS = (5, 10, 15)


def main(
    repeats: Annotated[int, typer.Option(help="simulated tables per number")] = 200,
    seeds: Annotated[str, typer.Option(help="numbers of seeds, separated by commas")] = "3,5,10",
) -> None:
    """Print the share of tables with a false mark, and the share of true gains with a mark, in percent."""
    print("\n".join(lines(repeats, tuple(map(int, seeds.split(","))))))


def lines(repeats: int, seeds: Iterable[int], tables: Iterable[tuple[int, int]] = TABLES) -> list[str]:
    """Return the table as lines of Markdown."""
    head = [
        "methods",
        "directions",
        "seeds",
        "false mark of a method",
        "of a control",
        *(f"gain of {g}" for g in GAINS),
    ]
    rows = [f"| {' | '.join(head)} |", "|" + "---:|" * len(head)]
    for (methods, directions), n in itertools.product(tables, seeds):
        null = np.mean([marked(methods, directions, n, 0, repeat)[:2] for repeat in range(repeats)], 0)
        power = [np.mean([marked(methods, directions, n, g, r)[2] for r in range(-(-repeats // 4))]) for g in GAINS]
        cells = [*map(str, (methods, directions, n)), *(f"{100 * share:.1f}" for share in (*null, *power))]
        rows.append(f"| {' | '.join(cells)} |")
    error = 100 * math.sqrt(LEVEL * (1 - LEVEL) / repeats)
    return [*rows, "", f"In percent. False marks should stay below {100 * LEVEL:.0f} (standard error {error:.1f})."]


def marked(methods: int, directions: int, seeds: int, gain: float, repeat: int) -> tuple[float, float, float]:
    """Simulate one table.

    Returns:
        whether a method and whether a control without a gain is marked, and the share of the true gains that are.
    """
    table = _Table(methods, directions, seeds, gain, np.random.default_rng([repeat, methods, directions, seeds]))
    found = compare(table.plan, table.results, table)
    marks = {(one.row, one.family): 0 for one in found.pairs.values()}
    for one in found.pairs.values():
        marks[one.row, one.family] += is_distinct(one.p_gain)
    true = [count for (row, family), count in marks.items() if family == "method" and row in table.better]
    false = {role: any(n for (row, f), n in marks.items() if f == role and row not in table.better) for role in ROLES}
    return float(false["method"]), float(false["control"]), sum(true) / max(len(true) * directions, 1)


class _Table(PredictionCache):
    """A plan, its results, and the answers of its runs, none of which exist on disk."""

    def __init__(self, methods: int, directions: int, seeds: int, gain: float, generator: np.random.Generator) -> None:
        super().__init__(Experiment(Path("nowhere"), "simulated"))
        names = [f"method{i}" for i in range(methods)]
        roles = {"none": "baseline", **dict.fromkeys(names, "method")}
        roles |= {f"control{i}": "control" for i in range(CONTROLS)}
        self.better = set(names[:BETTER]) if gain else set()
        self.plan, self._answers = Plan("none"), dict[str, NDArray[np.bool_]]()
        world = _world([gain if row in self.better else 0.0 for row in roles])
        for direction in range(directions):
            right = world.draw(seeds, SAMPLES, generator)
            for seed, (i, (row, role)) in itertools.product(range(seeds), enumerate(roles.items())):
                run_id = f"{row} {direction} {seed}"
                self._answers[run_id] = right[seed, i, :, None]
                place = (row, role, "simulated", 0, 1.0, "teacher", f"student{direction}", seed)
                self.plan.add_cell(Cell(*place, run_id, f"teacher {direction} {seed}"))
        self.results = pd.DataFrame([self._result(run_id) for run_id in self._answers])

    def find(self, run_ids: Iterable[str]) -> dict[str, PredictionScores]:
        """Return the answers of runs; those of a direction are of the same samples."""
        return {one: PredictionScores({"accuracy": 0.0}, one.split()[1], self._answers[one]) for one in run_ids}

    def contributions(self, run_id: str, metric: str) -> NDArray[np.bool_]:
        """Return which answers of a run are right."""
        return self._answers[run_id]

    def _result(self, run_id: str) -> dict[str, object]:
        known = {"run_id": run_id, "status": "done", "dataset": "simulated", "teacher": None, "manifest": ""}
        return {**known, "metric": "accuracy", "value": 100.0 * self._answers[run_id].mean(), "error": None}


def _world(gains: list[float]) -> World:
    """Return the population in which rows have these gains over the accuracy of the student alone, in points."""
    spread = math.sqrt(1 + NOISE.seed**2 + NOISE.common**2 + NOISE.own**2 + NOISE.both**2)
    skills = tuple(float(spread * stats.norm.ppf(ACCURACY + gain / 100)) for gain in gains)
    return dataclasses.replace(NOISE, skills=skills)


if __name__ == "__main__":
    typer.run(main)
