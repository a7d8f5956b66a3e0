"""CSC: a class-aware contrast whose temperature follows the pair (Xia et al., 2023)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import class_contrast
from cmkd_bench.search import LogUniform

CODE = "released code"


@dataclass(frozen=True)
class CSCParameters:
    weight: float = parameter(1.0, "of the contrast", source=CODE, minimum=0, search=LogUniform(0.01, 3))
    shift: float = parameter(0.07, "added to a pair's cosine, which is its temperature", source=CODE, minimum=0)
    floor: float = parameter(
        0.01, "least temperature of a pair", source="ours", minimum=0.001, search=LogUniform(0.01, 0.3)
    )


@register_method("csc")
class CSC(Method[CSCParameters]):
    """L = H(y, p_S) - w mean over i of mean over the positives j of log softmax_j(cos(v_i, s_j) / t_ij).

    v is the projected student, s the projected teacher; j is positive where its label is that of i, and t_ij =
    max(cos(v_i, s_j) + shift, floor) without a gradient. This is the contrast of GeWu-Lab's method without its noise
    filter (MNF).
    """

    category = "contrastive"
    paper = Paper(
        title="Robust Cross-Modal Knowledge Distillation for Unconstrained Videos",
        authors="Xia, Li, Deng, Xiong, Dou, Hu",
        venue="arXiv 2304.07775 (2023)",
        url="https://arxiv.org/abs/2304.07775",
    )
    deviations = (
        "The noise filter MNF is left out; the teacher's embedding is projected by a trained linear layer instead.",
        "The temperature has a floor; in the released code it is negative for cosines below -0.07.",
    )
    unlabelled = "cross-entropy skips it; everywhere else, its class is the teacher's class of largest probability"
    trains_embedding = True
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def __init__(self, hyperparameters: CSCParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.teacher.embedding
        self.student_projection = nn.Linear(pair.student.embedding, width)
        self.teacher_projection = nn.Linear(width, width)

    @classmethod
    def unsupported(cls, hyperparameters: CSCParameters, pair: Pair) -> str | None:
        if pair.is_dense:
            return "not defined for segmentation: it would contrast every position of a batch with every other"
        return super().unsupported(hyperparameters, pair)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (paired, rows) = self.hyperparameters, batch.paired(student)
        ours, theirs = self.student_projection(paired.embedding), self.teacher_projection(teacher.embedding)
        contrast = class_contrast(ours, theirs, rows.classes(teacher.logits), given.shift, given.floor)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "contrast": given.weight * contrast,
        }
