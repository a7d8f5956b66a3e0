"""RKD: distances and angles between samples are transferred, not features (Park et al., CVPR 2019)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import rkd_terms
from cmkd_bench.search import LogUniform

ZOO = "RepDistiller"


@dataclass(frozen=True)
class RKDParameters:
    # The paper's own weights, 1 and 2, belong to metric learning without cross-entropy.
    distance: float = parameter(25.0, "weight of distances", source=ZOO, minimum=0, search=LogUniform(0.5, 50))
    angle: float = parameter(50.0, "weight of angles", source=ZOO, minimum=0, search=LogUniform(0.5, 100))
    rows_per_image: int = parameter(8, "random positions that are compared (segmentation)", source="ours", minimum=1)


@register_method("rkd")
class RKD(Method[RKDParameters]):
    """L = H(y, p_S) + w_D L_D + w_A L_A, smooth L1 losses between relations within the batch.

    L_D compares distances between samples, divided by their mean; L_A compares the cosines of the angles of all
    triplets. Both ignore rotation, scale and translation of either space, and the widths may differ.
    """

    category = "relations"
    paper = Paper(
        title="Relational Knowledge Distillation",
        authors="Park, Kim, Lu, Cho",
        venue="CVPR 2019",
        url="https://arxiv.org/abs/1904.05068",
    )
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"distance": 0.0, "angle": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        rows = pairs.draw_rows(given.rows_per_image)
        distance, angle = rkd_terms(ours.embedding[rows], teacher.embedding[rows])
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distance": given.distance * distance,
            "angle": given.angle * angle,
        }
