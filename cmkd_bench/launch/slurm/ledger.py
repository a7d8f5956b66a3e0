"""The record of submissions: one small file per call of sbatch, written before the call and completed after it."""

from __future__ import annotations

import re
import shutil
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

from cmkd_bench.config.slurm import Profile
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.containment import check_folder
from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import file_lock, read_object, write_json
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.slurm.named import CONFIG_HOME

# intended: sbatch may or may not have been called. abandoned: it was not, or SLURM has no such job; a job that starts
# nevertheless reads this state and does nothing.
SubmissionState = Literal["intended", "submitted", "abandoned"]
LOCK_SECONDS = 60.0
# Variables of the login shell that a job needs if the site does not export the environment. No other variable is
# taken from a file, because many can make programs execute code.
PASSED_ON = ("HF_HOME", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "TORCH_HOME", CONFIG_HOME)
_TOKEN, _FILE = re.compile(r"[0-9a-f]{12}"), re.compile(r"(\d{5,})-[0-9a-f]{12}\.json")
FORGET = "Cancel its jobs, which squeue lists as cmkd-..., then rename the file so that it does not end with .json."


@dataclass(frozen=True)
class Work:
    """What the jobs of one command share; paths are absolute."""

    root: str  # the results folder
    experiment: str  # its name
    plugins: tuple[str, ...]  # files that register methods or datasets
    roots: Mapping[str, str | None]  # folders of the data and weights, as JSON values
    environment: Mapping[str, str]  # environment variables that the jobs need, e.g. the location of the hub's files.
    checkpoint_seconds: float  # minimum time between two checkpoints of a run
    signal_delay_s: int  # seconds between SLURM's signal and the end of a job
    max_num_timeout: int  # how often a job that reached its time limit is requeued
    teacher_wait_s: float  # how long a student waits for its teacher's files
    code: str  # version of the code that submitted the jobs


