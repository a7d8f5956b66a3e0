"""Pseudo-labels: the teacher's confident predictions are labels of the student (Lee, 2013; Sohn et al., 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import confident_rows, pseudo_label_loss
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class PseudoLabelParameters:
    weight: float = parameter(1.0, "of pseudo-labels", source="paper", minimum=0, search=LogUniform(0.1, 10))
    threshold: float = parameter(
        0.95, "least probability that makes a pseudo-label", source="paper", minimum=0, search=Uniform(0, 0.95)
    )


@register_method("pseudo_label")
class PseudoLabel(Method[PseudoLabelParameters]):
    """L = H(y, p_S) + w / B sum over samples of 1[max p_T >= c] H(argmax p_T, p_S).

    FixMatch with the teacher's modality in place of a weak view. Samples below the threshold count in B, as in the
    paper. Every claim about unlabeled pairs needs this row: a method must give more than the teacher's hard decisions.
    """

    category = "semi-supervised"
    paper = Paper(
        title="FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence",
        authors="Sohn, Berthelot, Li, Zhang, Carlini, Cubuk, Kurakin, Zhang, Raffel",
        venue="NeurIPS 2020",
        url="https://arxiv.org/abs/2001.07685",
    )
    deviations = (
        "The pseudo-labels are those of a frozen teacher of the other modality, not of the student on a weak view, and "
        "the student has no strong view.",
    )
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        kept = confident_rows(teacher.logits, self.hyperparameters.threshold)
        self.log(keep_rate=kept.float().mean())
        pseudo = pseudo_label_loss(batch.paired(student)[0].logits, teacher.logits, kept)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "pseudo_labels": self.hyperparameters.weight * pseudo,
        }
