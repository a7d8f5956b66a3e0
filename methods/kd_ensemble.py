"""Control: KD from several teachers with equal weights, without a choice among them."""

from __future__ import annotations

import torch

from cmkd_bench import Batch, Losses, Outputs
from cmkd_bench.methods.kd import KD
from cmkd_bench.registry import register_method


@register_method("kd_ensemble")
class EnsembleKD(KD):
    """KD's loss with the mean over K teachers of t^2 KL(p_k^t || p_S^t).

    The teachers are the one of the row, and one that sees the modalities of teacher and student together. The gradient
    is that of KD from the mean of their softened probabilities. What a method that weighs, masks or routes several
    teachers gains over this row comes from that, and not from the number of teachers.
    """

    role = "control"
    further_teachers = ("composite",)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        found = [super(EnsembleKD, self).forward(student, one, batch) for one in (teacher, *batch.teachers.values())]
        distillation = torch.stack([losses["distillation"] for losses in found]).mean()
        return {"cross_entropy": found[0]["cross_entropy"], "distillation": distillation}
