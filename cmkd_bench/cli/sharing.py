"""`cmkd-bench export` and `cmkd-bench import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cmkd_bench.cli import completion
from cmkd_bench.cli.options import Results
from cmkd_bench.errors import place_of
from cmkd_bench.terminal import visible


def export(
    experiment: Annotated[str, typer.Argument(help="Experiment name.", autocompletion=completion.experiments)],
    out: Annotated[Path, typer.Argument(help="File to write, e.g. out.zip.")],
    results: Results = Path("results"),
) -> None:
    """Write an experiment as one small file: all tables can be made from it, but it has no weights."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.experiment.faults import size
    from cmkd_bench.report.exchange import export as write

    found = write(find_experiment(experiment, results), out)
    print(visible(f"{out}: {found.runs} runs, {size(found.size)}. Read it with: cmkd-bench import {out}"))
    if found.unfinished:
        print(f"{found.unfinished} of the runs have not ended; they are pending in the file.")


def import_(
    file: Annotated[Path, typer.Argument(help="File that `cmkd-bench export` wrote.")],
    experiment: Annotated[str | None, typer.Option(help="Name of the new experiment (default: as exported).")] = None,
    results: Results = Path("results"),
) -> None:
    """Add an exported experiment to the results folder; leaderboard, plot and report read it from its file."""
    from cmkd_bench.report.exchange import import_file

    found, archive = import_file(file, results, experiment)
    show = f"cmkd-bench leaderboard {found.name}{place_of(results)}"
    print(visible(f"{found.path}: {len(archive.runs)} runs. Show it with: {show}"))
