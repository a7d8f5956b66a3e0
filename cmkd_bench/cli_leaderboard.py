"""The command `leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from cmkd_bench.errors import UnknownName, UserError

if TYPE_CHECKING:
    from cmkd_bench.report.leaderboard import Leaderboard

FILES = "results.csv, leaderboard.md, leaderboard.csv, comparisons.csv, runs/"


def show_leaderboard(
    experiment: str | None, results: Path, form: str, metric: str | None, gain: bool | None, compare: str | None
) -> None:
    """Write an experiment's tables, and print one in a format.

    Raises:
        UserError: for an experiment, format, metric or comparison that does not exist.
    """
    from cmkd_bench.api import find_experiment
    from cmkd_bench.record import read_record
    from cmkd_bench.report.experiment_tables import make_board, write_board
    from cmkd_bench.report.formats import FORMATS, render
    from cmkd_bench.report.predictions import PredictionCache
    from cmkd_bench.report.published import compare_published

    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if compare not in (None, "published"):
        raise UnknownName("comparison", str(compare), ["published"])
    if compare and metric not in (None, "accuracy", "miou"):
        raise UserError(f"--compare published --metric {metric}: only accuracy and miou are published.")
    found = find_experiment(experiment, results)
    frame, board = write_board(found)
    if metric is not None:
        board = make_board(PredictionCache(found), read_record(found), frame, metric)
    published = compare_published(board, frame) if compare else None
    rendered = render(board, form, found.name, gain, published)
    if isinstance(rendered, str):
        print(rendered, end="")
        return
    console = Console()
    console.print(rendered)
    console.print(f"{found.path}/: {files_of(board)}", style="dim", markup=False)


def files_of(board: Leaderboard) -> str:
    """The files that were written with a leaderboard."""
    return FILES if board.tuning is None else f"{FILES}, trials.csv, tuning.csv"
