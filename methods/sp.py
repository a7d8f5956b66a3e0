"""SP: the samples that are alike for the teacher should be alike for the student (Tung and Mori, ICCV 2019)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import sp_loss
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class SPParameters:
    weight: float = parameter(3000.0, "of distillation", source="paper", minimum=0, search=LogUniform(30, 30000))
    rows_per_image: int = parameter(16, "random positions that are compared (segmentation)", source="ours", minimum=1)


@register_method("sp")
class SP(Method[SPParameters]):
    """L = H(y, p_S) + w |G_T - G_S|^2 / B^2, G the row-normalized Gram matrix of the embeddings.

    It needs no common width or geometry of the two modalities.
    """

    category = "relations"
    paper = Paper(
        title="Similarity-Preserving Knowledge Distillation",
        authors="Tung, Mori",
        venue="ICCV 2019",
        url="https://arxiv.org/abs/1907.09682",
    )
    deviations = ("The similarities are those of the pooled embedding, not of the last feature map.",)
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        ours, pairs = batch.paired(student)
        rows = pairs.draw_rows(self.hyperparameters.rows_per_image)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "similarity": self.hyperparameters.weight * sp_loss(ours.embedding[rows], teacher.embedding[rows]),
        }
