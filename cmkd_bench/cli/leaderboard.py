"""The command `leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmkd_bench.cli.options import EXPERIMENT, Results, say_damage, say_unwritten
from cmkd_bench.errors import UnknownName, UserError

if TYPE_CHECKING:
    from cmkd_bench.report.board import Leaderboard

FILES = "results.csv, runs.csv, leaderboard.md, leaderboard.csv, comparisons.csv, runs/"


def leaderboard(
    experiment: Annotated[str | None, EXPERIMENT] = None,
    form: Annotated[str, typer.Option("--format", help="Output format: rich, markdown, latex, csv or html.")] = "rich",
    metric: Annotated[
        str | None,
        typer.Option(help="Metric, e.g. macro_f1, ece, top5, seconds (default: each dataset's main metric)."),
    ] = None,
    gain: Annotated[
        bool | None, typer.Option(help="Show gains over the student alone (default: only in markdown and html).")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="Results to compare with: `published` adds the numbers of the papers.")
    ] = None,
    versus: Annotated[
        str | None, typer.Option(help="Row to compare all rows with, e.g. kd; shows differences, intervals and tests.")
    ] = None,
    results: Results = Path("results"),
) -> None:
    """Show the leaderboard of an experiment with its statistics, and save it as Markdown and CSV."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.experiment_tables import make_board, write_board
    from cmkd_bench.report.formats import FORMATS, render
    from cmkd_bench.report.predictions import PredictionCache
    from cmkd_bench.report.published import compare_published
    from cmkd_bench.report.versus import versus as against
    from cmkd_bench.terminal import Terminal

    if form not in FORMATS:
        raise UnknownName("format", form, FORMATS)
    if compare not in (None, "published"):
        raise UnknownName("comparison", str(compare), ["published"])
    if compare and metric not in (None, "accuracy", "miou"):
        raise UserError(f"--compare published --metric {metric}: published numbers exist only for accuracy and miou.")
    if compare and versus:
        raise UserError("--compare and --versus: each adds a table. Give one of them.")
    found = find_experiment(experiment, results)
    with tolerating_faults() as unwritten:
        frame, board = write_board(found)
        if metric is not None:
            board = make_board(PredictionCache(found), read_plan(found), frame, metric)
    further = compare_published(board, frame) if compare else against(board, versus) if versus else None
    say_damage(found)
    rendered = render(board, form, found.name, gain, further)
    if isinstance(rendered, str):
        print(rendered, end="")
        say_unwritten(unwritten)
        return
    console = Terminal()
    console.print(rendered)
    say_unwritten(unwritten)
    if not unwritten:
        files = files_of(board) if (found.path / "runs").exists() else files_of(board).replace(", runs/", "")
        console.print(f"{found.path}/: {files}", style="dim", markup=False)


def files_of(board: Leaderboard) -> str:
    """Return the names of the files that are saved with a leaderboard."""
    return FILES if board.tuning is None else f"{FILES}, trials.csv, tuning.csv"
