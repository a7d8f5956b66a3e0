"""`cmkd-bench run --launcher slurm`, `cancel` and `retry`: the jobs of an experiment on a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from cmkd_bench.cli import completion
from cmkd_bench.cli.exit_codes import ExitCode
from cmkd_bench.cli.monitoring import POLL_SECONDS, Name, collect_runs, say, watch_runs
from cmkd_bench.cli.options import Plugins, Results
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
    from cmkd_bench.planning.grid import Grid


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
            say(console, warning, "yellow")
        specs, retry = list(plan.specs.values()), again.failed and not codes
        codes.append(_submit(console, campaign, specs, cluster, grid.experiment.root, retry, wait))
        return wait

    for note in check_cluster(campaign.settings, plan.specs.values(), cluster, grid.experiment.root):
        say(console, note, "yellow")
    waiting = run_in_steps(plan, grid.experiment, finished, launch)
    tuned = {cell.group for cell in plan.cells.values() if cell.tuned}
    if waiting:
        say(console, trials_are_awaited([one for group, one in plan.studies.items() if group not in tuned]))
    return collect_runs(console, grid.experiment.name, grid.experiment.root) if wait else codes[-1]


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


def cancel(experiment: Name = None, results: Results = Path("results")) -> None:
    """Cancel all jobs of an experiment. Runs keep their checkpoints; the same `run` command resumes them."""
    from cmkd_bench.api import find_experiment
    from cmkd_bench.launch.slurm.campaign import cancel as cancel_jobs
    from cmkd_bench.launch.slurm.campaign import cluster_of

    found = find_experiment(experiment, results)
    jobs = cancel_jobs(found, cluster_of(found))
    say(Terminal(), f"{found.name}: canceled {', '.join(jobs)}." if jobs else f"{found.name} has no jobs to cancel.")


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
        say(console, line, "yellow")
    code = _submit(console, campaign, specs, cluster, results, cause or True, wait)
    raise typer.Exit(collect_runs(console, found.name, results) if wait else code)


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
    say(console, _cost(campaign, to_do))

    def progress(done: int, total: int) -> None:
        if total > 10 and done % 10 == 0:
            say(console, f"submitted {done} of {total} arrays", "dim")

    outcome = campaign.submit(
        specs, cluster, lambda status: again is True or (isinstance(again, list) and status.cause in again), progress
    )
    _report(console, experiment, outcome, place)
    if outcome.refused:
        return ExitCode.INCOMPLETE
    return watch_runs(console, experiment, place, POLL_SECONDS) if wait else 0


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
    say(console, f"before: {told}")
    say(console, f"submitted {len(outcome.submitted)} runs in {outcome.jobs} jobs with {outcome.calls} calls of sbatch")
    if outcome.held_back:
        text = (
            f"{outcome.held_back} students wait for teachers that a local command is training. Resubmit when it ends."
        )
        say(console, text, "yellow")
    if failed := before.get("failed", 0) - outcome.again:
        text = f"not resubmitted, because they failed earlier: {failed}. `status` shows why; `retry` resubmits them."
        say(console, text, "yellow")
    for note in outcome.survey.notes:
        say(console, f"note: {note}", "yellow")
    if outcome.refused:
        say(console, f"{outcome.refused}\nSubmitted jobs are safe. Rerun the same command to submit the rest.", "red")
    for command, meaning in (
        ("status", "the state of all runs"),
        ("watch", "live state of all runs; leaving it stops nothing"),
        ("collect", "write results.csv and the leaderboard from finished runs"),
        ("cancel", "cancel all jobs"),
    ):
        say(console, f"  {f'cmkd-bench {command} {experiment.name}{place}':<50}  {meaning}")


def _cost(campaign: Campaign, to_do: Collection[RunSpec]) -> str:
    cost = campaign.estimate(to_do)
    known = len(to_do) - cost.unknown
    text = f"{len(to_do)} runs to do"
    if known:
        text += f", about {cost.gpu_hours:.2g} GPU-hours and {cost.cpu_hours:.2g} CPU-hours for {known} of them"
        text += ", from the durations of similar runs"
    return f"{text}; {cost.unknown} have no similar run on record" if cost.unknown else text
