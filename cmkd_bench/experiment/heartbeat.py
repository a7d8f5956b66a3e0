"""The heartbeat of a run: a small file that is touched while a process on any machine works on the run."""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_json, write_json
from cmkd_bench.experiment.machine import this_machine
from cmkd_bench.experiment.store import Busy, RunFolder

BEAT_SECONDS = 30.0
STALE_SECONDS = 3 * BEAT_SECONDS
_CREATION_SECONDS = 5.0  # between the creation of a file and its content, at most
_EPOCH_SECONDS = 1.0  # epochs of small runs pass faster than anyone can read
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EACCES)


@dataclass(frozen=True)
class Beat:
    """The content of a heartbeat."""

    host: str  # name of the machine
    job: str  # id of the SLURM job; empty elsewhere
    epoch: int  # finished epochs, over all phases
    epochs: int  # total number of epochs; 0 before the first one is done
    machine: str = ""  # the identity of the machine, because two may share a name
    process: int = 0  # id of the process
    started: float = 0.0  # when the process began to work on the run, in seconds since 1970; 0 if unknown
    age: float = 0.0  # seconds since the file was touched; negative if its time is in the future

    @property
    def is_fresh(self) -> bool:
        """Whether a process works on the run, or did until a moment ago; a time in the future proves nothing."""
        return abs(self.age) <= STALE_SECONDS

    @property
    def is_of_this_machine(self) -> bool:
        """Whether the process runs on this machine, so that the kernel's locks tell whether it is alive."""
        return self.machine == this_machine() if self.machine else self.host == socket.gethostname()


class Heartbeat:
    """Claims a run and keeps its heartbeat within a block; the file is removed when the block ends.

    Only one process can create the file, also where the file system's locks have no effect between machines.

    Args:
        path: the file.
        seconds: interval between two touches.
    """

    def __init__(self, path: Path, seconds: float = BEAT_SECONDS) -> None:
        self._path, self._seconds = path, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_touching, daemon=True)
        self._written = 0.0
        self._claim = Beat(socket.gethostname(), slurm_job(), 0, 0, this_machine(), os.getpid(), time.time())

    def __enter__(self) -> Heartbeat:
        """Claim the run.

        Raises:
            Busy: if a process on another machine works on the run.
            EnvironmentFault: e.g. if the disk is full.
        """
        while not _create(self._path, _values(self._claim)):
            _set_aside(self._path)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        if self._is_ours():
            self._path.unlink(missing_ok=True)

    def epoch(self, done: int, total: int) -> None:
        """Record that an epoch ended."""
        if time.monotonic() - self._written < _EPOCH_SECONDS:
            return
        self._written = time.monotonic()
        # A full disk is a problem of the run, not of its heartbeat.
        with contextlib.suppress(OSError):
            if self._is_ours():
                values = {**_values(self._claim), "epoch": done, "epochs": total}
                write_json(self._path, values, durable=False)

    def _is_ours(self) -> bool:
        """Return whether no other machine took the run over, as it may while this one is suspended for minutes."""
        beat = read_beat(self._path)
        return beat is None or (beat.machine, beat.process, beat.started) == (
            self._claim.machine,
            self._claim.process,
            self._claim.started,
        )

    def _keep_touching(self) -> None:
        while not self._over.wait(self._seconds):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def read_beat(path: Path, now: float | None = None) -> Beat | None:
    """Return the heartbeat of a run that is in progress, or whose process was killed; None if there is none.

    Args:
        path: the file.
        now: the time on the clock of the file system; None for this machine's clock.
    """
    try:
        return Beat(**read_json(path), age=(time.time() if now is None else now) - path.stat().st_mtime)
    except (OSError, Damaged, TypeError):
        return None


def is_alive_elsewhere(path: Path, now: float | None = None) -> bool:
    """Return whether a process on another machine works on the run, or did until a moment ago.

    A requeued job does not need to wait until its own earlier heartbeat is stale.
    """
    beat = read_beat(path, now)
    if beat is None:
        return _is_being_created(path, now)
    if not beat.is_fresh or beat.is_of_this_machine:
        return False
    return not beat.job or beat.job != slurm_job()


def _is_being_created(path: Path, now: float | None) -> bool:
    """Return whether a file without readable content appeared just now; see `_link`."""
    try:
        return abs((time.time() if now is None else now) - path.stat().st_mtime) <= _CREATION_SECONDS
    except OSError:
        return False


def holder(path: Path) -> str:
    """Return who works on a run and since when, e.g. `n1 (job 7_3) since 2026-01-31 15:04`."""
    beat = read_beat(path)
    if beat is None:
        return "another command"
    job = f" (job {beat.job})" if beat.job else f" (process {beat.process})" if beat.process else ""
    last = time.strftime("%Y-%m-%d %H:%M", time.localtime(beat.started or time.time() - beat.age))
    return f"{beat.host}{job} {'since' if beat.started else 'with its last sign of life at'} {last}"


def _values(beat: Beat) -> dict[str, Any]:
    return {name: value for name, value in asdict(beat).items() if name != "age"}


def _create(path: Path, values: dict[str, Any]) -> bool:
    """Create a file with its content, and return whether it did not exist."""
    whole = path.with_name(f".{path.name}.{this_machine()}.{os.getpid()}.{threading.get_ident()}.claim.tmp")
    write_json(whole, values, durable=False)
    try:
        _link(whole, path)
    except (FileExistsError, FileNotFoundError):  # the latter if the holder of the run tidied up just now
        return False
    finally:
        whole.unlink(missing_ok=True)
    return True


def _link(source: Path, target: Path) -> None:
    """Give a file a second name in one step.

    On a file system without hard links, copy it instead; others may see the copy before its content.

    Raises:
        FileExistsError: if the name is taken.
    """
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        content = source.read_bytes()
        with target.open("xb") as file:
            file.write(content)


def _set_aside(path: Path) -> None:
    """Remove a heartbeat whose process is gone; several processes may try this at the same time.

    Raises:
        Busy: if it belongs to a living process on another machine.
    """
    now = _time_of(path)
    if is_alive_elsewhere(path, now):
        raise Busy(path.parent.name)
    aside = path.with_name(f".{path.name}.{this_machine()}.{os.getpid()}.{threading.get_ident()}.stale.tmp")
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
    try:
        if is_alive_elsewhere(aside, now):  # another machine was faster, and this is its heartbeat
            with contextlib.suppress(FileExistsError):
                _link(aside, path)
            raise Busy(path.parent.name)
    finally:
        aside.unlink(missing_ok=True)


def _time_of(path: Path) -> float:
    """Return the time on the clock of a file's file system, which stamps heartbeats, by touching the lock beside it."""
    lock = RunFolder(path.parent).lock
    lock.touch()
    return lock.stat().st_mtime


def slurm_job() -> str:
    """Return the id of this process's SLURM job as shown by squeue; empty outside of a job."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
