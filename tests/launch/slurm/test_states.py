"""What is said of a run, from every kind of evidence; the cases are written by hand."""

from __future__ import annotations

import pytest

from cmkd_bench.experiment.heartbeat import Beat
from cmkd_bench.experiment.spec import TeacherRun
from cmkd_bench.launch.slurm.answers import expand, minutes_of
from cmkd_bench.launch.slurm.states import Evidence, JobState, RunStatus, block, by_cause, derive

ERROR = {"cause": "non-finite loss", "message": "'kd' is nan"}
DIED = {"cause": "worker died", "message": "the worker process ended with signal 9, 3 times; out of memory?"}
FRESH = Beat(host="n1", job="7_0", epoch=3, epochs=9, age=10)
STALE = Beat(host="n1", job="7_0", epoch=3, epochs=9, age=500)
TIME_LIMIT = "slurmstepd: error: *** STEP 7.0 ON n1 CANCELLED AT 2026-01-01T00:00:00 DUE TO TIME LIMIT ***\n"
OOM = "slurmstepd: error: Detected 1 oom-kill event(s) in StepId=7.0.\n"


def run_of(run_id: str) -> TeacherRun:
    return TeacherRun("teacher", run_id, "audio", "mlp", "")


def job(state: str, reason: str = "", node: str = "") -> JobState:
    return JobState(state, reason, node)


@pytest.mark.parametrize(
    ("evidence", "kind", "cause"),
    [
        (Evidence(done=True, error=ERROR, beat=FRESH), "done", ""),
        (Evidence(), "waiting", ""),
        (Evidence(checkpoint=True), "waiting", ""),
        (Evidence(error=ERROR), "failed", "non-finite loss"),
        (Evidence(locked=True, error=ERROR), "running", ""),
        # A heartbeat, with SLURM's word and without.
        (Evidence(job="7_0", beat=FRESH, slurm=job("RUNNING")), "running", ""),
        (Evidence(job="7_0", beat=FRESH, answered=False), "running", ""),
        (Evidence(job="7_0", beat=FRESH, slurm=job("NODE_FAIL")), "failed", "node failure"),
        (Evidence(job="7_0", beat=FRESH), "failed", "lost"),
        (Evidence(beat=Beat("n1", "", 1, 2, age=5)), "running", ""),
        (Evidence(job="8", beat=Beat("laptop", "", 1, 2, age=5)), "running", ""),
        # In the queue, for the first time and again.
        (Evidence(job="7_0", slurm=job("PENDING", "Priority")), "queued", ""),
        (Evidence(job="7_0", slurm=job("PENDING", "BeginTime"), beat=STALE, checkpoint=True), "queued", ""),
        (Evidence(job="7_0", slurm=job("PENDING", "BeginTime"), beat=FRESH, checkpoint=True), "queued", ""),
        (Evidence(job="7_0", slurm=job("RUNNING"), beat=STALE), "queued", ""),
        (Evidence(job="7_0", slurm=job("PENDING", "DependencyNeverSatisfied")), "waiting", ""),
        # How jobs end, by SLURM's word.
        (Evidence(job="7_0", slurm=job("OUT_OF_MEMORY"), started=True), "failed", "out of memory"),
        (Evidence(job="7_0", slurm=job("TIMEOUT"), started=True), "failed", "time-out"),
        (Evidence(job="7_0", slurm=job("NODE_FAIL"), started=True), "failed", "node failure"),
        (Evidence(job="7_0", slurm=job("PREEMPTED"), started=True), "failed", "preempted"),
        (Evidence(job="7_0", slurm=job("CANCELLED"), started=True), "failed", "cancelled"),
        (Evidence(job="7_0", slurm=job("FAILED"), started=True), "failed", "job failed"),
        (Evidence(job="7_0", slurm=job("CANCELLED")), "waiting", "cancelled"),
        (Evidence(job="7_0", slurm=job("COMPLETED"), started=True), "waiting", ""),
        # By the log alone, where SLURM has forgotten the job.
        (Evidence(job="7_0", started=True, log=TIME_LIMIT), "failed", "time-out"),
        (Evidence(job="7_0", started=True, log=OOM), "failed", "out of memory"),
        (Evidence(job="7_0", started=True, log="Traceback\n"), "failed", "lost"),
        (Evidence(job="7_0", slurm=job("FAILED"), started=True, log=OOM), "failed", "out of memory"),
        (Evidence(job="7_0", started=True, finished=True), "waiting", ""),
        (Evidence(job="7_0", slurm=job("FAILED"), log="could not find submitted jobs in path:"), "waiting", ""),
        (Evidence(job="7_0"), "failed", "lost"),
        # SLURM does not answer.
        (Evidence(job="7_0", answered=False), "unknown", ""),
        (Evidence(job="7_0", answered=False, error=ERROR), "failed", "non-finite loss"),
        (Evidence(job="7_0", answered=False, log=TIME_LIMIT), "failed", "time-out"),
        # A worker that the kernel killed.
        (Evidence(job="7_0", error=DIED, slurm=job("OUT_OF_MEMORY")), "failed", "out of memory"),
        (Evidence(job="7_0", error=DIED, log=OOM), "failed", "out of memory"),
        (Evidence(job="7_0", error=DIED, slurm=job("FAILED")), "failed", "worker died"),
    ],
)
def test_the_state_of_a_run(evidence: Evidence, kind: str, cause: str) -> None:
    status = derive(evidence)
    assert (status.kind, status.cause) == (kind, cause)


