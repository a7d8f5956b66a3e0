"""PEFD: an ensemble of projections of the student meets the teacher (Chen et al., NeurIPS 2022)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import cosine_distance
from cmkd_bench.search import Among, LogUniform


@dataclass(frozen=True)
class PEFDParameters:
    weight: float = parameter(25.0, "of distillation", source="paper", minimum=0, search=LogUniform(1, 50))
    projections: int = parameter(3, "that are averaged", source="paper", minimum=1, search=Among((1, 3, 5)))


@register_method("pefd")
class PEFD(Method[PEFDParameters]):
    """L = H(y, p_S) + w mean of 1 - cos(mean over k of ReLU(P_k e_S), e_T), P_k linear layers."""

    category = "features"
    paper = Paper(
        title="Improved Feature Distillation via Projector Ensemble",
        authors="Chen, Wang, Liu, Xu, de Hoog, Huang",
        venue="NeurIPS 2022",
        url="https://arxiv.org/abs/2210.15274",
    )
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def __init__(self, hyperparameters: PEFDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self.projections = nn.ModuleList(
            nn.Sequential(nn.Linear(pair.student.embedding, pair.teacher.embedding), nn.ReLU())
            for _ in range(hyperparameters.projections)
        )

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        embedding = batch.paired(student)[0].embedding
        projected = torch.stack([projection(embedding) for projection in self.projections]).mean(dim=0)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": self.hyperparameters.weight * cosine_distance(projected, teacher.embedding),
        }
