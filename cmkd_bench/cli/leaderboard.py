"""The command `leaderboard`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmkd_bench.cli.options import Results, say_damage, say_unwritten
from cmkd_bench.cli.sources import EXPERIMENTS, Different, is_file, opened
from cmkd_bench.errors import UnknownName, UserError
from cmkd_bench.experiment.archive import ARCHIVE

if TYPE_CHECKING:
    from pandas import DataFrame

    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.report.board import Leaderboard

FILES = "results.csv, runs.csv, leaderboard.md, leaderboard.csv, comparisons.csv"


def leaderboard(
    experiments: Annotated[list[str] | None, EXPERIMENTS] = None,
    form: Annotated[
        str, typer.Option("--format", help="Output format: rich, markdown, latex, csv, json or html.")
    ] = "rich",
    metric: Annotated[
        str | None,
        typer.Option(help="Metric, e.g. macro_f1, ece, top5, seconds (default: each dataset's main metric)."),
    ] = None,
    gain: Annotated[
        bool | None, typer.Option(help="Show gains over the student alone (default: all formats but latex).")
    ] = None,
    compare: Annotated[
        str | None, typer.Option(help="Results to compare with: `published` adds the numbers of the papers.")
    ] = None,
    versus: Annotated[
        str | None, typer.Option(help="Row to compare all rows with, e.g. kd; shows differences, intervals and tests.")
    ] = None,
    allow_different: Different = False,
    results: Results = Path("results"),
) -> None:
    """Show the leaderboard of an experiment with its statistics, and save it as Markdown and CSV.

    Several experiments are shown in one table, which is not saved.
    """
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.report.formats import FORMATS, render
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
    with opened(experiments, results) as found:
        with tolerating_faults() as unwritten:
            board, frame = _tables(found, metric, allow_different, results)
        further = compare_published(board, frame) if compare else against(board, versus) if versus else None
        for _, experiment in found:
            say_damage(experiment)
        rendered = render(board, form, " + ".join(experiment.name for _, experiment in found), gain, further)
        files = _saved(found, board) if not unwritten else ""
    if isinstance(rendered, str):
        print(rendered, end="")
        say_unwritten(unwritten)
        return
    console = Terminal()
    console.print(rendered)
    say_unwritten(unwritten)
    if files:
        console.print(files, style="dim", markup=False)


def _tables(
    found: list[tuple[str, Experiment]], metric: str | None, allow_different: bool, results: Path
) -> tuple[Leaderboard, DataFrame]:
    """Return the leaderboard and the runs of one or several experiments; the tables of one are saved."""
    from cmkd_bench.experiment.record import read_plan
    from cmkd_bench.report.experiment_tables import make_board, write_board
    from cmkd_bench.report.joining import join
    from cmkd_bench.report.predictions import PredictionCache

    if len(found) > 1:
        joined = join(found, results, allow_different=allow_different, metric=metric)
        return joined.board, joined.results
    experiment = found[0][1]
    frame, board = write_board(experiment)
    if metric is not None:
        board = make_board(PredictionCache(experiment), read_plan(experiment), frame, metric)
    return board, frame


def _saved(found: list[tuple[str, Experiment]], board: Leaderboard) -> str:
    """Return a line with the files that were saved; empty for several experiments, and for an exported file."""
    (text, experiment), *others = found
    if others or is_file(text):
        return ""
    return saved_files(experiment, board)


def saved_files(experiment: Experiment, board: Leaderboard) -> str:
    """Return a line with the files that are saved with a leaderboard, and what they replace where there are no runs."""
    files = FILES if board.tuning is None else f"{FILES}, trials.csv, tuning.csv"
    if (experiment.path / "runs").exists():
        return f"{experiment.path}/: {files}, runs/"
    return f"{experiment.path}/: {files}: written anew from {ARCHIVE}"
