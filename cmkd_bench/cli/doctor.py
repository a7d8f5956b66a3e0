"""`cmkd-bench doctor`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import Form, Results, check_form, print_json
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from rich.console import Console

    from cmkd_bench.doctor import Finding

STYLES = {"ok": "green", "note": "yellow", "missing": "bold red", "damaged": "bold red"}


def doctor(
    experiment: Annotated[
        str | None,
        typer.Argument(metavar="[EXPERIMENT]", help="Check every file of this experiment instead of the installation."),
    ] = None,
    results: Results = Path("results"),
    slurm: Annotated[bool, typer.Option("--slurm", help="Report an error if SLURM is not available.")] = False,
    form: Form = "rich",
) -> None:
    """Check the installation, or the files of an experiment. This changes and downloads nothing."""
    check_form(form)
    if experiment is not None:
        raise typer.Exit(_check_experiment(Terminal(), experiment, results, form))

    from cmkd_bench.doctor import all_is_there
    from cmkd_bench.doctor.folders import check_data, check_folders
    from cmkd_bench.doctor.installation import check_devices, check_hub, check_python
    from cmkd_bench.doctor.scheduler import check_slurm

    console = Terminal()
    groups = {
        "Python": check_python(),
        "devices": check_devices(),
        "SLURM": check_slurm(slurm),
        "data": check_data(),
        "folders": check_folders(results),
        "weights": check_hub(),
    }
    found = {}
    for title, findings in groups.items():
        found[title] = list(findings)
        if form == "rich":
            _show(console, title, found[title])
    everything = [finding for findings in found.values() for finding in findings]
    if form == "json":
        _print_findings(found)
        raise typer.Exit(ExitCode.DONE if all_is_there(everything) else ExitCode.FAILED)
    if all_is_there(everything):
        console.print("All checks passed.", style="green")
        return
    missing = [finding.subject for finding in everything if finding.verdict == "missing"]
    console.print(f"Missing: {', '.join(missing)}.", style="bold red", markup=False, soft_wrap=True)
    raise typer.Exit(ExitCode.FAILED)


def _print_findings(found: Mapping[str, Sequence[Finding]]) -> None:
    """Print all findings as JSON, each with the title of its group."""
    print_json([{"group": group, **asdict(one)} for group, findings in found.items() for one in findings])


def _check_experiment(console: Console, name: str, results: Path, form: str) -> ExitCode:
    """Print all damage of an experiment, and return the exit code."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.doctor import all_is_there
    from cmkd_bench.doctor.experiment_files import check_experiment

    findings = list(check_experiment(find_experiment(name, results)))
    if form == "json":
        _print_findings({name: findings})
    else:
        _show(console, name, findings)
    return ExitCode.DONE if all_is_there(findings) else ExitCode.FAILED


def _show(console: Console, title: str, findings: Sequence[Finding]) -> None:
    """Print a table on a terminal; elsewhere print one unwrapped line per finding, which is easy to search and send."""
    from rich.table import Table
    from rich.text import Text

    if not console.is_terminal:
        for one in findings:
            advice = f" -> {one.advice}" if one.advice else ""
            console.print(f"{one.verdict:<8} {one.subject}: {one.found}{advice}", markup=False, soft_wrap=True)
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, show_header=False, pad_edge=True)
    table.add_column(min_width=7)
    table.add_column(min_width=18, overflow="fold")
    table.add_column(overflow="fold")
    for one in findings:
        text = Text(one.found)
        if one.advice:
            text.append(f"\n{one.advice}", style="dim")
        table.add_row(Text(one.verdict, style=STYLES[one.verdict]), Text(one.subject), text)
    console.print(table)
