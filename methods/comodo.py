"""COMODO: label-free, similarities to a queue of the teacher's embeddings are distilled (Chen et al., 2025)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, Phase, parameter, register_method
from cmkd_bench.losses import queue_distillation
from cmkd_bench.search import Among, LogUniform, Uniform

CODE = "released code"


@dataclass(frozen=True)
class COMODOParameters:
    temperature: float = parameter(
        0.05, "divides the student's similarities", source=CODE, minimum=0.001, search=LogUniform(0.02, 0.3)
    )
    teacher_temperature: float = parameter(
        0.1, "divides the teacher's similarities", source=CODE, minimum=0.001, search=LogUniform(0.02, 0.3)
    )
    queue: int = parameter(
        4096, "stored embeddings of the teacher", source="ours", minimum=1, search=Among((256, 4096))
    )
    width: int = parameter(2048, "of the projection's hidden layer", source=CODE, minimum=1)
    distillation_share: float = parameter(
        0.7, "share of the epochs without labels", source="ours", minimum=0, maximum=1, search=Uniform(0.3, 0.8)
    )


@register_method("comodo")
class COMODO(Method[COMODOParameters]):
    """Phase 1 sees pairs and no label: cross-entropy between the softmax of similarities to a queue.

    L = -mean over i of sum_k softmax_k(v_i . Q_k / t_T) log softmax_k(x_i . Q_k / t_S), v the teacher's unit embedding,
    x the projected student's, Q the queue and the batch itself. The teacher is softer than the student by default.
    Phase 2 trains the classifier on the frozen student. In segmentation, phase 1 compares images, by the mean over
    their positions.
    """

    category = "contrastive"
    paper = Paper(
        title="COMODO: Cross-Modal Video-to-IMU Distillation for Efficient Egocentric Human Activity Recognition",
        authors="Chen, Wongso, Li, Khaokaew, Xue, Salim",
        venue="arXiv 2503.07259 (2025)",
        url="https://arxiv.org/abs/2503.07259",
    )
    deviations = (
        "The student is evaluated by its linear classifier, trained in the second phase, not by a support vector "
        "machine.",
        "The queue starts empty and is masked until the first batches fill it; the released code fills it beforehand.",
        "The teacher is the supervised one of all other rows, so labels reach the student through it.",
    )
    trains_embedding = True
    unpaired = "is left out of phase 1, and enters phase 2 with its label only"
    memory: Tensor
    filled: Tensor

    def __init__(self, hyperparameters: COMODOParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width, teacher = hyperparameters.width, pair.teacher.embedding
        self.projection = nn.Sequential(nn.Linear(pair.student.embedding, width), nn.ReLU(), nn.Linear(width, teacher))
        self.register_buffer("memory", torch.zeros(hyperparameters.queue, teacher))
        self.register_buffer("filled", torch.zeros(hyperparameters.queue, dtype=torch.bool))
        self._latest: Tensor | None = None

    def phases(self) -> tuple[Phase, ...]:
        share = self.hyperparameters.distillation_share
        return (
            Phase("distillation", self.distil, share=share, labels=False),
            Phase("train", self.forward, share=1 - share, trains="head", extras=False),
        )

    def distil(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """The label-free phase."""
        given, projected = self.hyperparameters, self.projection(batch.paired(student)[0].sample_embedding)
        self._latest = teacher.sample_embedding.detach()
        loss = queue_distillation(
            projected, self._latest, self.memory, self.filled, given.temperature, given.teacher_temperature
        )
        return {"similarity": loss}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        return {"cross_entropy": F.cross_entropy(student.logits, batch.labels)}

    def after_step(self, student: nn.Module) -> None:
        """Replace the oldest rows of the queue by the batch."""
        if self._latest is None:
            return
        latest = F.normalize(self._latest.float(), dim=1)[: len(self.memory)]
        kept = len(self.memory) - len(latest)
        self.memory.copy_(torch.cat([latest, self.memory[:kept]]))
        self.filled.copy_(torch.cat([torch.ones_like(self.filled[: len(latest)]), self.filled[:kept]]))
        self._latest = None
