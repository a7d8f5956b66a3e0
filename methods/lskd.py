"""LSKD: knowledge distillation between standardized logits (Sun et al., CVPR 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import kd_loss, standardize_logits
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class LSKDParameters:
    weight: float = parameter(9.0, "of distillation", source="paper", minimum=0, search=LogUniform(0.5, 20))
    label_weight: float = parameter(0.1, "of cross-entropy", source="paper", minimum=0, search=LogUniform(0.05, 2))
    temperature: float = parameter(
        2.0, "divides the standardized logits", source="paper", minimum=0.01, search=LogUniform(1, 6)
    )


@register_method("lskd")
class LSKD(Method[LSKDParameters]):
    """L = a H(y, p_S) + w t^2 KL(p_T^t || p_S^t), p^t the softmax of z-scores of the logits / t.

    Two networks that rank the classes alike but with another scale of logits agree exactly, which is what two
    modalities need. For a high temperature the loss is DIST's inter-class term on logits. With two classes the z-scores
    are constant, and nothing is distilled.
    """

    category = "logits"
    paper = Paper(
        title="Logit Standardization in Knowledge Distillation",
        authors="Sun, Ren, Li, Wang, Cao",
        venue="CVPR 2024",
        url="https://arxiv.org/abs/2403.01427",
    )
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0, "label_weight": 1.0}

    @classmethod
    def unsupported(cls, hyperparameters: LSKDParameters, pair: Pair) -> str | None:
        return "the z-scores of two logits are constant" if pair.classes == 2 else None

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        ours, theirs = (standardize_logits(outputs.logits) for outputs in (batch.paired(student)[0], teacher))
        return {
            "cross_entropy": given.label_weight * F.cross_entropy(student.logits, batch.labels),
            "distillation": given.weight * kd_loss(ours, theirs, given.temperature),
        }
