"""Students of several teachers wait for all of them, and are blocked by any that failed."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from cmkd_bench.config.slurm import General, Profile, SlurmSettings
from cmkd_bench.experiment.files import write_json
from cmkd_bench.experiment.spec import RunSpec, TeacherRun
from cmkd_bench.experiment.store import Experiment
from cmkd_bench.launch.gpu_room import GpuRoom
from cmkd_bench.launch.schedule import Schedule, blocked_by
from cmkd_bench.launch.slurm.states import RunStatus, block
from cmkd_bench.launch.slurm.submission import _dependency
from cmkd_bench.launch.slurm.waves import AllOf, Place, plan_waves
from cmkd_bench.testing.made import made_spec, write_made_run

FIRST, SECOND = made_spec("none", "d", 0, "a"), made_spec("none", "d", 0, "a+b")
SINGLE = made_spec("kd", "d", 0, "b", "a", FIRST.id)
BOTH = dataclasses.replace(
    made_spec("kd_ensemble", "d", 0, "b", "a", FIRST.id),
    further_teachers=(TeacherRun("composite", SECOND.id, "a+b", "concat(mlp+mlp)", ""),),
)
PROFILE = Profile(gpus=0, device="cpu")


def finish(experiment: Experiment, spec: RunSpec) -> None:
    write_made_run(experiment, spec, np.eye(2, dtype=np.float32), np.arange(2))


def planned(root: Path) -> tuple[Experiment, Schedule]:
    experiment = Experiment(root, "e")
    specs = (FIRST, SECOND, BOTH)
    for spec in specs:
        experiment.add(spec)
    return experiment, Schedule(experiment, {spec.id: spec for spec in specs})


def test_a_student_starts_when_all_of_its_teachers_are_done(tmp_path: Path) -> None:
    experiment, schedule = planned(tmp_path)
    assert [schedule.next(), schedule.next(), schedule.next()] == [FIRST.id, SECOND.id, None]
    finish(experiment, FIRST)
    schedule.finish(FIRST.id)
    assert schedule.next() is None
    finish(experiment, SECOND)
    schedule.finish(SECOND.id)
    assert schedule.next() == BOTH.id


def test_the_teacher_that_failed_is_named(tmp_path: Path) -> None:
    experiment, schedule = planned(tmp_path)
    finish(experiment, FIRST)
    write_json(experiment.run(SECOND.id).error, {"cause": "out of memory", "message": "m", "traceback": []})
    for teacher in (schedule.next(), schedule.next()):
        assert teacher is not None
        schedule.finish(teacher)
    assert schedule.blocked == {BOTH.id}
    assert blocked_by(experiment, BOTH) == f"teacher {SECOND.id} (composite, a+b) failed: out of memory: m"


def test_any_failed_teacher_blocks_on_a_cluster() -> None:
    statuses = {
        FIRST.id: RunStatus("done"),
        SECOND.id: RunStatus("failed", "non-finite loss", "m"),
        BOTH.id: RunStatus("waiting"),
        SINGLE.id: RunStatus("waiting"),
    }
    found = block(statuses, {BOTH.id: BOTH.teachers, SINGLE.id: SINGLE.teachers})
    assert (found[BOTH.id].kind, found[SINGLE.id].kind) == ("blocked", "waiting")
    assert found[BOTH.id].message == f"teacher {SECOND.id} (composite, a+b) failed: non-finite loss: m"


def waves(*missing: RunSpec, active: dict[str, str]) -> list[tuple[tuple[tuple[str, ...], ...], object]]:
    profiles = {spec.id: PROFILE for spec in missing}
    planned = plan_waves(missing, profiles, dict.fromkeys(profiles, 7200.0), active, 100, 8)
    return [(wave.elements, wave.after) for wave in planned]


def test_a_job_waits_for_the_jobs_of_all_teachers() -> None:
    order = (type(None), Place, AllOf)
    found = sorted(waves(BOTH, SINGLE, FIRST, SECOND, active={}), key=lambda wave: order.index(type(wave[1])))
    (teachers, first), (single, behind_one), (both, behind_two) = found
    assert first is None
    place = {job[0]: Place(0, element) for element, job in enumerate(teachers)}
    assert (single, behind_one) == (((SINGLE.id,),), place[FIRST.id])
    assert (both, behind_two) == (((BOTH.id,),), AllOf((place[FIRST.id], place[SECOND.id])))


def test_jobs_that_exist_already_count_too() -> None:
    assert waves(BOTH, active={FIRST.id: "7_0"}) == [(((BOTH.id,),), "7_0")]
    assert waves(BOTH, active={FIRST.id: "7_0", SECOND.id: "9"}) == [(((BOTH.id,),), AllOf(("7_0", "9")))]
    assert waves(BOTH, active={}) == [(((BOTH.id,),), None)]
    (_, first), (students, after) = waves(BOTH, SECOND, active={FIRST.id: "7_0"})
    assert (first, students, after) == (None, ((BOTH.id,),), AllOf(("7_0", Place(0, 0))))


def test_the_dependency_is_written_as_sbatch_reads_it() -> None:
    class Submitted:
        job = "12"

        def job_of(self, element: int) -> str:
            return f"{self.job}_{element}"

    found = _dependency(AllOf(("7_0", Place(0, 3))), [Submitted()])  # type: ignore[list-item]  # only what is read of one
    assert found == "afterok:7_0:12_3"


def test_a_job_gets_what_the_network_of_any_teacher_needs() -> None:
    changes = {"datasets": {}, "networks": {"concat": {"mem_gb": 64.0}}, "methods": {}}
    settings = SlurmSettings(General(), {"mem_gb": 8.0, "device": "cpu", "gpus": 0}, changes)
    assert [settings.profile(spec).mem_gb for spec in (SINGLE, BOTH)] == [8.0, 64.0]


def test_runs_with_fewer_teachers_do_not_tell_how_much_memory_of_a_gpu_all_take() -> None:
    room = GpuRoom()
    room.start("cuda:0", SINGLE)
    room.measure("cuda:0", SINGLE, peak_mb=100.0, free_mb=70_000.0)
    assert room.fits("cuda:0", made_spec("dkd", "d", 0, "b", "a", FIRST.id))
    assert not room.fits("cuda:0", BOTH)
