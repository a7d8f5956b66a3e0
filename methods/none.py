"""The student alone, trained with cross-entropy; its runs are also the teachers."""

from __future__ import annotations

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, register_method
from cmkd_bench.parameters import NoParameters


@register_method("none")
class StudentOnly(Method[NoParameters]):
    """L = H(y, p_S), mean over the batch."""

    role = "baseline"
    teacher = "none"
    unlabelled = "skipped (mean over the labeled samples)"

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
