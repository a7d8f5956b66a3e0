"""Pack runs into jobs: short runs share a job, because queueing has overhead; long runs have a job each."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from cmkd_bench.config.slurm import Profile

START_SECONDS = 3.0  # overhead of a run before its first epoch and after its last one


def unknown_per_job(runs: int, parallelism: int) -> int:
    """Return how many runs of unknown duration share a job: as few as keep all jobs of an array running.

    Args:
        runs: number of runs of unknown duration that may start together.
        parallelism: number of array jobs that may run in parallel; more jobs would only wait in the queue.
    """
    return math.ceil(runs / parallelism)


def pack(run_ids: Sequence[str], profile: Profile, seconds: Mapping[str, float], unknown: int) -> list[list[str]]:
    """Split runs into jobs, in order.

    If the profile sets no number of runs per job, each job is filled up to `pack_minutes` according to the expected
    durations.

    Args:
        run_ids: runs of this profile that may start together.
        profile: their resources.
        seconds: expected duration by run id, if known.
        unknown: how many of the other runs share a job.

    Returns:
        the runs of each job; every run is in exactly one.
    """
    if profile.runs_per_job:
        return _chunks(run_ids, profile.runs_per_job)
    known = [run_id for run_id in run_ids if run_id in seconds]
    others = [run_id for run_id in run_ids if run_id not in seconds]
    return [*_fill(known, profile, seconds), *_chunks(others, unknown)]


def _fill(run_ids: Sequence[str], profile: Profile, seconds: Mapping[str, float]) -> list[list[str]]:
    capacity = profile.pack_minutes * 60 * profile.at_once
    packs: list[list[str]] = []
    filled = math.inf
    for run_id in run_ids:
        takes = seconds[run_id] + START_SECONDS
        if filled + takes > capacity:
            packs.append([])
            filled = 0.0
        packs[-1].append(run_id)
        filled += takes
    return packs


def _chunks(run_ids: Sequence[str], size: int) -> list[list[str]]:
    return [list(run_ids[start : start + size]) for start in range(0, len(run_ids), max(size, 1))]
