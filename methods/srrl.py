"""SRRL: the teacher's head reads the student's features as the teacher's own (Yang et al., ICLR 2021)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import hint_loss, kd_loss
from cmkd_bench.search import LogUniform

SIMKD = "SimKD's repository"


@dataclass(frozen=True)
class SRRLParameters:
    weight: float = parameter(1.0, "of both squared errors", source=SIMKD, minimum=0, search=LogUniform(0.1, 10))
    logit_weight: float = parameter(
        1.0, "of the divergence of the logits", source=SIMKD, minimum=0, search=LogUniform(0.1, 10)
    )
    temperature: float = parameter(4.0, "divides the logits", source=SIMKD, minimum=0.01, search=LogUniform(1, 10))


@register_method("srrl")
class SRRL(Method[SRRLParameters]):
    """L = H(y, p_S) + a KD + w [ MSE(P e_S, e_T) + MSE(W P e_S + b, z_T) ], P = ReLU(BN(Linear)), a projection.

    W and b are the teacher's head, which stays as it is: what its logits do not see of an error in the features costs
    less than what they see.
    """

    category = "features"
    paper = Paper(
        title="Knowledge Distillation via Softmax Regression Representation Learning",
        authors="Yang, Martinez, Bulat, Tzimiropoulos",
        venue="ICLR 2021",
        url="https://openreview.net/forum?id=ZzwDy_wiWv",
    )
    deviations = (
        "The weights and the divergence of the logits are those of SimKD's repository, which reimplements the method; "
        "the authors' own code was not available.",
    )
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0, "logit_weight": 0.0}

    def __init__(self, hyperparameters: SRRLParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.teacher.embedding
        self.projection = nn.Sequential(
            nn.Linear(pair.student.embedding, width, bias=False), nn.BatchNorm1d(width), nn.ReLU()
        )

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, ours = self.hyperparameters, batch.paired(student)[0]
        projected = self.projection(ours.embedding)
        read = self.pair.teacher_head(projected)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": given.logit_weight * kd_loss(ours.logits, teacher.logits, given.temperature),
            "features": 2 * given.weight * hint_loss(projected, teacher.embedding),
            "regression": 2 * given.weight * hint_loss(read, teacher.logits),
        }
