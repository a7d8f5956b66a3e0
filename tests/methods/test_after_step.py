"""State that a method updates from the student's weights after each step: kept in checkpoints, and read only."""

from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench.method import Method
from cmkd_bench.testing import MethodConformance
from cmkd_bench.testing._tiny_run import DIRECTIONS, build_tiny_run


class AveragedHead(Method):
    """The student, drawn to what an average of its heads says of its embedding."""

    teacher = "none"

    def __init__(self, hyperparameters, pair):
        super().__init__(hyperparameters, pair)
        self.register_buffer("average", torch.zeros(pair.classes, pair.student.embedding))

    def forward(self, student, teacher, batch):
        target = student.embedding @ self.average.T
        loss = F.cross_entropy(student.logits, batch.labels)
        return {"cross_entropy": loss, "consistency": F.mse_loss(student.logits, target)}

    def after_step(self, student):
        assert not torch.is_grad_enabled()
        self.average.lerp_(student.head.weight, 0.5)


class ForgetsTheAverage(AveragedHead):
    def __init__(self, hyperparameters, pair):
        super().__init__(hyperparameters, pair)
        average = self.average
        del self.average
        self.average = average


class WritesIntoTheStudent(AveragedHead):
    def after_step(self, student):
        student.head.weight.mul_(0.9)


class TestAveragedHead(MethodConformance):
    method = AveragedHead

    def test_is_registered_under_its_name(self):
        """It is a method of this file alone."""


def broken(cls: type[Method]) -> MethodConformance:
    return type("Broken", (MethodConformance,), {"method": cls})()


def test_an_average_outside_the_state_fails_when_resumed(tmp_path):
    with pytest.raises(AssertionError, match="interrupted after 1"):
        broken(ForgetsTheAverage).test_a_resumed_training_ends_alike(DIRECTIONS[0], tmp_path)


def test_the_student_is_read_only():
    with pytest.raises(AssertionError, match=r"student\.head\.weight"):
        broken(WritesIntoTheStudent).test_after_step_leaves_the_student_as_it_is(DIRECTIONS[0])


def test_the_weights_are_those_after_the_step():
    cell = build_tiny_run(AveragedHead, {}, DIRECTIONS[2])
    seen = []
    average = cell.method.after_step

    def watched(student: nn.Module) -> None:
        seen.append(student.head.weight.clone())
        average(student)

    cell.method.after_step = watched
    cell.run()
    assert len(seen) == 4  # 16 samples in batches of 8, two epochs
    assert torch.equal(seen[-1], cell.student.head.weight)
    expected = 0.0625 * seen[0] + 0.125 * seen[1] + 0.25 * seen[2] + 0.5 * seen[3]
    torch.testing.assert_close(cell.method.average, expected)
