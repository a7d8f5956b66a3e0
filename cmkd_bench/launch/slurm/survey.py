"""Gather the evidence on all runs of an experiment: folders, one call of squeue, and at most one of sacct."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cmkd_bench.config.slurm import Profile
from cmkd_bench.errors import shortened
from cmkd_bench.experiment.archived_run import ArchivedRun, stored
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_object
from cmkd_bench.experiment.heartbeat import read_beat
from cmkd_bench.experiment.provenance import code_version
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.answers import Queue
from cmkd_bench.launch.slurm.cluster import Cluster, SlurmSilent
from cmkd_bench.launch.slurm.ledger import Ledger, Submission, latest_jobs
from cmkd_bench.launch.slurm.states import Evidence, JobState, RunStatus, block, derive

LOG_BYTES = 4096
GONE = "GONE"  # not a state of SLURM: neither squeue, sacct nor scontrol knows the job


@dataclass(frozen=True)
class Survey:
    """The state of an experiment's runs at one moment."""

    statuses: dict[str, RunStatus]  # by run id
    specs: dict[str, RunSpec]  # by run id
    logs: dict[str, Path]  # the log of each run's last job
    profiles: dict[str, Profile]  # the resources of each run's last job
    active: dict[str, str]  # ids of the jobs that have a run now, by run id
    queue: Queue | None  # the output of squeue; None if it was not called or did not answer
    # further information for the user: no accounting, changed code, no answer from SLURM
    notes: list[str] = field(default_factory=list)
    names: Mapping[str, str] = field(default_factory=dict)  # rows of the runs of variants, by run id

    def row_of(self, spec: RunSpec) -> str:
        """Return the row that a run fills; for one that is no variant's, its method."""
        return self.names.get(spec.id, spec.method)


def survey(experiment: Experiment, specs: Iterable[RunSpec], cluster: Cluster, queue: Queue | None = None) -> Survey:
    """Inspect every run once; SLURM is called only if it has, or had, jobs of these runs.

    Args:
        experiment: experiment with the runs.
        specs: the runs, their teachers among them.
        cluster: commands of the cluster.
        queue: recent output of squeue, if any.

    Raises:
        SlurmSilent: if the given output of squeue leaves out jobs that SLURM has; other faults of SLURM become notes.
    """
    by_id = {spec.id: spec for spec in specs}
    ledger = Ledger(experiment)
    submissions = ledger.submissions()
    jobs = {run_id: job for run_id, job in latest_jobs(submissions).items() if run_id in by_id}
    notes = []
    open_runs = [run_id for run_id in jobs if not experiment.run(run_id).is_done()]
    open_jobs = {one.job_of(i) for one, i in (jobs[run_id] for run_id in open_runs)}
    if queue is not None or not jobs:
        states = job_states(ledger, cluster, queue, open_jobs)
    else:
        try:
            queue = cluster.queue()
            states = job_states(ledger, cluster, queue, open_jobs)
        except SlurmSilent as error:
            notes.append(f"{error} The state shown is based only on the runs' folders.")
            queue = None
            states = job_states(ledger, cluster, None, open_jobs)
    reader = _Reader(experiment, ledger, states, queue is not None)
    statuses = {run_id: derive(reader.evidence(run_id, jobs.get(run_id))) for run_id in by_id}
    if cluster.accounting is False:
        notes.append("sacct does not answer; the ends of jobs are read from squeue and their logs.")
    current = {run_id: one.job_of(element) for run_id, (one, element) in jobs.items()}
    return Survey(
        statuses=block(statuses, {run_id: spec.teachers for run_id, spec in by_id.items()}),
        specs=by_id,
        logs={run_id: ledger.log(*job) for run_id, job in jobs.items()},
        profiles={run_id: one.profile for run_id, (one, _) in jobs.items()},
        active={run_id: job for run_id, job in current.items() if _is_active(states, job)},
        queue=queue,
        notes=[*notes, *_changed_code(submissions, states, reader)],
    )


