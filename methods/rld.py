"""RLD: a wrong teacher says how sure to be, but not of which class (Sun et al., ICCV 2025)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import rld_terms, standardize_logits
from cmkd_bench.search import LogUniform

CODE = "released code, CIFAR-100"


@dataclass(frozen=True)
class RLDParameters:
    alpha: float = parameter(1.0, "weight of SCD", source=CODE, minimum=0, search=LogUniform(0.1, 10))
    beta: float = parameter(8.0, "weight of MCD", source=CODE, minimum=0, search=LogUniform(0.1, 10))
    temperature: float = parameter(4.0, "divides the logits in MCD", source=CODE, minimum=0.01, search=LogUniform(1, 8))
    confidence_temperature: float = parameter(1.0, "divides the logits in SCD", source=CODE, minimum=0.01)
    warmup_share: float = parameter(
        20 / 240, "share of the epochs in which the weights grow", source="released code", minimum=0, maximum=1
    )
    logits: str = parameter(
        "raw", "as they are, or as z-scores (LSKD)", source="paper", choices=("raw", "standardized")
    )


@register_method("rld")
class RLD(Method[RLDParameters]):
    """L = H(y, p_S) + w(e) (a SCD + b MCD), with w(e) = min(e / W, 1) in epoch e = 1, 2, ...

    SCD = t_a^2 KL of (the teacher's largest class, rest) from (the student's labeled class, rest). MCD = t^2 KL among
    the classes that the teacher ranks below the label. Where the teacher is right and t_a = t, this is DKD.
    """

    category = "logits"
    paper = Paper(
        title="Knowledge Distillation with Refined Logits",
        authors="Sun, Chen, Lyu, Chen, Chen, Wang",
        venue="ICCV 2025",
        url="https://arxiv.org/abs/2408.07703",
    )
    deviations = (
        "The warm-up is a share of the epochs (20 of 240 in the released code), so that short runs complete it too.",
    )
    unlabelled = "cross-entropy skips it; everywhere else, its class is the teacher's class of largest probability"
    needs_pairs = False
    unpaired = "learns from its label only"
    without_distillation = {"alpha": 0.0, "beta": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        paired, rows = batch.paired(student)
        ours, theirs = paired.logits, teacher.logits
        if given.logits == "standardized":
            ours, theirs = standardize_logits(ours), standardize_logits(theirs)
        confidence, correlation, masked = rld_terms(
            ours, theirs, rows.classes(teacher.logits), given.temperature, given.confidence_temperature
        )
        self.log(masked_share=masked)
        weight = batch.ramp(given.warmup_share)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "confidence": weight * given.alpha * confidence.mean(),
            "correlation": weight * given.beta * correlation.mean(),
        }
