"""`cmkd-bench report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import EXPERIMENT, say_damage, say_unwritten
from cmkd_bench.terminal import Terminal


def report(
    experiment: Annotated[str | None, EXPERIMENT] = None,
    results: Annotated[Path, typer.Option(help="Folder that contains the experiments.")] = Path("results"),
    out: Annotated[
        Path | None, typer.Option(help="Output file (default: report.html in the experiment's folder).")
    ] = None,
) -> None:
    """Write a report of an experiment as one HTML file: tables, statistics, plots, runs, protocol, missing runs."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.report.experiment_tables import write_board
    from cmkd_bench.report.formats import as_rich
    from cmkd_bench.report.page.report_page import write_page

    found = find_experiment(experiment, results)
    console = Terminal()
    with tolerating_faults() as unwritten:
        with console.status("Writing"):
            path = write_page(found, out)
        say_damage(found)
        if str(path) in (fault.place for fault in unwritten):
            console.print(as_rich(write_board(found)[1]))
            say_unwritten([fault for fault in unwritten if fault.place == str(path)])
            print("cmkd-bench: write the report elsewhere: --out FILE", file=sys.stderr)
            raise typer.Exit(ExitCode.INCOMPLETE)
    console.print(Text(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"), soft_wrap=True)
