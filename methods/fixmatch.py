"""FixMatch: the student's confident predictions on a weak view are labels of a strong view (Sohn et al., 2020)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, ViewKind, parameter, register_method
from cmkd_bench.losses import confident_rows, pseudo_label_loss
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class FixMatchParameters:
    weight: float = parameter(1.0, "of pseudo-labels", source="paper", minimum=0, search=LogUniform(0.1, 10))
    threshold: float = parameter(
        0.95, "least probability that makes a pseudo-label", source="paper", minimum=0, search=Uniform(0, 0.95)
    )


@register_method("fixmatch")
class FixMatch(Method[FixMatchParameters]):
    """L = H(y, p_w) + c / B sum over samples of 1[max p_w >= t] H(argmax p_w, p_s), weak view w, strong view s.

    It has no teacher and sees one modality: it tells what unlabeled samples give without the other modality. All
    samples of a batch take part in the second term, also those with a label, and the pseudo-labels get no gradient.
    """

    category = "semi-supervised"
    paper = Paper(
        title="FixMatch: Simplifying Semi-Supervised Learning with Consistency and Confidence",
        authors="Sohn, Berthelot, Li, Zhang, Carlini, Cubuk, Kurakin, Zhang, Raffel",
        venue="NeurIPS 2020",
        url="https://arxiv.org/abs/2001.07685",
    )
    deviations = (
        "The weak view is the protocol's training view, and the strong one is disturbed by the protocol's settings; "
        "the paper augments images by RandAugment or CTAugment.",
        "Labeled and unlabeled samples share a batch in the protocol's proportion; in the paper there are seven "
        "unlabeled samples for each labeled one.",
        "The student is tested with its last weights, not with their moving average.",
    )
    teacher = "none"
    without_distillation = {"weight": 0.0}

    @classmethod
    def further_views(cls, hyperparameters: FixMatchParameters) -> tuple[ViewKind, ...]:
        return ("strong",)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        ((strong, _),) = batch.further
        kept = confident_rows(student.logits, self.hyperparameters.threshold)
        self.log(keep_rate=kept.float().mean())
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "pseudo_labels": self.hyperparameters.weight * pseudo_label_loss(strong.logits, student.logits, kept),
        }
