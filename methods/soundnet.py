"""SoundNet: label-free, the teacher's class probabilities, then a classifier on the features (Aytar et al., 2016)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, Phase, parameter, register_method
from cmkd_bench.losses import kd_loss
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class SoundNetParameters:
    temperature: float = parameter(
        1.0, "divides the logits", source="paper: none", minimum=0.01, search=LogUniform(1, 8)
    )
    distillation_share: float = parameter(
        0.7, "share of the epochs without labels", source="ours", minimum=0, maximum=1, search=Uniform(0.3, 0.9)
    )


@register_method("soundnet")
class SoundNet(Method[SoundNetParameters]):
    """Phase 1 sees pairs and no label, L = t^2 KL(p_T^t || p_S^t); phase 2 trains a classifier on the frozen features.

    With a teacher on all labels (`--teacher-labels all`) this is the paper's transfer of supervision from images to
    sound.
    """

    category = "cross-modal"
    paper = Paper(
        title="SoundNet: Learning Sound Representations from Unlabeled Video",
        authors="Aytar, Vondrick, Torralba",
        venue="NIPS 2016",
        url="https://arxiv.org/abs/1610.09001",
    )
    deviations = (
        "The classifier of phase 2 is the student's linear head, not a support vector machine.",
        "Teacher and student share their classes, where the paper's teachers know those of ImageNet and Places.",
    )
    trains_embedding = True
    unpaired = "is left out of phase 1, and enters phase 2 with its label only"

    def phases(self) -> tuple[Phase, ...]:
        share = self.hyperparameters.distillation_share
        return (
            Phase("distillation", self.distil, share=share, labels=False),
            Phase("train", self.forward, share=1 - share, trains="head"),
        )

    def distil(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The label-free phase."""
        ours = batch.paired(student)[0]
        return {"distillation": kd_loss(ours.logits, teacher.logits, self.hyperparameters.temperature)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
