"""The local launcher: a pool of worker processes, each with one run at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

from cmkd_bench.errors import NO_ROOM, EnvironmentFault, UserError
from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.schedule import BUSY_SECONDS, Schedule
from cmkd_bench.launch.worker import Message, WorkerSettings, import_code, serve, warm_up
from cmkd_bench.processes.pool import Death, Worker, WorkerPool

POLL_SECONDS = 0.2


class Display(Protocol):
    """An object that shows the progress of a grid."""

    def update(self, schedule: Schedule, running: Sequence[Message]) -> None:
        """Show the state of all runs, and the epochs of those that are running."""


def local_devices(device: str, jobs: int) -> list[str]:
    """Return the device of each worker.

    Args:
        device: `cpu` or `cuda`; each GPU gets its own workers.
        jobs: number of workers; 0 for one per core, or one per GPU.

    Raises:
        UserError: if there is no GPU.
    """
    if device == "cpu":
        return ["cpu"] * (jobs or len(os.sched_getaffinity(0)))
    import torch

    if not (gpus := torch.cuda.device_count()):
        raise UserError("launcher.device=cuda: torch finds no GPU. Use --device cpu.")
    return [f"cuda:{number % gpus}" for number in range(jobs or gpus)]


def can_fork(devices: Sequence[str]) -> bool:
    """Return whether workers may be forks, which start immediately; CUDA does not survive a fork, used or not."""
    import torch

    opened = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return all(device == "cpu" for device in devices) and not opened


class LocalLauncher:
    """Runs a schedule on this machine.

    Args:
        settings: settings of the workers, apart from the device.
        devices: one per worker: `cpu`, or `cuda:N`.
        specs: the runs; their code is imported before the workers are forked.

    Raises:
        UserError: if a plug-in cannot be loaded, or code was edited after the runs were planned.
    """

    def __init__(self, settings: WorkerSettings, devices: Sequence[str], specs: Sequence[RunSpec]) -> None:
        self._settings = replace(settings, parent=os.getpid())
        self._devices = devices
        forks = can_fork(devices)
        if forks:
            import_code(settings.plugins, specs)
            warm_up(sorted({spec.student_network for spec in specs}))
        self._pool: WorkerPool[str] = WorkerPool("fork" if forks else "spawn", serve)
        self._stop = self._pool.context.Event()
        self._progress: dict[str, Message] = {}  # by run id, the last message of its worker

    def run(self, schedule: Schedule, display: Display) -> None:
        """Work until no run is left.

        Raises:
            KeyboardInterrupt: after Ctrl-C, when all runs have stopped at the end of an epoch, with a checkpoint.
            EnvironmentFault: e.g. if the disk is full, when all runs have stopped in the same way.
        """
        try:
            self._run(schedule, display)
        except (KeyboardInterrupt, EnvironmentFault):
            self._stop.set()
            self._pool.close(patience=None)
            raise
        finally:
            self._pool.close(patience=5)

    def stop(self, patience: float) -> None:
        """Stop each run after its current epoch, with a checkpoint; a signal handler may call this.

        Args:
            patience: seconds after which a worker is killed, so that its run resumes from an earlier checkpoint.
        """
        self._pool.close(patience)

    def _run(self, schedule: Schedule, display: Display) -> None:
        for device in self._devices[: len(schedule.waiting)]:
            self._start(device)
        while not schedule.is_over:
            for worker in self._pool.workers:
                if worker.task is None and (run_id := schedule.next()) is not None:
                    self._progress[run_id] = Message(run_id)
                    self._pool.assign(worker, run_id)
            for worker, message in self._pool.listen(POLL_SECONDS):
                if isinstance(message, Death):
                    self._replace(worker, message, schedule)
                else:
                    self._hear(worker, message, schedule)
            display.update(schedule, [self._progress[one.task] for one in self._pool.workers if one.task is not None])

    def _hear(self, worker: Worker[str], message: Message, schedule: Schedule) -> None:
        self._progress[message.run_id] = message
        if message.outcome is None:
            return
        worker.task = None
        schedule.held.pop(message.run_id, None)
        schedule.notes += message.notes
        if message.outcome == "fault":
            room = f" {schedule.room_needed()}" if message.errno in NO_ROOM else ""
            raise EnvironmentFault(f"{message.text}{room}", message.errno)
        if message.outcome == "busy":
            schedule.held[message.run_id] = message.text
            schedule.give_back(message.run_id, BUSY_SECONDS)
        else:
            schedule.finish(message.run_id)

    def _replace(self, worker: Worker[str], death: Death, schedule: Schedule) -> None:
        """Replace a worker that died (killed, out of memory); its run resumes from its checkpoint in a new one."""
        self._start(worker.arguments[0].device)
        run_id = worker.task
        if run_id is not None and schedule.worker_died(run_id):
            how = f"signal {-death.exit_code}" if death.exit_code < 0 else f"exit code {death.exit_code}"
            message = f"the worker process ended with {how}, {schedule.deaths[run_id]} times (possibly out of memory)"
            folder = schedule.experiment.run(run_id)
            write_json(folder.error, {"cause": "worker died", "message": message, "traceback": []})
            folder.heartbeat.unlink(missing_ok=True)
            schedule.finish(run_id)

    def _start(self, device: str) -> None:
        self._pool.start(replace(self._settings, device=device), self._stop)
