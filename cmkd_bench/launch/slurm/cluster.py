"""SLURM's commands: each is called once for all jobs, with a time limit, and may be missing, silent, or wrong."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from cmkd_bench.errors import UserError, shortened
from cmkd_bench.launch.slurm.answers import (
    Partition,
    Queue,
    parse_controlled,
    parse_ends,
    parse_partitions,
    parse_queue,
)

CALL_SECONDS = 60.0
NEEDED = ("sbatch", "squeue", "scancel", "scontrol", "sinfo", "srun")
_KEPT_BYTES, _MOST_BYTES = 100_000, 1_000_000  # of one answer, of the log
T = TypeVar("T")


class SlurmSilent(UserError):
    """Raised if a SLURM command does not answer, answers with an error, or with something that is no answer."""


class Cluster:
    """The SLURM commands of this machine's cluster.

    Args:
        seconds: time limit of a call.
        log: file that gets the answers that cannot be read; None to keep none.

    Attributes:
        calls: number of calls.
        accounting: whether sacct answers; None before the first call.
    """

    def __init__(self, seconds: float = CALL_SECONDS, log: Path | None = None) -> None:
        self._seconds, self._log = seconds, log
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
        return self._parsed(parse_queue, "squeue", "--me", "-h", "-r", "-t", "all", "-o", "%i|%T|%r|%N|%j")

    def ended(self, jobs: Sequence[str]) -> dict[str, str]:
        """Return how jobs ended that squeue has forgotten; empty without accounting, which is tried only once.

        Args:
            jobs: ids of jobs or arrays, without array elements.
        """
        if self.accounting is False or not jobs:
            return {}
        try:
            ended = self._parsed(parse_ends, "sacct", "-n", "-P", "-X", "-o", "JobID,State", "-j", ",".join(jobs))
        except SlurmSilent:
            self.accounting = False
            return {}
        self.accounting = True
        return ended

    def controlled(self) -> dict[str, str]:
        """Return the names of all jobs that the controller knows, by the id of the job or array.

        This asks for more than `queue`, so it is for the case that squeue left out jobs that were submitted.

        Raises:
            SlurmSilent: if scontrol does not answer.
        """
        return self._parsed(parse_controlled, "scontrol", "-o", "show", "jobs")

    def largest_array(self) -> int:
        """Return the maximum number of elements of an array.

        Raises:
            SlurmSilent: if scontrol does not answer.
        """
        found = re.search(r"^MaxArraySize\s*=\s*(\d{1,9})\s*$", self._call("scontrol", "show", "config"), re.MULTILINE)
        # Indices must be less than the limit; a margin of one costs nothing.
        return max(int(found[1]) - 1, 1) if found else 1000

    def partitions(self) -> dict[str, Partition]:
        """Return the partitions by name.

        Raises:
            SlurmSilent: if sinfo does not answer.
        """
        return self._parsed(parse_partitions, "sinfo", "-h", "-o", "%P|%l|%a|%c|%m|%G")

    def cancel(self, jobs: Sequence[str]) -> None:
        """Cancel jobs that are running or queued.

        Raises:
            SlurmSilent: if scancel does not answer.
        """
        if jobs:
            self._call("scancel", *jobs)

    def _parsed(self, parse: Callable[[str], T], *command: str) -> T:
        """Return the answer of a command in a form that can be used.

        Raises:
            SlurmSilent: if it cannot be read; it is written to the log.
        """
        answer = self._call(*command)
        try:
            return parse(answer)
        except ValueError:
            raise self._unreadable(command[0], answer) from None

    def _unreadable(self, name: str, answer: str) -> SlurmSilent:
        kept = ""
        if self._log is not None:
            try:
                self._log.parent.mkdir(parents=True, exist_ok=True)
                mode = "a" if self._log.exists() and self._log.stat().st_size < _MOST_BYTES else "w"
                with self._log.open(mode, encoding="utf-8", errors="backslashreplace") as file:
                    file.write(f"{time.strftime('%Y-%m-%dT%H:%M:%S%z')} {name}:\n{answer[:_KEPT_BYTES]}\n")
                kept = f" It is in {self._log}."
            except OSError as error:
                kept = f" It could not be written to {self._log}: {error.strerror}."
        shown = shortened(" ".join(answer.split()), 60)
        return SlurmSilent(f"{name} gave an answer that cannot be read, so it counts as none: '{shown}'.{kept}")

    def _call(self, *command: str) -> str:
        self.calls += 1
        try:
            done = subprocess.run(command, capture_output=True, timeout=self._seconds, env=_whole())  # noqa: S603
        except subprocess.TimeoutExpired:
            raise SlurmSilent(f"{command[0]} did not answer within {self._seconds:.0f} s. Try again later.") from None
        except OSError as error:
            raise SlurmSilent(f"{command[0]} could not be run: {error}. Is this a node of the cluster?") from error
        if done.returncode:
            raise SlurmSilent(f"{command[0]} failed: {done.stderr.decode(errors='replace').strip() or done.returncode}")
        # Names of jobs may be in any encoding; what must be understood is ASCII.
        return done.stdout.decode(errors="surrogateescape")


def _whole() -> dict[str, str]:
    """Return the environment in which SLURM shortens no list of array elements."""
    return {**os.environ, "SLURM_BITSTR_LEN": "0"}
