"""The operations of the command line on an experiment on a cluster: submit, inspect, cancel, retry."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cmkd_bench.config.compose import compose
from cmkd_bench.config.overrides import parse_overrides
from cmkd_bench.config.roots import Roots
from cmkd_bench.config.slurm import SlurmSettings, read_settings
from cmkd_bench.errors import GridError, UserError
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.record import read_plan, read_specs
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.cluster import Cluster
from cmkd_bench.launch.slurm.durations import Estimate, estimate, expected_seconds, recorded
from cmkd_bench.launch.slurm.ledger import PASSED_ON, Ledger, latest_jobs
from cmkd_bench.launch.slurm.named import CONFIG_HOME, as_words, refuse_unnamed, remember
from cmkd_bench.launch.slurm.states import RunStatus
from cmkd_bench.launch.slurm.submission import SubmissionReport, environment, jobs_to_cancel, submit_missing, work_of
from cmkd_bench.launch.slurm.survey import Survey, job_states, survey
from cmkd_bench.planning.grid import Grid
from cmkd_bench.registry import load_plugin


@dataclass(frozen=True)
class Campaign:
    """An experiment and its settings on a cluster."""

    experiment: Experiment  # experiment with the runs
    settings: SlurmSettings  # settings of the cluster
    overrides: tuple[str, ...]  # the arguments from which the settings were composed
    plugins: tuple[Path, ...]  # files that register methods or datasets
    roots: Roots  # folders of the data and weights
    environment: Mapping[str, str]  # environment variables that the jobs need

    def submit(
        self,
        specs: Collection[RunSpec],
        cluster: Cluster,
        retry: Callable[[RunStatus], bool],
        progress: Callable[[int, int], None] = lambda done, total: None,
    ) -> SubmissionReport:
        """Submit what is missing, and save the settings for `retry`; remember that this user has named them."""
        remember(as_words(self.plugins, self.overrides))
        ledger = Ledger(self.experiment)
        work = work_of(self.experiment, self.settings, self.plugins, self.roots, self.environment)
        ledger.path.mkdir(parents=True, exist_ok=True)
        kept = ("plugins", "roots", "environment")
        write_json(ledger.settings, {"overrides": self.overrides, **{name: getattr(work, name) for name in kept}})
        return submit_missing(self.experiment, specs, self.settings, work, cluster, retry=retry, progress=progress)

    def estimate(self, specs: Collection[RunSpec]) -> Estimate:
        """Return the expected cost of runs."""
        profiles = {spec.id: self.settings.profile(spec) for spec in specs}
        seconds = expected_seconds(specs, recorded(self.experiment.root))
        return estimate(profiles, profiles, seconds)


def cluster_of(experiment: Experiment) -> Cluster:
    """Return the cluster's commands, with a log of unreadable answers in the experiment's folder."""
    return Cluster(log=Ledger(experiment).answers)


def campaign_of(grid: Grid) -> Campaign:
    """Return the campaign of a `run` command."""
    settings = read_settings(grid.launcher)
    return Campaign(grid.experiment, settings, grid.launcher_overrides, grid.plugins, grid.roots, environment())


def stored_campaign(experiment: Experiment, changes: Sequence[str] = (), plugins: Sequence[Path] = ()) -> Campaign:
    """Return the campaign of the last command, with changes.

    Args:
        experiment: the experiment.
        changes: further settings of the launcher, e.g. `launcher.mem_gb=32`.
        plugins: plug-ins that replace the stored ones; none to keep those.

    Raises:
        UserError: if the experiment was never submitted, or stores plug-ins or settings that this user never named.
        GridError: if a change is not a setting of the launcher.
    """
    file = Ledger(experiment).settings
    if not file.exists():
        raise UserError(
            f"experiment '{experiment.name}' was never submitted to a cluster. To rerun its failed runs, rerun the "
            "`cmkd-bench run` command that started it, with --retry-failed."
        )
    if foreign := [text for text in changes if not is_of_launcher(text)]:
        raise GridError([f"{text}: expected a launcher setting, e.g. launcher.mem_gb=32" for text in foreign])
    stored = read_json(file)
    chosen = tuple(plugins or map(Path, stored["plugins"]))
    kept = [text for text in stored["overrides"] if text not in changes]
    refuse_unnamed(experiment.name, as_words(() if plugins else chosen, kept), _place(experiment))
    for plugin in chosen:
        load_plugin(plugin)
    overrides = (*kept, *changes)
    parsed = parse_overrides([text.lstrip("+") for text in overrides])
    configuration, problems = compose(parsed) if not parsed.problems else (None, list(parsed.problems))
    if configuration is None:
        raise GridError(problems)
    return Campaign(
        experiment=experiment,
        settings=read_settings(configuration.launcher),
        overrides=parsed.plain,
        plugins=chosen,
        roots=Roots.from_json(stored["roots"]),
        environment={**_of_login_shell(stored["environment"]), **environment()},
    )


def is_of_launcher(text: str) -> bool:
    """Return whether an argument is a setting of the launcher."""
    return text.lstrip("+").startswith(("launcher.", "launcher="))


def specs_of(experiment: Experiment) -> list[RunSpec]:
    """Return all runs of an experiment, each teacher before its first student."""
    return list(read_specs(experiment, read_plan(experiment)).values())


def survey_experiment(experiment: Experiment, cluster: Cluster) -> Survey:
    """Return the current state of an experiment's runs; SLURM is not called for an experiment without jobs."""
    return surveys(experiment, cluster)()


