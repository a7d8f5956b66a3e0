"""SLURM's commands: each is called once for all jobs, with a time limit, and may be missing or not answer."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

from cmkd_bench.errors import UserError
from cmkd_bench.launch.slurm.states import JobState

CALL_SECONDS = 60.0
NEEDED = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun")
_ARRAY = re.compile(r"(\d+)_\[([\d,-]+)(?:%\d+)?\]")


class SlurmSilent(UserError):
    """Raised if a SLURM command does not answer, or answers with an error."""


@dataclass(frozen=True)
class Queue:
    """The output of one call of squeue: jobs in the queue, and jobs that ended minutes ago.

    Attributes:
        jobs: by id; an array's elements by `123_4`.
        names: ids of jobs, without array elements, by name.
    """

    jobs: dict[str, JobState]
    names: dict[str, str]


@dataclass(frozen=True)
class Partition:
    """A partition as shown by sinfo; of several kinds of nodes, the largest.

    Attributes:
        minutes: time limit; None if there is none.
        up: whether jobs can start.
        cpus: cores of a node.
        mem_mb: memory of a node.
        gpus: whether its nodes have GPUs.
    """

    name: str
    is_default: bool
    minutes: int | None
    up: bool
    cpus: int
    mem_mb: int
    gpus: bool


class Cluster:
    """The SLURM commands of this machine's cluster.

    Attributes:
        calls: number of calls.
        accounting: whether sacct answers; None before the first call.
    """

    def __init__(self, seconds: float = CALL_SECONDS) -> None:
        self._seconds = seconds
        self.calls = 0
        self.accounting: bool | None = None

    def missing_commands(self) -> list[str]:
        """Return the commands that are not on the path."""
        return [name for name in NEEDED if shutil.which(name) is None]

    def queue(self) -> Queue:
        """Return all jobs of this user.

        Raises:
            SlurmSilent: if squeue does not answer.
        """
        jobs, names = {}, {}
        for line in self._call("squeue", "--me", "-h", "-r", "-t", "all", "-o", "%i|%T|%r|%N|%j").splitlines():
            job, state, reason, node, name = line.split("|", 4)
            for one in expand(job):
                jobs[one] = JobState(state, "" if reason == "None" else reason, node)
            names[name] = job.partition("_")[0]
        return Queue(jobs, names)

    def ended(self, jobs: Sequence[str]) -> dict[str, str]:
        """Return how jobs ended that squeue has forgotten; empty without accounting, which is tried only once.

        Args:
            jobs: ids of jobs or arrays, without array elements.
        """
        if self.accounting is False or not jobs:
            return {}
        try:
            lines = self._call("sacct", "-n", "-P", "-X", "-o", "JobID,State", "-j", ",".join(jobs)).splitlines()
        except SlurmSilent:
            self.accounting = False
            return {}
        self.accounting = True
        pairs = (line.split("|", 1) for line in lines if "|" in line)
        return {one: state.split(" ")[0] for job, state in pairs for one in expand(job)}

    def largest_array(self) -> int:
        """Return the maximum number of elements of an array.

        Raises:
            SlurmSilent: if scontrol does not answer.
        """
        found = re.search(r"^MaxArraySize\s*=\s*(\d+)", self._call("scontrol", "show", "config"), re.MULTILINE)
        # Indices must be less than the limit; a margin of one costs nothing.
        return max(int(found[1]) - 1, 1) if found else 1000

    def partitions(self) -> dict[str, Partition]:
        """Return the partitions by name.

        Raises:
            SlurmSilent: if sinfo does not answer.
        """
        found: dict[str, Partition] = {}
        for line in self._call("sinfo", "-h", "-o", "%P|%l|%a|%c|%m|%G").splitlines():
            name, limit, state, cpus, memory, gres = line.split("|", 5)
            one = Partition(
                name=name.rstrip("*"),
                is_default=name.endswith("*"),
                minutes=minutes_of(limit),
                up=state.startswith("up"),
                cpus=_number(cpus),
                mem_mb=_number(memory),
                gpus="gpu" in gres,
            )
            found[one.name] = _larger(one, found.get(one.name, one))
        return found

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel jobs that are running or queued.

        Raises:
            SlurmSilent: if scancel does not answer.
        """
        if jobs:
            self._call("scancel", *jobs)

    def _call(self, *command: str) -> str:
        self.calls += 1
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=self._seconds)  # noqa: S603
        except subprocess.TimeoutExpired:
            raise SlurmSilent(f"{command[0]} did not answer within {self._seconds:.0f} s. Try again later.") from None
        except OSError as error:
            raise SlurmSilent(f"{command[0]} could not be run: {error}. Is this a node of the cluster?") from error
        if done.returncode:
            raise SlurmSilent(f"{command[0]} failed: {done.stderr.strip() or done.returncode}")
        return done.stdout


def expand(job: str) -> list[str]:
    """Return the single ids behind an id of squeue or sacct: `7_[1-2,5%4]` stands for 7_1, 7_2 and 7_5."""
    found = _ARRAY.fullmatch(job)
    if found is None:
        return [job]
    ranges = (part.partition("-") for part in found[2].split(","))
    return [f"{found[1]}_{n}" for low, _, high in ranges for n in range(int(low), int(high or low) + 1)]


def minutes_of(limit: str) -> int | None:
    """Convert SLURM's `days-hours:minutes:seconds` to minutes; None for infinite."""
    days, _, clock = limit.rpartition("-")
    parts = clock.split(":")
    if not all(part.isdigit() for part in parts):
        return None
    numbers = [int(part) for part in parts]
    if days:  # D-H, D-H:M, D-H:M:S
        hours, minutes = [*numbers, 0, 0][:2]
    else:  # M, M:S, H:M:S
        hours, minutes = (numbers[0], numbers[1]) if len(numbers) == 3 else (0, numbers[0])
    return int(days or 0) * 1440 + hours * 60 + minutes


def _number(text: str) -> int:
    return int(re.match(r"\d*", text)[0] or 0)  # type: ignore[index]


def _larger(one: Partition, other: Partition) -> Partition:
    return Partition(
        name=one.name,
        is_default=one.is_default,
        minutes=one.minutes,
        up=one.up or other.up,
        cpus=max(one.cpus, other.cpus),
        mem_mb=max(one.mem_mb, other.mem_mb),
        gpus=one.gpus or other.gpus,
    )
