"""A worker process, which executes many runs so that it imports torch and loads data only once."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Literal

from cmkd_bench.config.roots import Roots
from cmkd_bench.errors import EnvironmentFault, UserError
from cmkd_bench.experiment.heartbeat import holder
from cmkd_bench.experiment.spec import RunSpec

Memory = tuple[float, float] | None
RunOutcome = Literal["finished", "busy", "stopped", "fault"]
TELL_SECONDS = 0.1  # reporting an epoch of a linear network takes longer than the epoch


@dataclass(frozen=True)
class WorkerSettings:
    """The settings of a worker, apart from its runs; they can be pickled."""

    root: Path  # the results folder
    experiment: str  # its name
    device: str  # `cpu` or `cuda:N`
    checkpoint_seconds: float  # minimum time between two checkpoints of a run
    plugins: tuple[Path, ...]  # files that register methods or datasets
    roots: Roots  # folders of the data and weights
    parent: int = 0  # process id of the launcher
    shielded: bool = False  # whether only the launcher handles signals to the whole job, as on a cluster
    environment: tuple[tuple[str, str], ...] = ()  # variables that libraries read once, when they are first used


@dataclass(frozen=True)
class Message:
    """A message from a worker to the launcher: the end of an epoch or of a run."""

    run_id: str  # id of the run
    epoch: int = 0  # number of finished epochs
    epochs: int = 0  # number of all epochs; 0 before the first one is done
    outcome: RunOutcome | None = None  # how the run ended; None while it goes on
    text: str = ""  # who works on the run, if it is busy; or the fault of the machine that ended it
    errno: int | None = None  # the fault's number in the operating system
    notes: tuple[str, ...] = ()
    # on a GPU: the most memory that the worker has taken for the run so far, and what is free, in MB
    memory: Memory = None


class _Watch:
    """Reports epochs, and stops the run when the launcher requests it or has died."""

    def __init__(
        self, run_id: str, settings: WorkerSettings, connection: Connection, stop: Event, memory: Callable[[], Memory]
    ) -> None:
        self._run_id, self._settings, self._connection, self._stop = run_id, settings, connection, stop
        self._memory = memory
        self._saved = self._told = time.monotonic()
        self._abandoned = False

    def epoch(self, done: int, total: int) -> None:
        if time.monotonic() - self._told < TELL_SECONDS:
            return
        self._told = time.monotonic()
        try:
            self._connection.send(Message(self._run_id, done, total, memory=self._memory()))
        except OSError:  # the launcher has died or closed the connection
            self._abandoned = True

    def should_stop(self) -> bool:
        return self._abandoned or self._stop.is_set() or os.getppid() != self._settings.parent

    def should_save(self) -> bool:
        now = time.monotonic()
        if now - self._saved < self._settings.checkpoint_seconds:
            return False
        self._saved = now
        return True


def serve(settings: WorkerSettings, stop: Event, connection: Connection, inherited: Sequence[Connection]) -> None:
    """Execute runs as their ids arrive, until the connection is closed.

    Args:
        settings: settings that all runs share.
        stop: set if the current run should stop after its epoch.
        connection: delivers run ids and takes messages.
        inherited: the launcher's ends of pipes, which a forked worker closes immediately.
    """
    for end in inherited:
        end.close()
    for number in (signal.SIGTERM, signal.SIGUSR2, signal.SIGCONT) if settings.shielded else ():
        signal.signal(number, signal.SIG_IGN)
    os.environ.update(settings.environment)
    import torch

    from cmkd_bench.experiment.store import Busy, Experiment
    from cmkd_bench.registry import load_plugin
    from cmkd_bench.training.device import is_usable, open_device
    from cmkd_bench.training.execution import execute
    from cmkd_bench.training.memory import gpu_memory, release
    from cmkd_bench.training.training_progress import Stopped

    torch.set_num_threads(1)
    device = open_device(settings.device)
    for plugin in settings.plugins:
        load_plugin(plugin)
    experiment = Experiment(settings.root, settings.experiment)
    while (run_id := _receive(connection)) is not None:
        ended, notes = Message(run_id, outcome="finished"), list[str]()
        try:
            watch = _Watch(run_id, settings, connection, stop, lambda: gpu_memory(device))
            notes = execute(experiment, run_id, device, watch, settings.roots)
        except Busy:
            ended = Message(run_id, outcome="busy", text=holder(experiment.run(run_id).heartbeat))
        except Stopped:
            ended = Message(run_id, outcome="stopped")
        except EnvironmentFault as fault:
            ended = Message(run_id, outcome="fault", text=str(fault), errno=fault.errno)
        usable = is_usable(device)
        try:
            connection.send(replace(ended, notes=tuple(notes), memory=gpu_memory(device) if usable else None))
        except OSError:
            return
        if not usable:
            return  # the launcher starts another worker
        release(device)


def warm_up(networks: Sequence[str]) -> None:
    """Import what every worker needs in the launcher, so that forked workers have it already."""
    import torch

    from cmkd_bench.networks import load_networks
    from cmkd_bench.training import execution

    torch.set_num_threads(1)
    load_networks(networks)
    # The first optimizer imports torch's compiler, which takes longer than a small run.
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    assert execution


def import_code(plugins: Iterable[Path], specs: Iterable[RunSpec]) -> None:
    """Import the code of runs in the launcher, so that all forked workers have it as it is now, whenever they start.

    Raises:
        UserError: if a plug-in cannot be loaded, or a file was edited after the runs were planned.
    """
    from cmkd_bench.experiment.code_identity import codes_of
    from cmkd_bench.experiment.code_versions import edited_while_imported
    from cmkd_bench.registry import datasets, load_plugin, methods

    for plugin in plugins:
        load_plugin(plugin)
    for spec in {(one.method, one.dataset, *one.networks): one for one in specs}.values():
        with contextlib.suppress(UserError):  # the run fails with this error, and no other run does
            methods.get(spec.method)
            datasets.get(spec.dataset)
            codes_of(spec)
    if edited := edited_while_imported():
        raise UserError(f"{', '.join(edited)}: edited after the runs were planned. Run the same command again.")


def _receive(connection: Connection) -> str | None:
    try:
        run_id: str = connection.recv()
    except (EOFError, OSError):
        return None
    return run_id
