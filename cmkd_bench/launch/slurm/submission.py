"""Submit missing runs as jobs, so that a kill at any moment loses no run and submits none twice."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from cmkd_bench.config.roots import Roots
from cmkd_bench.config.slurm import SlurmSettings
from cmkd_bench.experiment.provenance import code_version
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.answers import Queue
from cmkd_bench.launch.slurm.cluster import Cluster
from cmkd_bench.launch.slurm.durations import expected_seconds, recorded
from cmkd_bench.launch.slurm.ledger import PASSED_ON, Ledger, Submission, Work
from cmkd_bench.launch.slurm.sbatch import Refused, complete_pickles, sbatch
from cmkd_bench.launch.slurm.states import RunStatus
from cmkd_bench.launch.slurm.survey import Survey, survey
from cmkd_bench.launch.slurm.waves import After, AllOf, Place, SameElement, Wave, plan_waves


@dataclass
class SubmissionReport:
    """The outcome of a submitting command."""

    survey: Survey  # the state of the runs before the submission
    submitted: list[str] = field(default_factory=list)  # ids of the runs that got a job
    jobs: int = 0  # number of these jobs
    calls: int = 0  # number of sbatch calls
    held_back: int = 0  # number of students whose teacher a local command is training
    again: int = 0  # how many of the runs had failed before
    refused: str = ""  # sbatch's message if it did not accept an array; later arrays are not submitted


def environment() -> dict[str, str]:
    """Return the environment variables of this process that its jobs need."""
    return {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}


def work_of(
    experiment: Experiment,
    settings: SlurmSettings,
    plugins: Iterable[Path],
    roots: Roots,
    variables: Mapping[str, str],
) -> Work:
    """Return the settings that the jobs need."""
    return Work(
        root=str(experiment.root.resolve()),
        experiment=experiment.name,
        plugins=tuple(str(plugin.resolve()) for plugin in plugins),
        roots=roots.to_json(),
        environment=variables,
        checkpoint_seconds=settings.general.checkpoint_seconds,
        signal_delay_s=settings.general.signal_delay_s,
        max_num_timeout=settings.general.max_num_timeout,
        teacher_wait_s=settings.general.teacher_wait_s,
        code=code_version(),
    )


def submit_missing(
    experiment: Experiment,
    specs: Collection[RunSpec],
    settings: SlurmSettings,
    work: Work,
    cluster: Cluster,
    *,
    retry: Callable[[RunStatus], bool] = lambda status: False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> SubmissionReport:
    """Submit all runs that have no job and can be run.

    Args:
        experiment: experiment that already contains the runs.
        specs: the runs, their teachers among them.
        settings: settings of the cluster.
        work: settings of the jobs.
        cluster: commands of the cluster.
        retry: decides whether a failed run is resubmitted.
        progress: called with the number of submitted arrays.

    Raises:
        SlurmSilent: if squeue does not answer; nothing is submitted then, because it is unknown what has been.
        UserError: if another command is submitting.
    """
    ledger = Ledger(experiment)
    with ledger.locked():
        queue = cluster.queue()
        reconcile(ledger, queue, cluster)
        seen = survey(experiment, specs, cluster, queue)
        again = {run_id for run_id, status in seen.statuses.items() if status.kind == "failed" and retry(status)}
        for run_id in again:
            experiment.run(run_id).forget_failure()
        missing, held_back = runs_to_submit(seen, again)
        waves = _plan(missing, seen, settings, experiment, cluster)
        failed = sum(seen.statuses[spec.id].kind == "failed" for spec in missing)
        outcome = SubmissionReport(seen, held_back=held_back, again=failed)
        _submit(waves, ledger, settings, work, cluster, outcome, progress)
    return outcome


def reconcile(ledger: Ledger, queue: Queue, cluster: Cluster) -> None:
    """Complete the submissions of a killed command: find its jobs by name, or abandon them.

    Raises:
        SlurmSilent: if squeue does not list such a job, and the controller does not answer.
    """
    intended = [one for one in ledger.submissions() if one.state == "intended"]
    names = dict(queue.names)
    if any(one.job_name not in names for one in intended):
        names |= {name: job.partition("_")[0] for job, name in cluster.controlled().items()}
    for one in intended:
        if one.job_name in names:
            job = names[one.job_name]
            complete_pickles(ledger, replace(one, job=job))
            ledger.complete(one, job)
        else:
            ledger.abandon(one)


def runs_to_submit(seen: Survey, again: Collection[str] = ()) -> tuple[list[RunSpec], int]:
    """Return the runs that should get a job: those whose teacher is trained, has a job, or gets one now.

    Args:
        seen: the survey of the runs.
        again: failed runs to resubmit.

    Returns:
        the runs, teachers first, and the number of students whose teacher a local command works on.
    """
    chosen: dict[str, RunSpec] = {}
    held_back = 0
    for run_id, spec in sorted(seen.specs.items(), key=lambda item: item[1].teacher is not None):
        status = seen.statuses[run_id]
        if run_id in seen.active or not (status.wants_a_job or status.kind == "blocked" or run_id in again):
            continue
        before = {one: seen.statuses[one].kind for one in spec.teacher_ids if one in seen.statuses}
        missing = {
            kind for one, kind in before.items() if kind != "done" and one not in chosen and one not in seen.active
        }
        if not missing:
            chosen[run_id] = spec
        elif missing == {"running"}:
            held_back += 1
    return list(chosen.values()), held_back


def _plan(
    missing: Collection[RunSpec], seen: Survey, settings: SlurmSettings, experiment: Experiment, cluster: Cluster
) -> list[Wave]:
    if not missing:
        return []
    profiles = {spec.id: settings.profile(spec) for spec in missing}
    # A student need not wait for the job of a teacher that is already done.
    active = {run_id: job for run_id, job in seen.active.items() if seen.statuses[run_id].kind != "done"}
    seconds = expected_seconds(missing, recorded(experiment.root))
    parallelism = settings.general.array_parallelism
    return plan_waves(missing, profiles, seconds, active, cluster.largest_array(), parallelism)


def _submit(
    waves: Collection[Wave],
    ledger: Ledger,
    settings: SlurmSettings,
    work: Work,
    cluster: Cluster,
    outcome: SubmissionReport,
    progress: Callable[[int, int], None],
) -> None:
    submitted: list[Submission] = []
    for wave in waves:
        one = ledger.intend(wave.profile, wave.elements, _dependency(wave.after, submitted), work)
        outcome.calls += 1
        try:
            one = ledger.complete(one, sbatch(ledger, one, settings.general.array_parallelism))
        except Refused as error:
            outcome.refused = str(error)
            # sbatch may have accepted it nevertheless: a time-out proves nothing.
            reconcile(ledger, cluster.queue(), cluster)
            return
        submitted.append(one)
        outcome.submitted += [run_id for run_ids in wave.elements for run_id in run_ids]
        outcome.jobs += len(wave.elements)
        progress(len(submitted), len(waves))


def _dependency(after: After, submitted: Sequence[Submission]) -> str:
    """Return the dependency in sbatch's syntax; empty for none."""
    match after:
        case SameElement(wave):
            return f"aftercorr:{submitted[wave].job}"
        case Place():
            return f"afterok:{_job(after, submitted)}"
        case str(job):
            return f"afterok:{job}"
        case AllOf(jobs):
            return f"afterok:{':'.join(one if isinstance(one, str) else _job(one, submitted) for one in jobs)}"
    return ""


def _job(place: Place, submitted: Sequence[Submission]) -> str:
    return submitted[place.wave].job_of(place.element)


def jobs_to_cancel(ledger: Ledger, queue: Queue) -> list[str]:
    """Return the active jobs of an experiment, arrays as a whole, including those of abandoned submissions."""
    names = {one.job_name for one in ledger.submissions()}
    active = {job.partition("_")[0] for job, state in queue.jobs.items() if state.is_active}
    return sorted({job for name, job in queue.names.items() if name in names and job in active}, key=int)
