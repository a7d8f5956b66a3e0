"""The verdict on top of a leaderboard: which rows gain where, as a matrix of gains and in one sentence per dataset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from cmkd_bench.experiment.label_budget import ALL, order
from cmkd_bench.report.board import Column, Leaderboard
from cmkd_bench.report.label_marks import common_marks, marks_of_budgets
from cmkd_bench.report.scores import MeanScore
from cmkd_bench.report.verdict_sentences import in_short, sentence
from cmkd_bench.report.wording import ABOVE, BELOW, p_value
from cmkd_bench.statistics.paired import FEWEST_SEEDS, LEVEL

DOUBT = "?"
SHADES = 4  # on either side of 0
ROLES = ("method", "control")
Scores = Mapping[tuple[str, Column], MeanScore]


@dataclass(frozen=True)
class VerdictCell:
    """A gain in words, with its color."""

    gain: str  # in points, with its sign; empty where there is none
    mark: str  # the arrow of a significant gain, as in the tables, or DOUBT
    shade: int  # from -SHADES to SHADES, by size and sign; not 0 where the gain is significant
    hint: str  # interval and p-value, or why there is no gain


@dataclass(frozen=True)
class GainVerdict:
    """The verdict of a leaderboard."""

    baseline: str  # the row that gains are relative to
    columns: tuple[Column, ...]  # datasets, their directions, and the label budgets of a direction side by side
    heads: tuple[tuple[str, str, str], ...]  # by column: dataset, direction, and labels where a dataset has several
    groups: tuple[tuple[str, ...], ...]  # rows: methods, then controls
    cells: dict[tuple[str, Column], VerdictCell]  # by row and column
    sentences: dict[str, str]  # by dataset, what is significant; empty where nothing was tested
    key: str  # what colors and marks mean
    example: str  # a large difference without an arrow, and why; empty where there is none
    doubt: str  # what DOUBT means; empty where no cell has it

    @property
    def levels(self) -> list[list[tuple[str, int]]]:
        """The lines of the head: titles, each with the number of columns below it."""
        depth = 3 if any(labels for _, _, labels in self.heads) else 2
        return [[(head[-1], len(list(same))) for head, same in self._spans(level)] for level in range(1, depth + 1)]

    def _spans(self, level: int) -> groupby[tuple[str, ...], tuple[str, str, str]]:
        return groupby(self.heads, key=lambda head: head[:level])


def verdict(board: Leaderboard) -> GainVerdict | None:
    """Judge the gains of a leaderboard; None without any, and for quantities of which more is not better."""
    methods, controls = ([row for row, role in board.rows.items() if role == wanted] for wanted in ROLES)
    by_dataset = _by_dataset(board.columns)
    columns = tuple(column for found in by_dataset.values() for column in found)
    scores = {(row, column): board.scores[row, column] for row in [*methods, *controls] for column in columns}
    if board.quantity.better < 1 or all(score.gain is None for score in scores.values()):
        return None
    sizes = {place: abs(score.gain) for place, score in scores.items() if score.gain is not None}
    reach = max([size for (row, _), size in sizes.items() if row in methods] or sizes.values())
    doubtful = _doubtful(scores)
    return GainVerdict(
        baseline=board.baseline,
        columns=columns,
        heads=tuple(head for found in by_dataset.values() for head in _heads(found)),
        groups=tuple(tuple(rows) for rows in (methods, controls) if rows),
        cells={place: _cell(score, reach, place in doubtful) for place, score in scores.items()},
        sentences={
            _title(board, found): sentence(scores, found, methods, controls)
            for found in by_dataset.values()
            if board.claims
        },
        key=_key(board, reach),
        example=_example(scores),
        doubt=(
            f"{DOUBT}: larger than a difference with an arrow in the same column, but not significant after the "
            "correction, because the seeds differ widely or the test samples are few."
            if doubtful
            else ""
        ),
    )


def _by_dataset(columns: Sequence[Column]) -> dict[str, list[Column]]:
    """Group columns by dataset, and sort them by direction, then by labels, the fewest first."""
    found: dict[str, list[Column]] = {}
    for column in columns:
        found.setdefault(column.dataset, []).append(column)
    for group in found.values():
        directions = list(dict.fromkeys(column.direction for column in group))
        group.sort(key=lambda column: (directions.index(column.direction), order(column.labels)))
    return found


def _heads(columns: Sequence[Column]) -> list[tuple[str, str, str]]:
    """Return what stands above the columns of a dataset."""
    if len({column.labels for column in columns}) > 1:
        return [(column.dataset, column.direction, in_short(column.labels)) for column in columns]
    return [(column.block, column.direction, "") for column in columns]


def _title(board: Leaderboard, columns: Sequence[Column]) -> str:
    """Return a dataset with what qualifies all its numbers; with hidden labels, those where some are hidden."""
    few = [column for column in columns if column.labels != ALL] or columns
    is_one = len({column.labels for column in columns}) == 1
    name, shared = (columns[0].block, common_marks) if is_one else (columns[0].dataset, marks_of_budgets)
    marks = "; ".join(shared(board.marks[column.block] for column in few))
    return f"{name} ({marks})" if marks else name


def _cell(score: MeanScore, reach: float, is_doubtful: bool) -> VerdictCell:
    if score.gain is None:
        return VerdictCell("", "", 0, score.problem or "the student alone is missing")
    share = min(1.0, abs(score.gain) / (reach or 1.0))
    shade = max(round(SHADES * share), abs(score.direction))
    hints = [score.problem, _interval(score), _corrected(score), f"uncertain, because {_cause(score)}" * is_doubtful]
    return VerdictCell(
        gain=f"{score.gain:+.1f}" if abs(score.gain) >= 0.05 else "0.0",
        mark={1: ABOVE, -1: BELOW, 0: DOUBT * is_doubtful}[score.direction],
        shade=shade if score.gain > 0 else -shade,
        hint="; ".join(filter(None, hints)),
    )


def _interval(score: MeanScore) -> str:
    test = score.comparison
    if test is None or test.low is None or test.high is None:
        return ""
    return f"95 % interval {test.low:+.1f} to {test.high:+.1f}, uncorrected"


def _corrected(score: MeanScore) -> str:
    p = _p_values(score)
    return f"{p_value(p[1])} after Holm's correction" if p else ""


def _key(board: Leaderboard, reach: float) -> str:
    gains = f"Gain over {board.baseline}, the student alone, in points"
    colors = f"blue: above, red: below, strongest from {reach:.1f}"
    claims = f"No significance is claimed: that takes at least {FEWEST_SEEDS} seeds of the rows being compared."
    if board.claims:
        claims = (
            f"{ABOVE} {BELOW}: significant at level {LEVEL} after Holm's correction; the sentences name only these."
        )
    return f"{gains}; {colors}. {claims}"


def _doubtful(scores: Scores) -> set[tuple[str, Column]]:
    """Return the tested differences without an arrow that are larger than one with an arrow in the same column."""
    marked: dict[Column, float] = {}
    for (_, column), score in scores.items():
        if score.direction and score.gain is not None:
            marked[column] = min(marked.get(column, math.inf), abs(score.gain))
    return {
        (row, column)
        for (row, column), score in scores.items()
        if not score.direction and _p_values(score) and abs(score.gain or 0.0) > marked.get(column, math.inf)
    }


def _example(scores: Scores) -> str:
    """Explain the largest difference without an arrow, if a smaller one has one or its interval excludes 0."""
    sizes = {place: abs(score.gain) for place, score in scores.items() if score.gain is not None}
    smallest = min((size for place, size in sizes.items() if scores[place].direction), default=math.inf)
    puzzling = {
        place: size
        for place, size in sizes.items()
        if (p := _p_values(scores[place])) and not scores[place].direction and (size > smallest or p[0] < LEVEL)
    }
    if not puzzling:
        return ""
    row, column = max(puzzling, key=lambda place: puzzling[place])
    score = scores[row, column]
    return (
        f"A large difference can lack a mark: {row}, {score.gain:+.1f} ({column.block}, {column.direction}), has "
        f"{_corrected(score)}, because {_cause(score)}."
    )


def _p_values(score: MeanScore) -> tuple[float, float] | None:
    """Return the p-value of a gain without and with correction; None where it was not tested."""
    test = score.comparison
    return None if test is None or test.p is None or test.p_gain is None else (test.p, test.p_gain)


def _cause(score: MeanScore) -> str:
    """Say what makes a difference uncertain."""
    test = score.comparison
    if test is not None and (test.of_seeds or 0.0) < 0.5:
        return f"{test.samples} test samples are few"
    return f"its {len(score.values)} seeds differ widely"
