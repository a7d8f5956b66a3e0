"""VID: the teacher is a Gaussian around what the student predicts (Ahn et al., CVPR 2019)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import vid_loss
from cmkd_bench.search import LogUniform

MINIMUM = 1e-5  # of a variance
START = 5.0  # of all variances


@dataclass(frozen=True)
class VIDParameters:
    weight: float = parameter(1.0, "of distillation", source="RepDistiller", minimum=0, search=LogUniform(0.01, 10))


@register_method("vid")
class VID(Method[VIDParameters]):
    """L = H(y, p_S) + w mean over batch and channels of 1/2 [(mu(e_S) - e_T)^2 / v + log v].

    mu is a network of three linear layers, and v a trained variance of each of the teacher's channels: it tells which
    channels the student's modality predicts. The loss can be negative.
    """

    category = "features"
    paper = Paper(
        title="Variational Information Distillation for Knowledge Transfer",
        authors="Ahn, Hu, Damianou, Lawrence, Dai",
        venue="CVPR 2019",
        url="https://arxiv.org/abs/1904.05835",
    )
    deviations = ("The embeddings are compared, not the feature maps of several layers.",)
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def __init__(self, hyperparameters: VIDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.teacher.embedding
        self.regressor = nn.Sequential(
            nn.Linear(pair.student.embedding, width),
            nn.ReLU(),
            nn.Linear(width, width),
            nn.ReLU(),
            nn.Linear(width, width),
        )
        self.spread = nn.Parameter(torch.full((width,), math.log(math.expm1(START - MINIMUM))))

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        variance = F.softplus(self.spread.float()) + MINIMUM
        self.log(median_variance=variance.median())
        loss = vid_loss(self.regressor(batch.paired(student)[0].embedding), teacher.embedding, variance)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": self.hyperparameters.weight * loss,
        }
