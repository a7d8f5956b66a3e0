"""The arrays of a grid as data: missing teachers first, each student behind the one job that trains its teacher."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from cmkd_bench.config.slurm import Profile
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.slurm.packing import pack, unknown_per_job

Job = tuple[str, ...]  # the ids of its runs
A = TypeVar("A", bound=Hashable)


@dataclass(frozen=True)
class Place:
    """A job that is planned: an element of a wave."""

    wave: int
    element: int


@dataclass(frozen=True)
class SameElement:
    """For each job of a wave the job of the same index in an earlier wave."""

    wave: int


After = Place | SameElement | str | None


@dataclass(frozen=True)
class Wave:
    """One call of sbatch: an array of jobs with the same resources.

    Attributes:
        profile: of all its jobs.
        elements: the runs of each job.
        after: what must end well before its jobs may start: for all of them one job that is planned, or the id of one
            that SLURM has; for each the job of its own index; or None.
    """

    profile: Profile
    elements: tuple[Job, ...]
    after: After = None


def plan_waves(
    missing: Iterable[RunSpec],
    profiles: Mapping[str, Profile],
    seconds: Mapping[str, float],
    active: Mapping[str, str],
    limit: int,
    parallelism: int,
) -> list[Wave]:
    """Put every missing run into exactly one job.

    Where there are more teachers than jobs behind each, the first jobs behind all of them are one array, the second
    ones another; otherwise all jobs behind a teacher are one. So N runs take some sqrt(N) calls of sbatch at most.

    Args:
        missing: the runs that are to be submitted; each one's teacher is among them, active, or not waited for.
        profiles: by run id.
        seconds: what a run is expected to take, by id, where that is known.
        active: the ids of the jobs that have a run now, by run id; only these may be depended on, for SLURM takes a
            job that it has forgotten for one that ended well.
        limit: most elements of an array.
        parallelism: jobs of an array that may run at once.

    Returns:
        teachers before students; `wave` of a `Place` or a `SameElement` is an index of this list.
    """
    specs = {spec.id: spec for spec in missing}
    students = Counter(spec.teacher for spec in specs.values())
    # The teachers of most students first: then the jobs behind them are arrays without holes.
    ready = sorted(
        (run_id for run_id, spec in specs.items() if spec.teacher not in specs), key=lambda one: -students[one]
    )
    first = [
        Wave(profile, tuple(part), after)
        for (profile, after), jobs in _packed(
            ready, profiles, {one: active.get(specs[one].teacher or "") for one in ready}, seconds, parallelism
        ).items()
        for part in _parts(jobs, limit)
    ]
    places = {
        run_id: Place(number, element)
        for number, wave in enumerate(first)
        for element, job in enumerate(wave.elements)
        for run_id in job
    }
    behind = [run_id for run_id, spec in specs.items() if spec.teacher in specs]
    return [*first, *_behind(behind, specs, places, profiles, seconds, limit, parallelism)]


def _behind(
    run_ids: Sequence[str],
    specs: Mapping[str, RunSpec],
    places: Mapping[str, Place],
    profiles: Mapping[str, Profile],
    seconds: Mapping[str, float],
    limit: int,
    parallelism: int,
) -> list[Wave]:
    """The waves of students whose teachers are planned."""
    after = {run_id: places[specs[run_id].teacher or ""] for run_id in run_ids}
    packed = _packed(run_ids, profiles, after, seconds, parallelism)
    by_wave: dict[tuple[Profile, int], dict[int, list[Job]]] = {}
    for (profile, place), jobs in packed.items():
        by_wave.setdefault((profile, place.wave), {})[place.element] = jobs
    waves = []
    for (profile, wave), left in by_wave.items():
        fewer = max(map(len, left.values())) < len(left)
        # A layer: one job behind each of the first elements. Of one element, SLURM would make no array.
        while fewer and (count := _leading(left)) > 1:
            waves.append(Wave(profile, tuple(left[element].pop(0) for element in range(count)), SameElement(wave)))
        for element, jobs in left.items():
            waves += [Wave(profile, tuple(part), Place(wave, element)) for part in _parts(jobs, limit)]
    return waves


def _leading(left: Mapping[int, Sequence[Job]]) -> int:
    """How many elements, from the first on, have a job left."""
    count = 0
    while left.get(count):
        count += 1
    return count


def _packed(
    run_ids: Sequence[str],
    profiles: Mapping[str, Profile],
    after: Mapping[str, A],
    seconds: Mapping[str, float],
    parallelism: int,
) -> dict[tuple[Profile, A], list[Job]]:
    """The jobs of each profile behind each job."""
    groups: dict[tuple[Profile, A], list[str]] = {}
    for run_id in run_ids:
        groups.setdefault((profiles[run_id], after[run_id]), []).append(run_id)
    unknown = Counter(profiles[run_id] for run_id in run_ids if run_id not in seconds)
    return {
        (profile, one): [
            tuple(job) for job in pack(group, profile, seconds, unknown_per_job(unknown[profile], parallelism))
        ]
        for (profile, one), group in groups.items()
    }


def _parts(jobs: Sequence[Job], limit: int) -> list[Sequence[Job]]:
    return [jobs[start : start + limit] for start in range(0, len(jobs), limit)]
