"""The table of tuning: which values were selected in each direction, and what finding them has cost."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.trials import selections
from cmkd_bench.report.trials import Outcome, outcomes_of

HEADER = ("method", "dataset", "direction", "selected values", "draw", "validation", "draws", "seconds")
TITLE = "Tuning"
TEXTS = 4  # the first columns; what follows are numbers


@dataclass(frozen=True)
class Tuning:
    """Selected values by method and direction.

    Attributes:
        rows: as wide as `header`.
        lines: what stands below: how values were selected, what is not tuned and what is missing, the whole cost.
        header: of the columns.
    """

    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...]
    header: tuple[str, ...] = HEADER


def tuning_of(record: Plan, results: pd.DataFrame) -> Tuning | None:
    """The table of an experiment; None where nothing was drawn."""
    outcomes = outcomes_of(record, results)
    if not outcomes:
        return None
    places = {(outcome.trials.dataset, outcome.trials.fold) for outcome in outcomes}
    several = {dataset for dataset, fold in places for other, another in places if dataset == other and fold != another}
    selected = [outcome for outcome in outcomes if outcome.selected is not None]
    return Tuning(
        rows=tuple(_row(outcome, several) for outcome in selected),
        lines=(
            _how(outcomes),
            *filter(None, [_untuned(record)]),
            *_missing([outcome for outcome in outcomes if outcome.selected is None], several),
            _cost(outcomes),
        ),
    )


def _row(outcome: Outcome, several: Collection[str]) -> tuple[str, ...]:
    chosen = outcome.selected
    assert chosen is not None
    drawn = f"{len(outcome.drawn)}" + (f", {outcome.lost} failed" if outcome.lost else "")
    return (
        outcome.trials.method,
        outcome.trials.dataset,
        _direction(outcome, several),
        chosen.text,
        f"{chosen.draw.number}" if chosen.draw.number else "0 (defaults)",
        f"{_percent(outcome.drawn[0].validation)} → {_percent(chosen.validation)}",
        drawn,
        f"{sum(one.seconds or 0.0 for one in outcome.drawn):.1f}",
    )


def _direction(outcome: Outcome, several: Collection[str]) -> str:
    fold = f", fold {outcome.trials.fold}" if outcome.trials.dataset in several else ""
    return f"{outcome.column.direction}{fold}"


def _percent(value: float | None) -> str:
    return "failed" if value is None else f"{value:.2f}"


def _how(outcomes: Sequence[Outcome]) -> str:
    draws = " or ".join(map(str, sorted({len(outcome.drawn) for outcome in outcomes})))
    seeds = " or ".join(map(str, sorted({outcome.trials.seed for outcome in outcomes})))
    return (
        f"Tuned rows: {draws} draws from each method's search space, draw 0 the defaults, all on seed {seeds}; the "
        "draw with the best validation score, of equal ones the first, gave the values that all seeds were run with. "
        "Test scores of draws, in trials.csv, selected nothing. Validation: of the defaults and of the selected draw, "
        "in percent."
    )


def _untuned(record: Plan) -> str:
    drawn = {trials.method for trials in record.trials.values()}
    left = dict.fromkeys(cell.method for cell in record.cells.values() if cell.method not in drawn)
    reasons = [
        f"{name} (the student alone, which gains are measured by)"
        if name == record.baseline
        else f"{name} (nothing was drawn for it: no search space, or all of it set)"
        for name in left
    ]
    return f"Not tuned: {', '.join(reasons)}." if reasons else ""


def _missing(outcomes: Sequence[Outcome], several: Collection[str]) -> Iterator[str]:
    """What has no tuned cell yet."""
    waiting = [outcome for outcome in outcomes if not all(one.is_over for one in outcome.drawn)]
    if waiting:
        drawn = [one for outcome in waiting for one in outcome.drawn]
        over = sum(one.is_over for one in drawn)
        yield f"{selections(len(waiting))} must wait for draws, of which {over} of {len(drawn)} are over."
    for outcome in outcomes:
        if outcome.lost == len(outcome.drawn):
            where = f"{outcome.trials.method}, {outcome.trials.dataset}, {_direction(outcome, several)}"
            yield f"{where}: none of the {outcome.lost} draws was completed, so there is nothing to select."
    if ready := sum(outcome not in waiting and outcome.lost < len(outcome.drawn) for outcome in outcomes):
        yield f"{selections(ready)} can be made: the same command again runs all seeds with the selected values."


def _cost(outcomes: Sequence[Outcome]) -> str:
    """Of each run once: a method without a teacher has the same draws in several directions."""
    seconds = {one.draw.run_id: one.seconds or 0.0 for outcome in outcomes for one in outcome.drawn[1:]}
    return (
        f"Seconds: of training, all draws of the row together. Beyond the defaults, which are run anyway, tuning took "
        f"{len(seconds)} draws and {sum(seconds.values()):.1f} seconds of training."
    )
