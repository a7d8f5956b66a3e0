"""The arrays of a grid as data: missing teachers first, then each student after the job that trains its teacher."""

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
    """The place of a planned job: an element of a wave."""

    wave: int
    element: int


@dataclass(frozen=True)
class SameElement:
    """A dependency of each job of a wave on the job with the same index in an earlier wave."""

    wave: int


@dataclass(frozen=True)
class AllOf:
    """A dependency on several jobs, planned ones and submitted ones, of runs with several teachers."""

    jobs: tuple[Place | str, ...]


After = Place | SameElement | AllOf | str | None


@dataclass(frozen=True)
class Wave:
    """One call of sbatch: an array of jobs with equal resources."""

    profile: Profile  # resources of its jobs
    elements: tuple[Job, ...]  # runs of each job
    # what must succeed before its jobs start: for all of them, one planned job, the id of a submitted one, or several;
    # for each, the job with its own index; or None
    after: After = None


def plan_waves(
    missing: Iterable[RunSpec],
    profiles: Mapping[str, Profile],
    seconds: Mapping[str, float],
    active: Mapping[str, str],
    limit: int,
    parallelism: int,
) -> list[Wave]:
    """Assign every missing run to exactly one job.

    If there are more teachers than jobs behind each, the first jobs behind all of them form one array, the second jobs
    another; otherwise, all jobs behind a teacher form one. So N runs take at most about sqrt(N) calls of sbatch.

    Args:
        missing: the runs to submit; each one's teachers are among them, active, or already trained.
        profiles: by run id.
        seconds: expected duration by run id, if known.
        active: ids of the jobs that have a run now, by run id; only these can be dependencies, because SLURM takes a
            forgotten job for one that succeeded.
        limit: maximum number of elements of an array.
        parallelism: number of array jobs that may run in parallel.

    Returns:
        teachers before students; the `wave` of a `Place` or a `SameElement` is an index into this list.
    """
    specs = {spec.id: spec for spec in missing}
    students = Counter(teacher for spec in specs.values() for teacher in spec.teacher_ids)
    # Teachers with the most students come first, so that the jobs behind them form arrays without gaps.
    ready = sorted(
        (run_id for run_id, spec in specs.items() if specs.keys().isdisjoint(spec.teacher_ids)),
        key=lambda one: -students[one],
    )
    first = [
        Wave(profile, tuple(part), after)
        for (profile, after), jobs in _packed(
            ready, profiles, {one: _after(specs[one], active, {}) for one in ready}, seconds, parallelism
        ).items()
        for part in _parts(jobs, limit)
    ]
    places = {
        run_id: Place(number, element)
        for number, wave in enumerate(first)
        for element, job in enumerate(wave.elements)
        for run_id in job
    }
    after = {run_id: _after(spec, active, places) for run_id, spec in specs.items() if run_id not in places}
    return [*first, *_behind(after, profiles, seconds, limit, parallelism)]


def _after(spec: RunSpec, active: Mapping[str, str], places: Mapping[str, Place]) -> Place | AllOf | str | None:
    """Return the jobs of a run's teachers; None if all are trained."""
    found = [places.get(teacher) or active.get(teacher) for teacher in spec.teacher_ids]
    jobs = tuple(dict.fromkeys(one for one in found if one is not None))
    return AllOf(jobs) if len(jobs) > 1 else next(iter(jobs), None)


def _behind(
    after: Mapping[str, Place | AllOf | str | None],
    profiles: Mapping[str, Profile],
    seconds: Mapping[str, float],
    limit: int,
    parallelism: int,
) -> list[Wave]:
    """Return the waves of students whose teachers are planned, at least one of them."""
    packed = _packed(list(after), profiles, after, seconds, parallelism)
    by_wave: dict[tuple[Profile, int], dict[int, list[Job]]] = {}
    waves = []
    for (profile, place), jobs in packed.items():
        if isinstance(place, Place):
            by_wave.setdefault((profile, place.wave), {})[place.element] = jobs
        else:
            waves += [Wave(profile, tuple(part), place) for part in _parts(jobs, limit)]
    for (profile, wave), left in by_wave.items():
        fewer = max(map(len, left.values())) < len(left)
        # A layer: one job behind each of the first elements. SLURM would not make an array of one element.
        while fewer and (count := _leading(left)) > 1:
            waves.append(Wave(profile, tuple(left[element].pop(0) for element in range(count)), SameElement(wave)))
        for element, jobs in left.items():
            waves += [Wave(profile, tuple(part), Place(wave, element)) for part in _parts(jobs, limit)]
    return waves


def _leading(left: Mapping[int, Sequence[Job]]) -> int:
    """Return how many elements, counted from the first, have a job left."""
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
    """Return the jobs of each profile behind each job."""
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
