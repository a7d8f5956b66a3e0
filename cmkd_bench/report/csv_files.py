"""The tables as CSV, with unrounded numbers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cmkd_bench.experiment.csv_text import neutralized
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.comparisons import Comparison, Comparisons
from cmkd_bench.report.text_table import TextTable

_PLACE = ("dataset", "labels", "teacher_modality", "student_modality", "row")
BOARD = (
    *_PLACE, "role", "mean", "std", "gain", "seeds", "problem", "marks", "gain_low_uncorrected",
    "gain_high_uncorrected", "gain_p_uncorrected", "gain_low_bonferroni", "gain_high_bonferroni", "gain_p_holm", "best",
    "second", "may_be_best", "average_rank",
)  # fmt: skip
_PAIRS = (
    *_PLACE, "other", "difference", "low", "high", "p", "gain_family", "gains_in_family", "p_holm_family",
    "p_holm_column", "variance_of_seeds", "seeds",
    "folds", "samples", "mcnemar_p",
)  # fmt: skip


def as_csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Write rows of values as CSV; None becomes an empty field."""
    cells = [[neutralized(value) for value in row] for row in rows]
    return _as_text(pd.DataFrame(cells, columns=list(map(neutralized, header)), dtype=object))


def frame_csv(frame: pd.DataFrame) -> str:
    """Write a frame with unique columns as CSV, without its index."""
    texts = frame.select_dtypes(exclude="number").columns
    cells = frame.assign(**{name: frame[name].map(neutralized) for name in texts})
    return _as_text(cells.rename(columns=neutralized))


def _as_text(cells: pd.DataFrame) -> str:
    return str(cells.to_csv(index=False, lineterminator="\n"))


def board_csv(board: Leaderboard) -> str:
    """Write one line per row and direction."""
    return as_csv(BOARD, board_lines(board))


def board_lines(board: Leaderboard) -> list[list[object]]:
    """Return the values of BOARD by row and direction; None where there is none."""
    ranks = board.ranking.ranks if board.ranking else {}
    lines: list[list[object]] = []
    for column in board.columns:
        marks = "; ".join(board.marks[column.block])
        for row, role in board.rows.items():
            one = board.scores[row, column]
            tested = _tested(one.comparison)
            flags = [int(one.is_best), int(one.is_second), int(one.is_close)]
            numbers = [one.mean, one.deviation, one.gain, len(one.values), one.problem, marks]
            lines.append([*column.names, row, role, *numbers, *tested, *flags, ranks.get(row)])
    return lines


def _tested(gain: Comparison | None) -> list[float | None]:
    """Return the interval and the p-value of a gain, uncorrected and corrected for its family."""
    if gain is None:
        return [None] * 6
    return [gain.low, gain.high, gain.p, *(gain.simultaneous or (None, None)), gain.p_gain]


def text_csv(table: TextTable) -> str:
    """Write a table of text."""
    return as_csv(table.header, table.rows)


def comparisons_csv(board: Leaderboard) -> str:
    """Write one line per pair of rows and direction: the row's value minus the other's, with its interval."""
    return as_csv(_PAIRS, [_pair(one, board.comparisons) for one in board.comparisons.pairs.values()])


def _pair(one: Comparison, found: Comparisons) -> list[object]:
    # Sums over samples may differ in their last bits between machines; nobody reads beyond these digits.
    numbers = [one.difference, one.low, one.high, one.p, one.p_gain, one.p_pair, one.of_seeds]
    rounded = [None if value is None else float(f"{value:.10g}") for value in numbers]
    family = [one.family or None, found.families.get((one.column.block, one.family))]
    seeds, folds = (" ".join(map(str, group)) for group in (one.seeds, one.folds))
    by_seed = " ".join(f"{seed}:{p:.6g}" for seed, p in one.mcnemar.items())
    return [
        *one.column.names,
        one.row,
        one.other,
        *rounded[:4],
        *family,
        *rounded[4:],
        seeds,
        folds,
        one.samples,
        by_seed,
    ]
