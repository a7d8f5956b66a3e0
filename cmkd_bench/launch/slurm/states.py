"""What became of a run, from the evidence alone: its folder, its heartbeat, and what SLURM still knows of its job."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from cmkd_bench.experiment.heartbeat import Beat

RunKind = Literal["done", "running", "queued", "failed", "blocked", "waiting", "unknown"]
ACTIVE: tuple[RunKind, ...] = ("running", "queued", "unknown")

LOST = "lost"
OUT_OF_MEMORY = "out of memory"
TIME_OUT = "time-out"
CANCELLED = "cancelled"
PREEMPTED = "preempted"
NODE_FAILURE = "node failure"
JOB_FAILED = "job failed"
# Nothing in the run itself speaks against running it again, so `run` does it unasked.
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
# What slurmstepd writes into a job's log; it stays where SLURM has forgotten the job. The last line is the first cause.
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
# States of squeue for jobs that are neither over nor at rest in the queue.
_AT_WORK = ("RUNNING", "COMPLETING", "CONFIGURING", "STAGE_OUT", "SUSPENDED", "STOPPED", "SIGNALING", "RESIZING")
_IN_QUEUE = ("PENDING", "REQUEUED", "REQUEUE_FED", "REQUEUE_HOLD", "SPECIAL_EXIT")
NEVER = "DependencyNeverSatisfied"


@dataclass(frozen=True)
class JobState:
    """One job as SLURM shows it.

    Attributes:
        state: e.g. PENDING, RUNNING, TIMEOUT.
        reason: why it is pending.
        node: where it runs.
    """

    state: str
    reason: str = ""
    node: str = ""

    @property
    def is_active(self) -> bool:
        """Whether it is in the queue or at work."""
        return self.state in (*_AT_WORK, *_IN_QUEUE)


@dataclass(frozen=True)
class Evidence:
    """All that is known of a run.

    Attributes:
        done: whether it has a result.
        error: the content of its error file.
        locked: whether a process of this machine holds its lock.
        checkpoint: whether it has one.
        beat: its heartbeat.
        job: the id of the last job that it was given to; empty where there was none.
        slurm: that job as SLURM shows it; None where SLURM does not know it (any more).
        started: whether the job left a sign that it began.
        finished: whether it left one that it came to its end, whatever became of its runs.
        log: the end of the job's log.
        answered: whether SLURM answered at all.
    """

    done: bool = False
    error: Mapping[str, Any] | None = None
    locked: bool = False
    checkpoint: bool = False
    beat: Beat | None = None
    job: str = ""
    slurm: JobState | None = None
    started: bool = False
    finished: bool = False
    log: str = ""
    answered: bool = True


@dataclass(frozen=True)
class RunStatus:
    """The state of a run, and why.

    Attributes:
        kind: done; running; queued: a job has it; failed; blocked: its teacher cannot be had; waiting: no job has it;
            unknown: a job has it, and SLURM does not answer.
        cause: of a failure, in few words.
        message: in one line.
        job: the id of its last job.
        epoch: epochs that are done, and all of them, of a run that is running.
    """

    kind: RunKind
    cause: str = ""
    message: str = ""
    job: str = ""
    epoch: tuple[int, int] = (0, 0)

    @property
    def wants_a_job(self) -> bool:
        """Whether a command that finishes the grid should submit it without being asked to."""
        return self.kind == "waiting" or (self.kind == "failed" and self.cause in TRANSIENT)


def derive(evidence: Evidence) -> RunStatus:
    """The state of one run, without a look at its teacher."""
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
    if not job:
        return RunStatus("waiting", "", "was cut off; goes on from its checkpoint" if evidence.checkpoint else "")
    if slurm is None and not evidence.answered and not _logged_cause(evidence.log):
        return RunStatus("unknown", "", "SLURM does not answer", job)
    return _ended(evidence)


def block(statuses: Mapping[str, RunStatus], teachers: Mapping[str, str | None]) -> dict[str, RunStatus]:
    """Where a student cannot start because its teacher failed, say so, and how.

    Args:
        statuses: by run id, as `derive` has them.
        teachers: the teacher of each run.
    """
    return {run_id: _behind(status, teachers.get(run_id), statuses) for run_id, status in statuses.items()}


def by_cause(statuses: Mapping[str, RunStatus]) -> dict[str, list[str]]:
    """The ids of failed runs by cause, the most frequent first."""
    causes: dict[str, list[str]] = {}
    for run_id, status in statuses.items():
        if status.kind == "failed":
            causes.setdefault(status.cause, []).append(run_id)
    return dict(sorted(causes.items(), key=lambda item: -len(item[1])))


def counts(statuses: Iterable[RunStatus]) -> dict[RunKind, int]:
    """How many runs are in each state; states without runs are left out, but for done."""
    order: tuple[RunKind, ...] = ("done", "running", "queued", "waiting", "failed", "blocked", "unknown")
    kinds = [status.kind for status in statuses]
    return {kind: kinds.count(kind) for kind in order if kind == "done" or kind in kinds}


def _may_be_alive(beat: Beat, evidence: Evidence) -> bool:
    """A heartbeat outlives its process by up to STALE_SECONDS; SLURM knows at once that a job ended, or waits again."""
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
        return RunStatus("waiting", "", f"job {job} waits for one that failed", job)
    if slurm.state in _AT_WORK:
        return RunStatus("queued", "", f"its turn comes in job {job} on {slurm.node or 'a node'}", job)
    return RunStatus("queued", "", f"job {job}: {slurm.reason or slurm.state}", job)


def _ended(evidence: Evidence) -> RunStatus:
    slurm, job = evidence.slurm, evidence.job
    logged = _logged_cause(evidence.log)
    if evidence.finished or (slurm is not None and slurm.state == "COMPLETED"):
        return RunStatus("waiting", "", f"job {job} ended without having run it", job)
    if "could not find submitted jobs in path" in evidence.log:
        return RunStatus("waiting", "", f"job {job} was not completely submitted", job)
    if slurm is None and not evidence.started and not evidence.checkpoint and not logged:
        return RunStatus("failed", LOST, f"job {job} is gone, and left no sign that it ever started", job)
    cause = _ENDED.get(slurm.state, LOST) if slurm is not None else LOST
    cause = logged if logged and cause in (LOST, JOB_FAILED) else cause
    if cause == CANCELLED and not evidence.started and not evidence.checkpoint:
        return RunStatus("waiting", CANCELLED, f"job {job} was cancelled before it started", job)
    seen = f"SLURM says {slurm.state}" if slurm is not None else "SLURM has forgotten it"
    return RunStatus("failed", cause, f"job {job} ended without a result; {seen}{_last_line(evidence.log)}", job)


def _logged_cause(log: str) -> str | None:
    found = [(log.rfind(text), cause) for text, cause in _LOGGED.items() if text in log]
    # "CANCELLED AT ... DUE TO TIME LIMIT" holds two texts; the later one says why.
    return max(found)[1] if found else None


def _last_line(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    return f"; its log ends with: {lines[-1][:160]}" if lines else ""


def _behind(status: RunStatus, teacher: str | None, statuses: Mapping[str, RunStatus]) -> RunStatus:
    before = statuses.get(teacher or "")
    if before is None or before.kind != "failed" or status.kind in ("done", "running"):
        return status
    if status.kind == "failed" and status.cause not in TRANSIENT:
        return status
    if status.kind == "queued" and before.wants_a_job:
        return status
    return replace(status, kind="blocked", message=f"teacher {teacher} failed: {before.cause}: {before.message}")
