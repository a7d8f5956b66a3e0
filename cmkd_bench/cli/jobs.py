"""`cmkd-bench run --launcher slurm`, `status`, `watch`, `cancel`, `retry` and `collect`."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cmkd_bench.cli import completion
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.options import (
    EXPERIMENT,
    Form,
    Plugins,
    Results,
    check_form,
    print_json,
    say_damage,
    say_unwritten,
)
from cmkd_bench.errors import UserError, place_of
from cmkd_bench.terminal import Terminal

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from cmkd_bench.experiment.plan import Plan
    from cmkd_bench.experiment.spec import RunSpec
    from cmkd_bench.experiment.store import Experiment
    from cmkd_bench.launch.repetition import Again
    from cmkd_bench.launch.slurm.campaign import Campaign
    from cmkd_bench.launch.slurm.cluster import Cluster
    from cmkd_bench.launch.slurm.submission import SubmissionReport
    from cmkd_bench.launch.slurm.survey import Survey
    from cmkd_bench.planning.grid import Grid

POLL_SECONDS = 30.0

Name = Annotated[str | None, EXPERIMENT]


def run_on_cluster(grid: Grid, plan: Plan, console: Console, again: Again, wait: bool) -> int:
    """Check the grid, submit runs that have no job, and print how to follow them; with `wait`, wait and collect.

    Returns:
        the exit code: 0 if everything is submitted or done, 4 if sbatch refused a job; with `wait`, that of `collect`.
    """
    from cmkd_bench.api import register
    from cmkd_bench.cli.cluster_tuning import finished_on_cluster, trials_are_awaited
    from cmkd_bench.launch.repetition import Again, Repeated
    from cmkd_bench.launch.slurm.campaign import campaign_of, cluster_of
    from cmkd_bench.launch.slurm.preflight import check_cluster
    from cmkd_bench.planning.tuning import run_in_steps

    campaign = campaign_of(grid)
    cluster = cluster_of(grid.experiment)
    repeated = Repeated(grid.experiment, Again(all=again.all))  # failed runs are retried when they are submitted
    codes: list[int] = []

    def finished() -> Callable[[str], bool]:
        if again.all and not codes:
            return lambda run_id: False
        return finished_on_cluster(grid.experiment, plan, cluster, again.failed and not codes)

    def launch(step: str) -> bool:
        if again.all:
            _refuse_active(grid.experiment, cluster)
        for warning in [*register(grid.experiment, plan), *repeated.reset(plan)]:
            _say(console, warning, "yellow")
        specs, retry = list(plan.specs.values()), again.failed and not codes
        codes.append(_submit(console, campaign, specs, cluster, grid.experiment.root, retry, wait))
        return wait

    for note in check_cluster(campaign.settings, plan.specs.values(), cluster, grid.experiment.root):
        _say(console, note, "yellow")
    waiting = run_in_steps(plan, grid.experiment, finished, launch)
    tuned = {cell.group for cell in plan.cells.values() if cell.tuned}
    if waiting:
        _say(console, trials_are_awaited([one for group, one in plan.studies.items() if group not in tuned]))
    return _collect(console, grid.experiment.name, grid.experiment.root) if wait else codes[-1]


def expected_cost(grid: Grid, plan: Plan, to_do: Collection[RunSpec]) -> str:
    """Check a plan for the cluster, and return one line with the expected cost of some of its runs.

    Raises:
        GridError: if the cluster cannot run the plan.
    """
    from cmkd_bench.launch.slurm.campaign import campaign_of
    from cmkd_bench.launch.slurm.cluster import Cluster
    from cmkd_bench.launch.slurm.preflight import check_cluster

    campaign = campaign_of(grid)
    check_cluster(campaign.settings, plan.specs.values(), Cluster(), grid.experiment.root)
    return _cost(campaign, to_do)


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
            _say(console, left)
        say_damage(found)
        _say(console, f"next: {next_command(found, seen, place)}", "dim")
    say_unwritten(unwritten)
    raise typer.Exit(ExitCode.INCOMPLETE if left or found.damaged else _exit_code(seen))


def watch(
    experiment: Name = None,
    results: Results = Path("results"),
    every: Annotated[float, typer.Option(min=1, help="Seconds between two updates.")] = POLL_SECONDS,
) -> None:
    """Show the state repeatedly until no run is running or queued. Leaving the display stops nothing."""
    from cmkd_bench.api import find_experiment

    raise typer.Exit(_watch(Terminal(), find_experiment(experiment, results), place_of(results), every))


def cancel(experiment: Name = None, results: Results = Path("results")) -> None:
    """Cancel all jobs of an experiment. Runs keep their checkpoints; the same `run` command resumes them."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.launch.slurm.campaign import cancel as cancel_jobs
    from cmkd_bench.launch.slurm.campaign import cluster_of

    found = find_experiment(experiment, results)
    jobs = cancel_jobs(found, cluster_of(found))
    _say(Terminal(), f"{found.name}: canceled {', '.join(jobs)}." if jobs else f"{found.name} has no jobs to cancel.")


