"""PKT: the distribution of similarities within a batch is transferred (Passalis and Tefas, ECCV 2018)."""

from __future__ import annotations

from dataclasses import dataclass

from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Paper, parameter, register_method
from cmkd_bench.losses import pkt_loss
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class PKTParameters:
    weight: float = parameter(
        469.0,
        "of distillation",
        source="ours: the released code's 30000, at its batch size of 64",
        minimum=0,
        search=LogUniform(5, 5000),
    )
    form: str = parameter(
        "paper", "without the sample itself, or the released code's", source="paper", choices=("paper", "code")
    )
    rows_per_image: int = parameter(16, "random positions that are compared (segmentation)", source="ours", minimum=1)


@register_method("pkt")
class PKT(Method[PKTParameters]):
    """L = H(y, p_S) + w KL(k_T || k_S), k = (cosine + 1) / 2 of a sample to the others, divided by their sum.

    It needs no common width. `preset=official_code` compares each sample with itself too, averages over B^2 and has
    the weight that belongs to this: the diagonal holds the largest share of each row and no information.
    """

    category = "relations"
    paper = Paper(
        title="Learning Deep Representations with Probabilistic Knowledge Transfer",
        authors="Passalis, Tefas",
        venue="ECCV 2018",
        url="https://arxiv.org/abs/1803.10837",
    )
    deviations = ("The divergences of the rows are averaged over the batch, where the paper sums them.",)
    presets = {"official_code": {"form": "code", "weight": 30000.0}}
    trains_embedding = True
    unpaired = "learns from its label only"
    without_distillation = {"weight": 0.0}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given, (ours, pairs) = self.hyperparameters, batch.paired(student)
        rows = pairs.draw_rows(given.rows_per_image)
        loss = pkt_loss(ours.embedding[rows], teacher.embedding[rows], with_itself=given.form == "code")
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "similarity": given.weight * loss,
        }
