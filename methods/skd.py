"""SKD: KD and the geometry of logits in a batch (Jeong et al., CVPR 2026)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import direction_loss, kd_loss
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class SKDParameters:
    weight: float = parameter(1.0, "of the divergence", source="torchdistill", minimum=0, search=LogUniform(0.1, 10))
    direction: float = parameter(
        1.0, "weight of the direction term", source="torchdistill", minimum=0, search=LogUniform(0.1, 10)
    )
    temperature: float = parameter(
        4.0, "divides the logits", source="torchdistill", minimum=0.01, search=LogUniform(1, 8)
    )
    ridge: float = parameter(0.1, "added to the covariance's diagonal", source="torchdistill", minimum=1e-6)


@register_method("skd")
class SKD(Method[SKDParameters]):
    """L = H(y, p_S) + w KL(p_T^t || p_S^t) + d mean over rows of sqrt(D' S^-1 D), without a factor t^2.

    D is the difference between student and teacher of the cosines between the logits of two samples; S is the
    covariance of D's rows plus a ridge. The lengths do not depend on the scale of either network's logits.
    """

    category = "logits"
    paper = Paper(
        title="Streamlined Knowledge Distillation",
        authors="Jeong et al.",
        venue="CVPR 2026",
        url="https://openaccess.thecvf.com/content/CVPR2026/html/Jeong_Streamlined_Knowledge_Distillation_CVPR_2026_paper.html",
    )
    deviations = (
        "The paper was not available: the equations are those of torchdistill's implementation.",
        "Cross-entropy with the labels is added with weight 1, which a published note on the paper does not name.",
    )
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0, "direction": 0.0}

    @classmethod
    def unsupported(cls, hyperparameters: SKDParameters, pair: Pair) -> str | None:
        return "not defined for segmentation: it inverts a matrix of all positions" if pair.is_dense else None

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        ours = batch.paired(student)[0]
        divergence = kd_loss(ours.logits, teacher.logits, given.temperature) / given.temperature**2
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": given.weight * divergence,
            "direction": given.direction * direction_loss(ours.logits, teacher.logits, given.ridge),
        }
