"""A method that leaves a line in a file each time that a run of it is executed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, register_method


@register_method("counted")
class Counted(Method):
    """The student alone; its constructor is called once per execution."""

    def __init__(self, hyperparameters: Any, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        with Path(os.environ["COUNT_FILE"]).open("a") as file:
            file.write("executed\n")

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
