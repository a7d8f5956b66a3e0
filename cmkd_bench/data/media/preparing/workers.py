"""Worker processes that decode rows directly into the memory-mapped arrays; any of them may die at any moment."""

from __future__ import annotations

import os
import signal
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.lib.format import open_memmap

from cmkd_bench.config.preparation import Preparation
from cmkd_bench.data.media.clips import BadClip
from cmkd_bench.data.media.integrity import digest
from cmkd_bench.data.media.prepared import SetFolder, row_moments
from cmkd_bench.data.media.preparing.columns import StoredColumn
from cmkd_bench.data.media.preparing.skipped import Reasons
from cmkd_bench.errors import UserError
from cmkd_bench.processes.pool import Death, Worker, WorkerPool

CHUNK = 8  # samples per message
DEATHS = 2  # deaths of workers on the same single sample before its file is blamed
POLL_SECONDS, SAVE_SECONDS = 0.2, 1.0


@dataclass(frozen=True)
class DecodingJob:
    """The input that all workers share; they are forked, so it is not copied."""

    folder: SetFolder  # folder of the set
    root: Path  # folder of the dataset
    preparation: Preparation  # the settings
    columns: Sequence[StoredColumn]  # with their clips
    todo: Mapping[str, np.ndarray]  # by column, (N,) bool


@dataclass(frozen=True)
class Done:
    """A worker's answer for a chunk: its bad clips, or an error in the settings."""

    reasons: list[tuple[str, int, str]]
    user_error: str | None = None


class Decoding:
    """Decodes all pending rows of a job.

    Args:
        job: the work.
        reasons: records what cannot be decoded, and is saved every second.
        show: called with the number of finished samples, several times a second.
    """

    def __init__(self, job: DecodingJob, reasons: Reasons, show: Callable[[int], None]) -> None:
        self._job, self._reasons, self._show = job, reasons, show
        rows = np.flatnonzero(np.logical_or.reduce(list(job.todo.values()))).tolist()
        self._waiting = deque(rows[at : at + CHUNK] for at in range(0, len(rows), CHUNK))
        self._deaths: dict[int, int] = {}
        self._pool: WorkerPool[list[int]] = WorkerPool("fork", _serve)
        self._over = 0

    def run(self, jobs: int) -> None:
        """Work until no row is left.

        Args:
            jobs: number of processes.

        Raises:
            UserError: if the settings make decoding impossible, or the disk is full.
        """
        saved = time.monotonic()
        try:
            for _ in range(min(jobs, len(self._waiting))):
                self._start()
            while self._waiting or any(worker.task for worker in self._pool.workers):
                self._assign()
                for worker, message in self._pool.listen(POLL_SECONDS):
                    if isinstance(message, Death):
                        self._replace(worker, message)
                    else:
                        self._hear(worker, message)
                self._show(self._over)
                if time.monotonic() - saved > SAVE_SECONDS:
                    self._reasons.save()
                    saved = time.monotonic()
        finally:
            self._pool.close(patience=0)
            self._reasons.save()

    def _assign(self) -> None:
        for worker in self._pool.workers:
            if not worker.task and self._waiting:
                self._pool.assign(worker, self._waiting.popleft())

    def _hear(self, worker: Worker[list[int]], done: Done) -> None:
        if done.user_error is not None:
            raise UserError(done.user_error)
        for reason in done.reasons:
            self._reasons.add(*reason)
        self._over += len(worker.task or ())
        worker.task = None

    def _replace(self, worker: Worker[list[int]], death: Death) -> None:
        """Replace a dead worker. Its samples are retried singly, so that only files that kill workers are given up."""
        code, rows = death.exit_code, worker.task or []
        if code >= 0:  # not killed: a bug in this code, which would recur with every file
            raise RuntimeError(f"a worker of prepare ended with exit code {code}; its traceback is printed above")
        if code == -signal.SIGBUS:
            raise UserError(f"the disk is full ({self._job.folder.path}). Free space and rerun the same command.")
        if len(rows) == 1:
            self._deaths[rows[0]] = self._deaths.get(rows[0], 0) + 1
            if self._deaths[rows[0]] >= DEATHS:
                self._give_up(rows[0], -code)
                rows = []
        self._waiting.extendleft([row] for row in reversed(rows))
        self._start()

    def _give_up(self, row: int, number: int) -> None:
        self._over += 1
        for column in self._job.columns:
            there = np.load(self._job.folder.digests(column.name), mmap_mode="r", allow_pickle=False)[row].any()
            if self._job.todo[column.name][row] and not there:
                self._reasons.add(column.name, row, f"the decoder crashed: signal {number}")

    def _start(self) -> None:
        self._pool.start(self._job, os.getpid())


def _serve(job: DecodingJob, parent: int, connection: Connection, inherited: Sequence[Connection]) -> None:
    """Decode chunks until the connection is closed or the parent has died."""
    for end in inherited:
        end.close()
    writers = [_Writer(job, column) for column in job.columns]
    while True:
        try:
            rows: list[int] = connection.recv()
            reasons = []
            for row in rows:
                if os.getppid() != parent:
                    return
                reasons += [(writer.name, row, reason) for writer in writers if (reason := writer.write(row))]
            connection.send(Done(reasons))
        except UserError as error:
            connection.send(Done([], str(error)))
        except (EOFError, OSError):
            return


class _Writer:
    """Decodes the rows of one column into its arrays."""

    def __init__(self, job: DecodingJob, column: StoredColumn) -> None:
        self.name = column.name
        self._job, self._column, self._todo = job, column, job.todo[column.name]
        self._array = open_memmap(job.folder.array(column.name), "r+")
        self._digests = open_memmap(job.folder.digests(column.name), "r+")
        self._moments = open_memmap(job.folder.moments(column.name), "r+") if column.kind else None

    def write(self, row: int) -> str | None:
        """Decode and store one row, or return why it is bad. The digest comes last, to mark the row as complete."""
        if not self._todo[row]:
            return None
        try:
            values = self._column.decode(row, self._job.root, self._job.preparation)
        except BadClip as error:
            return str(error)
        if (values.shape, values.dtype) != (self._array.shape[1:], self._array.dtype):
            return f"decodes to {values.dtype} {values.shape} instead of {self._array.dtype} {self._array.shape[1:]}"
        self._array[row] = values
        if self._moments is not None:
            self._moments[row] = row_moments(values, self._column.kind)
        self._digests[row] = digest(values)
        return None
