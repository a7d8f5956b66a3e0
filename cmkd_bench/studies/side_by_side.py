"""Train runs of many grids that differ only in data and seed as one computation, several groups in parallel."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch

from cmkd_bench.errors import EnvironmentFault
from cmkd_bench.experiment.plan import Plan
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.worker import warm_up
from cmkd_bench.planning.grid import Grid
from cmkd_bench.processes.pool import ignore_interrupts, interrupts_blocked
from cmkd_bench.training.evaluation import NonFiniteOutput
from cmkd_bench.training.loop import NonFiniteLoss
from cmkd_bench.training.vectorized import execute_vectorized

RunGroup = list[tuple[Grid, str]]


def train_vectorized(planned: Iterable[tuple[Grid, Plan]], jobs: int | None = None) -> None:
    """Train the runs that can be trained together; leave the others, and interrupted ones, to the launcher."""
    groups: dict[RunSpec, RunGroup] = {}
    for grid, plan in planned:
        for spec in plan.specs.values():
            if grid.experiment.run(spec.id).state() in ("pending", "interrupted"):
                teacher = spec.teacher and "any"
                alike = replace(spec, seed=0, fold=0, manifest="", options=(), teacher=teacher)
                groups.setdefault(alike, []).append((grid, spec.id))
    warm_up(sorted({alike.student_network for alike in groups}))
    for has_teacher in (False, True):
        ready = [runs for alike, runs in groups.items() if bool(alike.teacher) == has_teacher and len(runs) > 1]
        _train_side_by_side(ready, jobs or len(os.sched_getaffinity(0)))


def _train_side_by_side(groups: Sequence[RunGroup], jobs: int) -> None:
    context = multiprocessing.get_context("fork")
    for start in range(0, len(groups), jobs):
        processes = [context.Process(target=_train, args=(runs,)) for runs in groups[start : start + jobs]]
        try:
            with interrupts_blocked():
                for process in processes:
                    process.start()
            for process in processes:
                process.join()
        finally:
            for process in processes:
                if process.is_alive():  # after Ctrl-C; a group writes its results only once all of it is trained
                    process.terminate()
                    process.join()


def _train(runs: RunGroup) -> None:
    ignore_interrupts()  # Ctrl-C reaches the whole process group; only the parent handles it
    grids, run_ids = zip(*runs, strict=True)
    # Each run that is left reports its own failure, and the launcher a fault of the machine.
    with contextlib.suppress(NonFiniteLoss, NonFiniteOutput, EnvironmentFault):
        execute_vectorized([grid.experiment for grid in grids], run_ids, torch.device("cpu"), grids[0].roots)
