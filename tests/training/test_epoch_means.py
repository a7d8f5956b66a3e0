"""What an epoch records is the mean over the steps that report a name, not over all steps."""

from __future__ import annotations

import torch

from cmkd_bench.method import Batch, Losses, Method
from cmkd_bench.outputs import Outputs
from cmkd_bench.testing._tiny_run import RECIPE, Direction, build_tiny_run


class ReportsEverySecondStep(Method):
    """Reports one value and one loss term in steps 2, 4, ... and another of each in every step."""

    steps = 0

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        self.steps += 1
        losses = {"always": 0 * student.logits.sum() + self.steps}
        self.log(always=torch.tensor(float(self.steps)))
        if self.steps % 2 == 0:
            losses["sometimes"] = 0 * student.logits.sum() + 3
            self.log(sometimes=torch.tensor(1.0))
        return losses


def test_a_name_is_averaged_over_the_steps_that_report_it() -> None:
    cell = build_tiny_run(ReportsEverySecondStep, {}, Direction("vector", "signal"))
    assert not isinstance(cell, str)
    history = cell.run().progress.history
    steps = len(cell.train) // RECIPE.batch_size
    assert (len(history), steps) == (2, 2)
    assert [one["logged"] for one in history] == [
        {"always": 1.5, "sometimes": 1.0},
        {"always": 3.5, "sometimes": 1.0},
    ]
    assert [one["losses"] for one in history] == [
        {"always": 1.5, "sometimes": 3.0},
        {"always": 3.5, "sometimes": 3.0},
    ]
