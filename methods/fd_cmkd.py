"""FD-CMKD: low and high frequencies of the features are aligned separately (Liu et al., AAAI 2026)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import frequency_distances, frequency_parts
from cmkd_bench.search import LogUniform

COPY = "re-implementation re-FD-CMKD"


@dataclass(frozen=True)
class FDCMKDParameters:
    low: float = parameter(1.0, "weight of low frequencies", source=COPY, minimum=0, search=LogUniform(0.1, 1000))
    high: float = parameter(1.0, "weight of high frequencies", source=COPY, minimum=0, search=LogUniform(0.1, 1000))
    alignment: float = parameter(
        1.0, "weight of the shared classifiers", source=COPY, minimum=0, search=LogUniform(0.1, 10)
    )


@register_method("fd_cmkd")
class FDCMKD(Method[FDCMKDParameters]):
    """L = H(y, p_S) + a L_align + l_1 MSE(low_S, low_T) + l_2 MSE(slog(high_S), slog(high_T)).

    A Fourier transform along the features splits each embedding into low (1 to D / 4) and high frequencies; parts are
    scaled to unit length, and slog(x) = sign(x) log(1 + |x|). L_align is the cross-entropy of two linear classifiers,
    one for low and one for high parts, that student and teacher share. As the vectors have unit length, the two
    distances are at most 4 / D each: at equal weights, alignment does most of the work.
    """

    category = "cross-modal"
    paper = Paper(
        title="Distilling Cross-Modal Knowledge via Feature Disentanglement",
        authors="Liu, Zhang, Huang, Xu, Yang",
        venue="AAAI 2026",
        url="https://arxiv.org/abs/2511.19887",
    )
    deviations = (
        "The authors' code is not available. The further classifiers of the student's parts in a re-implementation are "
        "not in the paper's sum and are left out.",
        "A linear layer maps the student's embedding to the teacher's width, where the widths differ.",
        "The order of features in an embedding is arbitrary, so the frequencies depend on it; the paper has the same.",
    )
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"low": 0.0, "high": 0.0, "alignment": 0.0}

    def __init__(self, hyperparameters: FDCMKDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        student, teacher = pair.student.embedding, pair.teacher.embedding
        self.projection = nn.Identity() if student == teacher else nn.Linear(student, teacher)
        self.low_head, self.high_head = (nn.Linear(teacher, pair.classes) for _ in range(2))

    @classmethod
    def unsupported(cls, hyperparameters: FDCMKDParameters, pair: Pair) -> str | None:
        if pair.teacher.embedding < 4:
            return f"expected a teacher's embedding of at least 4 features, got {pair.teacher.embedding}"
        return super().unsupported(hyperparameters, pair)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        low, high = frequency_parts(self.projection(ours.embedding))
        teacher_low, teacher_high = frequency_parts(teacher.embedding.detach())
        low_distance, high_distance = frequency_distances(low, high, teacher_low, teacher_high)
        aligned = torch.stack(
            [
                self._classified(self.low_head, (low, teacher_low), pairs),
                self._classified(self.high_head, (high, teacher_high), pairs),
            ]
        )
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "alignment": given.alignment * aligned.sum(),
            "low": given.low * low_distance,
            "high": given.high * high_distance,
        }

    @staticmethod
    def _classified(head: nn.Module, parts: tuple[Tensor, Tensor], batch: Batch) -> Tensor:
        """Return the sum of the cross-entropies of the student's and the teacher's part."""
        return torch.stack([F.cross_entropy(head(part), batch.labels) for part in parts]).sum()
