"""What every format of a leaderboard has in common: its columns and sections, cells as text, and the lines below."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from cmkd_bench.report.board import Column, Leaderboard
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL
from cmkd_bench.statistics.resampling import RESAMPLES

ENOUGH_SEEDS = 5  # with fewer, only very large differences survive a correction for all gains
FAMILIES = {"method": "methods, defaults and tuned", "control": "controls"}
ABOVE, BELOW, CLOSE = "↑", "↓", "≈"


@dataclass(frozen=True)
class CellText:
    """A cell of a leaderboard as text."""

    value: float | None  # the mean, to sort by; None where there is none, and then only `problem` is not empty
    number: str  # the mean, with the standard deviation where there is one
    style: str  # `best`, `second` or empty
    marks: str  # whether it is above or below the student alone, and whether it may be the best as well
    gain: str  # in parentheses; empty where there is none or none is shown
    trend: str  # `above` or `below` where the difference to the student alone is significant, as better or worse
    problem: str  # the number of seeds where it is not the table's, and why numbers are missing


def cell_text(board: Leaderboard, row: str, column: Column, with_gain: bool) -> CellText:
    """Put a cell into words."""
    score, decimals = board.scores[row, column], board.quantity.decimals
    if score.mean is None:
        return CellText(None, "", "", "", "", "", score.problem)
    spread = "" if score.deviation is None else f" ± {score.deviation:.{decimals}f}"
    fewer = f"n={len(score.values)}" if score.values and len(score.values) != len(board.seeds) else ""
    return CellText(
        value=score.mean,
        number=f"{score.mean:.{decimals}f}{spread}",
        style="best" if score.is_best else "second" if score.is_second else "",
        marks={1: ABOVE, -1: BELOW, 0: ""}[score.direction] + (CLOSE if score.is_close else ""),
        gain=f"({score.gain:+.{decimals}f})" if with_gain and score.gain is not None else "",
        trend={1: "above", -1: "below", 0: ""}[score.direction * (board.quantity.better or 1)],
        problem=", ".join(filter(None, [fewer, score.problem])),
    )


def by_dataset(board: Leaderboard) -> Iterator[tuple[str, list[Column]]]:
    """Yield each dataset's title, with the conditions of its numbers, and its columns."""
    ordered = sorted(board.columns, key=lambda column: list(board.marks).index(column.block))
    for block, columns in groupby(ordered, key=lambda column: column.block):
        marks = "; ".join(board.marks[block])
        yield f"{block} ({marks})" if marks else block, list(columns)


def sections(board: Leaderboard) -> Iterator[tuple[str, bool]]:
    """Yield each row, and whether a section ends below it: teacher and baseline, controls, methods."""
    names = list(board.rows)
    groups = ["alone" if role in ("teacher", "baseline") else role for role in board.rows.values()]
    for i, name in enumerate(names):
        yield name, i + 1 < len(names) and groups[i] != groups[i + 1]


def legend(board: Leaderboard, with_gain: bool, list_ranks: bool = True) -> list[str]:
    """Explain numbers, statistics and ranks in one line each, and say where the code came from.

    Args:
        list_ranks: whether to list the ranks because the table has no column for them.
    """
    agreements = [one.text for one in board.agreements]
    further = [_statistics(board), _ranks(board, list_ranks), *agreements, board.code]
    return [numbers_line(board, with_gain), *filter(None, further)]


def numbers_line(board: Leaderboard, with_gain: bool) -> str:
    """Explain what the numbers are."""
    seeds = f"mean ± standard deviation over {len(board.seeds)} seeds" if len(board.seeds) > 1 else "one seed"
    parts = [f"{_quantity(board)}, {seeds}"]
    if with_gain:
        parts.append(f"in parentheses: gain over {board.baseline}, the student alone")
    if board.quantity.better:
        lower = "" if board.quantity.better > 0 else " (lower is better)"
        parts.append(f"bold: best mean{lower}; underlined: second best")
    return "; ".join(parts) + "."


def _quantity(board: Leaderboard) -> str:
    if board.quantity is not QUANTITIES["accuracy"]:
        test = "Test " if board.quantity.unit == "percent" else ""
        text = f"{test}{board.quantity.title}"
        return f"{text[0].upper()}{text[1:]} in {board.quantity.unit}"
    named = {mark for marks in board.marks.values() for mark in marks} & {one.title for one in QUANTITIES.values()}
    named -= {"accuracy"}
    others = f", or {' or '.join(sorted(named))} where stated," if named else ""
    return f"Test accuracy{others} in percent"


def _statistics(board: Leaderboard) -> str:
    if not board.quantity.better:
        return ""
    if not board.claims:
        return f"No significance is claimed: that takes at least {FEWEST_SEEDS} seeds of the rows being compared."
    seeds = sorted({len(one.seeds) for one in board.comparisons.pairs.values() if one.p is not None})
    counts = str(seeds[0]) if len(seeds) == 1 else f"{seeds[0]} to {seeds[-1]}"
    few = " With this few seeds only large differences can be detected." if seeds[0] < ENOUGH_SEEDS else ""
    return (
        f"{ABOVE} {BELOW}: significantly above or below {board.baseline}; {CLOSE}: not significantly worse than the "
        f"best (level {LEVEL}). Differences are paired over the same {counts} seeds and test samples (t over seeds, "
        f"bootstrap of {RESAMPLES} draws over samples), with Holm's correction over {_families(board)}, and "
        f"Bonferroni's over the rivals of a row.{few}"
    )


def _families(board: Leaderboard) -> str:
    """Say which gains are corrected together."""
    sizes = {role: [n for (_, one), n in board.comparisons.families.items() if one == role] for role in FAMILIES}
    listed = [f"the gains of {name} ({_span(sizes[role])})" for role, name in FAMILIES.items() if sizes[role]]
    apart = ", separately," if len(listed) > 1 else ""
    return f"{' and'.join([listed[0], *(f'{apart} over {one}' for one in listed[1:])])} in each dataset's table"


def _span(numbers: Sequence[int]) -> str:
    return " to ".join(map(str, dict.fromkeys([min(numbers), max(numbers)])))


def _ranks(board: Leaderboard, list_ranks: bool) -> str:
    ranking = board.ranking
    if ranking is None:
        return ""
    listed = ": " + ", ".join(f"{row} {rank:.1f}" for row, rank in ranking.ordered) if list_ranks else ""
    text = f"Average rank over {ranking.columns} columns{listed}"
    if ranking.p is None or ranking.distance is None:
        return f"{text}."
    return (
        f"{text}; Friedman test: {p_value(ranking.p)}; ranks closer than {ranking.distance:.1f} do not differ "
        f"significantly (Nemenyi, level {LEVEL}). Columns of one dataset share samples, so this is only descriptive."
    )


def p_value(p: float) -> str:
    """Format a p-value."""
    return "p < 0.0001" if p < 0.0001 else f"p = {p:.4f}"
