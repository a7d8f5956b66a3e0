"""What every format of a table says alike: numbers, marks, and the lines below."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from cmkd_bench.report.entries import Entry
from cmkd_bench.report.leaderboard import Column, Leaderboard
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL
from cmkd_bench.statistics.resampling import RESAMPLES

ENOUGH_SEEDS = 5  # fewer, and a correction for all gains leaves only very large differences
ABOVE, BELOW, CLOSE = "↑", "↓", "≈"


def by_dataset(board: Leaderboard) -> Iterator[tuple[str, list[Column]]]:
    """The columns of each dataset."""
    ordered = sorted(board.columns, key=lambda column: list(board.marks).index(column.dataset))
    for dataset, columns in groupby(ordered, key=lambda column: column.dataset):
        yield dataset, list(columns)


def sections(board: Leaderboard) -> Iterator[tuple[str, bool]]:
    """Rows, and whether a section ends below them: teacher and baseline, controls, methods."""
    names = list(board.rows)
    groups = ["alone" if role in ("teacher", "baseline") else role for role in board.rows.values()]
    for i, name in enumerate(names):
        yield name, i + 1 < len(names) and groups[i] != groups[i + 1]


def title(board: Leaderboard, dataset: str) -> str:
    """A dataset and what its numbers must not be read without."""
    marks = "; ".join(board.marks[dataset])
    return f"{dataset} ({marks})" if marks else dataset


def number(board: Leaderboard, entry: Entry) -> str:
    """The mean, with the standard deviation where there is one."""
    assert entry.mean is not None
    decimals = board.quantity.decimals
    spread = "" if entry.deviation is None else f" ± {entry.deviation:.{decimals}f}"
    return f"{entry.mean:.{decimals}f}{spread}"


def gain(board: Leaderboard, entry: Entry) -> str:
    """The gain in brackets; empty where there is none."""
    return "" if entry.gain is None else f"({entry.gain:+.{board.quantity.decimals}f})"


def marks(entry: Entry) -> str:
    """What is known of the difference to the student alone, and whether the entry can be told from the best."""
    return {1: ABOVE, -1: BELOW, 0: ""}[entry.direction] + (CLOSE if entry.is_close else "")


def shortfall(board: Leaderboard, entry: Entry) -> str:
    """The number of seeds where it is not the table's, and why numbers are missing."""
    seeds = len(entry.values)
    fewer = f"n={seeds}" if entry.values and seeds != len(board.seeds) else ""
    return ", ".join(filter(None, [fewer, entry.problem]))


def legend(board: Leaderboard, with_gain: bool, list_ranks: bool = True) -> list[str]:
    """What the numbers and marks are: one line on the numbers, one on the statistics, one on the ranks.

    Args:
        board: the table.
        with_gain: whether it shows gains.
        list_ranks: whether it has no column of ranks.
    """
    return [_numbers(board, with_gain), *filter(None, [_statistics(board), _ranks(board, list_ranks)])]


def _numbers(board: Leaderboard, with_gain: bool) -> str:
    seeds = f"mean ± standard deviation over {len(board.seeds)} seeds" if len(board.seeds) > 1 else "one seed"
    parts = [f"{_quantity(board)}, {seeds}"]
    if with_gain:
        parts.append(f"in brackets the gain over {board.baseline}, the student alone")
    if board.quantity.better:
        lowest = "" if board.quantity.better > 0 else " (less is better)"
        parts.append(f"bold: the best mean{lowest}, underlined: the second")
    return "; ".join(parts) + "."


def _quantity(board: Leaderboard) -> str:
    if board.quantity is not QUANTITIES["accuracy"]:
        test = "Test " if board.quantity.unit == "percent" else ""
        text = f"{test}{board.quantity.title}"
        return f"{text[0].upper()}{text[1:]} in {board.quantity.unit}"
    named = {mark for marks in board.marks.values() for mark in marks} & {one.title for one in QUANTITIES.values()}
    named -= {"accuracy"}
    others = f", or {' or '.join(sorted(named))} where it is named," if named else ""
    return f"Test accuracy{others} in percent"


def _statistics(board: Leaderboard) -> str:
    if not board.quantity.better:
        return ""
    if not board.claims:
        return f"No significance is claimed: that takes {FEWEST_SEEDS} seeds or more of the rows to be compared."
    seeds = sorted({len(one.seeds) for one in board.comparisons.pairs.values() if one.p is not None})
    counts = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    few = " So few seeds tell large differences apart and no others." if seeds[0] < ENOUGH_SEEDS else ""
    return (
        f"{ABOVE} {BELOW}: above or below {board.baseline}, {CLOSE}: not distinguishable from the best, as no row of "
        f"the column is known to be better, at level {LEVEL}; differences are paired on the same {counts} seeds and "
        f"test samples (t over seeds, bootstrap of {RESAMPLES} draws over samples), with Holm's correction over the "
        f"table's {board.comparisons.gains} gains, and Bonferroni's over the rivals of a row.{few}"
    )


def _ranks(board: Leaderboard, list_ranks: bool) -> str:
    ranking = board.ranking
    if ranking is None:
        return ""
    ordered = sorted(ranking.ranks.items(), key=lambda item: item[1])
    listed = ": " + ", ".join(f"{row} {rank:.1f}" for row, rank in ordered) if list_ranks else ""
    text = f"Average rank over {ranking.columns} columns{listed}"
    if ranking.p is None or ranking.distance is None:
        return f"{text}."
    return (
        f"{text}; Friedman's test: {p_value(ranking.p)}; ranks closer than {ranking.distance:.1f} cannot be told apart "
        f"(Nemenyi, level {LEVEL}). Columns of one dataset share samples, so this is a description."
    )


def p_value(p: float) -> str:
    """As it is printed."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
