"""How the methods rank with the fewest and with the most labels of an experiment, and Kendall's tau between the two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

from cmkd_bench.experiment.label_budget import in_words, order
from cmkd_bench.report.cells import Column
from cmkd_bench.report.ranking import FEWEST_ROWS
from cmkd_bench.report.scores import MeanScore
from cmkd_bench.statistics.ranks import rank_correlation

Scores = Mapping[tuple[str, Column], MeanScore]


@dataclass(frozen=True)
class RankAgreement:
    """The order of the methods under two numbers of labels."""

    where: str  # the dataset and direction, or what was averaged
    few: tuple[str, Mapping[str, float]]  # the number of labels in words, and by row what it is ranked by
    many: tuple[str, Mapping[str, float]]
    tau: float | None  # Kendall's tau-b; None where all rows are equal

    @property
    def text(self) -> str:
        """Both orders and tau in one line."""
        orders = "; ".join(f"{words}: {', '.join(_ordered(values))}" for words, values in (self.few, self.many))
        tau = "not defined" if self.tau is None else f"{self.tau:.2f}"
        return f"Methods by rank, {self.where}: {orders}; Kendall's tau between the two: {tau}."


def rank_agreements(
    scores: Scores, methods: Sequence[str], columns: Sequence[Column], better: int
) -> list[RankAgreement]:
    """Compare the fewest and the most labels in each direction, and in the mean over the directions.

    Only methods that are complete in a direction take part; controls do not, as two tables that agree on which control
    is the worst need not agree on any method. A direction needs at least three methods.

    Args:
        scores: by row and column.
        methods: the rows that are ranked.
        better: 1 if higher is better, -1 if lower is, 0 for no ranking.
    """
    directions: dict[tuple[str, str], list[Column]] = {}
    for column in columns:
        directions.setdefault((column.dataset, column.direction), []).append(column)
    found: list[RankAgreement] = []
    for place, here in directions.items():
        few, *_, many = sorted(here, key=lambda column: order(column.labels)) if len(here) > 1 else (None, None)
        if few is None or many is None or better == 0:
            continue
        complete = [row for row in methods if all(_is_complete(scores[row, column]) for column in (few, many))]
        if len(complete) >= FEWEST_ROWS:
            sides = [{row: better * float(scores[row, one].gain or 0.0) for row in complete} for one in (few, many)]
            found.append(_agreement(" ".join(place), [in_words(few.labels), in_words(many.labels)], sides))
    return [*found, *_overall(found)]


def _is_complete(score: MeanScore) -> bool:
    return score.gain is not None and not score.problem


def _agreement(where: str, words: Sequence[str], sides: Sequence[Mapping[str, float]]) -> RankAgreement:
    few, many = sides
    tau = rank_correlation([few[row] for row in few], [many[row] for row in few])
    return RankAgreement(where, (words[0], few), (words[1], many), tau)


def _overall(found: Sequence[RankAgreement]) -> list[RankAgreement]:
    """Compare the mean gains over several directions, of the rows that all of them have."""
    rows = [row for row in found[0].few[1] if all(row in one.few[1] for one in found)] if len(found) > 1 else []
    if len(rows) < FEWEST_ROWS:
        return []
    sides = [{row: fmean(getattr(one, side)[1][row] for one in found) for row in rows} for side in ("few", "many")]
    words = [" or ".join(dict.fromkeys(getattr(one, side)[0] for one in found)) for side in ("few", "many")]
    return [_agreement(f"mean gain over {len(found)} directions", words, sides)]


def _ordered(values: Mapping[str, float]) -> list[str]:
    return sorted(values, key=lambda row: -values[row])
