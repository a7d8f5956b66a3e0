"""The work of a SLURM job: the runs of one element of a submission, with the local launcher's workers."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from cmkd_bench.config.roots import Roots
from cmkd_bench.errors import EnvironmentFault
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.heartbeat import slurm_job
from cmkd_bench.experiment.provenance import code_version
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.ledger import PASSED_ON, Ledger, Submission
from cmkd_bench.launch.slurm.named import as_words, refuse_unnamed
from cmkd_bench.launch.slurm.states import FAULT_MARK, TIME_OUT
from cmkd_bench.terminal import replace_unencodable

if TYPE_CHECKING:
    from cmkd_bench.launch.local import LocalLauncher
    from cmkd_bench.launch.schedule import Schedule

FAULT_CODE = 75  # of the job's process; EX_TEMPFAIL of sysexits.h: try again later
FAULT_CHARACTERS = 2000  # so that the sign still fits into the first block of its file
REQUEUE_SECONDS = 30  # part of signal_delay_s that is left for submitit after the last checkpoint
TERMINATION_SECONDS = 20.0  # SLURM kills 30 s after SIGTERM by default


class NothingDone(Exception):
    """Raised if no run of the job is done, so that dependent jobs do not start."""


class Job:
    """The callable for submitit. It has no state to pickle: everything is read from the submission's file."""

    def __init__(self) -> None:
        self._launcher: LocalLauncher | None = None
        self._patience = 0.0
        self._process = 0

    def __getstate__(self) -> dict[str, Any]:
        return vars(Job())

    def __call__(self, file: str, element: int) -> list[str]:
        """Execute the runs of one job, except those that are already done.

        Args:
            file: file of the submission.
            element: index of the job in the submission.

        Returns:
            the ids of the finished runs.

        Raises:
            NothingDone: if no run is done, although some could be run.
            UserError: if the submission has a plug-in that this user has never named.
            SystemExit: if the machine is at fault, e.g. if the disk is full; the runs can be submitted again.
        """
        replace_unencodable(sys.stdout, sys.stderr)
        submission = Submission.from_json(read_json(Path(file)))
        experiment = Experiment(Path(submission.work.root), submission.work.experiment)
        if submission.state == "abandoned":
            print("This submission was abandoned before the job started; another one has its runs.")
            return []
        os.environ.update({name: value for name, value in submission.work.environment.items() if name in PASSED_ON})
        refuse_unnamed(experiment.name, as_words(submission.work.plugins, ()))
        sign = Ledger(experiment).started(submission, element)
        try:
            _note_start(sign, submission)
            return self._execute(experiment, submission, element, sign)
        except EnvironmentFault as fault:
            _note_fault(sign, fault)
            sys.exit(FAULT_CODE)

    def _execute(self, experiment: Experiment, submission: Submission, element: int, sign: Path) -> list[str]:
        from submitit.core.utils import UncompletedJobError

        schedule = _schedule(experiment, submission, element)
        try:
            self._run(schedule, submission)
        except UncompletedJobError:
            _note_time_out(schedule, submission)
            raise
        write_json(sign, {**read_json(sign), "finished": True})
        run_ids = [run_id for run_id in submission.elements[element] if run_id in schedule.specs]
        done = [run_id for run_id in run_ids if run_id in schedule.done]
        if run_ids and not done:
            raise NothingDone(f"no run of this job is done: {', '.join(run_ids)}")
        return done

    def checkpoint(self, file: str, element: int) -> Any:
        """Stop the runs and requeue the job; submitit's signal handler calls this."""
        from submitit.helpers import DelayedSubmission

        if self._process and os.getpid() != self._process:  # a worker that has just inherited the handler
            sys.exit(1)
        if self._launcher is not None:
            self._launcher.stop(self._patience)
        return DelayedSubmission(Job(), file, element)

    def _run(self, schedule: Schedule, submission: Submission) -> None:
        if schedule.is_over:
            return
        from cmkd_bench.launch.display import GridDisplay
        from cmkd_bench.launch.local import LocalLauncher
        from cmkd_bench.launch.placement import same_device
        from cmkd_bench.launch.worker import WorkerSettings
        from cmkd_bench.terminal import Terminal

        work, profile = submission.work, submission.profile
        settings = WorkerSettings(
            root=Path(work.root),
            experiment=work.experiment,
            device=profile.device,
            checkpoint_seconds=work.checkpoint_seconds,
            plugins=tuple(Path(plugin) for plugin in work.plugins),
            roots=Roots.from_json(work.roots),
            shielded=True,
        )
        waiting = [schedule.specs[run_id] for run_id in schedule.waiting]
        launcher = LocalLauncher(settings, same_device(profile.device, profile.at_once), waiting)
        self._patience = max(work.signal_delay_s - REQUEUE_SECONDS, 5)
        self._launcher, self._process = launcher, os.getpid()
        with _answering_sigterm(launcher), GridDisplay(Terminal(file=sys.stdout, width=120)) as display:
            launcher.run(schedule, display)
        print("\n".join(schedule.notes), end="\n" if schedule.notes else "")
        self._launcher = None


