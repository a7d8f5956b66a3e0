"""Methods that fail in different ways, for tests of the launcher."""

from __future__ import annotations

import os
import signal

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, register_method


@register_method("becomes_nan")
class BecomesNaN(Method):
    """Divides by zero in the second epoch."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        loss = F.cross_entropy(student.logits, batch.labels)
        return {"cross_entropy": loss, "divided": loss / (batch.epoch < 2) * 0}


@register_method("raises")
class Raises(Method):
    """Raises an error of its own."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        raise LookupError("the method's own words")


@register_method("dies")
class Dies(Method):
    """Kills its own process."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        os.kill(os.getpid(), signal.SIGKILL)
        return {}


@register_method("asks_beyond")
class AsksBeyond(Method):
    """Reads a row that is not there; on a GPU that ends all further work of the process there."""

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"beyond": student.logits.index_select(0, batch.index + 10**6).mean()}
