"""Scores with a gain and its corrected p-value, for tests of verdicts."""

from __future__ import annotations

from collections.abc import Mapping

from cmkd_bench.report.cells import Column
from cmkd_bench.report.comparisons import Comparison
from cmkd_bench.report.scores import MeanScore

SEEDS = (0, 1, 2)
Gains = Mapping[tuple[str, Column], tuple[float, float | None]]  # gain and corrected p, which is None if not tested


def made_score(
    row: str, column: Column, gain: float, p: float | None, of_seeds: float = 0.9, problem: str = ""
) -> MeanScore:
    """A score whose uncorrected p-value is a tenth of the corrected one."""
    test = None
    if p is not None:
        test = Comparison(
            column, row, "none", gain, SEEDS, (0,), 120, (("a",), ("b",)),
            low=gain - 2, high=gain + 2, p=p / 10, of_seeds=of_seeds, p_gain=p,
        )  # fmt: skip
    return MeanScore(dict.fromkeys(SEEDS, 50 + gain), 50 + gain, 1.0, gain, problem, comparison=test)


def made_scores(gains: Gains) -> dict[tuple[str, Column], MeanScore]:
    return {(row, column): made_score(row, column, *values) for (row, column), values in gains.items()}
