"""ITRD: channels correlate and similarities agree (Miles et al., BMVC 2022)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import correlation_loss, mutual_information_loss
from cmkd_bench.search import Among, LogUniform


@dataclass(frozen=True)
class ITRDParameters:
    correlation: float = parameter(
        2.0, "weight of the correlation term", source="released code, README", minimum=0, search=LogUniform(0.1, 10)
    )
    mutual: float = parameter(
        1.0, "weight of the mutual term", source="released code, README", minimum=0, search=LogUniform(0.01, 10)
    )
    power: float = parameter(
        1.01, "of a channel's deviation", source="released code, README", minimum=0.5, search=Among((1.01, 1.5))
    )
    rows_per_image: int = parameter(16, "random positions that are compared (segmentation)", source="ours", minimum=1)


@register_method("itrd")
class ITRD(Method[ITRDParameters]):
    """L = H(y, p_S) + l_c log2 sum over channels of |c - 1|^(2 a) + l_m (sum of G_S^2 - sum of (G_S o G_T)^2).

    c is the correlation over the batch of a channel of the linearly projected student with the teacher's, G the Gram
    matrix of unit embeddings divided by its trace.
    """

    category = "relations"
    paper = Paper(
        title="Information Theoretic Representation Distillation",
        authors="Miles, Lopez Rodriguez, Mikolajczyk",
        venue="BMVC 2022",
        url="https://arxiv.org/abs/2112.00459",
    )
    deviations = (
        "Deviations are biased, so equal channels have the correlation 1; in the released code it is (B - 1) / B.",
        "The mutual term is the released code's difference, where the paper takes the difference of logarithms.",
        "A channel that is constant over the batch counts with the correlation 0; the released code divides by 0.",
    )
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"correlation": 0.0, "mutual": 0.0}

    def __init__(self, hyperparameters: ITRDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        self.projection = nn.Linear(pair.student.embedding, pair.teacher.embedding)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (paired, pairs) = self.hyperparameters, batch.paired(student)
        rows = pairs.draw_rows(given.rows_per_image)
        ours, theirs = paired.embedding[rows], teacher.embedding[rows]
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "correlation": given.correlation * correlation_loss(self.projection(ours), theirs, given.power),
            "mutual": given.mutual * mutual_information_loss(ours, theirs),
        }
