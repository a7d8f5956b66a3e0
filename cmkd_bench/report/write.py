"""An experiment's files of results and tables, written anew from its runs."""

from __future__ import annotations

import pandas as pd

from cmkd_bench.files import write_text
from cmkd_bench.record import read_record
from cmkd_bench.report.collect import collect
from cmkd_bench.report.leaderboard import leaderboard
from cmkd_bench.report.tables import as_csv, as_markdown
from cmkd_bench.store import Experiment


def write_tables(experiment: Experiment) -> pd.DataFrame:
    """Write results.csv, leaderboard.md and leaderboard.csv, and return the results."""
    results = collect(experiment)
    board = leaderboard(read_record(experiment), results)
    write_text(experiment.path / "leaderboard.md", as_markdown(board))
    write_text(experiment.path / "leaderboard.csv", as_csv(board))
    return results