def _schedule(experiment: Experiment, submission: Submission, element: int) -> Schedule:
    """Return the runs of the job that can be run; print a message for students whose teacher is missing."""
    from cmkd_bench.launch.schedule import Schedule, blocked_by, first_teachers

    specs = {run_id: experiment.read_spec(run_id) for run_id in submission.elements[element]}
    teachers = {teacher for spec in specs.values() for teacher in spec.teacher_ids} - set(specs)
    _wait_for(experiment, sorted(teachers), submission.work.teacher_wait_s)
    trained = {one: experiment.read_spec(one) for one in teachers if experiment.run(one).is_done()}
    ready: dict[str, RunSpec] = {}
    for run_id, spec in specs.items():
        if absent := [one for one in spec.teachers if one.id not in specs and one.id not in trained]:
            print(f"{run_id} skipped: {blocked_by(experiment, spec) or f'{absent[0].name} is missing'}")
        else:
            ready[run_id] = spec
    return Schedule(experiment, {spec.id: spec for spec in first_teachers([*trained.values(), *ready.values()])})


def _wait_for(experiment: Experiment, teachers: Sequence[str], seconds: float) -> None:
    """Wait for files of another node, which a shared file system may show with a delay."""
    end = time.monotonic() + seconds
    folders = [experiment.run(teacher) for teacher in teachers]
    while any(not folder.is_done() and not folder.has_failed() for folder in folders):
        if time.monotonic() >= end:
            return
        time.sleep(min(1.0, seconds))


def _note_start(sign: Path, submission: Submission) -> None:
    code = code_version()
    if code != submission.work.code:
        print(f"The code has changed: submitted by {submission.work.code}, run by {code}.")
    sign.parent.mkdir(parents=True, exist_ok=True)
    values: Mapping[str, Any] = {"job": slurm_job(), "host": os.uname().nodename, "code": code, "finished": False}
    write_json(sign, values)


def _note_fault(sign: Path, fault: EnvironmentFault) -> None:
    """Record a fault in the job's log and in its sign, which is overwritten in place, because the disk may be full."""
    print(f"{FAULT_MARK}{fault}", file=sys.stderr, flush=True)
    with contextlib.suppress(OSError, ValueError):
        content = json.dumps({**read_json(sign), "fault": str(fault)[:FAULT_CHARACTERS]})
        with sign.open("r+", encoding="utf-8") as file:
            file.write(content)
            file.truncate()


def _note_time_out(schedule: Schedule, submission: Submission) -> None:
    limit, times = submission.profile.timeout_min, submission.work.max_num_timeout + 1
    for run_id in schedule.running:
        folder = schedule.experiment.run(run_id)
        if not folder.is_done() and not folder.has_failed():
            text = f"its job reached its limit of {limit} min {times} times; the checkpoint is kept"
            write_json(folder.error, {"cause": TIME_OUT, "message": text, "traceback": []})


@contextmanager
def _answering_sigterm(launcher: LocalLauncher) -> Iterator[None]:
    """Stop the runs on SIGTERM, which preemption, `scontrol requeue` and scancel send first and submitit ignores."""

    def answer(_number: int, _frame: FrameType | None) -> None:
        print("SIGTERM: the runs stop after their current epochs.", flush=True)
        launcher.stop(TERMINATION_SECONDS)
        sys.exit(128 + signal.SIGTERM)

    before = signal.signal(signal.SIGTERM, answer)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
