"""`cmkd-bench report`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import say_damage, say_unwritten
from cmkd_bench.cli.sources import EXPERIMENTS, need_place, opened
from cmkd_bench.terminal import Terminal


def report(
    experiments: Annotated[list[str] | None, EXPERIMENTS] = None,
    results: Annotated[Path, typer.Option(help="Folder that contains the experiments.")] = Path("results"),
    out: Annotated[
        Path | None,
        typer.Option(
            help="Output file (default: report.html in the experiment's folder; needed for several experiments and for "
            "an exported file)."
        ),
    ] = None,
) -> None:
    """Write a report of an experiment as one HTML file: tables, statistics, plots, runs, protocol, missing runs."""
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.report.experiment_data import read_experiment
    from cmkd_bench.report.formats import as_rich
    from cmkd_bench.report.joining import join
    from cmkd_bench.report.page.report_page import write_page

    console = Terminal()
    with opened(experiments, results) as found, tolerating_faults() as unwritten:
        need_place(found, out, "--out FILE")
        with console.status("Writing"):
            data = join(found, results) if len(found) > 1 else read_experiment(found[0][1])
            path = write_page(data.experiment, out, data)
        for _, experiment in found:
            say_damage(experiment)
        if str(path) in (fault.place for fault in unwritten):
            console.print(as_rich(data.board))
            say_unwritten([fault for fault in unwritten if fault.place == str(path)])
            print("cmkd-bench: write the report elsewhere: --out FILE", file=sys.stderr)
            raise typer.Exit(ExitCode.INCOMPLETE)
    console.print(Text(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"), soft_wrap=True)
