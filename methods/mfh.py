"""MFH: distillation from a teacher reduced to its modality-general channels (Xue et al., ICLR 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cmkd_bench import Batch, Losses, Method, Outputs, Pair, Paper, Phase, parameter, register_method
from cmkd_bench.losses import kd_loss, permuted_distance
from cmkd_bench.search import LogUniform, Uniform


@dataclass(frozen=True)
class MFHParameters:
    keep: float = parameter(
        0.25, "share of channels kept", source="released code (RAVDESS)", minimum=0, maximum=1, search=Uniform(0.1, 0.9)
    )
    label_weight: float = parameter(1.0, "of cross-entropy", source="released code (synthetic); 0 elsewhere", minimum=0)
    # Searched widely, because the divergence is divided by the number of classes.
    distillation_weight: float = parameter(
        1.0, "of distillation", source="released code", minimum=0, search=LogUniform(0.1, 100)
    )
    temperature: float = parameter(
        1.0, "divides the logits", source="released code", minimum=0.01, search=LogUniform(1, 10)
    )
    joint_share: float = parameter(
        0.3, "share of the epochs that find the salience", source="ours", minimum=0, maximum=1, search=Uniform(0.1, 0.6)
    )
    general_share: float = parameter(
        0.0,
        "share of the epochs that train a classifier on the kept channels; 0 keeps the joint classifier",
        source="released code (RAVDESS, VGGSound); its synthetic experiments train one",
        minimum=0,
        maximum=1,
    )


@register_method("mfh")
class MFH(Method[MFHParameters]):
    """Algorithm 1 finds the teacher's channels that both modalities share, then silences the others.

    Joint: H(y, p_T) + H(y, p_S) + MSE(z_T, z_S), z_T and z_S linear in the two embeddings. The salience of a channel of
    the teacher is the mean MSE(z_T, z_S) after permuting the channel over the samples; it is large if the agreement
    needs the channel. The `keep` most salient channels stay, and the others are replaced by their mean. Training:
    L = w_y H(y, p_S) + w t^2 KL(p_general^t || p_S^t) / C.
    """

    category = "cross-modal"
    paper = Paper(
        title="The Modality Focusing Hypothesis: Towards Understanding Crossmodal Knowledge Distillation",
        authors="Xue, Gao, Ren, Zhao",
        venue="ICLR 2023",
        url="https://arxiv.org/abs/2206.06487",
    )
    deviations = (
        "The teacher's backbone stays as trained, and the channels are those of its embedding. For a linear "
        "classifier, as in the paper's synthetic experiments, they are the inputs, and there is no deviation.",
        "The student's backbone continues from the joint training with a new head; the paper trains a new student.",
        "Salience is the exact mean over all permutations within a batch (the paper draws 10 or 100), averaged over "
        "the last joint epoch (the released RAVDESS code keeps only the last batch).",
        "Channels are kept by the rank of their salience; the released VGGSound code compares channel numbers instead.",
    )
    unpaired = "enters the student's cross-entropy only; teacher, agreement and salience see pairs only"
    presets = {"table2": {"joint_share": 1 / 3, "general_share": 1 / 3}}
    without_distillation = {"joint_share": 0.0, "label_weight": 1.0, "distillation_weight": 0.0}
    salience: Tensor
    centre: Tensor
    seen: Tensor

    def __init__(self, hyperparameters: MFHParameters, pair: Pair) -> None:
        super().__init__(hyperparameters, pair)
        width = pair.teacher.embedding
        self.student_classifier = nn.Linear(pair.student.embedding, pair.classes)
        self.teacher_classifier = nn.Linear(width, pair.classes)
        self.general_classifier = nn.Linear(width, pair.classes) if hyperparameters.general_share else None
        # sums over the last joint epoch, and over how many samples
        self.register_buffer("salience", torch.zeros(width))
        self.register_buffer("centre", torch.zeros(width))
        self.register_buffer("seen", torch.zeros(()))

    @classmethod
    def unsupported(cls, hyperparameters: MFHParameters, pair: Pair) -> str | None:
        if hyperparameters.joint_share + hyperparameters.general_share > 1:
            return "joint_share and general_share add up to more than 1"
        return None

    def phases(self) -> tuple[Phase, ...]:
        joint, general = self.hyperparameters.joint_share, self.hyperparameters.general_share
        phases = [Phase("joint", self.joint, share=joint)]
        if self.general_classifier is not None:
            phases.append(Phase("general", self.general, share=general, trains="head"))
        return (*phases, Phase("train", self.forward, share=1 - joint - general, extras=False))

    def joint(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Return the losses of Algorithm 1; the last epoch also measures the salience."""
        _, pairs = batch.paired(student)
        student_logits = self.student_classifier(student.embedding)
        paired_logits = student_logits if batch.pairs is None else student_logits.index_select(0, batch.pairs)
        teacher_logits = self.teacher_classifier(teacher.embedding)
        if batch.epoch == batch.epochs:
            self._measure(teacher.embedding, teacher_logits - paired_logits)
        return {
            "student": F.cross_entropy(student_logits, batch.labels),
            "teacher": F.cross_entropy(teacher_logits, pairs.labels),
            "agreement": F.mse_loss(teacher_logits, paired_logits),
        }

    def general(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        """Return the loss of a new classifier on the kept channels."""
        _, pairs = batch.paired(student)
        return {"general": F.cross_entropy(self.general_logits(teacher.embedding), pairs.labels)}

    def forward(self, student: Outputs, teacher: Outputs, batch: Batch) -> Losses:
        given = self.hyperparameters
        divergence = kd_loss(batch.paired(student)[0].logits, self.general_logits(teacher.embedding), given.temperature)
        return {
            "cross_entropy": given.label_weight * F.cross_entropy(student.logits, batch.labels),
            "distillation": given.distillation_weight / self.pair.classes * divergence,
        }

    def general_logits(self, embedding: Tensor) -> Tensor:
        """Return the logits (B, C) of the modality-general teacher."""
        classifier = self.teacher_classifier if self.general_classifier is None else self.general_classifier
        logits: Tensor = classifier(torch.where(self.kept(), embedding, self.centre / self.seen.clamp(min=1)))
        return logits

    def kept(self) -> Tensor:
        """Return which channels stay: (D,) bool."""
        count = max(1, round(self.hyperparameters.keep * len(self.salience)))
        return torch.zeros_like(self.salience, dtype=torch.bool).index_fill(0, self.salience.topk(count).indices, True)

    @torch.no_grad()
    def _measure(self, embedding: Tensor, gap: Tensor) -> None:
        self.salience += len(embedding) * permuted_distance(embedding, self.teacher_classifier.weight, gap)
        self.centre += embedding.float().sum(0)
        self.seen += len(embedding)