def test_what_a_command_submits_unasked() -> None:
    unasked = [RunStatus("waiting"), *(RunStatus("failed", cause) for cause in ("lost", "cancelled", "node failure"))]
    asked = [RunStatus("failed", cause) for cause in ("out of memory", "time-out", "non-finite loss", "job failed")]
    assert all(status.wants_a_job for status in unasked)
    assert not any(status.wants_a_job for status in [*asked, RunStatus("queued"), RunStatus("done")])


def test_a_student_of_a_failed_teacher_is_blocked_with_its_cause() -> None:
    statuses = {
        "teacher": RunStatus("failed", "out of memory", "job 7 ended"),
        "cancelled": RunStatus("waiting", "cancelled"),
        "gone": RunStatus("failed", "lost"),
        "queued": RunStatus("queued"),
        "nan": RunStatus("failed", "non-finite loss"),
        "done": RunStatus("done"),
        "other": RunStatus("waiting"),
    }
    blocked = block(
        statuses, {**dict.fromkeys(statuses, (run_of("teacher"),)), "teacher": (), "other": (run_of("elsewhere"),)}
    )
    kinds = {run_id: status.kind for run_id, status in blocked.items()}
    assert kinds == {
        "teacher": "failed",
        "cancelled": "blocked",
        "gone": "blocked",
        "queued": "blocked",
        "nan": "failed",
        "done": "done",
        "other": "waiting",
    }
    assert blocked["cancelled"].message == "teacher teacher failed: out of memory: job 7 ended"


def test_causes_are_grouped_the_most_frequent_first() -> None:
    failed = {"a": RunStatus("failed", "lost"), "b": RunStatus("failed", "time-out"), "c": RunStatus("done")}
    assert by_cause({**failed, "d": RunStatus("failed", "time-out")}) == {"time-out": ["b", "d"], "lost": ["a"]}


@pytest.mark.parametrize(
    ("shown", "ids"),
    [
        ("12", ["12"]),
        ("12_3", ["12_3"]),
        ("12_[0-2]", ["12_0", "12_1", "12_2"]),
        ("12_[1,4-5%2]", ["12_1", "12_4", "12_5"]),
    ],
)
def test_the_ids_of_squeue(shown: str, ids: list[str]) -> None:
    assert expand(shown) == ids


@pytest.mark.parametrize(
    ("limit", "minutes"),
    [
        ("30", 30),
        ("30:00", 30),
        ("4:00:00", 240),
        ("1-00:00:00", 1440),
        ("2-12", 3600),
        ("1-01:30", 1530),
        ("infinite", None),
        ("n/a", None),
    ],
)
def test_the_time_limits_of_sinfo(limit: str, minutes: int | None) -> None:
    assert minutes_of(limit) == minutes
