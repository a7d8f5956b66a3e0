"""The local launcher: a pool of worker processes, each with one run at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Protocol

from cmkd_bench.errors import NO_ROOM, EnvironmentFault
from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.gpu_room import GpuRoom
from cmkd_bench.launch.placement import CPU, Workers, environment
from cmkd_bench.launch.schedule import BUSY_SECONDS, Schedule
from cmkd_bench.launch.worker import Message, WorkerSettings, import_code, serve, warm_up
from cmkd_bench.processes.pool import Death, Worker, WorkerPool

POLL_SECONDS = 0.2


class Display(Protocol):
    """An object that shows the progress of a grid."""

    def update(self, schedule: Schedule, running: Sequence[Message]) -> None:
        """Show the state of all runs, and the epochs of those that are running."""


def can_fork(devices: Sequence[str]) -> bool:
    """Return whether workers may be forks, which start immediately; CUDA does not survive a fork, used or not."""
    import torch

    opened = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return all(device == "cpu" for device in devices) and not opened


class LocalLauncher:
    """Runs a schedule on this machine.

    Args:
        settings: settings of the workers, apart from the device.
        workers: how many there are, and where.
        specs: the runs; their code is imported before the workers are forked.

    Raises:
        UserError: if a plug-in cannot be loaded, or code was edited after the runs were planned.
    """

    def __init__(self, settings: WorkerSettings, workers: Workers, specs: Sequence[RunSpec]) -> None:
        variables = environment(specs) if workers.gpus else {}
        self._settings = replace(settings, parent=os.getpid(), environment=tuple(variables.items()))
        self._workers = workers
        self._room = GpuRoom() if workers.most_per_gpu else None
        forks = can_fork(workers.devices)
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
        waiting = [schedule.specs[run_id] for run_id in schedule.waiting]
        for device in self._workers.devices:
            for spec in waiting:
                if self._workers.suits(device, spec):
                    waiting.remove(spec)
                    self._start(device)
                    break
        while not schedule.is_over:
            self._assign(schedule)
            for worker, message in self._pool.listen(POLL_SECONDS):
                if isinstance(message, Death):
                    self._replace(worker, message, schedule)
                else:
                    self._hear(worker, message, schedule)
            display.update(schedule, [self._progress[one.task] for one in self._pool.workers if one.task is not None])

    def _assign(self, schedule: Schedule) -> None:
        """Give each idle worker a run, and start another worker for a GPU that has room for a further run."""
        for worker in self._pool.workers:
            device = _device(worker)
            if worker.task is None and (run_id := schedule.next(partial(self._fits, device))) is not None:
                if self._room is not None and device != CPU:
                    self._room.start(device, schedule.specs[run_id])
                self._progress[run_id] = Message(run_id)
                self._pool.assign(worker, run_id)
        for device in self._workers.gpus:
            own = [worker for worker in self._pool.workers if _device(worker) == device]
            is_full = len(own) >= self._workers.most_per_gpu or any(worker.task is None for worker in own)
            if not is_full and schedule.first(partial(self._fits, device)) is not None:
                self._start(device)

    def _fits(self, device: str, spec: RunSpec) -> bool:
        """Return whether a run belongs on a device, and has room there now."""
        if not self._workers.suits(device, spec):
            return False
        return self._room is None or device == CPU or self._room.fits(device, spec)

    def _hear(self, worker: Worker[str], message: Message, schedule: Schedule) -> None:
        self._progress[message.run_id] = message
        if message.outcome is None:
            self._measure(worker, message, schedule)
            return
        self._leave(worker, message.run_id)
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
            if message.run_id in schedule.done:
                self._measure(worker, message, schedule)

    def _measure(self, worker: Worker[str], message: Message, schedule: Schedule) -> None:
        if self._room is not None and message.memory is not None:
            self._room.measure(_device(worker), schedule.specs[message.run_id], *message.memory)

    def _leave(self, worker: Worker[str], run_id: str) -> None:
        worker.task = None
        if self._room is not None:
            self._room.end(_device(worker), run_id)

    def _replace(self, worker: Worker[str], death: Death, schedule: Schedule) -> None:
        """Replace a worker that died (killed, out of memory); its run resumes from its checkpoint in a new one."""
        self._start(_device(worker))
        run_id = worker.task
        if run_id is not None:
            self._leave(worker, run_id)
        if run_id is not None and schedule.worker_died(run_id):
            how = f"signal {-death.exit_code}" if death.exit_code < 0 else f"exit code {death.exit_code}"
            message = f"the worker process ended with {how}, {schedule.deaths[run_id]} times (possibly out of memory)"
            folder = schedule.experiment.run(run_id)
            write_json(folder.error, {"cause": "worker died", "message": message, "traceback": []})
            folder.heartbeat.unlink(missing_ok=True)
            schedule.finish(run_id)

    def _start(self, device: str) -> None:
        self._pool.start(replace(self._settings, device=device), self._stop)


def _device(worker: Worker[str]) -> str:
    return str(worker.arguments[0].device)
