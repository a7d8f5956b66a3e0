"""CMCD: label-free contrastive distillation on pairs, then a classifier on the target modality (Lin et al., 2024)."""

from __future__ import annotations

from dataclasses import dataclass

from torch import nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, Phase, parameter, register_method
from cmkd_bench.losses import info_nce, similarity_distillation
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class CMCDParameters:
    form: str = parameter("cmc", "contrast across, or similarities within", source="paper", choices=("cmc", "cmd"))
    source: str = parameter(
        "supervised",
        "how the teacher is trained: as in all other rows, or without labels, by simclr",
        source="ours",
        choices=("supervised", "contrastive"),
    )
    evaluation: str = parameter(
        "le", "linear evaluation on the frozen student, or fine-tuning", source="paper", choices=("le", "ft")
    )
    temperature: float = parameter(
        0.1, "divides similarities (cmd: the student's)", source="ours", minimum=0.001, search=LogUniform(0.03, 1)
    )
    teacher_temperature: float = parameter(
        0.1, "divides the teacher's similarities (cmd)", source="ours", minimum=0.001
    )
    distillation_share: float = parameter(
        0.7, "share of the epochs without labels", source="ours", minimum=0, maximum=1, search=Uniform(0.3, 0.9)
    )
    rows_per_image: int = parameter(
        0, "random positions that are contrasted in segmentation; 0: images, pooled", source="ours", minimum=0
    )


@register_method("cmcd")
class CMCD(Method[CMCDParameters]):
    """Phase 1 sees pairs and no label, phase 2 sees labels and no pair.

    `cmc`: the symmetric InfoNCE of CLIP between the student's projected and the teacher's embedding. `cmd`:
    cross-entropy between the softmax of the teacher's similarities within the batch and the student's, the diagonal
    left out. Then L = H(y, p_S), over the head alone (`le`, backbone frozen and in evaluation mode) or over the whole
    student (`ft`); the projection is gone.

    In segmentation, phase 1 contrasts images by the mean over all their positions, or labeled positions of images
    whose modalities are registered: then the other positions of an image are negatives too. Phase 2 trains the head at
    each position.
    """

    category = "contrastive"
    paper = Paper(
        title="A Generalization Theory of Cross-Modality Distillation with Contrastive Learning",
        authors="Lin, Liu, Xu, Gao, Fu, Yao",
        venue="arXiv 2405.03355 (2024)",
        url="https://arxiv.org/abs/2405.03355",
    )
    deviations = (
        "By default, the teacher is the supervised one of all other rows, so labels reach the student through it; the "
        "paper pre-trains its source encoder without labels, as source=contrastive does.",
        "The method is reconstructed from the abstract and public reviews: the exact equations, the temperature and "
        "the number of epochs were not available, so the defaults are ours.",
    )

    presets = {"label_free_source": {"source": "contrastive"}}
    trains_embedding = True
    unpaired = "is left out of the contrast, and enters phase 2 with its label only"

    def __init__(self, hyperparameters: CMCDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.student.embedding
        self.projection = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, pair.teacher.embedding))

    @classmethod
    def teacher_method(cls, hyperparameters: CMCDParameters) -> str | None:
        return "simclr" if hyperparameters.source == "contrastive" else None

    def phases(self) -> tuple[Phase, ...]:
        share = self.hyperparameters.distillation_share
        linear = self.hyperparameters.evaluation == "le"
        return (
            Phase("distillation", self.distil, share=share, labels=False),
            Phase("train", self.forward, share=1 - share, trains="head" if linear else "student", extras=False),
        )

    def distil(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The label-free phase."""
        given, (paired, pairs) = self.hyperparameters, batch.paired(student)
        ours, theirs = paired.sample_embedding, teacher.sample_embedding
        if given.rows_per_image:
            rows = pairs.draw_rows(given.rows_per_image)
            ours, theirs = paired.embedding[rows], teacher.embedding[rows]
        projected = self.projection(ours)
        if given.form == "cmc":
            return {"cmc": info_nce(projected, theirs.detach(), given.temperature)}
        return {"cmd": similarity_distillation(projected, theirs, given.temperature, given.teacher_temperature)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}
