"""Waves and packs as plain functions: nothing lost, nothing twice, teachers first, dependencies that can be met."""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from one_spec import SPEC

from cmkd_bench.config.slurm import Profile
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.launch.slurm.durations import estimate, expected_seconds
from cmkd_bench.launch.slurm.packing import pack, unknown_per_job
from cmkd_bench.launch.slurm.waves import Place, SameElement, Wave, plan_waves

SMALL, LARGE = Profile(gpus=0, device="cpu"), Profile(gpus=4, timeout_min=600)


def teacher(seed: int) -> RunSpec:
    return dataclasses.replace(SPEC, method="none", teacher=None, teacher_modality=None, seed=seed)


def student(of: RunSpec, number: int) -> RunSpec:
    return dataclasses.replace(SPEC, teacher=of.id, hyperparameters=(("number", number),), seed=of.seed)


@st.composite
def grids(draw: st.DrawFn) -> dict[str, Any]:
    """Teachers that are missing, done, or in a job, each with some students; profiles and durations at random."""
    teachers = [teacher(seed) for seed in range(draw(st.integers(0, 6)))]
    fates = [draw(st.sampled_from(["missing", "done", "active"])) for _ in teachers]
    students = [student(one, number) for one in teachers for number in range(draw(st.integers(0, 9)))]
    missing = [one for one, fate in zip(teachers, fates, strict=True) if fate == "missing"] + students
    missing = draw(st.permutations(missing))
    runs_per_job = draw(st.integers(0, 4))
    profiles = [dataclasses.replace(one, runs_per_job=runs_per_job) for one in (SMALL, LARGE)]
    return {
        "missing": missing,
        "profiles": {spec.id: draw(st.sampled_from(profiles)) for spec in missing},
        "seconds": {spec.id: draw(st.floats(0, 4000)) for spec in missing if draw(st.booleans())},
        "active": {one.id: f"7_{i}" for i, one in enumerate(teachers) if fates[i] == "active"},
        "limit": draw(st.integers(1, 5)),
        "parallelism": draw(st.integers(1, 4)),
    }


@given(grids())
def test_every_missing_run_is_in_exactly_one_job_behind_its_own_teacher(grid: dict[str, Any]) -> None:
    waves: list[Wave] = plan_waves(**grid)
    specs = {spec.id: spec for spec in grid["missing"]}
    placed = Counter(run_id for wave in waves for run_ids in wave.elements for run_id in run_ids)
    assert placed == Counter(list(specs))
    for number, wave in enumerate(waves):
        assert 1 <= len(wave.elements) <= grid["limit"]
        assert all(wave.elements), "no job without runs"
        for element, run_id in ((i, one) for i, run_ids in enumerate(wave.elements) for one in run_ids):
            assert grid["profiles"][run_id] == wave.profile
            before = specs[run_id].teacher
            if before in specs:
                assert isinstance(wave.after, Place | SameElement)
                assert wave.after.wave < number, "teachers are submitted before their students"
                teachers = waves[wave.after.wave].elements
                if isinstance(wave.after, SameElement):
                    assert len(wave.elements) > 1, "an array of one has no indices"
                    assert before in teachers[element]
                else:
                    assert before in teachers[wave.after.element]
            else:
                # A teacher that is done is not waited for; one in a job is, by the id that it has.
                assert wave.after == grid["active"].get(before)


def waves_of(students_of_each: list[int]) -> list[tuple[int, object]]:
    """The number of jobs, and what they are behind, where every run takes a job of its own."""
    teachers = [teacher(seed) for seed in range(len(students_of_each))]
    students = [
        student(one, number) for one, count in zip(teachers, students_of_each, strict=True) for number in range(count)
    ]
    profiles = dict.fromkeys([spec.id for spec in (*teachers, *students)], LARGE)
    one_each = dict.fromkeys(profiles, 30 * 60.0)
    waves = plan_waves([*students, *teachers], profiles, one_each, {}, limit=1000, parallelism=64)
    return [(len(wave.elements), wave.after) for wave in waves]


def test_more_teachers_are_not_more_calls_of_sbatch() -> None:
    behind = SameElement(0)
    assert waves_of([2, 2, 2]) == [(3, None), (3, behind), (3, behind)]
    assert waves_of([2] * 40) == [(40, None), (40, behind), (40, behind)]


