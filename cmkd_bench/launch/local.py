"""The local launcher: a pool of worker processes, one run each at a time."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Protocol

from cmkd_bench.errors import UserError
from cmkd_bench.experiment.files import write_json
from cmkd_bench.launch.schedule import BUSY_SECONDS, Schedule
from cmkd_bench.launch.worker import Message, WorkerSettings, serve, warm_up

POLL_SECONDS = 0.2


class Display(Protocol):
    """What shows the progress of a grid."""

    def update(self, schedule: Schedule, running: Sequence[Message]) -> None:
        """Show the state of all runs, and the epochs of those that are running."""


def local_devices(device: str, jobs: int) -> list[str]:
    """The device of each worker.

    Args:
        device: `cpu` or `cuda`; each GPU gets its own workers.
        jobs: number of workers; 0 for one per core, or per GPU.

    Raises:
        UserError: if there is no GPU.
    """
    if device == "cpu":
        return ["cpu"] * (jobs or len(os.sched_getaffinity(0)))
    import torch

    if not (gpus := torch.cuda.device_count()):
        raise UserError("launcher.device=cuda: torch sees no GPU here. Use --device cpu.")
    return [f"cuda:{number % gpus}" for number in range(jobs or gpus)]


def can_fork(devices: Sequence[str]) -> bool:
    """Whether workers may be forks, which start at once: CUDA does not survive a fork."""
    return all(device == "cpu" for device in devices)


@dataclass
class _RunWorker:
    process: BaseProcess
    connection: Connection
    device: str
    latest: Message | None = None


class Interrupted(Exception):
    """Ctrl-C: all runs are stopped at an epoch's end, with a checkpoint."""


class LocalLauncher:
    """Runs a schedule on this machine.

    Args:
        settings: what the workers need; the device is set for each.
        devices: one per worker: `cpu`, or `cuda:N`.
        networks: names of networks that are imported before the workers are forked.
    """

    def __init__(self, settings: WorkerSettings, devices: Sequence[str], networks: Sequence[str]) -> None:
        self._settings = replace(settings, parent=os.getpid())
        self._devices = devices
        self._forks = can_fork(devices)
        self._context: BaseContext = multiprocessing.get_context("fork" if self._forks else "spawn")
        if self._forks:
            warm_up(networks)
        self._stop = self._context.Event()
        self._workers: list[_RunWorker] = []

    def run(self, schedule: Schedule, display: Display) -> None:
        """Work until nothing is left.

        Raises:
            Interrupted: after Ctrl-C.
        """
        try:
            self._run(schedule, display)
        except KeyboardInterrupt:
            self._stop.set()
            self._close(patience=None)
            raise Interrupted from None
        finally:
            self._close(patience=5)

    def stop(self, patience: float) -> None:
        """Stop all runs after the epoch that each is in, with a checkpoint; may be called by a signal's handler.

        Args:
            patience: seconds after which a worker is killed, so that its run goes on from an earlier checkpoint.
        """
        self._close(patience)

    def _run(self, schedule: Schedule, display: Display) -> None:
        if not schedule.is_over:
            count = min(len(self._devices), len(schedule.waiting))
            self._workers = [self._start(device) for device in self._devices[:count]]
        while not schedule.is_over:
            for worker in self._workers:
                if worker.latest is None and (run_id := schedule.next()) is not None:
                    worker.latest = Message(run_id)
                    # A worker that died while it was idle is noticed, and replaced, when it is listened to.
                    with contextlib.suppress(OSError):
                        worker.connection.send(run_id)
            self._listen(schedule)
            display.update(schedule, [worker.latest for worker in self._workers if worker.latest])

    def _listen(self, schedule: Schedule) -> None:
        by_connection = {worker.connection: worker for worker in self._workers}
        for ready in wait(list(by_connection), timeout=POLL_SECONDS):
            assert isinstance(ready, Connection)
            worker = by_connection[ready]
            try:
                message: Message = ready.recv()
            except (EOFError, OSError):
                self._replace(worker, schedule)
                continue
            worker.latest = message if message.outcome is None else None
            if message.outcome == "busy":
                schedule.give_back(message.run_id, BUSY_SECONDS)
            elif message.outcome is not None:
                schedule.finish(message.run_id)

    def _replace(self, worker: _RunWorker, schedule: Schedule) -> None:
        """A worker died (killed, out of memory): its run goes on from its checkpoint in a new one."""
        worker.process.join()
        worker.connection.close()
        self._workers.remove(worker)
        self._workers.append(self._start(worker.device))
        if worker.latest is None:
            return
        run_id = worker.latest.run_id
        if schedule.worker_died(run_id):
            code = worker.process.exitcode
            how = f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"
            message = f"the worker process ended with {how}, {schedule.deaths[run_id]} times; out of memory?"
            write_json(
                schedule.experiment.run(run_id).error,
                {"cause": "worker died", "message": message, "traceback": []},
            )
            schedule.finish(run_id)

    def _start(self, device: str) -> _RunWorker:
        ours, theirs = self._context.Pipe()
        # A forked worker inherits our ends of all pipes; open there, they would hide our death from the workers.
        inherited = [ours, *(worker.connection for worker in self._workers)] if self._forks else []
        settings = replace(self._settings, device=device)
        process = self._context.Process(  # type: ignore[attr-defined]
            target=serve, args=(settings, theirs, self._stop, inherited), daemon=True
        )
        process.start()
        theirs.close()  # so that the worker's death is seen as the end of the connection
        return _RunWorker(process, ours, device)

    def _close(self, patience: float | None) -> None:
        """End the workers: a closed connection is the end of work for each, after the epoch that it is in."""
        for worker in self._workers:
            worker.connection.close()
        end = None if patience is None else time.monotonic() + patience
        for worker in self._workers:
            worker.process.join(timeout=None if end is None else max(end - time.monotonic(), 0.0))
            if worker.process.is_alive():
                worker.process.kill()
        self._workers = []
