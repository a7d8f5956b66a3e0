"""KD: knowledge distillation through softened class probabilities (Hinton et al., 2014)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import kd_loss, standardize_logits
from cmkd_bench.search import LogUniform, Uniform

ZOOS = "RepDistiller and mdistiller"


@dataclass(frozen=True)
class KDParameters:
    # alpha is searched from mostly labels to the zoos' weight; the paper tries temperatures from 1 to 10 on speech.
    alpha: float = parameter(
        0.9, "weight of distillation; cross-entropy gets 1 - alpha", source=ZOOS, minimum=0, search=Uniform(0.1, 0.95)
    )
    temperature: float = parameter(4.0, "divides the logits", source=ZOOS, minimum=0.01, search=LogUniform(1, 10))
    labels: str = parameter(
        "complement", "weight of cross-entropy: 1 - alpha, or 1", source="paper", choices=("complement", "all")
    )
    classes: str = parameter(
        "sum", "sum over classes, or mean (the default of torch's KLDivLoss)", source="paper", choices=("sum", "mean")
    )
    logits: str = parameter(
        "raw", "as they are, or as z-scores (LSKD)", source="paper", choices=("raw", "standardized")
    )


@register_method("kd")
class KD(Method[KDParameters]):
    """L = (1 - a) H(y, p_S) + a t^2 KL(p_T^t || p_S^t), p^t the softmax of logits / t; mean over the batch.

    The paper prescribes a weighted average with the lower weight on the labels, and the factor t^2, but no values.
    `preset=mfh` is the loss of the synthetic experiments of the Modality Focusing Hypothesis (Xue et al., ICLR 2023,
    released code): H(y, p_S) + KL / C at t = 1.
    """

    category = "logits"
    paper = Paper(
        title="Distilling the Knowledge in a Neural Network",
        authors="Hinton, Vinyals, Dean",
        venue="NIPS 2014 Deep Learning Workshop",
        url="https://arxiv.org/abs/1503.02531",
    )
    presets = {"mfh": {"alpha": 1.0, "temperature": 1.0, "labels": "all", "classes": "mean"}}
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"alpha": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        labels = 1.0 if given.labels == "all" else 1 - given.alpha
        weight = given.alpha / (self.pair.classes if given.classes == "mean" else 1)
        ours, theirs = batch.paired(student)[0].logits, teacher.logits
        if given.logits == "standardized":
            ours, theirs = standardize_logits(ours), standardize_logits(theirs)
        return {
            "cross_entropy": labels * F.cross_entropy(student.logits, batch.labels),
            "distillation": weight * kd_loss(ours, theirs, given.temperature),
        }
