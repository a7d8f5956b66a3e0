"""The only module that calls submitit: it submits an array of jobs from a recorded submission."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from cmkd_bench.errors import UserError
from cmkd_bench.launch.slurm.job import Job
from cmkd_bench.launch.slurm.ledger import Ledger, Submission

SBATCH_SECONDS = 120


class Refused(UserError):
    """Raised if sbatch did not accept the jobs, or if it is unknown whether it did."""


def sbatch(ledger: Ledger, submission: Submission, array_parallelism: int) -> str:
    """Submit the jobs.

    Returns:
        the id of the array or the job.

    Raises:
        Refused: with sbatch's message.
    """
    from submitit import SlurmExecutor, helpers

    count = len(submission.elements)
    # An executor keeps its settings, so each submission has its own.
    executor = SlurmExecutor(ledger.files_of_jobs(submission.token), max_num_timeout=submission.work.max_num_timeout)
    executor.update_parameters(**_parameters(submission, array_parallelism))
    inside_a_job = "SLURM_JOB_ID" in os.environ
    try:
        with helpers.clean_env() if inside_a_job else contextlib.nullcontext(), _time_limit(SBATCH_SECONDS):
            jobs = executor.map_array(Job(), [str(ledger.file(submission).resolve())] * count, range(count))
    except Exception as error:  # submitit wraps errors in many types
        raise Refused(f"sbatch: {str(error).strip() or type(error).__name__}") from error
    return str(jobs[0].job_id).partition("_")[0]


def complete_pickles(ledger: Ledger, submission: Submission) -> None:
    """Write what submitit would have written after sbatch if its process had not been killed."""
    from submitit.core.utils import DelayedSubmission, JobPaths

    file = str(ledger.file(submission).resolve())
    for element in range(len(submission.elements)):
        paths = JobPaths(ledger.files_of_jobs(submission.token), submission.job_of(element))
        if not paths.submitted_pickle.exists():
            delayed = DelayedSubmission(Job(), file, element)
            delayed.set_timeout(submission.profile.timeout_min, submission.work.max_num_timeout)
            paths.folder.mkdir(parents=True, exist_ok=True)
            # By rename, because a job that has started waits for it.
            temporary = paths.submitted_pickle.with_suffix(".tmp")
            delayed.dump(temporary)
            temporary.rename(paths.submitted_pickle)


def _parameters(submission: Submission, array_parallelism: int) -> dict[str, Any]:
    profile, work = submission.profile, submission.work
    further = {"requeue": True, **dict(profile.extra)}
    if submission.after:
        further["kill-on-invalid-dep"] = "yes"
    optional = {
        "partition": profile.partition,
        "account": profile.account,
        "qos": profile.qos,
        "constraint": profile.constraint,
        "gpus_per_node": profile.gpus,
        "mem": f"{round(profile.mem_gb * 1024)}M" if profile.mem_gb else "",
        "dependency": submission.after,
    }
    return {
        "job_name": submission.job_name,
        "time": profile.timeout_min,
        "nodes": 1,
        "ntasks_per_node": 1,
        "cpus_per_task": profile.cpus,
        "signal_delay_s": work.signal_delay_s,
        "array_parallelism": array_parallelism,
        # Since 22.05, srun does not inherit it from sbatch, and a step would have one core.
        "srun_args": [f"--cpus-per-task={profile.cpus}"],
        "setup": [_same_code(), *profile.setup],
        "additional_parameters": {name: value for name, value in further.items() if value is not False},
        **{name: value for name, value in optional.items() if value},
    }


def _same_code() -> str:
    """Return a shell line that lets the job import this very package, wherever the job starts."""
    folder = Path(__file__).resolve().parents[3]
    return f'export PYTHONPATH={shlex.quote(str(folder))}"${{PYTHONPATH:+:$PYTHONPATH}}"'


@contextmanager
def _time_limit(seconds: int) -> Iterator[None]:
    """Limit the time of sbatch, which submitit does not. An alarm reaches only the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise TimeoutError(f"no answer within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
