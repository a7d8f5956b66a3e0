"""WTTM: match a transformed teacher, with more weight on uncertain samples (Zheng and Yang, ICLR 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import transformed_teacher_loss
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class WTTMParameters:
    # The paper tunes both for each pair of networks.
    weight: float = parameter(
        4.0, "of distillation", source="released code, README", minimum=0, search=LogUniform(0.3, 30)
    )
    exponent: float = parameter(
        0.2, "of the teacher's probabilities", source="released code, README", minimum=0.01, search=Uniform(0.1, 1)
    )
    samples: str = parameter(
        "weighted", "by the sum of powers (WTTM), or equal (TTM)", source="paper", choices=("weighted", "equal")
    )


@register_method("wttm")
class WTTM(Method[WTTMParameters]):
    """L = H(y, p_S) + w mean U KL(q || p_S), q = p_T^g / U and U the sum of the powers over the classes.

    Only the teacher is softened, by the temperature 1 / g. U grows with the teacher's uncertainty, the opposite of a
    confidence threshold. `preset=ttm` is the method without these weights.
    """

    category = "logits"
    paper = Paper(
        title="Knowledge Distillation Based on Transformed Teacher Matching",
        authors="Zheng, Yang",
        venue="ICLR 2024",
        url="https://arxiv.org/abs/2402.11148",
    )
    presets = {"ttm": {"samples": "equal", "exponent": 0.1, "weight": 45.0}}
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        weighted = given.samples == "weighted"
        ours = batch.paired(student)[0]
        loss = transformed_teacher_loss(ours.logits, teacher.logits, given.exponent, weighted)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": given.weight * loss,
        }
