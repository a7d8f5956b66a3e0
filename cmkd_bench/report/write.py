"""An experiment's files of results and tables, written anew from its runs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cmkd_bench.errors import UnknownName
from cmkd_bench.experiment.files import write_text
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.record import read_plan
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.report.collect import collect
from cmkd_bench.report.comparisons import compare
from cmkd_bench.report.leaderboard import NO_COMPARISONS, Leaderboard, leaderboard
from cmkd_bench.report.metrics import METRICS, QUANTITIES
from cmkd_bench.report.outcomes import Outcomes
from cmkd_bench.report.tables import as_csv, as_markdown, comparisons_csv, tuning_csv
from cmkd_bench.report.trials import outcomes_of, trials_csv


def write_tables(experiment: Experiment, seen: Mapping[str, tuple[str, str]] | None = None) -> pd.DataFrame:
    """Write results.csv, leaderboard.md, leaderboard.csv and comparisons.csv, and return the results.

    Where draws were made, trials.csv has one line for each, and tuning.csv what was selected.

    Args:
        experiment: whose.
        seen: status and error of runs that are not done, where more is known of them than their folders tell.
    """
    return write_board(experiment, seen)[0]


def write_board(
    experiment: Experiment, seen: Mapping[str, tuple[str, str]] | None = None
) -> tuple[pd.DataFrame, Leaderboard]:
    """The same, and return the leaderboard too."""
    outcomes = Outcomes(experiment)
    results = collect(experiment, outcomes, seen)
    record = read_plan(experiment)
    board = make_board(outcomes, record, results)
    write_text(experiment.path / "leaderboard.md", as_markdown(board))
    write_text(experiment.path / "leaderboard.csv", as_csv(board))
    write_text(experiment.path / "comparisons.csv", comparisons_csv(board))
    if board.tuning is not None:
        write_text(experiment.path / "tuning.csv", tuning_csv(board.tuning))
        write_text(experiment.path / "trials.csv", trials_csv(outcomes_of(record, results)))
    return results, board


def make_board(outcomes: Outcomes, record: Plan, results: pd.DataFrame, metric: str | None = None) -> Leaderboard:
    """The leaderboard of some of an experiment's cells, with its statistics.

    Args:
        outcomes: of the experiment's saved predictions.
        record: the cells.
        results: as `collect` returns them.
        metric: a name of QUANTITIES; each dataset's main metric where None is given.

    Raises:
        UserError: for a metric that no run has, with those that there are.
    """
    present = known_metrics(results)
    if metric is not None and metric not in present:
        raise UnknownName("metric of this experiment", metric, present)
    compared = metric is None or metric in METRICS
    found = compare(record, results, outcomes, metric) if compared else NO_COMPARISONS
    return leaderboard(record, results, found, metric)


def known_metrics(results: pd.DataFrame) -> list[str]:
    """The metrics that at least one run has."""
    main = set(results["metric"].dropna())
    return [name for name in QUANTITIES if name in main or (name in results and results[name].notna().any())]