@dataclass(frozen=True)
class Submission:
    """One call of sbatch."""

    token: str  # end of the jobs' name, which identifies them
    number: int  # number of the submission in the experiment
    state: SubmissionState  # progress of the submission
    job: str  # id of the array, or of the single job; empty while unknown
    profile: Profile  # resources of the jobs
    elements: tuple[tuple[str, ...], ...]  # runs of each job
    after: str  # the dependency in sbatch's syntax; empty for none
    work: Work  # settings of its jobs

    @property
    def job_name(self) -> str:
        """The name of the jobs in squeue."""
        return f"cmkd-{self.token}"

    def job_of(self, element: int) -> str:
        """Return the id of one of its jobs; an array with one element is submitted as a single job."""
        return self.job if len(self.elements) == 1 else f"{self.job}_{element}"

    def to_json(self) -> dict[str, Any]:
        """Return plain JSON values; `from_json` is the inverse."""
        return {**asdict(self), "profile": self.profile.to_json()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Submission:
        """Return the submission that `to_json` wrote.

        Raises:
            UserError: if its names could lead out of the experiment's folder.
        """
        if not _TOKEN.fullmatch(str(values["token"])) or not re.fullmatch(r"\d*", str(values["job"])):
            raise UserError(
                f"a submission has the token {values['token']!r} and the job {values['job']!r}, which is "
                "not what cmkd-bench writes. Remove its file from slurm/submissions/."
            )
        work = Work(**{**values["work"], "plugins": tuple(values["work"]["plugins"])})
        elements = tuple(tuple(one) for one in values["elements"])
        return cls(**{**values, "profile": Profile.from_json(values["profile"]), "elements": elements, "work": work})


class Ledger:
    """The folder `slurm/` of an experiment: submissions, submitit's files, and the recorded ends of jobs."""

    def __init__(self, experiment: Experiment) -> None:
        self.experiment = experiment
        self.path = experiment.path / "slurm"
        check_folder(self.path, experiment.path)

    def file(self, submission: Submission) -> Path:
        """Return the file of a submission, which is the only input of a job."""
        return self.path / "submissions" / f"{submission.number:05d}-{submission.token}.json"

    def files_of_jobs(self, token: str) -> Path:
        """Return the folder of submitit's pickles and SLURM's logs of one submission."""
        return self.path / "jobs" / token

    def log(self, submission: Submission, element: int) -> Path:
        """Return the log of a job, which ends with SLURM's own messages."""
        return self.files_of_jobs(submission.token) / f"{submission.job_of(element)}_0_log.err"

    def started(self, submission: Submission, element: int) -> Path:
        """Return the file that a job writes when it starts: where, when, and with which code."""
        return self.files_of_jobs(submission.token) / f"started-{element}.json"

    @property
    def ended(self) -> Path:
        """The file with the final states of jobs by id, as SLURM reported them."""
        return self.path / "ended.json"

    def submissions(self) -> list[Submission]:
        """Return all submissions in order."""
        return [_read(file) for file in self._files()]

    def intend(self, profile: Profile, elements: Sequence[Sequence[str]], after: str, work: Work) -> Submission:
        """Record that sbatch is about to be called."""
        number = 1 + max((int(file.name.partition("-")[0]) for file in self._files()), default=0)
        runs = tuple(tuple(one) for one in elements)
        one = Submission(uuid.uuid4().hex[:12], number, "intended", "", profile, runs, after, work)
        self._write(one)
        return one

    def complete(self, submission: Submission, job: str) -> Submission:
        """Record the id that sbatch returned."""
        done = replace(submission, state="submitted", job=job)
        self._write(done)
        return done

    def abandon(self, submission: Submission) -> None:
        """Record that SLURM has no such job, and remove submitit's files."""
        self._write(replace(submission, state="abandoned"))
        shutil.rmtree(self.files_of_jobs(submission.token), ignore_errors=True)

    def tidy(self, done: Collection[str], active: Collection[str]) -> None:
        """Remove submitit's files and logs of submissions that are no longer needed.

        Args:
            done: ids of runs with a result.
            active: names of jobs that are queued or running.
        """
        finished = set(done)
        for one in self.submissions():
            over = all(run_id in finished for run_ids in one.elements for run_id in run_ids)
            if over and one.state != "intended" and one.job_name not in active:
                shutil.rmtree(self.files_of_jobs(one.token), ignore_errors=True)

    @property
    def answers(self) -> Path:
        """The log of SLURM's answers that could not be read."""
        return self.path / "answers.log"

    @property
    def settings(self) -> Path:
        """The file with the settings of the last submission, so that `retry` needs only the experiment's name."""
        return self.path / "settings.json"

    def read_ended(self) -> dict[str, str]:
        """Return how jobs ended, by id."""
        try:
            return read_object(self.ended)
        except Damaged:  # or missing: SLURM and the logs of the jobs are asked again
            return {}

    def note_ended(self, states: Mapping[str, str]) -> None:
        """Record how jobs ended, because SLURM forgets it after minutes."""
        known = self.read_ended()
        if any(known.get(job) != state for job, state in states.items()):
            self.path.mkdir(parents=True, exist_ok=True)
            write_json(self.ended, {**known, **states})

    @contextmanager
    def locked(self, patience: float = LOCK_SECONDS) -> Iterator[None]:
        """Hold the lock of the ledger within the block: only one command at a time submits.

        Raises:
            UserError: if another command keeps the lock.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        refusal = UserError(
            f"another command has been submitting experiment '{self.experiment.name}' for longer than "
            f"{patience:.0f} s. Wait until it ends or stop it, then rerun this command."
        )
        with file_lock(self.path / ".lock", refusal, patience):
            yield

    def _files(self) -> list[Path]:
        return sorted(file for file in (self.path / "submissions").glob("*.json") if _FILE.fullmatch(file.name))

    def _write(self, submission: Submission) -> None:
        file = self.file(submission)
        file.parent.mkdir(parents=True, exist_ok=True)
        write_json(file, submission.to_json())


def _read(file: Path) -> Submission:
    """Return a submission.

    Raises:
        Damaged: if its file is damaged; nothing else says which jobs have which runs.
    """
    try:
        return Submission.from_json(read_object(file, FORGET))
    except (KeyError, TypeError, AttributeError) as error:
        raise Damaged(file, f"is not the record of a submission ({type(error).__name__}: {error})", FORGET) from error


def latest_jobs(submissions: Sequence[Submission]) -> dict[str, tuple[Submission, int]]:
    """Return the last submission of each run and its index there; abandoned submissions do not count."""
    return {
        run_id: (one, element)
        for one in submissions
        if one.state == "submitted"
        for element, run_ids in enumerate(one.elements)
        for run_id in run_ids
    }
