"""CRLD: logits are distilled within and across a weak and a strong view (Zhang et al., ACM MM 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, ViewKind, parameter, register_method
from cmkd_bench.losses import confident_rows, masked_kd_loss
from cmkd_bench.search import LogUniform, Uniform

CODE = "released code"
WEAK, STRONG = 0, 1


@dataclass(frozen=True)
class CRLDParameters:
    within: float = parameter(
        2.0, "weight of distillation within each view", source=CODE, minimum=0, search=LogUniform(0.2, 10)
    )
    across: float = parameter(
        0.5, "weight of distillation from the other view", source=CODE, minimum=0, search=LogUniform(0.05, 5)
    )
    weak_threshold: float = parameter(
        0.9, "least probability of the teacher's class (weak view)", source=CODE, minimum=0, search=Uniform(0, 0.95)
    )
    strong_threshold: float = parameter(
        0.2, "least probability of the teacher's class (strong view)", source=CODE, minimum=0, search=Uniform(0, 0.95)
    )
    masks: str = parameter(
        "code",
        "mask terms within by the weak view and terms across by the strong one, or each term by the view of its target",
        source=CODE,
        choices=("code", "target"),
    )
    temperature: float = parameter(4.0, "divides the logits", source=CODE, minimum=0.01, search=LogUniform(1, 10))
    strong_labels: float = parameter(1.0, "weight of the strong view's cross-entropy", source=CODE, minimum=0)


@register_method("crld")
class CRLD(Method[CRLDParameters]):
    """L = H(y, p_w) + H(y, p_s) + a m_w [D(t_w, p_w) + D(t_s, p_s)] + b m_s [D(t_w, p_s) + D(t_s, p_w)], a mean over B.

    D is the KD loss; t is the teacher's prediction and p the student's, on the weak view w and the strong view s. The
    mask m of a view keeps the samples of whose class the teacher is sure there.
    """

    category = "logits"
    paper = Paper(
        title="Cross-View Consistency Regularisation for Knowledge Distillation",
        authors="Zhang, Liu, Cai, Ma",
        venue="ACM MM 2024",
        url="https://arxiv.org/abs/2412.16493",
    )
    deviations = (
        "The equations and masks are those of the released code; the text of the paper was not available.",
        "The weak view is the protocol's training view, and the strong one is disturbed by the protocol's settings; "
        "the paper augments images by RandAugment.",
    )
    unpaired = "learns from its label only"
    without_distillation = {"within": 0.0, "across": 0.0, "strong_labels": 0.0}

    @classmethod
    def further_views(cls, hyperparameters: CRLDParameters) -> tuple[ViewKind, ...]:
        return ("strong",)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, ((strong, strong_teacher),) = self.hyperparameters, batch.further
        ours = [batch.paired(one)[0].logits for one in (student, strong)]
        theirs = [teacher.logits, strong_teacher.logits]
        thresholds = (given.weak_threshold, given.strong_threshold)
        sure = [confident_rows(logits, least) for logits, least in zip(theirs, thresholds, strict=True)]
        self.log(weak_keep_rate=sure[WEAK].float().mean(), strong_keep_rate=sure[STRONG].float().mean())

        def distil(view: int, target: int, mask: int) -> Tensor:
            kept = sure[mask if given.masks == "code" else target]
            return masked_kd_loss(ours[view], theirs[target], given.temperature, kept)

        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "strong_cross_entropy": given.strong_labels * F.cross_entropy(strong.logits, batch.labels),
            "within_views": given.within * (distil(WEAK, WEAK, WEAK) + distil(STRONG, STRONG, WEAK)),
            "across_views": given.across * (distil(STRONG, WEAK, STRONG) + distil(WEAK, STRONG, STRONG)),
        }