def test_more_students_are_not_more_calls_of_sbatch() -> None:
    assert waves_of([40, 40]) == [(2, None), (40, Place(0, 0)), (40, Place(0, 1))]


def test_what_only_the_first_teacher_has_is_behind_it_alone() -> None:
    # Sorted by their students: 3, 2, 1, 1, 0. The third student of the first teacher is left over.
    assert waves_of([0, 2, 3, 1, 1]) == [(5, None), (4, SameElement(0)), (2, SameElement(0)), (1, Place(0, 0))]


def test_a_profile_that_leaves_holes_in_an_array_is_submitted_behind_single_jobs() -> None:
    teachers = [teacher(seed) for seed in range(3)]
    students = [student(one, number) for one in teachers for number in range(2)]
    large, small = [students[0], students[2], students[3]], [students[1], students[4], students[5]]
    profiles = dict.fromkeys((one.id for one in (*teachers, *large)), LARGE) | dict.fromkeys(
        (one.id for one in small), SMALL
    )
    waves = plan_waves([*teachers, *students], profiles, dict.fromkeys(profiles, 7200.0), {}, 1000, 64)
    assert [(len(wave.elements), wave.profile, wave.after) for wave in waves] == [
        (3, LARGE, None),
        (1, LARGE, Place(0, 0)),
        (2, LARGE, Place(0, 1)),
        (1, SMALL, Place(0, 0)),
        (2, SMALL, Place(0, 2)),
    ]


def test_jobs_are_filled_up_to_the_time_they_should_take() -> None:
    # 10 minutes are 600 s; a run of 197 s and 3 s of start take 200 s, so three of them fit.
    profile = Profile(pack_minutes=10)
    runs = [str(number) for number in range(7)]
    packs = pack(runs, profile, dict.fromkeys(runs, 197.0), unknown=1)
    assert packs == [["0", "1", "2"], ["3", "4", "5"], ["6"]]
    at_once = pack(runs, dataclasses.replace(profile, jobs=2), dict.fromkeys(runs, 197.0), unknown=1)
    assert [len(one) for one in at_once] == [6, 1]
    longer = pack(runs, profile, dict.fromkeys(runs, 7200.0), unknown=1)
    assert [len(one) for one in longer] == [1] * 7, "a run that takes longer than that has a job of its own"


def test_unknown_runs_share_jobs_only_where_they_would_wait_anyway() -> None:
    runs = [str(number) for number in range(10)]
    assert (unknown_per_job(10, parallelism=64), unknown_per_job(10, parallelism=4)) == (1, 3)
    assert [len(one) for one in pack(runs, Profile(), {}, unknown=3)] == [3, 3, 3, 1]
    assert [len(one) for one in pack(runs, Profile(runs_per_job=4), {"0": 9e9}, unknown=1)] == [4, 4, 2]


def test_durations_come_from_the_most_alike() -> None:
    def of(epochs: int, **changes: Any) -> RunSpec:
        return dataclasses.replace(SPEC, recipe=(("epochs", epochs),), **changes)

    # Seconds per epoch: kd took 1, 2 and 9, dkd 20, another dataset 500.
    known = [(of(5), 1.0), (of(5, seed=1), 2.0), (of(5, seed=2), 9.0)]
    known += [(of(5, method="dkd"), 20.0), (of(5, dataset="ave"), 500.0)]
    kd, dkd, crd = of(10, seed=3), of(10, method="dkd", seed=3), of(10, method="crd", seed=3)
    none, nowhere = of(0, method="crd"), of(10, dataset="watch")
    expected = expected_seconds([kd, dkd, crd, none, nowhere], known)
    # crd was never run: the median over what the dataset and network took, (2 + 9) / 2 per epoch.
    assert expected == {kd.id: 20.0, dkd.id: 200.0, crd.id: 55.0, none.id: 0.0}


def test_the_estimate_adds_up_hours() -> None:
    profiles = {"a": Profile(gpus=2, cpus=8), "b": Profile(gpus=1, cpus=4, jobs=2), "c": Profile()}
    cost = estimate(profiles, profiles, {"a": 3597.0, "b": 7197.0})
    assert (cost.gpu_hours, cost.cpu_hours, cost.unknown) == (2 + 1, 8 + 4, 1)
