"""The heartbeat of a run: a small file that is touched while a process on any machine works on the run."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.files import read_json, write_json

BEAT_SECONDS = 30.0
STALE_SECONDS = 3 * BEAT_SECONDS
_EPOCH_SECONDS = 1.0  # epochs of small runs pass faster than anyone can read


@dataclass(frozen=True)
class Beat:
    """The content of a heartbeat.

    Attributes:
        host: the machine.
        job: id of the SLURM job; empty elsewhere.
        epoch: finished epochs, over all phases.
        epochs: total number of epochs; 0 before the first one is done.
        age: seconds since the file was touched.
    """

    host: str
    job: str
    epoch: int
    epochs: int
    age: float = 0.0

    @property
    def is_fresh(self) -> bool:
        """Whether a process works on the run, or did until a moment ago."""
        return self.age <= STALE_SECONDS


class Heartbeat:
    """Keeps a run's heartbeat within a block; the file is removed when the block ends, for whatever reason.

    Args:
        path: the file.
        seconds: interval between two touches.
    """

    def __init__(self, path: Path, seconds: float = BEAT_SECONDS) -> None:
        self._path, self._seconds = path, seconds
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._keep_touching, daemon=True)
        self._written = 0.0

    def __enter__(self) -> Heartbeat:
        self._write(0, 0)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self._path.unlink(missing_ok=True)

    def epoch(self, done: int, total: int) -> None:
        """Record that an epoch ended."""
        if time.monotonic() - self._written >= _EPOCH_SECONDS:
            self._write(done, total)

    def _write(self, epoch: int, epochs: int) -> None:
        self._written = time.monotonic()
        # A full disk is a problem of the run, not of its heartbeat.
        with contextlib.suppress(OSError):
            beat = asdict(Beat(socket.gethostname(), slurm_job(), epoch, epochs))
            write_json(self._path, {name: value for name, value in beat.items() if name != "age"}, durable=False)

    def _keep_touching(self) -> None:
        while not self._over.wait(self._seconds):
            with contextlib.suppress(OSError):
                os.utime(self._path)


def read_beat(path: Path) -> Beat | None:
    """Return the heartbeat of a run that is in progress, or whose process was killed; None if there is none."""
    try:
        return Beat(**read_json(path), age=max(time.time() - path.stat().st_mtime, 0.0))
    except (OSError, Damaged, TypeError):
        return None


def is_alive_elsewhere(path: Path) -> bool:
    """Return whether a process on another machine works on the run, or did until a moment ago.

    A requeued job does not need to wait until its own earlier heartbeat is stale.
    """
    beat = read_beat(path)
    if beat is None or not beat.is_fresh or beat.host == socket.gethostname():
        return False
    return not beat.job or beat.job != slurm_job()


def slurm_job() -> str:
    """Return the id of this process's SLURM job as shown by squeue; empty outside of a job."""
    array, task = os.environ.get("SLURM_ARRAY_JOB_ID"), os.environ.get("SLURM_ARRAY_TASK_ID")
    return f"{array}_{task}" if array and task else os.environ.get("SLURM_JOB_ID", "")
