"""MLLD: logits are distilled on the levels of samples, batch and classes (Jin et al., CVPR 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, ViewKind, parameter, register_method
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
    views: int = parameter(2, "of each sample: the second is a strong one", source="paper", choices=(1, 2))
    strong_labels: float = parameter(
        1.0, "weight of the strong view's cross-entropy (views=2)", source="released code", minimum=0
    )
    rows_per_image: int = parameter(
        16, "random positions whose relations are compared (segmentation)", source="ours", minimum=1
    )


@register_method("mlld")
class MLLD(Method[MLLDParameters]):
    """L = H(y, p_S) + sum over t = 2, ..., 6 of t^2 KL(p_T^t || p_S^t), a batch term and a class term; views add up.

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
        "The weak view is the protocol's training view, and the strong one is disturbed by the protocol's settings; "
        "the paper augments images by AutoAugment.",
        "No sample is masked: the released code's confidence masks only halve the terms.",
    )
    unpaired = "learns from its label only"
    without_distillation = {"instance": 0.0, "batch": 0.0, "classes": 0.0, "strong_labels": 0.0}

    @classmethod
    def further_views(cls, hyperparameters: MLLDParameters) -> tuple[ViewKind, ...]:
        return ("strong",) if hyperparameters.views == 2 else ()

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, rows = self.hyperparameters, batch.draw_rows(self.hyperparameters.rows_per_image)
        views = ((student, teacher), *batch.further)
        terms = [self._terms(batch.paired(ours)[0].logits, theirs.logits, rows) for ours, theirs in views]
        instance, batch_term, class_term = torch.stack(terms).sum(dim=0)
        losses = {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "instance": given.instance * instance,
            "batch": given.batch * batch_term,
            "classes": given.classes * class_term,
        }
        for strong, _ in batch.further:
            losses["strong_cross_entropy"] = given.strong_labels * F.cross_entropy(strong.logits, batch.labels)
        return losses

    def _terms(self, student: Tensor, teacher: Tensor, rows: Tensor | slice) -> Tensor:
        """Return the three terms of one view, without weights: (3,)."""
        instance = [kd_loss(student, teacher, temperature) for temperature in TEMPERATURES]
        relations = [
            torch.stack(prediction_relations(student[rows], teacher[rows], temperature)) for temperature in TEMPERATURES
        ]
        return torch.cat([torch.stack(instance).sum()[None], torch.stack(relations).sum(dim=0)])
