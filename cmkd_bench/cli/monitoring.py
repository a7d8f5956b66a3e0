"""`cmkd-bench status`, `watch` and `collect`: what becomes of an experiment's runs."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import EXPERIMENT, Form, Results, check_form, print_json, say_damage, say_unwritten
from cmkd_bench.errors import place_of
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.launch.slurm.survey import Survey

POLL_SECONDS = 30.0

Name = Annotated[str | None, EXPERIMENT]


def status(experiment: Name = None, results: Results = Path("results"), form: Form = "rich") -> None:
    """Show the state of an experiment's runs. Exit code: 0 if all are done, 3 if some failed, 4 if some are pending."""
    from cmkd_bench.cli.cluster_tuning import left_to_tune
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.report.status_table import as_rich, as_values, next_command

    check_form(form)
    with tolerating_faults() as unwritten:
        found, seen = _survey(experiment, results)
    place = place_of(results)
    console = Terminal()
    left = left_to_tune(found, seen)
    if form == "json":
        print_json(as_values(found, seen, place) | {"left_to_tune": left or None})
        say_damage(found)
    else:
        console.print(as_rich(found, seen, place=place), soft_wrap=True)
        if left:
            say(console, left)
        say_damage(found)
        say(console, f"next: {next_command(found, seen, place)}", "dim")
    say_unwritten(unwritten)
    raise typer.Exit(ExitCode.INCOMPLETE if left or found.damaged else _exit_code(seen))


def watch(
    experiment: Name = None,
    results: Results = Path("results"),
    every: Annotated[float, typer.Option(min=1, help="Seconds between two updates.")] = POLL_SECONDS,
) -> None:
    """Show the state repeatedly until no run is running or queued. Leaving the display stops nothing."""
    from cmkd_bench.api import find_experiment

    raise typer.Exit(watch_runs(Terminal(), find_experiment(experiment, results), place_of(results), every))


def collect(experiment: Name = None, results: Results = Path("results")) -> None:
    """Write results.csv and the leaderboard from finished runs; exit codes as for `status`."""
    raise typer.Exit(collect_runs(Terminal(), experiment, results))


def collect_runs(console: Console, name: str | None, results: Path) -> int:
    """Write the tables of finished runs, print the leaderboard, and return the exit code of `status`."""
    from cmkd_bench.cli.cluster_tuning import left_to_tune
    from cmkd_bench.cli.leaderboard import saved_files
    from cmkd_bench.experiment.faults import tolerating_faults
    from cmkd_bench.launch.slurm.campaign import rows, tidy
    from cmkd_bench.report.experiment_tables import write_board
    from cmkd_bench.report.formats import as_rich
    from cmkd_bench.report.status_table import summary

    with tolerating_faults() as unwritten:
        found, seen = _survey(name, results)
        _, board = write_board(found, rows(seen))
    if not unwritten:
        tidy(found, seen)
    console.print(as_rich(board))
    say(console, summary(found, seen))
    for note in seen.notes:
        say(console, f"note: {note}", "yellow")
    if left := left_to_tune(found, seen):
        say(console, left)
    say_damage(found)
    say_unwritten(unwritten)
    if not unwritten:
        say(console, saved_files(found, board), "dim")
    return ExitCode.INCOMPLETE if left or unwritten or found.damaged else _exit_code(seen)


def watch_runs(console: Console, experiment: Experiment, place: str, every: float) -> int:
    """Print the state repeatedly until no run is running or queued, and return the exit code of `status`."""
    from rich.live import Live

    from cmkd_bench.launch.slurm.campaign import cluster_of, surveys
    from cmkd_bench.launch.slurm.states import ACTIVE
    from cmkd_bench.report.status_table import as_rich, summary

    look = surveys(experiment, cluster_of(experiment))
    live = Live(console=console, auto_refresh=False) if console.is_terminal else None
    last = ""
    try:
        if live is not None:
            live.start()
        while True:
            seen = look()
            if live is not None:
                live.update(as_rich(experiment, seen, place=place), refresh=True)
            elif (line := summary(experiment, seen)) != last:
                last = line
                console.print(f"{time.strftime('%H:%M:%S')} {line}", soft_wrap=True, markup=False, highlight=False)
            if not any(status.kind in ACTIVE for status in seen.statuses.values()):
                break
            time.sleep(every)
    finally:
        if live is not None:
            live.stop()
    if live is None:
        console.print(as_rich(experiment, seen, place=place), soft_wrap=True)
    say_damage(experiment)
    return _exit_code(seen)


def say(console: Console, text: str, style: str = "") -> None:
    """Print a text as it is, without markup and without breaking its lines."""
    console.print(Text(text, style=style), soft_wrap=True)


def _survey(name: str | None, results: Path) -> tuple[Experiment, Survey]:
    from cmkd_bench.api import find_experiment
    from cmkd_bench.launch.slurm.campaign import cluster_of, survey_experiment

    found = find_experiment(name, results)
    return found, survey_experiment(found, cluster_of(found))


def _exit_code(seen: Survey) -> ExitCode:
    """Return 0 if all runs are done, 3 if none are pending and some failed, 4 if some are pending."""
    kinds = {status.kind for status in seen.statuses.values()}
    if kinds <= {"done"}:
        return ExitCode.DONE
    return ExitCode.FAILED if kinds <= {"done", "failed", "blocked"} else ExitCode.INCOMPLETE
