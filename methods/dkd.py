"""DKD: KD decomposed into a target and a non-target part with separate weights (Zhao et al., CVPR 2022)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import dkd_loss, standardize_logits
from cmkd_bench.method import HIDDEN
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class DKDParameters:
    # In the paper, beta is 0.5 on ImageNet and up to 8 on CIFAR-100, and the temperature is 1 and 4.
    alpha: float = parameter(
        1.0, "weight of the target part TCKD", source="paper, section 4", minimum=0, search=LogUniform(0.2, 5)
    )
    beta: float = parameter(
        8.0, "weight of the non-target part NCKD", source="paper, CIFAR-100", minimum=0, search=LogUniform(0.2, 16)
    )
    temperature: float = parameter(
        4.0, "divides the logits", source="paper, CIFAR-100", minimum=0.01, search=LogUniform(1, 10)
    )
    warmup_share: float = parameter(
        20 / 240, "share of the epochs in which the weight grows to 1", source="released code", minimum=0, maximum=1
    )
    logits: str = parameter(
        "raw", "as they are, or as z-scores (LSKD)", source="paper", choices=("raw", "standardized")
    )


@register_method("dkd")
class DKD(Method[DKDParameters]):
    """L = H(y, p_S) + w(e) t^2 (a TCKD + b NCKD), equation 7, with w(e) = min(e / W, 1) in epoch e = 1, 2, ...

    TCKD = KL of (target, all other classes); NCKD = KL among the other classes, which is 0 for two classes.
    """

    category = "logits"
    paper = Paper(
        title="Decoupled Knowledge Distillation",
        authors="Zhao, Cui, Song, Qiu, Liang",
        venue="CVPR 2022",
        url="https://arxiv.org/abs/2203.08679",
    )
    deviations = (
        "The warm-up is a share of the epochs (20 of 240 in the released code), so that short runs complete it too.",
    )
    unlabelled = (
        "cross-entropy skips it; as it has no target, its divergence is not decomposed: a t^2 KL(p_T^t || p_S^t); "
        "docs/labels.md compares this choice with others"
    )
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"alpha": 0.0, "beta": 0.0}

    def __init__(self, hyperparameters: DKDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        # In segmentation, the training labels do not say what is hidden.
        self._may_be_hidden = pair.is_dense or bool((pair.train_labels == HIDDEN).any())

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        paired, pairs = batch.paired(student)
        ours, theirs = paired.logits, teacher.logits
        if given.logits == "standardized":
            ours, theirs = standardize_logits(ours), standardize_logits(theirs)
        known = pairs.labelled if self._may_be_hidden else None
        loss = dkd_loss(ours, theirs, pairs.labels, given.alpha, given.beta, given.temperature, known)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "distillation": batch.ramp(given.warmup_share) * loss,
        }
