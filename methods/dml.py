"""DML: two networks learn together from scratch and from each other (Zhang et al., CVPR 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import mutual_kl
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class DMLParameters:
    weight: float = parameter(1.0, "of distillation, both ways", source="paper", minimum=0, search=LogUniform(0.1, 10))
    temperature: float = parameter(
        1.0, "divides the logits", source="paper: none", minimum=0.01, search=LogUniform(1, 4)
    )


@register_method("dml")
class DML(Method[DMLParameters]):
    """L_S = H(y, p_S) + w t^2 KL(p_T || p_S) and L_T = H(y, p_T) + w t^2 KL(p_S || p_T), each target fixed.

    The teacher is a peer: a network of the other modality that starts untrained and learns in the same steps. The row
    tells what a second network in training gives, in contrast to a trained teacher.
    """

    category = "logits"
    paper = Paper(
        title="Deep Mutual Learning",
        authors="Zhang, Xiang, Hospedales, Lu",
        venue="CVPR 2018",
        url="https://arxiv.org/abs/1706.00384",
    )
    teacher = "untrained"
    updates_teacher = True
    deviations = ("Both networks are updated at once; in the paper they take turns with fresh predictions.",)
    needs_pairs = False
    unpaired = "enters the student's cross-entropy only; the peer sees pairs only"
    without_distillation = {"weight": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        ours, pairs = batch.paired(student)
        temperature = self.hyperparameters.temperature
        weight = self.hyperparameters.weight * temperature**2
        to_teacher, to_student = mutual_kl(ours.logits / temperature, teacher.logits / temperature)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": weight * to_student,
            "peer_cross_entropy": F.cross_entropy(teacher.logits, pairs.labels),
            "peer_distillation": weight * to_teacher,
        }
