"""An experiment's leaderboard and files of tables, made anew from its runs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.board import NO_COMPARISONS, Leaderboard, leaderboard
from cmkd_bench.report.comparisons import Comparisons, compare
from cmkd_bench.report.csv_files import as_csv, board_csv, comparisons_csv, text_csv
from cmkd_bench.report.formats import as_markdown
from cmkd_bench.report.predictions import PredictionCache, SavedPredictions
from cmkd_bench.report.quantities import QUANTITIES
from cmkd_bench.report.results import collect
from cmkd_bench.report.tuning_results import TRIAL_COLUMNS, study_results, trial_rows
from cmkd_bench.statistics.metrics import METRICS


def write_tables(experiment: Experiment, statuses: Mapping[str, tuple[str, str]] | None = None) -> pd.DataFrame:
    """Write results.csv, runs.csv, leaderboard.md, leaderboard.csv and comparisons.csv, and return the runs.

    With tuning, also write trials.csv, one line per trial, and tuning.csv, the selected values.

    Args:
        experiment: its folder.
        statuses: status and error of unfinished runs, where more is known of them than their folders tell.
    """
    return write_board(experiment, statuses)[0]


def write_board(
    experiment: Experiment, statuses: Mapping[str, tuple[str, str]] | None = None
) -> tuple[pd.DataFrame, Leaderboard]:
    """Write the same files, and return the leaderboard too."""
    cache = PredictionCache(experiment)
    results = collect(experiment, cache, statuses)
    record = read_plan(experiment)
    board = make_board(cache, record, results)
    write_text(experiment.path / "leaderboard.md", as_markdown(board))
    write_text(experiment.path / "leaderboard.csv", board_csv(board))
    write_text(experiment.path / "comparisons.csv", comparisons_csv(board))
    if board.tuning is not None:
        write_text(experiment.path / "tuning.csv", text_csv(board.tuning))
        write_text(experiment.path / "trials.csv", as_csv(TRIAL_COLUMNS, trial_rows(study_results(record, results))))
    return results, board


def make_board(cache: SavedPredictions, record: Plan, results: pd.DataFrame, metric: str | None = None) -> Leaderboard:
    """Make the leaderboard of some of an experiment's cells, with its statistics.

    Args:
        cache: of the experiment's saved predictions.
        record: the cells.
        results: as `collect` returns them.
        metric: a name of QUANTITIES; each dataset's main metric where None is given.

    Raises:
        UserError: for a metric that no run has.
    """
    present = known_metrics(results)
    if metric is not None and metric not in present:
        raise UnknownName("metric of this experiment", metric, present)
    compared = metric is None or metric in METRICS
    if metric is not None and cache.lacks_logits(results["run_id"], metric):
        reason = f"{metric} has no intervals here: it needs logits, and this experiment was exported without them."
        return leaderboard(record, results, Comparisons({}, {}, (reason,)), metric)
    found = compare(record, results, cache, metric) if compared else NO_COMPARISONS
    return leaderboard(record, results, found, metric)


def known_metrics(results: pd.DataFrame) -> list[str]:
    """Return the metrics and costs that at least one run has."""
    main = set(results["metric"].dropna())
    return [name for name in QUANTITIES if name in main or (name in results and results[name].notna().any())]
