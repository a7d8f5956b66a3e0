"""The runs that trained the teachers of another run: their weights and their results."""

from __future__ import annotations

from safetensors.torch import load_file

from cmkd_bench.experiment.damage import Damaged
from cmkd_bench.experiment.spec import RunSpec
from cmkd_bench.experiment.store import Experiment, RunFolder
from cmkd_bench.network import Network
from cmkd_bench.training.assembly import Assembly


class TeacherMissing(Exception):
    """Raised if the teacher's result is missing."""


class DamagedTeacher(Exception):
    """Raised if the teacher's weights are not those that its run saved."""

    def __init__(self, folder: RunFolder, damage: Damaged) -> None:
        super().__init__(str(damage))
        self.folder, self.damage = folder, damage


def load_teachers(experiment: Experiment, parts: Assembly) -> dict[str, Network]:
    """Return the trained networks of all teachers of a run by role, `teacher` first; empty if it has none.

    Raises:
        TeacherMissing: if one is not trained.
        DamagedTeacher: if the result or the weights of one are damaged.
    """
    networks = parts.teachers()
    for one in parts.spec.teachers:
        folder = _finished(experiment, one.id)
        try:
            folder.check(folder.weights)
        except Damaged as damage:
            raise DamagedTeacher(folder, damage) from damage
        networks[one.role].load_state_dict(load_file(folder.weights))
    return networks


def teacher_value(experiment: Experiment, spec: RunSpec) -> float | None:
    """Return the test score of the run's first teacher, or None if it has none.

    Raises:
        TeacherMissing: if it is not trained.
        DamagedTeacher: if its result is damaged.
    """
    if spec.teacher is None:
        return None
    value: float = experiment.read_result(_finished(experiment, spec.teacher).path.name)["value"]
    return value


def _finished(experiment: Experiment, teacher: str) -> RunFolder:
    folder = experiment.run(teacher)
    if (problem := folder.problem()) is not None:
        raise DamagedTeacher(folder, problem)
    if not folder.is_done():
        raise TeacherMissing(f"teacher {teacher} is not trained: {folder.path} has no result")
    return folder
