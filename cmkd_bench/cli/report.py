"""`cmkd-bench report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from cmkd_bench.cli.options import EXPERIMENT


def report(
    experiment: Annotated[str | None, EXPERIMENT] = None,
    results: Annotated[Path, typer.Option(help="Folder that contains the experiments.")] = Path("results"),
    out: Annotated[
        Path | None, typer.Option(help="Output file (default: report.html in the experiment's folder).")
    ] = None,
) -> None:
    """Write a report of an experiment as one HTML file: tables, statistics, plots, runs, protocol, missing runs."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.report.page.report_page import write_page

    found = find_experiment(experiment, results)
    console = Console()
    with console.status("Writing"):
        path = write_page(found, out)
    console.print(Text(f"{path} ({path.stat().st_size / 1e6:.1f} MB)"), soft_wrap=True)
