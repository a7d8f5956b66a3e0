"""Rows ranked over all columns of a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cmkd_bench.report.cells import Column
from cmkd_bench.report.scores import MeanScore
from cmkd_bench.statistics.ranks import average_ranks, friedman, nemenyi_distance

FEWEST_COLUMNS = 3
FEWEST_ROWS = 3


@dataclass(frozen=True)
class Ranking:
    """Average ranks and their test."""

    ranks: Mapping[str, float]  # by row, 1 is the best; incomplete rows have none
    columns: int  # number of columns that were ranked
    p: float | None = None  # of the Friedman test; None where nothing may be claimed
    distance: float | None = None  # Nemenyi's critical difference of two ranks; likewise

    @property
    def ordered(self) -> list[tuple[str, float]]:
        """The rows with their ranks, the best first."""
        return sorted(self.ranks.items(), key=lambda item: item[1])


def rank(
    scores: Mapping[tuple[str, Column], MeanScore],
    rows: Sequence[str],
    columns: Sequence[Column],
    better: int,
    claim: bool,
) -> Ranking | None:
    """Rank rows by their means in each column; None with fewer than two rows or columns to rank.

    A column in which fewer than half of the rows are complete is left out, and then a row that is incomplete in the
    remaining columns: a mean rank over other columns would be another quantity.

    Args:
        rows: that compete.
        better: 1 if higher is better, -1 if lower is, 0 for no ranking.
        claim: whether there are enough seeds for a test.
    """
    complete = {key for key, score in scores.items() if score.mean is not None and not score.problem}
    used = [column for column in columns if 2 * sum((row, column) in complete for row in rows) >= len(rows)]
    ranked = [row for row in rows if all((row, column) in complete for column in used)]
    if better == 0 or len(used) < 2 or len(ranked) < 2:
        return None
    values = better * np.array([[scores[row, column].mean for row in ranked] for column in used], dtype=np.float64)
    ranks = dict(zip(ranked, average_ranks(values).tolist(), strict=True))
    if not claim or len(used) < FEWEST_COLUMNS or len(ranked) < FEWEST_ROWS:
        return Ranking(ranks, len(used))
    return Ranking(ranks, len(used), friedman(values), nemenyi_distance(len(ranked), len(used)))
