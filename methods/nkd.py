"""NKD: the normalized loss of the target and of the other classes (Yang et al., ICCV 2023)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import nkd_terms
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class NKDParameters:
    weight: float = parameter(1.0, "of the target term", source="paper", minimum=0, search=LogUniform(0.1, 10))
    gamma: float = parameter(1.5, "of the non-target term", source="paper", minimum=0, search=LogUniform(0.3, 10))
    temperature: float = parameter(
        1.0, "divides the logits in the non-target term", source="paper", minimum=0.01, search=LogUniform(1, 4)
    )


@register_method("nkd")
class NKD(Method[NKDParameters]):
    """L = H(y, p_S) - w mean p_T(y) log p_S(y) + g t^2 mean H(n_T, n_S), n the distributions among the other classes.

    The first term weights the label by the teacher's confidence in it. The gradient of the second is that of DKD's
    non-target part. It is 0 for two classes.
    """

    category = "logits"
    paper = Paper(
        title="From Knowledge Distillation to Self-Knowledge Distillation: A Unified Approach with Normalized Loss and "
        "Customized Soft Labels",
        authors="Yang, Zeng, Li, Zhang, Yuan, Li",
        venue="ICCV 2023",
        url="https://arxiv.org/abs/2303.13005",
    )
    unlabelled = "cross-entropy skips it; everywhere else, its class is the teacher's class of largest probability"
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0, "gamma": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        target, others = nkd_terms(ours.logits, teacher.logits, pairs.classes(teacher.logits), given.temperature)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "target": given.weight * target,
            "others": given.gamma * others,
        }