def surveys(experiment: Experiment, cluster: Cluster) -> Callable[[], Survey]:
    """Return a function that returns the current state of the runs that an experiment has now."""
    plan = read_plan(experiment)
    specs, names = read_specs(experiment, plan).values(), plan.names
    return lambda: replace(survey(experiment, specs, cluster), names=names)


def cancel(experiment: Experiment, cluster: Cluster) -> list[str]:
    """Cancel all jobs of an experiment; their runs keep their checkpoints.

    Returns:
        the ids of the jobs.

    Raises:
        SlurmSilent: if squeue or scancel does not answer.
    """
    ledger = Ledger(experiment)
    if not ledger.settings.exists():
        return []
    with ledger.locked():
        queue = cluster.queue()
        latest = latest_jobs(ledger.submissions()).items()
        open_jobs = {one.job_of(i) for run_id, (one, i) in latest if not experiment.run(run_id).is_done()}
        job_states(ledger, cluster, queue, open_jobs)  # that squeue left out none of them
        jobs = jobs_to_cancel(ledger, queue)
        cluster.cancel(jobs)
    return jobs


def active_jobs(experiment: Experiment, cluster: Cluster) -> list[str]:
    """Return the ids of the jobs of an experiment that are queued or running, arrays as a whole.

    Raises:
        SlurmSilent: if squeue does not answer.
    """
    ledger = Ledger(experiment)
    return jobs_to_cancel(ledger, cluster.queue()) if ledger.settings.exists() else []


def rows(seen: Survey) -> dict[str, tuple[str, str]]:
    """Return the texts in runs.csv for runs that are not done."""
    text = {
        run_id: f"{status.cause}: {status.message}" if status.cause else status.message
        for run_id, status in seen.statuses.items()
    }
    kept = ("running", "failed", "blocked")
    return {
        run_id: (status.kind, "" if status.kind == "running" else text[run_id])
        for run_id, status in seen.statuses.items()
        if status.kind in kept
    }


def tidy(experiment: Experiment, seen: Survey) -> None:
    """Remove the files of submitit and SLURM for jobs whose runs are all done."""
    if seen.queue is None:
        return
    at_work = {job.partition("_")[0] for job, state in seen.queue.jobs.items() if state.is_active}
    active = {name for name, job in seen.queue.names.items() if job in at_work}
    done = {run_id for run_id, status in seen.statuses.items() if status.kind == "done"}
    Ledger(experiment).tidy(done, active)


def _place(experiment: Experiment) -> str:
    return "" if experiment.root == Path("results") else f" --results {shlex.quote(str(experiment.root))}"


def _of_login_shell(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the stored variables that may be set in a job; the folder of what was named is always this user's own."""
    return {name: value for name, value in variables.items() if name in PASSED_ON and name != CONFIG_HOME}
