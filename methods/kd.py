"""KD: knowledge distillation through softened class probabilities (Hinton et al., 2014)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench.losses import kd_loss
from cmkd_bench.method import Batch, Losses, Method, Paper
from cmkd_bench.outputs import Outputs
from cmkd_bench.parameters import parameter
from cmkd_bench.registry import register_method


@dataclass(frozen=True)
class KDParameters:
    alpha: float = parameter(
        0.9, "weight of distillation; cross-entropy has 1 - alpha", source="RepDistiller and mdistiller", minimum=0
    )
    temperature: float = parameter(4.0, "divides the logits", source="RepDistiller and mdistiller", minimum=0.01)


@register_method("kd")
class KD(Method[KDParameters]):
    """L = (1 - a) H(y, p_S) + a t^2 KL(p_T^t || p_S^t), p^t the softmax of logits / t; mean over the batch.

    The paper asks for a weighted average with a lower weight on the labels, and for the factor t^2; it fixes no values.
    """

    paper = Paper(
        title="Distilling the Knowledge in a Neural Network",
        authors="Hinton, Vinyals, Dean",
        venue="NIPS 2014 Deep Learning Workshop",
        url="https://arxiv.org/abs/1503.02531",
    )
    without_distillation = {"alpha": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        alpha, temperature = self.hyperparameters.alpha, self.hyperparameters.temperature
        return {
            "cross_entropy": (1 - alpha) * F.cross_entropy(student.logits, batch.labels),
            "distillation": alpha * kd_loss(student.logits, teacher.logits, temperature),
        }
