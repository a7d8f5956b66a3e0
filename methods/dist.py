"""DIST: match correlations of class probabilities instead of their values (Huang et al., NeurIPS 2022)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import dist_terms
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class DISTParameters:
    inter: float = parameter(
        1.0, "weight of the inter-class term", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    intra: float = parameter(
        1.0, "weight of the intra-class term", source="released code", minimum=0, search=LogUniform(0.1, 10)
    )
    temperature: float = parameter(
        1.0, "divides the logits", source="released code", minimum=0.01, search=LogUniform(1, 8)
    )


@register_method("dist")
class DIST(Method[DISTParameters]):
    """L = H(y, p_S) + b t^2 L_inter + g t^2 L_intra, each term 1 minus a mean Pearson correlation.

    L_inter correlates the class probabilities of a sample, L_intra the probabilities of a class over the batch. Two
    modalities need not agree in scale: the student's rows may be any increasing affine map of the teacher's.
    """

    category = "logits"
    paper = Paper(
        title="Knowledge Distillation from A Stronger Teacher",
        authors="Huang, You, Wang, Qian, Xu",
        venue="NeurIPS 2022",
        url="https://arxiv.org/abs/2205.10536",
    )
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"inter": 0.0, "intra": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        inter, intra = dist_terms(batch.paired(student)[0].logits, teacher.logits, given.temperature)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "inter": given.inter * given.temperature**2 * inter,
            "intra": given.intra * given.temperature**2 * intra,
        }
