"""The table of tuning: the values selected in each direction, and what it took to find them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.trials import selections
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.report.tuning_results import StudyResult, study_results

HEADER = ("method", "dataset", "direction", "selected values", "draw", "validation", "draws", "seconds")


def tuning_of(record: Plan, results: pd.DataFrame) -> TextTable | None:
    """Make the table of an experiment; None where nothing was drawn."""
    studies = study_results(record, results)
    if not studies:
        return None
    places = {(study.trials.dataset, study.trials.fold) for study in studies}
    several = {dataset for dataset, fold in places for other, another in places if dataset == other and fold != another}
    missing = [study for study in studies if study.selected is None]
    rows = tuple(_row(study, several) for study in studies if study.selected is not None)
    lines = [_selection(studies), _untuned(record), *_missing(missing, several), _cost(studies)]
    return TextTable("Tuning", HEADER, rows, tuple(filter(None, lines)))


def _row(study: StudyResult, several: Collection[str]) -> tuple[str, ...]:
    chosen = study.selected
    assert chosen is not None
    return (
        study.trials.method,
        study.trials.dataset,
        _direction(study, several),
        chosen.text,
        f"{chosen.draw.number}" if chosen.draw.number else "0 (defaults)",
        f"{_percent(study.drawn[0].validation)} → {_percent(chosen.validation)}",
        f"{len(study.drawn)}" + (f", {study.lost} failed" if study.lost else ""),
        f"{sum(one.seconds or 0.0 for one in study.drawn):.1f}",
    )


def _direction(study: StudyResult, several: Collection[str]) -> str:
    fold = f", fold {study.trials.fold}" if study.trials.dataset in several else ""
    return f"{study.column.direction}{fold}"


def _percent(value: float | None) -> str:
    return "failed" if value is None else f"{value:.2f}"


def _selection(studies: Sequence[StudyResult]) -> str:
    draws = " or ".join(map(str, sorted({len(study.drawn) for study in studies})))
    seeds = " or ".join(map(str, sorted({study.trials.seed for study in studies})))
    return (
        f"Tuned rows: {draws} draws from each method's search space, draw 0 being the defaults, all on seed {seeds}. "
        "All seeds were run with the values of the draw with the best validation score (the first of equal ones). "
        "Test scores of draws, in trials.csv, were not used for selection. Validation: of the defaults and of the "
        "selected draw, in percent."
    )


def _untuned(record: Plan) -> str:
    drawn = {trials.method for trials in record.trials.values()}
    left = dict.fromkeys(cell.method for cell in record.cells.values() if cell.method not in drawn)
    reasons = [
        f"{name} (the student alone, the reference of all gains)"
        if name == record.baseline
        else f"{name} (nothing to draw: it has no search space, or all of it is set)"
        for name in left
    ]
    return f"Not tuned: {', '.join(reasons)}." if reasons else ""


def _missing(studies: Sequence[StudyResult], several: Collection[str]) -> Iterator[str]:
    """Explain why there are no tuned cells yet."""
    waiting = [study for study in studies if not all(one.is_over for one in study.drawn)]
    if waiting:
        drawn = [one for study in waiting for one in study.drawn]
        over = sum(one.is_over for one in drawn)
        yield f"{selections(len(waiting))} must wait for draws, of which {over} of {len(drawn)} are over."
    for study in studies:
        if study.lost == len(study.drawn):
            where = f"{study.trials.method}, {study.trials.dataset}, {_direction(study, several)}"
            yield f"{where}: none of the {study.lost} draws was completed, so there is nothing to select."
    if ready := sum(study not in waiting and study.lost < len(study.drawn) for study in studies):
        yield f"{selections(ready)} can be made: rerun the same command to run all seeds with the selected values."


def _cost(studies: Sequence[StudyResult]) -> str:
    """Sum up each run once: a method without a teacher has the same draws in several directions."""
    seconds = {one.draw.run_id: one.seconds or 0.0 for study in studies for one in study.drawn[1:]}
    return (
        f"Seconds: training time of all draws of the row. Beyond the defaults, which are run anyway, tuning took "
        f"{len(seconds)} draws and {sum(seconds.values()):.1f} seconds of training."
    )
