"""CTKD: KD whose temperature is learned against the student (Li et al., AAAI 2023)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import kd_loss
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class CTKDParameters:
    alpha: float = parameter(
        0.9,
        "of distillation; 1 - alpha of cross-entropy",
        source="as kd",
        minimum=0,
        search=Uniform(0.1, 0.95),
    )
    start: float = parameter(1.0, "least temperature", source="paper", minimum=0.01)
    span: float = parameter(
        20.0, "largest temperature minus the least", source="paper", minimum=0, search=LogUniform(4, 40)
    )
    ramp_share: float = parameter(
        10 / 240, "share of the epochs in which the adversary grows", source="released code", minimum=0, maximum=1
    )


@register_method("ctkd")
class CTKD(Method[CTKDParameters]):
    """L = (1 - a) H(y, p_S) + a t^2 KL(p_T^t || p_S^t), t = start + span sigmoid(theta).

    The student minimizes the divergence; theta, a single number that starts at 1, maximizes it. Its gradient is
    multiplied by -l(e), l(e) = (1 - cos(pi min(e / E, 1))) / 2 in epoch e = 0, 1, ...
    """

    category = "logits"
    paper = Paper(
        title="Curriculum Temperature for Knowledge Distillation",
        authors="Li, Li, Yang, Zhao, Song, Luo, Li, Yang",
        venue="AAAI 2023",
        url="https://arxiv.org/abs/2211.16231",
    )
    deviations = (
        "The ramp is a share of the epochs (10 of 240 in the released code), so that short runs complete it too.",
        "Only the global temperature is implemented, not one per sample.",
    )
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"alpha": 0.0}

    def __init__(self, hyperparameters: CTKDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self.theta = nn.Parameter(torch.ones(()))

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, strength = self.hyperparameters, self._strength(batch)
        # The value is theta's, the gradient is reversed.
        theta = (1 + strength) * self.theta.detach() - strength * self.theta
        temperature = given.start + given.span * theta.sigmoid()
        self.log(temperature=temperature)
        return {
            "cross_entropy": (1 - given.alpha) * F.cross_entropy(student.logits, batch.labels),
            "distillation": given.alpha * kd_loss(batch.paired(student)[0].logits, teacher.logits, temperature),
        }

    def _strength(self, batch: Batch) -> float:
        length = self.hyperparameters.ramp_share * batch.epochs
        done = min((batch.epoch - 1) / length, 1.0) if length else 1.0
        return (1 - math.cos(math.pi * done)) / 2
