"""Estimate the duration of runs from recorded ones."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from cmkd_bench.config.slurm import Profile
from cmkd_bench.errors import UserError
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.launch.slurm.packing import START_SECONDS

# From the most to the least specific: a run is estimated from recorded runs that match in the first possible way.
_ALIKE: tuple[Callable[[RunSpec], tuple[object, ...]], ...] = (
    lambda spec: (spec.method, spec.dataset, spec.student_modality, *spec.networks),
    lambda spec: (spec.method, spec.dataset, spec.student_network),
    lambda spec: (spec.dataset, spec.student_network),
)


@dataclass(frozen=True)
class Estimate:
    """The expected cost of a grid."""

    gpu_hours: float  # GPU-hours of all runs that are similar to a recorded one
    cpu_hours: float  # CPU-hours of these runs
    unknown: int  # number of runs without a similar one


def recorded(root: Path) -> Iterator[tuple[RunSpec, float]]:
    """Yield the runs that are done in a results folder with their seconds per epoch."""
    for spec, folder in recorded_runs(root):
        with suppress(UserError):
            yield spec, float(RunFolder(folder).read_cost()["seconds"]) / max(_epochs(spec), 1)


def recorded_runs(root: Path) -> Iterator[tuple[RunSpec, Path]]:
    """Yield the runs that are done in a results folder with one of their folders."""
    seen: set[str] = set()
    for cost in sorted(root.glob("*/runs/*/cost.json")):
        run_id, name = cost.parent.name, cost.parent.parent.parent.name
        if run_id in seen or not (cost.parent / "result.json").exists():
            continue
        with suppress(UserError):  # damaged, or of another version: no help for an estimate
            spec = Experiment(root, name).read_spec(run_id)
            seen.add(run_id)
            yield spec, cost.parent


def alike(spec: RunSpec) -> Iterator[tuple[object, ...]]:
    """Yield what a run shares with similar ones, from the most to the least specific."""
    yield from ((level, *key(spec)) for level, key in enumerate(_ALIKE))


def expected_seconds(specs: Iterable[RunSpec], known: Iterable[tuple[RunSpec, float]]) -> dict[str, float]:
    """Return the expected seconds by run id for runs with a similar recorded run, and for those without epochs.

    The result is empty if nothing was recorded.

    Args:
        specs: the runs.
        known: recorded runs with their seconds per epoch.
    """
    per_epoch: dict[tuple[object, ...], list[float]] = {}
    for spec, seconds in known:
        for key in alike(spec) if _epochs(spec) else ():
            per_epoch.setdefault(key, []).append(seconds)
    medians = {key: statistics.median(values) for key, values in per_epoch.items()}
    found = {spec.id: _expected(spec, medians) for spec in specs} if medians else {}
    return {run_id: seconds for run_id, seconds in found.items() if seconds is not None}


def estimate(run_ids: Iterable[str], profiles: Mapping[str, Profile], seconds: Mapping[str, float]) -> Estimate:
    """Sum the cost over runs; parallel runs of a job share its resources."""
    gpu = cpu = 0.0
    unknown = 0
    for run_id in run_ids:
        if run_id not in seconds:
            unknown += 1
            continue
        share = (seconds[run_id] + START_SECONDS) / 3600 / profiles[run_id].at_once
        gpu += share * profiles[run_id].gpus
        cpu += share * profiles[run_id].cpus
    return Estimate(gpu, cpu, unknown)


def _expected(spec: RunSpec, medians: Mapping[tuple[object, ...], float]) -> float | None:
    if not _epochs(spec):
        return 0.0
    return next((medians[key] * _epochs(spec) for key in alike(spec) if key in medians), None)


def _epochs(spec: RunSpec) -> int:
    return int(dict(spec.recipe).get("epochs", 0))
