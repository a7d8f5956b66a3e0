"""SimCLR: label-free contrast of two views of a sample, then a classifier on the frozen network (Chen et al., 2020)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, Phase, ViewKind, parameter, register_method
from cmkd_bench.losses import nt_xent
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class SimCLRParameters:
    evaluation: str = parameter(
        "le", "linear evaluation on the frozen student, or fine-tuning", source="paper", choices=("le", "ft")
    )
    temperature: float = parameter(
        0.5, "divides similarities", source="paper, on CIFAR-10", minimum=0.001, search=LogUniform(0.03, 1)
    )
    contrast_share: float = parameter(
        0.7, "share of the epochs without labels", source="ours: as in cmcd", minimum=0, maximum=1,
        search=Uniform(0.3, 0.9),
    )  # fmt: skip


@register_method("simclr")
class SimCLR(Method[SimCLRParameters]):
    """Phase 1 sees two views and no label, phase 2 sees labels and one view.

    Phase 1: NT-Xent between the projected embeddings of the training view and of a strong view. Phase 2: L = H(y, p)
    over the head alone (`le`, backbone frozen and in evaluation mode) or over the whole student (`ft`); the projection
    is gone. It has no teacher and sees one modality: it tells what unlabeled samples give without the other modality,
    and trains the source network of `cmcd` where that is to have no labels.
    """

    category = "contrastive"
    paper = Paper(
        title="A Simple Framework for Contrastive Learning of Visual Representations",
        authors="Chen, Kornblith, Norouzi, Hinton",
        venue="ICML 2020",
        url="https://arxiv.org/abs/2002.05709",
    )
    deviations = (
        "One of the two views is the protocol's training view, and the strong one is disturbed by the protocol's "
        "settings; in the paper, both are strong.",
        "Recipe, epochs and batch size are the protocol's; the paper trains for 100 to 1000 epochs in batches of 4096.",
    )
    teacher = "none"
    trains_embedding = True

    def __init__(self, hyperparameters: SimCLRParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.student.embedding
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    @classmethod
    def unsupported(cls, hyperparameters: SimCLRParameters, pair: Pair) -> str | None:
        if pair.is_dense:
            return "not defined for segmentation here: it would contrast every position of a batch with every other"
        return super().unsupported(hyperparameters, pair)

    @classmethod
    def further_views(cls, hyperparameters: SimCLRParameters) -> tuple[ViewKind, ...]:
        return ("strong",)

    def phases(self) -> tuple[Phase, ...]:
        share, linear = self.hyperparameters.contrast_share, self.hyperparameters.evaluation == "le"
        last = Phase("train", self.forward, share=1 - share, extras=False, views=False)
        return (
            Phase("contrast", self.contrast, share=share, labels=False),
            replace(last, trains="head") if linear else last,
        )

    def contrast(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The label-free phase."""
        ((strong, _),) = batch.further
        ours, other = self.projection(student.embedding), self.projection(strong.embedding)
        return {"contrast": nt_xent(ours, other, self.hyperparameters.temperature)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
