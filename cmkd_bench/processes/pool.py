"""A pool of worker processes, each with one task at a time; any of them may die at any moment."""

from __future__ import annotations

import contextlib
import gc
import multiprocessing
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar

Task = TypeVar("Task")


@dataclass(eq=False)
class Worker(Generic[Task]):
    """A worker process."""

    process: BaseProcess  # the process
    connection: Connection  # our end of its pipe
    arguments: tuple[Any, ...]  # the arguments with which it was started
    task: Task | None = None  # its current task; None if it is idle


@dataclass(frozen=True)
class Death:
    """The unexpected end of a worker."""

    exit_code: int  # exit code of the process; minus the signal's number if a signal killed it


class WorkerPool(Generic[Task]):
    """Worker processes, each connected by a pipe.

    Args:
        method: `fork`, which starts immediately, or `spawn` if a forked process would not work.
        serve: the function that a worker runs, `serve(*arguments, connection, inherited)`. It closes the inherited
            connections, receives tasks and sends messages until the connection is closed.
    """

    def __init__(self, method: str, serve: Callable[..., None]) -> None:
        self.context: BaseContext = multiprocessing.get_context(method)
        self.workers: list[Worker[Task]] = []
        self._serve, self._forks = serve, method == "fork"

    def start(self, *arguments: Any) -> None:
        """Start one worker."""
        ours, theirs = self.context.Pipe()
        # A forked worker inherits our ends of all pipes; if they stay open there, workers cannot notice our death.
        inherited = [ours, *(worker.connection for worker in self.workers)] if self._forks else []
        process = self.context.Process(  # type: ignore[attr-defined]  # each concrete context has it
            target=_deaf, args=(self._serve, *arguments, theirs, inherited), daemon=True
        )
        # A worker must not free the garbage of this process: FFmpeg's contexts would wait for threads that it lacks.
        gc.freeze()
        try:
            with interrupts_blocked():
                process.start()
        finally:
            gc.unfreeze()
        theirs.close()  # so that the worker's death is seen as the end of the connection
        self.workers.append(Worker(process, ours, arguments))

    def assign(self, worker: Worker[Task], task: Task) -> None:
        """Give a worker its next task."""
        worker.task = task
        with contextlib.suppress(OSError):  # the death of an idle worker is noticed when its pipe is read
            worker.connection.send(task)

    def listen(self, timeout: float) -> Iterator[tuple[Worker[Task], Any]]:
        """Yield each worker that has a message, with the message; a dead worker leaves the pool, with its Death.

        Args:
            timeout: seconds to wait for a first message.
        """
        by_connection = {worker.connection: worker for worker in self.workers}
        for ready in wait(list(by_connection), timeout=timeout):
            assert isinstance(ready, Connection)
            worker = by_connection[ready]
            try:
                message = ready.recv()
            except (EOFError, OSError):
                message = self._bury(worker)
            yield worker, message

    def close(self, patience: float | None) -> None:
        """End all workers: each finishes its current task and ends when its connection is closed.

        Args:
            patience: seconds after which a worker is killed; None to wait without a limit.
        """
        for worker in self.workers:
            worker.connection.close()
        end = None if patience is None else time.monotonic() + patience
        for worker in self.workers:
            worker.process.join(timeout=None if end is None else max(end - time.monotonic(), 0.0))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()
        self.workers = []

    def _bury(self, worker: Worker[Task]) -> Death:
        worker.process.join()
        worker.connection.close()
        self.workers.remove(worker)
        return Death(worker.process.exitcode or 0)


@contextlib.contextmanager
def interrupts_blocked() -> Iterator[None]:
    """Block Ctrl-C while a process is started, which must not get it before it ignores it."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def ignore_interrupts() -> None:
    """Ignore Ctrl-C in this process: it goes to the whole group of processes, and only the parent answers it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _deaf(serve: Callable[..., None], *arguments: Any) -> None:
    ignore_interrupts()
    serve(*arguments)
