"""The arrays of a grid as data: missing teachers first, each student behind the one job that trains its teacher."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cmkd_bench.launch.slurm.packing import pack
from cmkd_bench.launch.slurm.settings import Profile
from cmkd_bench.spec import RunSpec


@dataclass(frozen=True)
class Place:
    """A job that is planned: an element of a wave."""

    wave: int
    element: int


@dataclass(frozen=True)
class Wave:
    """One call of sbatch: an array of jobs with the same resources, behind the same job.

    Attributes:
        profile: of all its jobs.
        elements: the runs of each job.
        after: what must end well before any of its jobs may start: a job that is planned, the id of one that SLURM
            has, or None.
    """

    profile: Profile
    elements: tuple[tuple[str, ...], ...]
    after: Place | str | None = None


def plan_waves(
    missing: Iterable[RunSpec],
    profiles: Mapping[str, Profile],
    seconds: Mapping[str, float],
    active: Mapping[str, str],
    limit: int,
    parallelism: int,
) -> list[Wave]:
    """Put every missing run into exactly one job.

    Args:
        missing: the runs that are to be submitted; each one's teacher is among them, active, or not waited for.
        profiles: by run id.
        seconds: what a run is expected to take, by id, where that is known.
        active: the ids of the jobs that have a run now, by run id; only these may be depended on, for SLURM takes a
            job that it has forgotten for one that ended well.
        limit: most elements of an array.
        parallelism: jobs of an array that may run at once.

    Returns:
        teachers before students; `Place.wave` is an index of this list.
    """
    specs = {spec.id: spec for spec in missing}
    groups: dict[tuple[Profile, Place | str | None], list[str]] = {}
    for run_id, spec in specs.items():
        if spec.teacher not in specs:
            groups.setdefault((profiles[run_id], active.get(spec.teacher or "")), []).append(run_id)
    first = _waves(groups, seconds, limit, parallelism)
    places = {
        run_id: Place(number, element)
        for number, wave in enumerate(first)
        for element, run_ids in enumerate(wave.elements)
        for run_id in run_ids
    }
    behind: dict[tuple[Profile, Place | str | None], list[str]] = {}
    for run_id, spec in specs.items():
        if spec.teacher in specs:
            behind.setdefault((profiles[run_id], places[spec.teacher]), []).append(run_id)
    return [*first, *_waves(behind, seconds, limit, parallelism)]


def _waves(
    groups: Mapping[tuple[Profile, Place | str | None], Sequence[str]],
    seconds: Mapping[str, float],
    limit: int,
    parallelism: int,
) -> list[Wave]:
    waves = []
    for (profile, after), run_ids in groups.items():
        jobs = [tuple(one) for one in pack(run_ids, profile, seconds, parallelism)]
        waves += [Wave(profile, tuple(jobs[start : start + limit]), after) for start in range(0, len(jobs), limit)]
    return waves
