"""All rows of a leaderboard against one of them, e.g. variants of a method against the method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.report.board import Leaderboard
from cmkd_bench.report.cells import TEACHER, Column
from cmkd_bench.report.comparisons import Comparison, holm_by_runs, is_distinct
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.report.wording import ABOVE, BELOW, by_dataset, p_value
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL

HEADER = ("dataset", "direction", "row", "difference", "95 % interval", "p", "corrected p")


def versus(board: Leaderboard, other: str) -> TextTable:
    """Tabulate the differences of all rows from another one.

    Raises:
        UnknownName: if there is no such row, with the nearest match.
        UserError: for a quantity whose differences are not tested.
    """
    known = [row for row in board.rows if row != TEACHER]
    if other not in known:
        raise UnknownName("row of this experiment", other, known)
    if not board.comparisons.pairs:
        raise UserError(f"--versus {other}: nothing to compare: no two rows have finished runs of the same seeds.")
    lines: list[tuple[str, ...]] = []
    for title, columns in by_dataset(board):
        found = [one for column in columns for row in known if (one := _against(board, column, row, other))]
        corrected = holm_by_runs(found)
        lines += [(title, one.column.direction, *_numbers(board, one, corrected.get(one.runs))) for one in found]
    return TextTable(f"Versus {other}", HEADER, lines, [_note(board, other)], texts=3, places=2)


def _against(board: Leaderboard, column: Column, row: str, other: str) -> Comparison | None:
    """Return the comparison of a row with the other one; the row's value counts as positive."""
    found = board.comparisons.find(column, row, other)
    if found is None or found.row == row:
        return found
    return replace(
        found,
        row=row,
        other=other,
        difference=-found.difference,
        low=None if found.high is None else -found.high,
        high=None if found.low is None else -found.low,
        runs=(found.runs[1], found.runs[0]),
    )


def _numbers(board: Leaderboard, one: Comparison, corrected: float | None) -> Iterator[str]:
    decimals = board.quantity.decimals
    mark = (ABOVE if one.difference > 0 else BELOW) if is_distinct(corrected) else ""
    yield one.row
    yield f"{one.difference:+.{decimals}f} {mark}".rstrip()
    known = one.low is not None and one.high is not None
    yield f"{one.low:+.{decimals}f} to {one.high:+.{decimals}f}" if known else ""
    same = one.runs[0] == one.runs[1]
    yield "the same runs" if same else "" if one.p is None else p_value(one.p)
    yield "" if corrected is None else p_value(corrected)


def _note(board: Leaderboard, other: str) -> str:
    if not any(one.p is not None for one in board.comparisons.pairs.values()):
        return f"No significance is claimed: that takes at least {FEWEST_SEEDS} seeds of the rows being compared."
    return (
        f"Difference: the row minus {other}, in points, over the seeds that both have. {ABOVE} {BELOW}: significant at "
        f"level {LEVEL} after Holm's correction over all differences from {other} in the dataset's table. Intervals "
        "are not corrected."
    )
