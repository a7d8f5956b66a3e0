"""What `run` would refuse, and what it would cost, before anything is prepared, planned or written."""

from __future__ import annotations

import errno
import os
import statistics
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from cmkd_bench.errors import GridError, UserError, fault_of
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.placement import Workers, describe, workers_for
from cmkd_bench.launch.schedule import Schedule
from cmkd_bench.launch.slurm.cluster import Cluster
from cmkd_bench.launch.slurm.durations import alike, expected_seconds, recorded, recorded_runs
from cmkd_bench.launch.slurm.preflight import problems_of_commands
from cmkd_bench.launch.slurm.states import OUT_OF_MEMORY
from cmkd_bench.planning.grid import Grid


@dataclass(frozen=True)
class Expectation:
    """What runs are expected to take."""

    seconds: float  # training time of all runs that are similar to a recorded one, one after another
    bytes: float  # size of these runs on disk
    unknown: int  # number of runs without a similar one


def check_launch(grid: Grid) -> None:
    """Check that the results can be written and that the device exists.

    Raises:
        GridError: with all problems at once.
        EnvironmentFault: if nothing else is wrong, but the results cannot be written.
    """
    problems = [problem] if (problem := _problem_of_folder(grid.experiment.path)) else []
    if grid.launcher["kind"] == "local":
        try:
            local_workers(grid)
        except UserError as error:
            problems.append(str(error))
    elif grid.launcher["kind"] == "slurm":
        problems += problems_of_commands(Cluster())
    if problems:
        raise GridError(problems)
    _check_writable(grid.experiment.path)


def local_workers(grid: Grid) -> Workers:
    """Return the workers of a grid on this machine.

    Raises:
        UserError: if a GPU is asked for and there is none.
    """
    return workers_for({name: part.device for name, part in grid.datasets.items()}, grid.launcher["jobs"])


def announce(grid: Grid, console: Console) -> None:
    """Print where the runs will be made on this machine; on a cluster, each job has its own device."""
    if grid.launcher["kind"] == "local":
        console.print(describe(local_workers(grid)), markup=False, soft_wrap=True)


def advice(schedule: Schedule, grid: Grid) -> Iterator[str]:
    """Yield the command that repeats runs for which GPUs had no memory left, with fewer of them at once."""
    workers = local_workers(grid)
    causes = [(schedule.experiment.run(run_id).failure() or {}).get("cause") for run_id in sorted(schedule.failed)]
    if workers.gpus and (failed := causes.count(OUT_OF_MEMORY)):
        jobs = workers.fewer_jobs
        command = f"{grid.command} --retry-failed --jobs {jobs}" if grid.command else f"retry_failed=True, jobs={jobs}"
        yield f"{failed} run{'s' * (failed > 1)} failed for lack of memory. To repeat with fewer at once: {command}"


def expectation(specs: Collection[RunSpec], root: Path) -> Expectation:
    """Return what runs are expected to take, from the finished runs in a results folder."""
    seconds = expected_seconds(specs, recorded(root))
    sizes = _expected_bytes(specs, root)
    known = [spec.id for spec in specs if spec.id in seconds and spec.id in sizes]
    return Expectation(sum(seconds[one] for one in known), sum(sizes[one] for one in known), len(specs) - len(known))


def _expected_bytes(specs: Iterable[RunSpec], root: Path) -> dict[str, float]:
    found: dict[tuple[object, ...], list[float]] = {}
    for spec, folder in recorded_runs(root):
        size = sum(path.stat().st_size for path in folder.iterdir())
        for key in alike(spec):
            found.setdefault(key, []).append(size)
    medians = {key: statistics.median(sizes) for key, sizes in found.items()}
    nearest = {spec.id: next((medians[key] for key in alike(spec) if key in medians), None) for spec in specs}
    return {run_id: size for run_id, size in nearest.items() if size is not None}


def _problem_of_folder(folder: Path) -> str | None:
    try:
        existing = _existing(folder)
        is_folder = existing.is_dir()
    except OSError as error:  # e.g. a name that is too long
        return f"{folder}: {error.strerror}. Choose another --results or --experiment."
    if not is_folder:
        return f"{existing} is a file, not a folder. Choose another --results or --experiment."
    return None


def _check_writable(folder: Path) -> None:
    existing = _existing(folder)
    if not os.access(existing, os.W_OK | os.X_OK):
        number = errno.EROFS if os.statvfs(existing).f_flag & os.ST_RDONLY else errno.EACCES
        error = OSError(number, os.strerror(number), str(existing))
        raise fault_of(error) or error


def _existing(folder: Path) -> Path:
    return next(path for path in (folder, *folder.absolute().parents) if path.exists())
