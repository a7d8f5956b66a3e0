"""MLLD: logits are distilled on the levels of samples, batch and classes (Jin et al., CVPR 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import kd_loss, prediction_relations
from cmkd_bench.search import LogUniform

TEMPERATURES = (2.0, 3.0, 4.0, 5.0, 6.0)  # the paper's


@dataclass(frozen=True)
class MLLDParameters:
    instance: float = parameter(
        1.0, "weight of the divergence of each sample", source="paper", minimum=0, search=LogUniform(0.05, 2)
    )
    batch: float = parameter(
        1.0, "weight of relations between samples", source="paper", minimum=0, search=LogUniform(0.1, 100)
    )
    classes: float = parameter(
        1.0, "weight of relations between classes", source="paper", minimum=0, search=LogUniform(0.1, 100)
    )
    rows_per_image: int = parameter(
        16, "random positions whose relations are compared (segmentation)", source="ours", minimum=1
    )


@register_method("mlld")
class MLLD(Method[MLLDParameters]):
    """L = H(y, p_S) + sum over t = 2, ..., 6 of t^2 KL(p_T^t || p_S^t), a batch term and a class term.

    With P the probabilities (B, C): |P_T P_T' - P_S P_S'|^2 / B and |P_T' P_T - P_S' P_S|^2 / C. At equal weights the
    two are 200 times smaller than the divergence, and the method is close to five KD losses.
    """

    category = "logits"
    paper = Paper(
        title="Multi-Level Logit Distillation",
        authors="Jin, Wang, Lin",
        venue="CVPR 2023",
        url="https://openaccess.thecvf.com/content/CVPR2023/papers/Jin_Multi-Level_Logit_Distillation_CVPR_2023_paper.pdf",
    )
    deviations = (
        "Each sample has one view; the paper adds the losses of a weakly and a strongly augmented one.",
        "No sample is masked: the released code's confidence masks only halve the terms.",
    )
    unpaired = "learns from its label only"
    without_distillation = {"instance": 0.0, "batch": 0.0, "classes": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        rows = pairs.draw_rows(given.rows_per_image)
        instance = [kd_loss(ours.logits, teacher.logits, temperature) for temperature in TEMPERATURES]
        relations = [
            torch.stack(prediction_relations(ours.logits[rows], teacher.logits[rows], temperature))
            for temperature in TEMPERATURES
        ]
        batch_term, class_term = torch.stack(relations).sum(dim=0)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "instance": given.instance * torch.stack(instance).sum(),
            "batch": given.batch * batch_term,
            "classes": given.classes * class_term,
        }
