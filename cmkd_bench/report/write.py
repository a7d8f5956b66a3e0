"""An experiment's files of results and tables, written anew from its runs."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from cmkd_bench.files import write_text
from cmkd_bench.record import read_record
from cmkd_bench.report.collect import collect
from cmkd_bench.report.leaderboard import leaderboard
from cmkd_bench.report.tables import as_csv, as_markdown
from cmkd_bench.store import Experiment


def write_tables(experiment: Experiment, seen: Mapping[str, tuple[str, str]] | None = None) -> pd.DataFrame:
    """Write results.csv, leaderboard.md and leaderboard.csv, and return the results.

    Args:
        experiment: whose.
        seen: status and error of runs that are not done, where more is known of them than their folders tell.
    """
    results = collect(experiment, seen)
    board = leaderboard(read_record(experiment), results)
    write_text(experiment.path / "leaderboard.md", as_markdown(board))
    write_text(experiment.path / "leaderboard.csv", as_csv(board))
    return results
