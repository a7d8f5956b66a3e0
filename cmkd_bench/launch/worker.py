"""A worker process: it lives for many runs, so that torch is imported and data are loaded once."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Literal

from cmkd_bench.config.roots import Roots

RunOutcome = Literal["finished", "busy", "stopped"]
TELL_SECONDS = 0.1  # an epoch of a linear network takes less time than telling of it


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker needs to know besides its runs; all of it can be pickled.

    Attributes:
        root: the results folder.
        experiment: its name.
        device: `cpu` or `cuda:N`.
        checkpoint_seconds: least time between two checkpoints of a run.
        plugins: files that register methods or datasets.
        roots: where data and weights lie.
        parent: process id of the launcher.
        shielded: whether signals to the whole job are the launcher's to answer, as on a cluster.
    """

    root: Path
    experiment: str
    device: str
    checkpoint_seconds: float
    plugins: tuple[Path, ...]
    roots: Roots
    parent: int = 0
    shielded: bool = False


@dataclass(frozen=True)
class Message:
    """What a worker tells the launcher: an epoch's end, or the outcome of its run."""

    run_id: str
    epoch: int = 0
    epochs: int = 0
    outcome: RunOutcome | None = None


class _Watch:
    """Reports epochs, and stops the run when the launcher asks for it or is gone."""

    def __init__(self, run_id: str, settings: WorkerSettings, connection: Connection, stop: Event) -> None:
        self._run_id, self._settings, self._connection, self._stop = run_id, settings, connection, stop
        self._saved = self._told = time.monotonic()
        self._abandoned = False

    def epoch(self, done: int, total: int) -> None:
        if time.monotonic() - self._told < TELL_SECONDS:
            return
        self._told = time.monotonic()
        try:
            self._connection.send(Message(self._run_id, done, total))
        except OSError:  # the launcher is gone, or wants no more
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
    """Execute run after run as their ids arrive, until the connection is closed.

    Args:
        settings: what is the same for all runs.
        stop: set when the current run should stop after its epoch.
        connection: brings run ids, takes messages.
        inherited: the launcher's ends of pipes, which a forked worker closes at once.
    """
    for end in inherited:
        end.close()
    # Ctrl-C goes to the whole group of processes; the launcher alone answers it, through `stop`.
    for number in (signal.SIGINT, *((signal.SIGTERM, signal.SIGUSR2, signal.SIGCONT) if settings.shielded else ())):
        signal.signal(number, signal.SIG_IGN)
    import torch

    from cmkd_bench.experiment.store import Busy, Experiment
    from cmkd_bench.registry import load_plugin
    from cmkd_bench.training.device import is_usable
    from cmkd_bench.training.execution import execute
    from cmkd_bench.training.loop import Stopped

    torch.set_num_threads(1)
    device = torch.device(settings.device)
    for plugin in settings.plugins:
        load_plugin(plugin)
    experiment = Experiment(settings.root, settings.experiment)
    while (run_id := _receive(connection)) is not None:
        outcome: RunOutcome = "finished"
        try:
            watch = _Watch(run_id, settings, connection, stop)
            execute(experiment, run_id, device, watch, settings.roots)
        except Busy:
            outcome = "busy"
        except Stopped:
            outcome = "stopped"
        try:
            connection.send(Message(run_id, outcome=outcome))
        except OSError:
            return
        if not is_usable(device):
            return  # the launcher starts another worker


def warm_up(networks: Sequence[str]) -> None:
    """Import in the launcher what every worker needs, so that forked workers have it already."""
    import torch

    from cmkd_bench.networks import load_networks
    from cmkd_bench.training import execution

    torch.set_num_threads(1)
    load_networks(networks)
    # The first optimizer imports torch's compiler, which takes longer than a small run.
    torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    assert execution


def _receive(connection: Connection) -> str | None:
    try:
        run_id: str = connection.recv()
    except (EOFError, OSError):
        return None
    return run_id
