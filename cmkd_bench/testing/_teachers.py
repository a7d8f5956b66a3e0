"""Conformance of methods with several teachers."""

from __future__ import annotations

import dataclasses

import torch

from cmkd_bench.method import Batch, Phase
from cmkd_bench.testing._case import MethodCase
from cmkd_bench.testing._tiny_run import DIRECTIONS, TinyRun, build_tiny_run


class TeacherTests(MethodCase):
    """Tests of what a method does with the teachers that it declares beside the first one."""

    def test_further_teachers_stand_beside_a_first_one_and_are_read(self) -> None:
        cls = self.method_class()
        if cls.further_teachers:
            assert cls.teacher != "none", f"further_teachers = {cls.further_teachers}, but there is no first teacher"
        cells = [build_tiny_run(cls, self.hyperparameters, direction) for direction in DIRECTIONS]
        for role in cls.further_teachers:
            read = any(
                _reads(cell, phase, role) for cell in cells if not isinstance(cell, str) for phase in _phases(cell)
            )
            assert read, f"no phase reads the outputs of the further teacher '{role}', although they are computed"


def _phases(cell: TinyRun) -> tuple[Phase, ...]:
    phases: tuple[Phase, ...] = cell.method.phases()
    return phases


def _reads(cell: TinyRun, phase: Phase, role: str) -> bool:
    """Return whether other outputs of a further teacher change the loss of a phase."""
    batch = cell.batch(phase, 8)
    other = {**batch.teachers, role: batch.teachers[role].select(torch.arange(8).roll(1))}
    return _loss(cell, phase, batch) != _loss(cell, phase, dataclasses.replace(batch, teachers=other))


@torch.no_grad()
def _loss(cell: TinyRun, phase: Phase, batch: Batch) -> float:
    view, method = cell.train.evaluation_view, cell.method
    student = cell.student.eval()(view(cell.direction.student, batch.index), method.student_layers())
    teacher = cell.teacher.eval()(view(cell.direction.teacher, batch.index), method.teacher_layers())
    return float(sum(value.item() for loss in phase.losses for value in loss(student, teacher, batch).values()))
