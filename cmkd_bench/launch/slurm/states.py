"""The state of a run, derived from its folder, its heartbeat, and what SLURM still knows of its job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from cmkd_bench.experiment.heartbeat import Beat
from cmkd_bench.experiment.spec import TeacherRun

RunKind = Literal["done", "running", "queued", "failed", "blocked", "waiting", "unknown"]
ACTIVE: tuple[RunKind, ...] = ("running", "queued", "unknown")

LOST = "lost"
OUT_OF_MEMORY = "out of memory"
TIME_OUT = "time-out"
CANCELLED = "cancelled"
PREEMPTED = "preempted"
NODE_FAILURE = "node failure"
JOB_FAILED = "job failed"
# The run itself is not at fault, so `run` resubmits it automatically.
TRANSIENT = (LOST, CANCELLED, PREEMPTED, NODE_FAILURE)

_ENDED = {
    "OUT_OF_MEMORY": OUT_OF_MEMORY,
    "TIMEOUT": TIME_OUT,
    "DEADLINE": TIME_OUT,
    "NODE_FAIL": NODE_FAILURE,
    "BOOT_FAIL": NODE_FAILURE,
    "PREEMPTED": PREEMPTED,
    "CANCELLED": CANCELLED,
    "REVOKED": CANCELLED,
    "FAILED": JOB_FAILED,
}
# Texts that slurmstepd writes into a job's log, where they outlive SLURM's own records. The last line is the cause.
_LOGGED = {
    "oom-kill": OUT_OF_MEMORY,
    "oom_kill": OUT_OF_MEMORY,
    "Exceeded job memory limit": OUT_OF_MEMORY,
    "exceeded memory limit": OUT_OF_MEMORY,
    "DUE TO TIME LIMIT": TIME_OUT,
    "DUE TO NODE FAILURE": NODE_FAILURE,
    "DUE TO PREEMPTION": PREEMPTED,
    "CANCELLED AT": CANCELLED,
}
# States of squeue for jobs that have started and have not ended.
_AT_WORK = ("RUNNING", "COMPLETING", "CONFIGURING", "STAGE_OUT", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING")
OVER = (*_ENDED, "COMPLETED", "LAUNCH_FAILED", "RECONFIG_FAIL")
FAULT_MARK = "fault of this machine: "  # in a job's log
NEVER = "DependencyNeverSatisfied"


@dataclass(frozen=True)
class JobState:
    """The state of one job according to SLURM."""

    state: str  # e.g. PENDING, RUNNING, TIMEOUT.
    reason: str = ""  # why it is pending
    node: str = ""  # node on which it runs

    @property
    def is_active(self) -> bool:
        """Whether the job is in the queue or running, as far as is known: of an unknown state nothing is concluded."""
        return self.state not in OVER


@dataclass(frozen=True)
class Evidence:
    """Everything that is known of a run."""

    done: bool = False  # whether it has a result
    error: Mapping[str, Any] | None = None  # the content of its error file
    locked: bool = False  # whether a process on this machine holds its lock
    checkpoint: bool = False  # whether it has a checkpoint
    damage: str = ""  # what is wrong with its record, if that cannot be read
    beat: Beat | None = None  # its heartbeat
    job: str = ""  # id of the last job that it was assigned to; empty if there was none
    slurm: JobState | None = None  # the state of that job; None if SLURM does not know it, or no longer does
    started: bool = False  # whether the job left a sign that it started
    finished: bool = False  # whether the job left a sign that it reached its end, whatever happened to its runs
    log: str = ""  # the end of the job's log
    answered: bool = True  # whether SLURM answered at all
    fault: str = ""  # the fault of the machine that the job met, as its sign tells


@dataclass(frozen=True)
class RunStatus:
    """The state of a run and the reason for it."""

    # done; running; queued: a job has it; failed; blocked: its teacher is missing; waiting: no job has it; unknown: a
    # job has it, and SLURM does not answer
    kind: RunKind
    cause: str = ""  # cause of a failure, in a few words
    message: str = ""  # one line
    job: str = ""  # id of its last job
    epoch: tuple[int, int] = (0, 0)  # number of finished epochs and of all epochs, for a running run

    @property
    def wants_a_job(self) -> bool:
        """Whether a command that finishes the grid should submit the run without being asked."""
        return self.kind == "waiting" or (self.kind == "failed" and self.cause in TRANSIENT)


def derive(evidence: Evidence) -> RunStatus:
    """Return the state of one run, regardless of its teacher."""
    job, slurm, beat = evidence.job, evidence.slurm, evidence.beat
    if evidence.done:
        return RunStatus("done", job=job)
    if evidence.locked or (beat is not None and beat.is_fresh and _may_be_alive(beat, evidence)):
        where = f"on {beat.host}" + (f" in job {beat.job}" if beat.job else "") if beat is not None else ""
        return RunStatus("running", "", where, job, (beat.epoch, beat.epochs) if beat else (0, 0))
    if evidence.error is not None:
        return _failed_by_itself(evidence, evidence.error)
    if slurm is not None and slurm.is_active:
        return _in_queue(job, slurm)
    if evidence.damage:
        return RunStatus("waiting", "", evidence.damage)
    if not job:
        return RunStatus("waiting", "", "interrupted; resumes from its checkpoint" if evidence.checkpoint else "")
    if slurm is None and not evidence.answered and not (_logged_cause(evidence.log) or evidence.fault):
        return RunStatus("unknown", "", "SLURM does not answer", job)
    return _ended(evidence)


def block(statuses: Mapping[str, RunStatus], teachers: Mapping[str, Sequence[TeacherRun]]) -> dict[str, RunStatus]:
    """Mark the students that cannot start because their teacher failed, with the reason.

    Args:
        statuses: by run id, as returned by `derive`.
        teachers: the teachers of each run.
    """
    return {run_id: _behind_all(status, teachers.get(run_id, ()), statuses) for run_id, status in statuses.items()}


def by_cause(statuses: Mapping[str, RunStatus]) -> dict[str, list[str]]:
    """Return the ids of failed runs by cause, the most frequent cause first."""
    causes: dict[str, list[str]] = {}
    for run_id, status in statuses.items():
        if status.kind == "failed":
            causes.setdefault(status.cause, []).append(run_id)
    return dict(sorted(causes.items(), key=lambda item: -len(item[1])))


def counts(statuses: Iterable[RunStatus]) -> dict[RunKind, int]:
    """Return how many runs are in each state; empty states other than done are left out."""
    order: tuple[RunKind, ...] = ("done", "running", "queued", "waiting", "failed", "blocked", "unknown")
    kinds = [status.kind for status in statuses]
    return {kind: kinds.count(kind) for kind in order if kind == "done" or kind in kinds}


def _may_be_alive(beat: Beat, evidence: Evidence) -> bool:
    """Return whether the run may be alive. A heartbeat outlives its process by STALE_SECONDS; SLURM knows at once."""
    if not beat.job or beat.job != evidence.job:
        return True
    return not evidence.answered or (evidence.slurm is not None and evidence.slurm.state in _AT_WORK)


def _failed_by_itself(evidence: Evidence, error: Mapping[str, Any]) -> RunStatus:
    cause = str(error["cause"])
    if cause == "worker died" and (
        (evidence.slurm is not None and evidence.slurm.state == "OUT_OF_MEMORY")
        or _logged_cause(evidence.log) == OUT_OF_MEMORY
    ):
        cause = OUT_OF_MEMORY
    return RunStatus("failed", cause, str(error["message"]), evidence.job)


def _in_queue(job: str, slurm: JobState) -> RunStatus:
    if slurm.reason == NEVER:
        return RunStatus("waiting", "", f"job {job} depends on a job that failed", job)
    if slurm.state in _AT_WORK:
        return RunStatus("queued", "", f"waits for its turn in job {job} on {slurm.node or 'a node'}", job)
    return RunStatus("queued", "", f"job {job}: {slurm.reason or slurm.state}", job)


def _ended(evidence: Evidence) -> RunStatus:
    slurm, job = evidence.slurm, evidence.job
    logged = _logged_cause(evidence.log)
    if fault := evidence.fault or _logged_fault(evidence.log):
        return RunStatus("waiting", "", f"job {job} was stopped by its machine: {fault}", job)
    if evidence.finished or (slurm is not None and slurm.state == "COMPLETED"):
        return RunStatus("waiting", "", f"job {job} ended without running it", job)
    if "could not find submitted jobs in path" in evidence.log:
        return RunStatus("waiting", "", f"job {job} was submitted only in part", job)
    if slurm is None and not evidence.started and not evidence.checkpoint and not logged:
        return RunStatus("failed", LOST, f"job {job} has disappeared and left no sign that it started", job)
    cause = _ENDED.get(slurm.state, LOST) if slurm is not None else LOST
    cause = logged if logged and cause in (LOST, JOB_FAILED) else cause
    if cause == CANCELLED and not evidence.started and not evidence.checkpoint:
        return RunStatus("waiting", CANCELLED, f"job {job} was canceled before it started", job)
    seen = f"its SLURM state is {slurm.state}" if slurm is not None else "SLURM no longer knows it"
    return RunStatus("failed", cause, f"job {job} ended without a result; {seen}{_last_line(evidence.log)}", job)


def _logged_cause(log: str) -> str | None:
    found = [(log.rfind(text), cause) for text, cause in _LOGGED.items() if text in log]
    # "CANCELLED AT ... DUE TO TIME LIMIT" contains two texts; the later one is the reason.
    return max(found)[1] if found else None


def _logged_fault(log: str) -> str:
    """Return the fault of the machine in a job's log; empty if there is none."""
    return log.rpartition(FAULT_MARK)[2].strip() if FAULT_MARK in log else ""


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"; its log ends with: {lines[-1][:160]}" if lines else ""


def _behind_all(status: RunStatus, teachers: Sequence[TeacherRun], statuses: Mapping[str, RunStatus]) -> RunStatus:
    found = (_behind(status, teacher, statuses) for teacher in teachers)
    return next((one for one in found if one is not status), status)


def _behind(status: RunStatus, teacher: TeacherRun, statuses: Mapping[str, RunStatus]) -> RunStatus:
    before = statuses.get(teacher.id)
    if before is None or before.kind != "failed" or status.kind in ("done", "running"):
        return status
    if status.kind == "failed" and status.cause not in TRANSIENT:
        return status
    if status.kind == "queued" and before.wants_a_job:
        return status
    return replace(status, kind="blocked", message=f"{teacher.name} failed: {before.cause}: {before.message}")