def retry(
    arguments: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[EXPERIMENT] [KEY=VALUE]...",
            help="Experiment name, and settings, e.g. launcher.mem_gb=64",
            autocompletion=completion.experiments,
        ),
    ] = None,
    cause: Annotated[list[str] | None, typer.Option(help="Retry only failures with this cause; repeatable.")] = None,
    results: Results = Path("results"),
    plugin: Plugins = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until all runs have ended, then collect.")] = False,
) -> None:
    """Resubmit failed runs from their checkpoints, together with the runs that they block."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.experiment.inspection import mend
    from cmkd_bench.launch.slurm.campaign import cluster_of, is_of_launcher, specs_of, stored_campaign
    from cmkd_bench.launch.slurm.preflight import check_cluster

    # An experiment name may contain "=", e.g. fair+train.epochs=5.
    names = [text for text in arguments or () if not is_of_launcher(text)]
    if len(names) > 1:
        raise UserError(f"retry: expected one experiment, got {len(names)}: {', '.join(names)}.")
    found = find_experiment(names[0] if names else None, results)
    console, cluster = Terminal(), cluster_of(found)
    campaign = stored_campaign(found, [text for text in arguments or () if text not in names], plugin or ())
    specs = specs_of(found)
    check_cluster(campaign.settings, specs, cluster, results)
    for line in mend(found, [spec.id for spec in specs]):
        _say(console, line, "yellow")
    code = _submit(console, campaign, specs, cluster, results, cause or True, wait)
    raise typer.Exit(_collect(console, found.name, results) if wait else code)


def collect(experiment: Name = None, results: Results = Path("results")) -> None:
    """Write results.csv and the leaderboard from finished runs; exit codes as for `status`."""
    raise typer.Exit(_collect(Terminal(), experiment, results))


def _collect(console: Console, name: str | None, results: Path) -> int:
    from cmkd_bench.cli.cluster_tuning import left_to_tune
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
    _say(console, summary(found, seen))
    for note in seen.notes:
        _say(console, f"note: {note}", "yellow")
    if left := left_to_tune(found, seen):
        _say(console, left)
    say_damage(found)
    say_unwritten(unwritten)
    if not unwritten:
        _say(console, f"{found.path}/: results.csv, runs.csv, leaderboard.md, leaderboard.csv, runs/", "dim")
    return ExitCode.INCOMPLETE if left or unwritten or found.damaged else _exit_code(seen)


def _submit(
    console: Console,
    campaign: Campaign,
    specs: Collection[RunSpec],
    cluster: Cluster,
    results: Path,
    again: bool | list[str],
    wait: bool,
) -> int:
    place = place_of(results)
    experiment = campaign.experiment
    to_do = [spec for spec in specs if not experiment.run(spec.id).is_done()]
    _say(console, _cost(campaign, to_do))

    def progress(done: int, total: int) -> None:
        if total > 10 and done % 10 == 0:
            _say(console, f"submitted {done} of {total} arrays", "dim")

    outcome = campaign.submit(
        specs, cluster, lambda status: again is True or (isinstance(again, list) and status.cause in again), progress
    )
    _report(console, experiment, outcome, place)
    if outcome.refused:
        return ExitCode.INCOMPLETE
    return _watch(console, experiment, place, POLL_SECONDS) if wait else 0


def _refuse_active(experiment: Experiment, cluster: Cluster) -> None:
    """Refuse `--force` while jobs have runs: such a job may have passed a run whose result is discarded now."""
    from cmkd_bench.launch.slurm.campaign import active_jobs

    if jobs := active_jobs(experiment, cluster):
        raise UserError(
            f"--force: jobs of '{experiment.name}' have not ended: {', '.join(jobs)}. Wait for them, or "
            f"first run: cmkd-bench cancel {experiment.name}{place_of(experiment.root)}"
        )


def _report(console: Console, experiment: Experiment, outcome: SubmissionReport, place: str) -> None:
    from cmkd_bench.launch.slurm.states import counts

    before = counts(outcome.survey.statuses.values())
    told = ", ".join(f"{count} {kind}" for kind, count in before.items())
    _say(console, f"before: {told}")
    _say(
        console, f"submitted {len(outcome.submitted)} runs in {outcome.jobs} jobs with {outcome.calls} calls of sbatch"
    )
    if outcome.held_back:
        text = (
            f"{outcome.held_back} students wait for teachers that a local command is training. Resubmit when it ends."
        )
        _say(console, text, "yellow")
    if failed := before.get("failed", 0) - outcome.again:
        text = f"not resubmitted, because they failed earlier: {failed}. `status` shows why; `retry` resubmits them."
        _say(console, text, "yellow")
    for note in outcome.survey.notes:
        _say(console, f"note: {note}", "yellow")
    if outcome.refused:
        _say(console, f"{outcome.refused}\nSubmitted jobs are safe. Rerun the same command to submit the rest.", "red")
    for command, meaning in (
        ("status", "the state of all runs"),
        ("watch", "live state of all runs; leaving it stops nothing"),
        ("collect", "write results.csv and the leaderboard from finished runs"),
        ("cancel", "cancel all jobs"),
    ):
        _say(console, f"  {f'cmkd-bench {command} {experiment.name}{place}':<50}  {meaning}")


def _cost(campaign: Campaign, to_do: Collection[RunSpec]) -> str:
    cost = campaign.estimate(to_do)
    known = len(to_do) - cost.unknown
    text = f"{len(to_do)} runs to do"
    if known:
        text += f", about {cost.gpu_hours:.2g} GPU-hours and {cost.cpu_hours:.2g} CPU-hours for {known} of them"
        text += ", from the durations of similar runs"
    return f"{text}; {cost.unknown} have no similar run on record" if cost.unknown else text


def _survey(name: str | None, results: Path) -> tuple[Experiment, Survey]:
    from cmkd_bench.api import find_experiment
    from cmkd_bench.launch.slurm.campaign import cluster_of, survey_experiment

    found = find_experiment(name, results)
    return found, survey_experiment(found, cluster_of(found))


def _watch(console: Console, experiment: Experiment, place: str, every: float) -> int:
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


def _exit_code(seen: Survey) -> ExitCode:
    """Return 0 if all runs are done, 3 if none are pending and some failed, 4 if some are pending."""
    kinds = {status.kind for status in seen.statuses.values()}
    if kinds <= {"done"}:
        return ExitCode.DONE
    return ExitCode.FAILED if kinds <= {"done", "failed", "blocked"} else ExitCode.INCOMPLETE


def _say(console: Console, text: str, style: str = "") -> None:
    console.print(Text(text, style=style), soft_wrap=True)