class _Reader:
    """Reads each file of runs and jobs only once."""

    def __init__(self, experiment: Experiment, ledger: Ledger, states: Mapping[str, JobState], answered: bool) -> None:
        self._experiment, self._ledger, self._states, self._answered = experiment, ledger, states, answered
        self._logs: dict[Path, str] = {}
        self._signs: dict[Path, dict[str, object]] = {}

    def evidence(self, run_id: str, job: tuple[Submission, int] | None) -> Evidence:
        """Return the evidence on one run; a job's log is read only if nothing else says how the job ended."""
        folder = stored(self._experiment, run_id)
        if isinstance(folder, ArchivedRun):
            return Evidence(done=folder.is_done(), error=folder.failure())
        name = job[0].job_of(job[1]) if job else ""
        problem = folder.problem()
        if problem is None and folder.result.exists():
            return Evidence(done=True, job=name)
        if problem is not None:
            self._experiment.note(problem)
        slurm = self._states.get(name)
        is_over = job is not None and (slurm is None or not slurm.is_active)
        sign = self.sign(*job) if job and is_over else {}
        return Evidence(
            error=folder.failure() if problem is None else None,
            locked=folder.is_locked(),
            checkpoint=folder.checkpoint.exists(),
            damage=f"{problem.path.name} {problem.reason}; `run` repeats it" if problem is not None else "",
            beat=read_beat(folder.heartbeat),
            job=name,
            slurm=slurm,
            started=bool(sign),
            finished=bool(sign.get("finished")),
            fault=str(sign.get("fault") or ""),
            log=self._log(self._ledger.log(*job)) if job and is_over else "",
            answered=self._answered,
        )

    def sign(self, submission: Submission, element: int) -> dict[str, object]:
        """Return what a job recorded when it started; empty if it did not."""
        path = self._ledger.started(submission, element)
        if path not in self._signs:
            try:
                self._signs[path] = read_object(path)
            except Damaged:  # or missing: the job's state and log still tell how it ended
                self._signs[path] = {}
        return self._signs[path]

    def _log(self, path: Path) -> str:
        if path not in self._logs:
            self._logs[path] = _tail(path)
        return self._logs[path]


def job_states(ledger: Ledger, cluster: Cluster, queue: Queue | None, jobs: set[str]) -> dict[str, JobState]:
    """Return the states of jobs from squeue, earlier records or sacct, and record how jobs ended.

    Args:
        ledger: of the experiment.
        cluster: commands of the cluster.
        queue: the output of squeue; None if it did not answer.
        jobs: ids of the jobs.

    Raises:
        SlurmSilent: if squeue left out jobs that SLURM has, which would be submitted twice if it were believed.
    """
    states = {job: queue.jobs[job] for job in jobs if queue is not None and job in queue.jobs}
    noted = ledger.read_ended()
    unknown = {job for job in jobs if job not in states and job not in noted}
    if queue is not None:
        noted |= {
            job: end for job, end in cluster.ended(sorted({_array(job) for job in unknown})).items() if job in jobs
        }
    noted = {job: state for job, state in noted.items() if state == GONE or not JobState(state).is_active}
    if queue is not None:
        noted |= dict.fromkeys(_gone(cluster, unknown - set(noted)), GONE)
    ended = {job: one.state for job, one in states.items() if not one.is_active}
    ledger.note_ended({**{job: state for job, state in noted.items() if job in jobs}, **ended})
    return {**{job: JobState(state) for job, state in noted.items() if state != GONE}, **states}


def _gone(cluster: Cluster, jobs: set[str]) -> set[str]:
    """Return jobs that squeue does not list after asking the controller too, because squeue may say nothing by mistake.

    Raises:
        SlurmSilent: if the controller knows one of them, or does not answer.
    """
    if not jobs:
        return set()
    if left_out := sorted(jobs & set(cluster.controlled())):
        raise SlurmSilent(f"squeue left out jobs that SLURM has ({shortened(', '.join(left_out))}). Try again later.")
    return jobs


def _changed_code(submissions: Iterable[Submission], states: Mapping[str, JobState], reader: _Reader) -> list[str]:
    here = code_version()
    waiting: set[str] = set()
    other: set[tuple[str, str]] = set()
    for one in submissions:
        for element in range(len(one.elements)) if one.state == "submitted" else ():
            if _is_active(states, one.job_of(element)) and one.work.code != here:
                waiting.add(one.work.code)
            ran = reader.sign(one, element).get("code")
            if ran is not None and ran != one.work.code:
                other.add((one.work.code, str(ran)))
    return [
        *(f"queued jobs were submitted with code {code}; if they start now, they run with {here}." for code in waiting),
        *(f"jobs submitted with code {code} ran with {ran}." for code, ran in sorted(other)),
    ]


def _is_active(states: Mapping[str, JobState], job: str) -> bool:
    return job in states and states[job].is_active


def _array(job: str) -> str:
    return job.partition("_")[0]


def _tail(path: Path) -> str:
    try:
        with path.open("rb") as file:
            file.seek(0, 2)
            file.seek(max(file.tell() - LOG_BYTES, 0))
            return file.read().decode(errors="replace")
    except OSError:
        return ""
