"""Control: the student alone with smoothed labels, a regularizer without a teacher."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.search import Uniform


@dataclass(frozen=True)
class LabelSmoothingParameters:
    smoothing: float = parameter(
        0.1,
        "probability spread evenly over all classes",
        source="paper, section 7",
        minimum=0,
        maximum=1,
        search=Uniform(0.01, 0.4),  # an untuned control would flatter the tuned methods
    )


@register_method("label_smoothing")
class LabelSmoothing(Method[LabelSmoothingParameters]):
    """L = (1 - s) H(y, p_S) + s H(u, p_S), u uniform over the classes, mean over the batch.

    A method that gains no more than this row may only regularize, instead of transferring knowledge between modalities.
    """

    paper = Paper(
        title="Rethinking the Inception Architecture for Computer Vision",
        authors="Szegedy, Vanhoucke, Ioffe, Shlens, Wojna",
        venue="CVPR 2016",
        url="https://arxiv.org/abs/1512.00567",
    )
    role = "control"
    teacher = "none"
    unlabelled = "skipped, also by the smoothing (mean over the labeled samples)"
    without_distillation = {"smoothing": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        smoothing = self.hyperparameters.smoothing
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels, label_smoothing=smoothing)}
