"""A method that leaves a line in a file each time that a run of it is executed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, register_method


@register_method("counted")
class Counted(Method):
    """The student alone; the third step of a training leaves the line, which a rehearsal does not reach."""

    def __init__(self, hyperparameters: Any, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self.steps = 0

    def after_step(self, student: nn.Module) -> None:
        self.steps += 1
        if self.steps == 3:
            with Path(os.environ["COUNT_FILE"]).open("a") as file:
                file.write("executed\n")

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
