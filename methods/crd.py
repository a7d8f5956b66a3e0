"""CRD: contrastive representation distillation against memory banks (Tian et al., ICLR 2020)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, parameter, register_method
from cmkd_bench.losses import (
    ClassLayout,
    class_layout,
    crd_normalizer,
    crd_side_loss,
    negative_counts,
    sample_negatives,
)
from cmkd_bench.method import HIDDEN
from cmkd_bench.search import LogUniform


@dataclass(frozen=True)
class CRDParameters:
    # Dimension, negatives and momentum define the memory and are not searched.
    weight: float = parameter(
        0.8, "of the contrastive loss", source="RepDistiller", minimum=0, search=LogUniform(0.05, 5)
    )
    dimension: int = parameter(128, "of the space in which student and teacher meet", source="RepDistiller", minimum=1)
    negatives: int = parameter(
        16384, "K per sample; all samples of other classes where there are fewer", source="RepDistiller", minimum=1
    )
    temperature: float = parameter(
        0.07, "divides the scores", source="RepDistiller", minimum=0.001, search=LogUniform(0.03, 0.5)
    )
    momentum: float = parameter(
        0.5, "share of the old row in a bank's update", source="RepDistiller", minimum=0, maximum=1
    )


@register_method("crd")
class CRD(Method[CRDParameters]):
    """L = H(y, p_S) + w (side_S + side_T).

    side_S contrasts the student's embedding with the teacher's bank, side_T the teacher's with the student's bank:
    -log h(positive) - sum over K negatives of log(1 - h), h = P / (P + K / M), P = exp(score / t) / Z (equations 10 to
    12 of the paper; Z is the released code's). Only side_S trains the student; side_T trains the teacher's projection.

    In segmentation, the banks hold images, by the mean over their positions. An image has no class, so all other images
    are its negatives. Single positions are not contrasted: a random crop shows others in every epoch.
    """

    category = "contrastive"
    paper = Paper(
        title="Contrastive Representation Distillation",
        authors="Tian, Krishnan, Isola",
        venue="ICLR 2020",
        url="https://arxiv.org/abs/1910.10699",
    )
    deviations = (
        "Negatives are sampled with replacement; if other classes have fewer than K samples, each counts once.",
        "The constant Z of the released code, set at the first batch, is not in the paper.",
    )
    unlabelled = (
        "cross-entropy skips it; its class for drawing negatives is the teacher's of largest probability, and before "
        "its first batch it is a negative of every other sample; docs/labels.md compares this choice with another"
    )
    trains_embedding = True
    unpaired = "learns from its label only; its rows of the banks keep their random start and are negatives"
    without_distillation = {"weight": 0.0}
    teacher_bank: Tensor
    student_bank: Tensor
    normalizers: Tensor
    order: Tensor
    start: Tensor
    size: Tensor
    labels: Tensor

    def __init__(self, hyperparameters: CRDParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        samples, dimension = len(pair.train_labels), hyperparameters.dimension
        self.student_projection = nn.Linear(pair.student.embedding, dimension)
        self.teacher_projection = nn.Linear(pair.teacher.embedding, dimension)
        bound = math.sqrt(3 / dimension)  # rows of unit length on average
        for name in ("student_bank", "teacher_bank"):
            self.register_buffer(name, torch.empty(samples, dimension).uniform_(-bound, bound))
        self.register_buffer("normalizers", torch.zeros(2))
        labels = torch.arange(samples) if pair.is_dense else pair.train_labels.clone()
        hidden = labels == HIDDEN
        layout = class_layout(labels.masked_fill(hidden, pair.classes))
        for name in ("order", "start", "size"):
            self.register_buffer(name, getattr(layout, name), persistent=False)
        self.register_buffer("labels", labels)
        self.takes_all = hyperparameters.negatives >= samples - int(layout.size[: pair.classes].max())
        self._has_hidden = bool(hidden.any())
        self._is_normalized = False
        self._latest: tuple[Tensor, Tensor, Tensor] | None = None

    @classmethod
    def unsupported(cls, hyperparameters: CRDParameters, pair: Pair) -> str | None:
        known = pair.train_labels[pair.train_labels != HIDDEN]
        if not pair.is_dense and bool((known == known[0]).all()):
            return "CRD draws negatives from other classes, and the training part has one class"
        return super().unsupported(hyperparameters, pair)

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        paired, pairs = batch.paired(student)
        ours = F.normalize(self.student_projection(paired.sample_embedding).float(), dim=1)
        theirs = F.normalize(self.teacher_projection(teacher.sample_embedding).float(), dim=1)
        kept = _first_of_each(pairs.index)
        classes = pairs.index if self.pair.is_dense else pairs.classes(teacher.logits)
        counts = self._negatives(pairs.index, classes.index_select(0, kept))
        self._normalize(ours, theirs, pairs.index, counts)
        self._latest = (pairs.index, ours.detach().index_select(0, kept), theirs.detach().index_select(0, kept))
        temperature, weight = self.hyperparameters.temperature, self.hyperparameters.weight
        first, second = self.normalizers
        side_s = crd_side_loss(ours, self.teacher_bank, pairs.index, counts, temperature, first)
        side_t = crd_side_loss(theirs, self.student_bank, pairs.index, counts, temperature, second)
        return {
            "cross_entropy": F.cross_entropy(student.logits, batch.labels),
            "student_side": weight * side_s,
            "teacher_side": weight * side_t,
        }

    def after_step(self, student: nn.Module) -> None:
        """Move the bank rows of the batch toward its embeddings."""
        if self._latest is None:
            return
        index, ours, theirs = self._latest
        share = self.hyperparameters.momentum
        for bank, embedding in ((self.student_bank, ours), (self.teacher_bank, theirs)):
            bank[index] = F.normalize(share * bank[index] + (1 - share) * embedding, dim=1)

    def _negatives(self, index: Tensor, classes: Tensor) -> Tensor:
        """Count how often each bank row is a negative of each sample: (B, M)."""
        if self._has_hidden:
            self.labels[index] = classes
        if self.takes_all:
            return (self.labels != classes[:, None]).float()
        layout = ClassLayout(self.order, self.start, self.size)
        counts = negative_counts(sample_negatives(classes, layout, self.hyperparameters.negatives), len(self.labels))
        # The layout knows no class of hidden rows, so some of those drawn are of the sample's own class.
        return counts * (self.labels != classes[:, None]) if self._has_hidden else counts

    def _normalize(self, ours: Tensor, theirs: Tensor, index: Tensor, counts: Tensor) -> None:
        """Set Z of both sides at the first batch; checkpoints keep it."""
        if not self._is_normalized and not self.normalizers.any():
            temperature = self.hyperparameters.temperature
            self.normalizers[0] = crd_normalizer(ours, self.teacher_bank, index, counts, temperature)
            self.normalizers[1] = crd_normalizer(theirs, self.student_bank, index, counts, temperature)
        self._is_normalized = True


def _first_of_each(index: Tensor) -> Tensor:
    """Return for each row the first row of its sample, which a batch repeats if few are labeled: (B,) int64."""
    return (index[:, None] == index).int().argmax(1)
