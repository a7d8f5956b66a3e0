"""The table of tuning: the values selected in each direction, and what it took to find them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import pandas as pd

from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.trials import selections
from cmkd_bench.report.text_table import TextTable
from cmkd_bench.report.tuning_results import StudyResult, study_results

HEADER = ("method", "dataset", "direction", "selected values", "trial", "validation", "trials", "seconds")


def tuning_of(record: Plan, results: pd.DataFrame) -> TextTable | None:
    """Make the table of an experiment; None where nothing was drawn."""
    studies = study_results(record, results)
    if not studies:
        return None
    places = {(result.column.block, result.study.fold) for result in studies}
    several = {block for block, fold in places for other, another in places if block == other and fold != another}
    missing = [result for result in studies if result.selected is None]
    rows = tuple(_row(result, several) for result in studies if result.selected is not None)
    lines = [_selection(studies), _untuned(record), *_missing(missing, several), _cost(studies)]
    return TextTable("Tuning", HEADER, rows, tuple(filter(None, lines)))


def _row(result: StudyResult, several: Collection[str]) -> tuple[str, ...]:
    chosen = result.selected
    assert chosen is not None
    return (
        result.study.name,
        result.column.block,
        _direction(result, several),
        chosen.text,
        f"{chosen.trial.number}" if chosen.trial.number else "0 (defaults)",
        f"{_percent(result.trials[0].validation)} → {_percent(chosen.validation)}",
        f"{len(result.trials)}" + (f", {result.lost} failed" if result.lost else ""),
        f"{sum(one.seconds or 0.0 for one in result.trials):.1f}",
    )


def _direction(result: StudyResult, several: Collection[str]) -> str:
    fold = f", fold {result.study.fold}" if result.column.block in several else ""
    return f"{result.column.direction}{fold}"


def _percent(value: float | None) -> str:
    return "failed" if value is None else f"{value:.2f}"


def _selection(studies: Sequence[StudyResult]) -> str:
    trials = " or ".join(map(str, sorted({len(result.trials) for result in studies})))
    seeds = " or ".join(map(str, sorted({result.study.seed for result in studies})))
    return (
        f"Tuned rows: {trials} trials from each method's search space, trial 0 being the defaults, all on seed "
        f"{seeds}. "
        "All seeds were run with the values of the trial with the best validation score (the first of equal ones). "
        "Test scores of trials, in trials.csv, were not used for selection. Validation: of the defaults and of the "
        "selected trial, in percent."
    )


def _untuned(record: Plan) -> str:
    searched = {study.name for study in record.studies.values()}
    left = {cell.name: cell.tuned_as for cell in record.cells.values() if cell.name not in searched}
    reasons = [
        f"{name} (the student alone, the reference of all gains)"
        if name == record.baseline
        else f"{name} (it has the values selected for {other}, so that it differs from it in nothing else)"
        if other
        else f"{name} (nothing to search: it has no search space, or all of it is set)"
        for name, other in left.items()
    ]
    return f"Not tuned: {', '.join(reasons)}." if reasons else ""


def _missing(studies: Sequence[StudyResult], several: Collection[str]) -> Iterator[str]:
    """Explain why there are no tuned cells yet."""
    waiting = [result for result in studies if not all(one.is_over for one in result.trials)]
    if waiting:
        drawn = [one for result in waiting for one in result.trials]
        over = sum(one.is_over for one in drawn)
        yield f"{selections(len(waiting))} must wait for trials, of which {over} of {len(drawn)} are over."
    for result in studies:
        if result.lost == len(result.trials):
            where = f"{result.study.name}, {result.column.block}, {_direction(result, several)}"
            yield f"{where}: none of the {result.lost} trials was completed, so there is nothing to select."
    if ready := sum(result not in waiting and result.lost < len(result.trials) for result in studies):
        yield f"{selections(ready)} can be made: rerun the same command to run all seeds with the selected values."


def _cost(studies: Sequence[StudyResult]) -> str:
    """Sum up each run once: a method without a teacher has the same trials in several directions."""
    seconds = {one.trial.run_id: one.seconds or 0.0 for result in studies for one in result.trials[1:]}
    return (
        f"Seconds: training time of all trials of the row. Beyond the defaults, which are run anyway, tuning took "
        f"{len(seconds)} trials and {sum(seconds.values()):.1f} seconds of training."
    )
